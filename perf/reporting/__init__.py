# Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
"""What perf/report makes of the measurements: a page, a comparison, a verdict on targets."""
