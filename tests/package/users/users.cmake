# Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0

# The stranger's programs, the same for every way of getting the library.
add_executable(core_user "${CMAKE_CURRENT_LIST_DIR}/core_user.cpp")
target_link_libraries(core_user PRIVATE sequencer::core)
if(WITH_DURABLE)
  add_executable(durable_user "${CMAKE_CURRENT_LIST_DIR}/durable_user.cpp")
  target_link_libraries(durable_user PRIVATE sequencer::durable)
endif()
if(WITH_PLACE)
  add_executable(place_user "${CMAKE_CURRENT_LIST_DIR}/place_user.cpp")
  target_link_libraries(place_user PRIVATE sequencer::place)
endif()

# The house's warnings are its own affair.
foreach(target sequencer::core sequencer::durable sequencer::place)
  if(TARGET ${target})
    get_target_property(imposed ${target} INTERFACE_COMPILE_OPTIONS)
    if(imposed)
      message(FATAL_ERROR "${target} imposes ${imposed} on its users")
    endif()
  endif()
endforeach()
