// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "ck_queue.h"

#include <ck_pr.h>
#include <ck_ring.h>
#include <stdlib.h>

struct wide {
  uint64_t words[8];
};

CK_RING_PROTOTYPE(wide, wide)

struct ck_queue {
  ck_ring_t ring;
  void* slots;
};

struct ck_queue* ck_queue_new(unsigned slots, unsigned event_bytes) {
  struct ck_queue* made = aligned_alloc(64, (sizeof *made + 63) / 64 * 64);
  if (made == NULL) return NULL;
  ck_ring_init(&made->ring, slots);
  made->slots = aligned_alloc(64, (size_t)slots * event_bytes);
  if (made->slots != NULL) return made;
  free(made);
  return NULL;
}

void ck_queue_free(struct ck_queue* of) {
  if (of != NULL) free(of->slots);
  free(of);
}

void ck_queue_put_all(struct ck_queue* of, uint64_t next, uint64_t end) {
  ck_ring_buffer_t* slots = of->slots;
  for (; next != end; ++next) {
    while (!ck_ring_enqueue_spsc(&of->ring, slots, (void*)next)) ck_pr_stall();
  }
}

bool ck_queue_take_all(struct ck_queue* of, uint64_t next, uint64_t end, uint64_t* kept) {
  ck_ring_buffer_t* slots = of->slots;
  bool right = true;
  for (; next != end; ++next) {
    void* found;
    while (!ck_ring_dequeue_spsc(&of->ring, slots, &found)) ck_pr_stall();
    right &= (uint64_t)found == next;
    if (kept != NULL) *kept++ = (uint64_t)found;
  }
  return right;
}

void ck_queue_put_all_wide(struct ck_queue* of, uint64_t next, uint64_t end) {
  struct wide event;
  for (; next != end; ++next) {
    for (int i = 0; i < 8; ++i) event.words[i] = next;
    while (!ck_ring_enqueue_spsc_wide(&of->ring, of->slots, &event)) ck_pr_stall();
  }
}

bool ck_queue_take_all_wide(struct ck_queue* of, uint64_t next, uint64_t end, uint64_t* kept) {
  bool right = true;
  for (; next != end; ++next) {
    struct wide found;
    uint64_t differing = 0;
    while (!ck_ring_dequeue_spsc_wide(&of->ring, of->slots, &found)) ck_pr_stall();
    for (int i = 0; i < 8; ++i) differing |= found.words[i] ^ next;
    right &= differing == 0;
    if (kept != NULL) *kept++ = found.words[0];
  }
  return right;
}

void ck_queue_put_of_many(struct ck_queue* of, uint64_t number) {
  while (!ck_ring_enqueue_mpsc(&of->ring, of->slots, (void*)number)) ck_pr_stall();
}

uint64_t ck_queue_take_of_many(struct ck_queue* of) {
  void* found;
  while (!ck_ring_dequeue_mpsc(&of->ring, of->slots, &found)) ck_pr_stall();
  return (uint64_t)found;
}

void ck_queue_put_all_of_many(struct ck_queue* of, uint64_t next, uint64_t end) {
  for (; next != end; ++next) ck_queue_put_of_many(of, next);
}

bool ck_queue_take_all_of_many(struct ck_queue* of, uint64_t next, uint64_t end, uint64_t* kept) {
  bool right = true;
  for (; next != end; ++next) {
    const uint64_t found = ck_queue_take_of_many(of);
    right &= found == next;
    if (kept != NULL) *kept++ = found;
  }
  return right;
}
