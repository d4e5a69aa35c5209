// Stands in for libFuzzer where there is none: runs a harness on files and on what a fixed random sequence makes of
// them. It finds much less, and the same in every run.
//
// Usage: fuzz_NAME MUTATIONS PATH...   PATH: a file, or a directory of files
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "fuzz/fuzz.h"

// So that the handler below is told of what sanitizers find.
extern "C" const char* __asan_default_options() { return "abort_on_error=1"; }
extern "C" const char* __ubsan_default_options() { return "abort_on_error=1:print_stacktrace=1"; }

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes current;  // what the harness runs on

// In hexadecimal: `xxd -r -p` makes a file of it again.
void TellInput(int signal) {
  constexpr char kDigits[] = "0123456789abcdef";
  const auto say = [](const char* text, std::size_t size) { return write(STDERR_FILENO, text, size); };
  say("input: ", 7);
  for (const std::uint8_t byte : current) {
    const char text[] = {kDigits[byte >> 4], kDigits[byte & 15]};
    if (say(text, 2) < 0) break;
  }
  say("\n", 1);
  ::signal(signal, SIG_DFL);
  raise(signal);
}

void Run(Bytes input) {
  // Exactly as large as it says, so that reading past its end is noticed.
  input.shrink_to_fit();
  current = std::move(input);
  LLVMFuzzerTestOneInput(current.data(), current.size());
}

class Mutator {
 public:
  explicit Mutator(const std::vector<Bytes>& seeds) : seeds_(seeds) {}

  Bytes Next() {
    Bytes bytes = seeds_[Below(seeds_.size())];
    for (std::size_t n = 1 + Below(4); n > 0; --n) Mutate(bytes);
    return bytes;
  }

 private:
  std::size_t Below(std::size_t limit) { return limit == 0 ? 0 : static_cast<std::size_t>(random_() % limit); }
  Bytes::iterator At(Bytes& bytes, std::size_t at) { return bytes.begin() + static_cast<std::ptrdiff_t>(at); }

  void Mutate(Bytes& bytes) {
    constexpr std::array<std::uint8_t, 16> kTelling = {0,   1,   2,   '\t', '\n', '\r', ' ',  ',',
                                                       '.', '0', ':', ';',  0x7f, 0x80, 0xc0, 0xff};
    const std::size_t at = Below(bytes.size());
    const std::size_t length = std::min(bytes.size() - at, 1 + Below(16));
    switch (Below(16)) {
      case 0:
      case 1:
      case 2:
        if (!bytes.empty()) bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ (1U << Below(8)));
        break;
      case 3:
      case 4:
      case 5:
        if (!bytes.empty()) bytes[at] = kTelling[Below(kTelling.size())];
        break;
      case 6:
      case 7:
      case 8:
        bytes.insert(At(bytes, at), kTelling[Below(kTelling.size())]);
        break;
      case 9:
      case 10:
      case 11:
        bytes.erase(At(bytes, at), At(bytes, at + length));
        break;
      case 12:
      case 13: {
        const Bytes copy(At(bytes, at), At(bytes, at + length));
        bytes.insert(At(bytes, Below(bytes.size())), copy.begin(), copy.end());
        break;
      }
      case 14:
        bytes.resize(at);
        break;
      default: {  // the front of this, the end of another
        const Bytes& other = seeds_[Below(seeds_.size())];
        bytes.resize(at);
        bytes.insert(bytes.end(), other.begin() + static_cast<std::ptrdiff_t>(Below(other.size())), other.end());
      }
    }
  }

  const std::vector<Bytes>& seeds_;
  std::mt19937_64 random_{20240229};
};

void Load(const std::filesystem::path& path, std::vector<Bytes>& seeds) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(path)) {
    for (const auto& entry : std::filesystem::directory_iterator(path)) files.push_back(entry.path());
  } else {
    files.push_back(path);
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    std::ifstream stream(file, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s MUTATIONS PATH...\n", argv[0]);
    return 2;
  }
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) ::signal(signal, TellInput);
  std::vector<Bytes> seeds;
  for (int i = 2; i < argc; ++i) Load(argv[i], seeds);
  if (seeds.empty()) {
    std::fprintf(stderr, "%s: no seeds\n", argv[0]);
    return 1;
  }
  for (const Bytes& seed : seeds) Run(seed);
  Run({});
  Mutator mutator(seeds);
  const unsigned long mutations = std::strtoul(argv[1], nullptr, 10);
  for (unsigned long i = 0; i < mutations; ++i) Run(mutator.Next());
  std::printf("%zu seeds, %lu mutations\n", seeds.size(), mutations);
  return 0;
}
