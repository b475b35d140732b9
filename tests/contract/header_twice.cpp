// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// The program that links every header from two sources; see CMakeLists.txt. That it exists is
// the test.

int main() { return 0; }
