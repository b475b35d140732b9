// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

// Concurrency Kit's ring, whose header is C, behind functions that C++ can call. The loops are on
// this side, so that no call is paid for an event. Numbers of 8 bytes, or 64 with all words alike.
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ck_queue;

struct ck_queue* ck_queue_new(unsigned slots, unsigned event_bytes);
void ck_queue_free(struct ck_queue* of);

// Publishes the numbers from `next` up to `end`, one at a time.
void ck_queue_put_all(struct ck_queue* of, uint64_t next, uint64_t end);
void ck_queue_put_all_wide(struct ck_queue* of, uint64_t next, uint64_t end);
// Sees as many and keeps them, unless `kept` is null. False: in another order.
bool ck_queue_take_all(struct ck_queue* of, uint64_t next, uint64_t end, uint64_t* kept);
bool ck_queue_take_all_wide(struct ck_queue* of, uint64_t next, uint64_t end, uint64_t* kept);

// The same for several producers, one number.
void ck_queue_put_of_many(struct ck_queue* of, uint64_t number);
uint64_t ck_queue_take_of_many(struct ck_queue* of);
void ck_queue_put_all_of_many(struct ck_queue* of, uint64_t next, uint64_t end);
bool ck_queue_take_all_of_many(struct ck_queue* of, uint64_t next, uint64_t end, uint64_t* kept);

#ifdef __cplusplus
}
#endif
