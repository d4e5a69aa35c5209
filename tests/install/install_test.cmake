# One step of the installation test, run by ctest: cmake -DSTEP=... -P install_test.cmake
# `stage` installs into one prefix and moves the tree to another, with a space in its name; the rest use it there.
cmake_minimum_required(VERSION 3.25)

set(first_prefix "${WORK}/first")
set(prefix "${WORK}/moved here")
set(flags "")
if(SANITIZE)
  set(flags "-fsanitize=${SANITIZE}")
elseif(COVERAGE)
  set(flags "--coverage")
endif()

# Runs a command in a clean environment; its output is in `output`. A failure ends the test.
function(must_run)
  execute_process(COMMAND "${CMAKE_COMMAND}" -E env --unset=CMAKE_PREFIX_PATH --unset=PKG_CONFIG_PATH ${ARGN}
    RESULT_VARIABLE result OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "exit status ${result}: ${command}\n${text}")
  endif()
  set(output "${text}" PARENT_SCOPE)
endfunction()

function(must_print_hello)
  must_run(${ARGN})
  if(NOT output STREQUAL "hello\n")
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "expected \"hello\" from: ${command}\ngot: ${output}")
  endif()
endfunction()

# Files that other programs read must not know where the tree was made, nor the private targets of the build.
function(must_be_relocatable)
  file(GLOB_RECURSE texts "${prefix}/*.cmake" "${prefix}/*.pc")
  if(NOT texts)
    message(FATAL_ERROR "no package files below ${prefix}")
  endif()
  foreach(text IN LISTS texts)
    file(READ "${text}" content)
    foreach(word IN ITEMS "${WORK}" "${BUILD}" "${SOURCE}" leash_warnings leash_hardening leash_base)
      string(FIND "${content}" "${word}" at)
      if(NOT at EQUAL -1)
        message(FATAL_ERROR "${text} mentions ${word}")
      endif()
    endforeach()
  endforeach()
endfunction()

function(step_stage)
  file(REMOVE_RECURSE "${WORK}")
  must_run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${first_prefix}")
  file(RENAME "${first_prefix}" "${prefix}")
  foreach(path IN ITEMS bin/leash include/leash/leash.h include/leash/unsafe/degraded.h "${LIBDIR}/libleash.a"
                        "${LIBDIR}/cmake/leash/leash-config.cmake" "${LIBDIR}/pkgconfig/leash.pc"
                        share/doc/leash/LICENSE-MIT share/doc/leash/LICENSE-APACHE)
    if(NOT EXISTS "${prefix}/${path}")
      message(FATAL_ERROR "not installed: ${path}")
    endif()
  endforeach()
  must_be_relocatable()
endfunction()

function(step_find_package)
  must_run("${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/outside" -B "${WORK}/outside" -G "${GENERATOR}"
    "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_CXX_FLAGS=${flags}" -DCMAKE_BUILD_TYPE=Debug "-DCMAKE_PREFIX_PATH=${prefix}")
  string(FIND "${output}" "leash found in ${prefix}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "another leash was found:\n${output}")
  endif()
  must_run("${CMAKE_COMMAND}" --build "${WORK}/outside")
  must_print_hello("${WORK}/outside/main")
  must_print_hello("${WORK}/outside/calls")
endfunction()

# A version that this one does not serve is refused; step_find_package is the control.
function(step_wrong_version)
  set(project "${WORK}/wrong_version")
  file(WRITE "${project}/CMakeLists.txt" "cmake_minimum_required(VERSION 3.25)\nproject(wrong LANGUAGES NONE)\n"
    "find_package(leash 0.0.9 REQUIRED)\n")
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${project}" -B "${project}/build" -G "${GENERATOR}"
      "-DCMAKE_PREFIX_PATH=${prefix}"
    RESULT_VARIABLE result OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(result EQUAL 0 OR NOT text MATCHES "leash-config.cmake, version: [0-9]")
    message(FATAL_ERROR "find_package(leash 0.0.9) was not refused for its version:\n${text}")
  endif()
endfunction()

# With --static and without it: only a static library is installed, so both must link.
function(step_pkg_config)
  find_program(PKG_CONFIG NAMES pkg-config pkgconf REQUIRED)
  foreach(mode IN ITEMS "--static" "")
    must_run("PKG_CONFIG_PATH=${prefix}/${LIBDIR}/pkgconfig" "${PKG_CONFIG}" --cflags --libs ${mode} leash)
    separate_arguments(words UNIX_COMMAND "${output}")
    must_run("${CXX}" -std=c++20 ${flags} "${CMAKE_CURRENT_LIST_DIR}/outside/main.cc" ${words}
      -o "${WORK}/by_pkg_config")
    must_print_hello("${WORK}/by_pkg_config")
  endforeach()
endfunction()

function(step_command)
  must_print_hello("${prefix}/bin/leash" run echo hello)
endfunction()

cmake_language(CALL "step_${STEP}")
