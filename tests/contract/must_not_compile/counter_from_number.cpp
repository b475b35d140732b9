// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: conversion from|no viable conversion|could not convert
#include <sequencer/counter.hpp>

sequencer::counter orders{7};
#ifdef WRONG
sequencer::counter implicit = 7;
#endif
