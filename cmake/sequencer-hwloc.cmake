# Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0

# hwloc as a target, where it is installed; it comes without a CMake package of its own. Read by our
# own build, and by who links the installed static library.
if(NOT TARGET sequencer::hwloc)
  find_path(SEQUENCER_HWLOC_INCLUDE hwloc.h)
  find_library(SEQUENCER_HWLOC_LIBRARY hwloc)
  mark_as_advanced(SEQUENCER_HWLOC_INCLUDE SEQUENCER_HWLOC_LIBRARY)
  if(SEQUENCER_HWLOC_LIBRARY)
    add_library(sequencer::hwloc UNKNOWN IMPORTED GLOBAL)
    set_target_properties(sequencer::hwloc PROPERTIES
      IMPORTED_LOCATION "${SEQUENCER_HWLOC_LIBRARY}")
  endif()
endif()
