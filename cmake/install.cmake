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
if(TARGET sequencer_place)
  install(TARGETS sequencer_place EXPORT sequencer-targets)
endif()
install(EXPORT sequencer-targets NAMESPACE sequencer:: DESTINATION "${package_dir}")

configure_package_config_file(cmake/sequencer-config.cmake.in
  "${PROJECT_BINARY_DIR}/package/sequencer-config.cmake" INSTALL_DESTINATION "${package_dir}"
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/sequencer-config-version.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/package/sequencer-config.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/sequencer-hwloc.cmake"
              "${PROJECT_BINARY_DIR}/package/sequencer-config-version.cmake"
        DESTINATION "${package_dir}")

# pkg-config: one file a target; the prefix is found from where the file lies.
file(RELATIVE_PATH prefix_from_pc "/${pkgconfig_dir}" "/")
string(REGEX REPLACE "/$" "" prefix_from_pc "${prefix_from_pc}")
set(pc_names core)
if(TARGET sequencer_durable)
  list(APPEND pc_names durable)
endif()
if(TARGET sequencer_place)
  list(APPEND pc_names place)
  # Who links a static library links what it is made with.
  get_target_property(place_kind sequencer_place TYPE)
  get_target_property(place_hwloc sequencer_place SEQUENCER_WITH_HWLOC)
  if(place_hwloc AND place_kind STREQUAL "STATIC_LIBRARY")
    set(place_requires ", hwloc")
  endif()
endif()
foreach(pc_name IN LISTS pc_names)
  configure_file(cmake/sequencer-${pc_name}.pc.in
                 "${PROJECT_BINARY_DIR}/package/sequencer-${pc_name}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/package/sequencer-${pc_name}.pc"
          DESTINATION "${pkgconfig_dir}")
endforeach()
