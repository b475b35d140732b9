// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

// The version of this library, semantic versioning 2.0.0. The build reads it from here.
#define SEQUENCER_VERSION "0.1.0"
#define SEQUENCER_VERSION_MAJOR 0
#define SEQUENCER_VERSION_MINOR 1
#define SEQUENCER_VERSION_PATCH 0
