# Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0

# Cross build for 64-bit Arm on Debian (g++-aarch64-linux-gnu), its tests run by qemu-user.
# What qemu proves: alignment, sizes, the code paths of the other architecture. Not its weaker
# memory order: the host's order shines through.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)

# Header-only packages are the same for every architecture, yet /usr/include as a whole is the
# host's: lend exactly what is needed.
set(lent "${CMAKE_BINARY_DIR}/lent")
file(MAKE_DIRECTORY "${lent}/include")
foreach(headers boost)
  if(EXISTS "/usr/include/${headers}" AND NOT EXISTS "${lent}/include/${headers}")
    file(CREATE_LINK "/usr/include/${headers}" "${lent}/include/${headers}" SYMBOLIC)
  endif()
endforeach()

set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu "${lent}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

find_program(qemu_aarch64 NAMES qemu-aarch64 qemu-aarch64-static)
if(qemu_aarch64)
  set(CMAKE_CROSSCOMPILING_EMULATOR "${qemu_aarch64};-L;/usr/aarch64-linux-gnu")
endif()
