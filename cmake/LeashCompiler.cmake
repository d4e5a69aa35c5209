# How our own code is compiled. Dependencies keep their flags.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(LEASH_CCACHE ccache)
if(LEASH_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER "${LEASH_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${LEASH_CCACHE}")
endif()

# leash_precompile(target header...): the headers that nearly every source of the target includes.
# leash_precompile(target REUSE other): the same as another target's, where both are compiled alike.
function(leash_precompile target)
  if(NOT LEASH_PRECOMPILE)
    return()
  endif()
  if(ARGV1 STREQUAL "REUSE")
    target_precompile_headers(${target} REUSE_FROM ${ARGV2})
  else()
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
endfunction()

# -Wrestrict: GCC 12 sees overlapping copies in std::string's own operator+ (GCC bug 105651).
# -Wmaybe-uninitialized: and uninitialized strings in empty std::optional members that are copied (GCC bug 105562).
add_library(leash_warnings INTERFACE)
target_compile_options(leash_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow
  $<$<COMPILE_LANGUAGE:CXX>:-Wconversion -Wno-missing-field-initializers>
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-restrict -Wno-maybe-uninitialized>)

# Instrumented code sets off warnings of GCC 12 that are wrong (maybe-uninitialized, array-bounds in std::string). The
# other presets compile the same sources without mercy.
if(LEASH_SANITIZE)
  target_compile_options(leash_warnings INTERFACE -Wno-error)
endif()

# A launcher is part of the attack surface of what it launches.
add_library(leash_hardening INTERFACE)
if(NOT LEASH_SANITIZE AND NOT LEASH_COVERAGE AND CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(leash_hardening INTERFACE -fstack-protector-strong -D_FORTIFY_SOURCE=2)
  target_link_options(leash_hardening INTERFACE -Wl,-z,relro,-z,now -Wl,-z,noexecstack)
endif()

if(LEASH_SANITIZE)
  add_compile_options(-fsanitize=${LEASH_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${LEASH_SANITIZE})
  # Two checks of UndefinedBehaviorSanitizer that take a quarter of the time to compile and find little here: access
  # through null faults by itself, and there is hardly a downcast.
  if(LEASH_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize=null,vptr)
  endif()
endif()

# leash_sanitizer_options(target): how ThreadSanitizer behaves in a program.
if(LEASH_SANITIZE MATCHES "thread")
  add_library(leash_sanitizer_options OBJECT "${CMAKE_CURRENT_LIST_DIR}/sanitizer_options.cc")
endif()
function(leash_sanitizer_options target)
  if(TARGET leash_sanitizer_options)
    target_link_libraries(${target} PRIVATE leash_sanitizer_options)
  endif()
endfunction()
if(LEASH_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()
if(LEASH_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "LEASH_FUZZ needs clang: libFuzzer is a part of it")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
