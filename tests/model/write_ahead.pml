/* Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
 *
 * The write-ahead protocol of one strict sequence, for SPIN: callers, a keeper, two copies of the
 * mark behind a disk cache, SIGKILL with a live region, power cuts, one copy that rots.
 *
 * Claims, in every state that can be reached:
 *   no number is issued twice, nor after a later incarnation began above it;
 *   a kill with the live region loses nothing; a power cut at most two steps, three if a copy was
 *   unreadable; only rot can make both copies unreadable.
 *
 * Broken on purpose, each must violate one of them:
 *   -DPUBLISH_FIRST  numbers leave before the sync     -DONE_COPY  the mark is overwritten in place
 *   -DNO_STEP        a lost copy costs no step         -DTRUST_FOUND  a mark found at open is
 *   -DSTEP_UNSAID    a step that no copy announced                    believed before it is synced
 */

#ifndef LAST
#define LAST 7            /* numbers 0 .. LAST - 1 */
#endif
#ifndef CRASHES
#define CRASHES 2
#endif
#define STEP 2            /* what the mark may rise by, once announced */

typedef copy { bool bad; byte gen; byte mark; byte step };

copy disk[2];             /* what a power cut leaves */
copy cache[2];            /* what a reader of the file sees */
bool dirty[2];            /* the two differ: written, not synced */

byte next;                /* live region: the counter */
byte limit;               /* live region: numbers below may have left */
bool live;                /* the live region is there and belongs to the file */
byte hard;                /* process: numbers below may leave */
bool running;             /* process: callers are let in */

byte incarnation;         /* ghost: of the process; what holds an older one is dead */
byte started;             /* ghost: where this incarnation began to issue */
byte reached;             /* ghost: first number that was not taken when the process died */
bool issued[LAST];        /* ghost */
byte crashes = CRASHES;
byte rots = 1;
bool refused;

#define alive (mine == incarnation)
#define least(a, b) ((a) < (b) -> (a) : (b))
#define most(a, b) ((a) > (b) -> (a) : (b))

proctype caller() {
  byte mine, taken;
  do
  :: atomic { running && next < LAST -> mine = incarnation; taken = next; next++ }
     if
     :: atomic { alive && taken < hard ->
          assert(!issued[taken]);
          assert(taken >= started);
          issued[taken] = true;
          taken = 0; mine = 0 }
     :: atomic { !alive -> taken = 0; mine = 0 }
     fi
  :: refused -> break
  od
}

/* One write of the keeper's, into the copy that is not the newest valid one. */
inline write_copy(to_mark, to_step) {
#ifdef ONE_COPY
  target = 0;
#else
  target = (cache[newest].bad -> newest : 1 - newest);
#endif
  gen++;
  cache[target].bad = false;
  cache[target].gen = gen;
  cache[target].mark = to_mark;
  cache[target].step = to_step;
  dirty[target] = true;
  newest = target
}

inline settle(i) {
  disk[i].bad = cache[i].bad;
  disk[i].gen = cache[i].gen;
  disk[i].mark = cache[i].mark;
  disk[i].step = cache[i].step;
  dirty[i] = false
}

inline sync() {
  if :: dirty[0] -> settle(0) :: else fi;
  if :: dirty[1] -> settle(1) :: else fi
}

inline publish() {
  limit = mark;
  hard = mark
}

/* Reads the copies, as they are seen after a crash. */
inline read_copies() {
#ifdef ONE_COPY
  newest = 0;
#else
  if
  :: cache[0].bad -> newest = 1
  :: cache[1].bad -> newest = 0
  :: else -> newest = (cache[0].gen > cache[1].gen -> 0 : 1)
  fi;
#endif
  refused = cache[newest].bad;
  gen = most(cache[0].gen, cache[1].gen);
  mark = cache[newest].mark;
  step = cache[newest].step;
  lost = 0;
#ifndef ONE_COPY
  if
  :: !refused && (cache[0].bad || cache[1].bad) ->
#ifndef NO_STEP
     mark = mark + step;
#endif
     lost = STEP
  :: else
  fi;
#endif
  if
  :: refused -> assert(rots == 0)      /* a power cut alone never loses both copies */
  :: else ->
     if
     :: live -> next = least(next, limit)
     :: else -> next = mark
     fi;
     assert(next <= reached + (live -> 0 : 2 * STEP + lost));
     mark = next;                      /* what was reserved and not issued is taken back */
     lost = 0;
     started = next;
     reached = next;
     limit = next;                     /* nothing above has left in this incarnation */
     live = true
  fi
}

proctype keeper() {
  byte mine, newest, target, gen, mark, step, lost;
again:
  atomic {
    mine = incarnation;
    read_copies();
    if :: refused -> goto done :: else fi
  }
#ifdef TRUST_FOUND
  atomic { alive -> publish(); running = true };
#else
  /* What a dead process left in the cache first: never both copies in doubt at once. */
  if :: atomic { alive -> sync() } :: atomic { !alive -> goto again } fi;
  if :: atomic { alive -> write_copy(mark, step) } :: atomic { !alive -> goto again } fi;
  if :: atomic { alive -> sync() } :: atomic { !alive -> goto again } fi;
  if :: atomic { alive -> publish(); running = true } :: atomic { !alive -> goto again } fi;
#endif
  do
  :: atomic { !alive -> goto again }
  :: atomic { alive && mark < LAST && mark <= least(next, hard) + STEP -> skip };
#ifndef STEP_UNSAID
     /* A larger step than the copies announce is announced first, with the old mark. */
     if
     :: atomic { step < STEP ->
          if :: alive -> step = STEP; write_copy(mark, step) :: else -> goto again fi };
        if :: atomic { alive -> sync() } :: atomic { !alive -> goto again } fi
     :: else
     fi;
#endif
     if
     :: atomic { alive -> mark = least(mark + STEP, LAST); write_copy(mark, step) }
     :: atomic { !alive -> goto again }
     fi;
#ifdef PUBLISH_FIRST
     if :: atomic { alive -> publish() } :: atomic { !alive -> goto again } fi;
#endif
     if :: atomic { alive -> sync() } :: atomic { !alive -> goto again } fi;
     if :: atomic { alive -> publish() } :: atomic { !alive -> goto again } fi
  od;
done:
  skip
}

/* The cache's word for one copy is kept, lost or torn. */
inline cut(i) {
  if
  :: dirty[i] ->
     if
     :: settle(i)
     :: skip
     :: disk[i].bad = true
     fi;
     dirty[i] = false
  :: else
  fi;
  cache[i].bad = disk[i].bad;
  cache[i].gen = disk[i].gen;
  cache[i].mark = disk[i].mark;
  cache[i].step = disk[i].step
}

inline die() {
  crashes--;
  incarnation++;
  if :: running -> reached = least(next, hard) :: else fi;
  running = false;
  hard = 0
}

inline rot(i) {
  rots--;
  disk[i].bad = true;
  if :: !dirty[i] -> cache[i].bad = true :: else fi
}

proctype misfortune() {
  do
  :: atomic { crashes > 0 -> die() }                                    /* SIGKILL */
  :: atomic { crashes > 0 -> die(); live = false; cut(0); cut(1) }      /* power */
  :: atomic { rots > 0 -> if :: rot(0) :: rot(1) fi }
  :: refused || crashes == 0 -> break
  od
}

init {
  atomic {
    disk[0].gen = 1; disk[0].step = 1;
    disk[1].gen = 0; disk[1].step = 1;
    cache[0].gen = 1; cache[0].step = 1;
    cache[1].gen = 0; cache[1].step = 1;
    run keeper(); run caller(); run caller(); run misfortune()
  }
}
