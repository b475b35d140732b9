# Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0

# What holds for targets of this project and is never imposed on those who use it.

set(SEQUENCER_SANITIZE "" CACHE STRING "address;undefined or thread; empty for none")
option(SEQUENCER_NOEXCEPT "Build our own targets with -fno-exceptions -fno-rtti" OFF)

option(SEQUENCER_UNITY
  "Compile the files of our larger targets as one, GoogleTest's headers once: quicker" OFF)

# For a target of several files that have most of what they include in common: one file for the
# compiler, or one for every so many, where that was asked for. Other builds keep them apart, so
# that each file includes what it uses.
function(sequencer_unite target)
  set(files 0)
  if(ARGC GREATER 1)
    set(files ${ARGV1})
  endif()
  if(SEQUENCER_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${files})
  endif()
endfunction()

# Sets the house's language rules on one of our own targets.
function(sequencer_own target)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  # Clang counts sign conversions to -Wconversion; g++ must say what clang will.
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion)
  if(PROJECT_IS_TOP_LEVEL)
    target_compile_options(${target} PRIVATE -Werror)
    # Guesses that g++ takes differently at every optimisation level: the first wrongly for
    # optionals, the second for strings that are inserted into (GCC bug 105651, in g++ 12).
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_compile_options(${target} PRIVATE -Wno-error=maybe-uninitialized -Wno-restrict)
    endif()
    # Clang 19 blames the caller of std::stable_sort for what libstdc++ 12 does inside.
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
      target_compile_options(${target} PRIVATE -Wno-error=deprecated-declarations)
    endif()
  endif()
  if(SEQUENCER_NOEXCEPT)
    target_compile_options(${target} PRIVATE -fno-exceptions -fno-rtti)
  endif()
  if(SEQUENCER_SANITIZE)
    list(JOIN SEQUENCER_SANITIZE "," kinds)
    target_compile_options(${target} PRIVATE
      -fsanitize=${kinds} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${kinds})
    # A fence is invisible to the thread sanitizer; gcc can refuse to compile one.
    if("thread" IN_LIST SEQUENCER_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_compile_options(${target} PRIVATE -Werror=tsan)
    endif()
  endif()
endfunction()
