// What it costs to find the pattern for a request, by the number of patterns.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "benchmark/benchmark.h"
#include "fmt/format.h"
#include "leash/network_request.h"
#include "net/host_pattern.h"
#include "net/pattern_set.h"

namespace leash::net {
namespace {

// Every fourth of one kind: a name, all below a name, requests, a prefix.
std::string PatternText(std::int64_t i) {
  switch (i % 4) {
    case 0:
      return fmt::format("host{}.example.com:443", i);
    case 1:
      return fmt::format("*.zone{}.example.com", i);
    case 2:
      return fmt::format("GET,POST https://api.example.com/v1/project{}/*", i);
    default:
      return fmt::format("10.{}.{}.0/24", i / 4 / 256 % 256, i / 4 % 256);
  }
}

PatternSet SetOf(std::int64_t count) {
  std::vector<HostPattern> patterns;
  for (std::int64_t i = 0; i < count; ++i) patterns.push_back(HostPattern::Parse(PatternText(i)).value());
  return PatternSet(std::move(patterns));
}

NetworkRequest Request(std::string host, std::string method = {}, std::string path = {}) {
  NetworkRequest request{std::move(host), 443, method.empty() ? Protocol::kTcp : Protocol::kHttps};
  request.method = std::move(method);
  request.path = std::move(path);
  return request;
}

void Run(benchmark::State& state, const NetworkRequest& request, Verdict expected) {
  const PatternSet set = SetOf(state.range(0));
  if (set.Match(request).verdict != expected) return state.SkipWithError("another verdict than expected");
  for (auto _ : state) benchmark::DoNotOptimize(set.Match(request));
}

// The first pattern, so that every size has it.
void NameHit(benchmark::State& state) { Run(state, Request("host0.example.com"), Verdict::kAllow); }
void NameMiss(benchmark::State& state) { Run(state, Request("a.host0.example.com"), Verdict::kDeny); }
void LongNameMiss(benchmark::State& state) {
  std::string host;
  while (host.size() < 240) host += "a.";
  Run(state, Request(host + "example.com"), Verdict::kDeny);
}
void AddressMiss(benchmark::State& state) { Run(state, Request("192.0.2.1"), Verdict::kDeny); }
// These need the second and third pattern as well.
void WildcardHit(benchmark::State& state) { Run(state, Request("a.b.zone1.example.com"), Verdict::kAllow); }
void RequestHit(benchmark::State& state) {
  Run(state, Request("api.example.com", "POST", "/v1/project2/files/x"), Verdict::kAllow);
}
void RequestMiss(benchmark::State& state) {
  Run(state, Request("api.example.com", "POST", "/v2/project2/files/x"), Verdict::kDeny);
}

BENCHMARK(NameHit)->Arg(1)->Arg(100)->Arg(10'000);
BENCHMARK(NameMiss)->Arg(1)->Arg(100)->Arg(10'000);
BENCHMARK(LongNameMiss)->Arg(1)->Arg(100)->Arg(10'000);
BENCHMARK(AddressMiss)->Arg(1)->Arg(100)->Arg(10'000);
BENCHMARK(WildcardHit)->Arg(100)->Arg(10'000);
BENCHMARK(RequestHit)->Arg(100)->Arg(10'000);
BENCHMARK(RequestMiss)->Arg(100)->Arg(10'000);

void Parse(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(HostPattern::Parse("GET https://*.example.com:443/v1/*"));
}
BENCHMARK(Parse);

void Compile(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(SetOf(state.range(0)));
}
BENCHMARK(Compile)->Arg(10'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace leash::net

BENCHMARK_MAIN();
