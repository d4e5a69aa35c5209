# Every dependency and its lowest version, once. The floor is what Debian 12 ships.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(absl REQUIRED)  # 20220623; Debian's states no version
find_package(fmt 9.1 REQUIRED)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp>=2.5)
pkg_check_modules(LIBUV REQUIRED IMPORTED_TARGET libuv>=1.44)
pkg_check_modules(LIBIDN2 REQUIRED IMPORTED_TARGET libidn2>=2.3)
pkg_check_modules(LIBPSL REQUIRED IMPORTED_TARGET libpsl>=0.21)
pkg_check_modules(CARES REQUIRED IMPORTED_TARGET libcares>=1.18)
find_package(Boost 1.74 REQUIRED)  # headers alone: Beast's HTTP parser
find_path(LEASH_MSGPACK_INCLUDE msgpack.hpp REQUIRED)  # msgpack-c 4.1, its C++ half: headers alone, whose package is called differently everywhere
find_package(nlohmann_json 3.11 REQUIRED)
find_package(tomlplusplus 3.3 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
if(LEASH_BUILD_TESTS)
  find_package(GTest 1.12 REQUIRED)
endif()
if(LEASH_BUILD_BENCH)
  find_package(benchmark 1.7 REQUIRED)
endif()
