# What `cmake --install` puts where, for find_package(leash) and for pkg-config. Everything found at run time is
# found relative to itself, so that an installed tree can be moved.
include(CMakePackageConfigHelpers)

set(LEASH_CMAKE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/leash")
set(LEASH_PKGCONFIG_DIR "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

install(TARGETS leash EXPORT leashTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT Development)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/leash" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        COMPONENT Development FILES_MATCHING PATTERN "*.h")
install(EXPORT leashTargets NAMESPACE leash:: DESTINATION "${LEASH_CMAKE_DIR}" COMPONENT Development)
if(TARGET leash_cli)
  install(TARGETS leash_cli RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT Runtime)
endif()

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/leash-config.cmake.in"
  "${PROJECT_BINARY_DIR}/leash-config.cmake" INSTALL_DESTINATION "${LEASH_CMAKE_DIR}"
  NO_SET_AND_CHECK_MACRO)
# Until 1.0 a minor version may change the API.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/leash-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/leash-config.cmake" "${PROJECT_BINARY_DIR}/leash-config-version.cmake"
        DESTINATION "${LEASH_CMAKE_DIR}" COMPONENT Development)

# ${pcfiledir} is the directory of the .pc file itself. Absolute directories, as some distributions set them, cannot
# be reached from there and stay as they are.
if(IS_ABSOLUTE "${LEASH_PKGCONFIG_DIR}")
  set(LEASH_PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH LEASH_PC_PREFIX "/${LEASH_PKGCONFIG_DIR}" "/")
  string(REGEX REPLACE "/$" "" LEASH_PC_PREFIX "\${pcfiledir}/${LEASH_PC_PREFIX}")
endif()
foreach(dir IN ITEMS INCLUDEDIR LIBDIR)
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${dir}}")
    set(LEASH_PC_${dir} "${CMAKE_INSTALL_${dir}}")
  else()
    set(LEASH_PC_${dir} "\${prefix}/${CMAKE_INSTALL_${dir}}")
  endif()
endforeach()
configure_file("${CMAKE_CURRENT_LIST_DIR}/leash.pc.in" "${PROJECT_BINARY_DIR}/leash.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/leash.pc" DESTINATION "${LEASH_PKGCONFIG_DIR}" COMPONENT Development)

install(FILES "${PROJECT_SOURCE_DIR}/LICENSE-MIT" "${PROJECT_SOURCE_DIR}/LICENSE-APACHE"
        DESTINATION "${CMAKE_INSTALL_DATAROOTDIR}/doc/leash" COMPONENT Runtime)
