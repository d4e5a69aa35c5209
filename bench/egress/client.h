// The load: one of three kinds, through a proxy or straight to the server.
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace leash::bench {

enum class Load {
  kConnections,  // each: connect, CONNECT if there is a proxy, one request, close
  kRequests,     // one connection a thread (CONNECT if there is a proxy), many requests
  kForwarded,    // the same, each asked of the proxy itself by its absolute target
  kBulk,         // one connection a thread, one long answer
};

std::string_view LoadName(Load load);
std::optional<Load> LoadNamed(std::string_view name);

struct ClientOptions {
  Load load = Load::kConnections;
  std::string proxy;   // "127.0.0.1:3128"; "environment": what HTTP_PROXY says, with its credential; empty: none
  std::string server;  // "origin.bench:8080"
  int threads = 16;
  int count = 1000;  // connections, requests, or MiB, of all threads together
};

struct ClientResult {
  double seconds = 0;
  double cpu_seconds = 0;  // the client's own
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
  double p50_us = 0;  // of one connection, or one request
  double p99_us = 0;
};

// Of user and kernel.
double CpuSeconds(const rusage& usage);

ClientResult RunClient(const ClientOptions& options);
std::string ToJson(const ClientResult& result);

}  // namespace leash::bench
