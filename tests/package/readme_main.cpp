// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Links every example of README.md. That this program exists is the test.

int main() { return 0; }
