# Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0

# Finds GoogleTest: the installed one, or Debian's sources when cross-compiling.
function(sequencer_find_gtest out)
  set(sources "/usr/src/googletest")
  if(NOT TARGET GTest::gmock_main AND NOT CMAKE_CROSSCOMPILING)
    find_package(GTest CONFIG QUIET)
  elseif(NOT TARGET GTest::gmock_main AND EXISTS "${sources}/CMakeLists.txt")
    set(INSTALL_GTEST OFF CACHE INTERNAL "")
    add_subdirectory("${sources}" "${CMAKE_BINARY_DIR}/googletest" EXCLUDE_FROM_ALL)
    foreach(library gtest gtest_main gmock gmock_main)
      if(NOT TARGET GTest::${library})
        add_library(GTest::${library} ALIAS ${library})
      endif()
      get_target_property(headers ${library} INTERFACE_INCLUDE_DIRECTORIES)
      set_target_properties(${library} PROPERTIES
        INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${headers}")
    endforeach()
  endif()
  if(TARGET GTest::gmock_main)
    set(${out} TRUE PARENT_SCOPE)
  else()
    set(${out} FALSE PARENT_SCOPE)
  endif()
endfunction()

# What the sanitizers must do in a test: stop at the first finding, also in forked children.
set(SEQUENCER_TEST_ENVIRONMENT
  "TSAN_OPTIONS=halt_on_error=1:die_after_fork=0:second_deadlock_stack=1"
  "UBSAN_OPTIONS=print_stacktrace=1"
  "ASAN_OPTIONS=detect_stack_use_after_return=1")

# True where a source, or a header beside it that it includes, uses the checkpoint.
function(sequencer_needs_durable source out)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
  file(STRINGS "${source}" uses REGEX "#include [<\"].*(checkpoint|durable_ring)")
  if(uses)
    set(${out} TRUE PARENT_SCOPE)
  else()
    set(${out} FALSE PARENT_SCOPE)
  endif()
endfunction()

# sequencer_add_program(<name> SOURCES <source>... [LIBRARIES <target>...])
# A program of our own, linked with the checkpoint library where that is built and used. Sets
# SEQUENCER_ADDED to whether the program exists.
function(sequencer_add_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES" ${ARGN})
  set(durable FALSE)
  foreach(source IN LISTS arg_SOURCES)
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
    sequencer_needs_durable("${source}" needs)
    if(needs)
      set(durable TRUE)
    endif()
  endforeach()
  if(durable AND NOT TARGET sequencer::durable)
    message(STATUS "sequencer: ${name} left out: sequencer::durable is not built")
    set(SEQUENCER_ADDED FALSE PARENT_SCOPE)
    return()
  endif()
  add_executable(${name} ${arg_SOURCES})
  sequencer_own(${name})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE sequencer::core ${arg_LIBRARIES})
  if(durable)
    target_link_libraries(${name} PRIVATE sequencer::durable)
    target_include_directories(${name} SYSTEM PRIVATE "${SEQUENCER_BOOST_INCLUDE}")
  endif()
  set(SEQUENCER_ADDED TRUE PARENT_SCOPE)
endfunction()

# Templates upon templates: optimising what the address sanitizer made of them takes minutes, and
# half of the rest is a look at every pointer before it is used. Null is seen without it; in the
# libraries, where bytes become objects, it stays.
function(sequencer_test_flags target)
  if("address" IN_LIST SEQUENCER_SANITIZE)
    target_compile_options(${target} PRIVATE -O0)
    if(NOT SEQUENCER_SANITIZE_ALL)
      target_compile_options(${target} PRIVATE -fno-sanitize=null,alignment,vptr)
    endif()
  endif()
endfunction()

# GoogleTest's headers take a compiler two seconds: read once for all tests that are built with the
# same flags, where that was asked for. CMake includes them before the first line of such a source;
# other builds prove that each source includes what it uses.
function(sequencer_read_gtest_once target)
  if(NOT SEQUENCER_UNITY)
    return()
  endif()
  if(NOT TARGET sequencer_gtest_headers)
    set(empty "${CMAKE_BINARY_DIR}/gtest_headers.cpp")
    file(CONFIGURE OUTPUT "${empty}" CONTENT "" @ONLY)
    add_executable(sequencer_gtest_headers "${empty}")
    sequencer_own(sequencer_gtest_headers)
    sequencer_test_flags(sequencer_gtest_headers)
    target_link_libraries(sequencer_gtest_headers PRIVATE sequencer::core GTest::gmock_main)
    target_precompile_headers(sequencer_gtest_headers PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
  endif()
  target_precompile_headers(${target} REUSE_FROM sequencer_gtest_headers)
endfunction()

# sequencer_add_test(<name> LABEL <label> SOURCES <source>... [LIBRARIES <target>...]
#                    [TIMEOUT <seconds>] [SERIAL])
# A GoogleTest program; every case in it becomes a test of its own.
function(sequencer_add_test name)
  cmake_parse_arguments(arg "SERIAL" "LABEL;TIMEOUT" "SOURCES;LIBRARIES" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  sequencer_add_program(${name} SOURCES ${arg_SOURCES}
                        LIBRARIES ${arg_LIBRARIES} GTest::gmock_main)
  if(NOT SEQUENCER_ADDED)
    return()
  endif()
  sequencer_test_flags(${name})
  sequencer_read_gtest_once(${name})
  if(CMAKE_CROSSCOMPILING_EMULATOR)
    target_compile_definitions(${name} PRIVATE SEQUENCER_EMULATED)
  endif()
  if(SEQUENCER_COVERAGE)
    target_compile_definitions(${name} PRIVATE SEQUENCER_COVERAGE)
  endif()
  set(serial "")
  if(arg_SERIAL)
    set(serial RUN_SERIAL TRUE)
  endif()
  gtest_discover_tests(${name} TEST_PREFIX "${arg_LABEL}." DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT} ${serial}
               ENVIRONMENT "${SEQUENCER_TEST_ENVIRONMENT}")
endfunction()

# Laws on random programs: RapidCheck makes them up, and shortens the one that fails. It is made of
# templates and exceptions, and its library is the machine's own.
function(sequencer_add_laws name)
  if(SEQUENCER_NOEXCEPT OR CMAKE_CROSSCOMPILING
     OR (SEQUENCER_SANITIZE AND NOT SEQUENCER_SANITIZE_ALL)
     OR "thread" IN_LIST SEQUENCER_SANITIZE)
    return()
  endif()
  find_path(SEQUENCER_RAPIDCHECK_INCLUDE rapidcheck.h)
  find_library(SEQUENCER_RAPIDCHECK_LIBRARY rapidcheck)
  mark_as_advanced(SEQUENCER_RAPIDCHECK_INCLUDE SEQUENCER_RAPIDCHECK_LIBRARY)
  if(NOT SEQUENCER_RAPIDCHECK_INCLUDE OR NOT SEQUENCER_RAPIDCHECK_LIBRARY)
    message(STATUS "sequencer: ${name} left out: rapidcheck.h was not found "
                   "(Debian: librapidcheck-dev)")
    return()
  endif()
  sequencer_add_test(${name} ${ARGN} LIBRARIES "${SEQUENCER_RAPIDCHECK_LIBRARY}")
  if(TARGET ${name})
    target_include_directories(${name} SYSTEM PRIVATE "${SEQUENCER_RAPIDCHECK_INCLUDE}")
  endif()
endfunction()
