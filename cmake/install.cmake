# Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/sequencer")
set(pkgconfig_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

install(DIRECTORY include/sequencer DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.hpp")
install(TARGETS sequencer_core EXPORT sequencer-targets)
if(TARGET sequencer_durable)
  install(TARGETS sequencer_durable EXPORT sequencer-targets)
endif()
install(EXPORT sequencer-targets NAMESPACE sequencer:: DESTINATION "${package_dir}")

configure_package_config_file(cmake/sequencer-config.cmake.in
  "${PROJECT_BINARY_DIR}/package/sequencer-config.cmake" INSTALL_DESTINATION "${package_dir}"
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/sequencer-config-version.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/package/sequencer-config.cmake"
              "${PROJECT_BINARY_DIR}/package/sequencer-config-version.cmake"
        DESTINATION "${package_dir}")

# pkg-config: one file a target; the prefix is found from where the file lies.
file(RELATIVE_PATH prefix_from_pc "/${pkgconfig_dir}" "/")
string(REGEX REPLACE "/$" "" prefix_from_pc "${prefix_from_pc}")
set(pc_names core)
if(TARGET sequencer_durable)
  list(APPEND pc_names durable)
endif()
foreach(pc_name IN LISTS pc_names)
  configure_file(cmake/sequencer-${pc_name}.pc.in
                 "${PROJECT_BINARY_DIR}/package/sequencer-${pc_name}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/package/sequencer-${pc_name}.pc"
          DESTINATION "${pkgconfig_dir}")
endforeach()
