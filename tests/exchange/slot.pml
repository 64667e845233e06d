/* The protocol of firmware/exchange/slot.h at the level of loads and stores, for `spin`.
 *
 * Problem: that no worker follows a freed plan depends on the order of single loads and stores of
 * three threads, which a stress test only samples.
 * Answer: one publisher, two readers, and every interleaving of their accesses. A store may stay
 * in its processor's store buffer for as long as it likes (total store order, as on x86); a fence
 * or an atomic add waits until that buffer is empty. A reader may stall for ever at any step,
 * holding what it holds, and may go offline and online whenever it holds nothing.
 *
 * Checked, for every interleaving:
 * 1. a reader uses no plan that is freed (assertion in `use`);
 * 2. at most two plans are alive (assertion in `build`);
 * 3. nobody waits for a stalled reader: the publisher always comes round (no invalid end state);
 * 4. a plan is freed once, and never while it is the current one (assertions in the publisher).
 *
 * Built with -DBROKEN=n the protocol lacks one of its rules, and a check must fail:
 *   1  frees the old plan without waiting
 *   2  a reader goes on using a plan after it has reported a quiescent state
 *   3  publishes although a retired plan is not freed yet
 *   4  waits for a reader that has not moved on
 *   5  no fence when a reader comes online
 *   6  no fence between the new pointer and the look at the readers' counters
 * Built with -DGOAL the assertion fails once every plan but the last was freed: it can get there.
 *
 * Left out: the shortcut by acked_token, which serves several tokens at a time; the slot has one.
 */
#ifndef BROKEN
#define BROKEN 0
#endif

#define kReaders 2
#define kPlans 4 /* the first, and three published after it; none is used twice */
#define kNone 255
#define kOffline 0
#define kFirstToken 1

mtype = { unbuilt, alive, freed };
mtype plan[kPlans];
byte plans_alive = 0;

/* Shared memory. */
byte pointer = 0;
byte token = kFirstToken;
byte counter[kReaders] = kOffline;

/* Store buffers of one entry; kNone: empty. Each processor here has one location that it stores to
 * without an atomic add: a reader its counter, the publisher the pointer. */
byte pending_counter[kReaders] = kNone;
byte pending_pointer = kNone;

inline store_counter(me, value) {
  d_step { pending_counter[me] == kNone -> pending_counter[me] = value }
}

inline fence_reader(me) { pending_counter[me] == kNone }

inline store_pointer(value) {
  d_step { pending_pointer == kNone -> pending_pointer = value }
}

inline fence_publisher() { pending_pointer == kNone }

inline use(held) { assert(plan[held] == alive) }

inline build(next) {
  d_step {
    plan[next] = alive;
    plans_alive++;
    assert(plans_alive <= 2)
  }
}

/* Empties the store buffers, in any order, at any time. */
active proctype memory() {
  byte reader;
end:
  do
  :: d_step { pending_pointer != kNone -> pointer = pending_pointer; pending_pointer = kNone }
  :: d_step { pending_counter[0] != kNone -> counter[0] = pending_counter[0];
              pending_counter[0] = kNone }
  :: d_step { pending_counter[1] != kNone -> counter[1] = pending_counter[1];
              pending_counter[1] = kNone }
  od
}

/* Slot::Reader. `written` is what the reader itself last stored to its counter. */
proctype reader(byte me) {
  byte seen, written, held;

offline:
  if
  :: goto end_stalled
  :: skip
  fi;
  /* online() */
  seen = token;
  store_counter(me, seen);
  written = seen;
#if BROKEN != 5
  fence_reader(me);
#endif

burst:
  if
  :: goto end_stalled
  :: skip
  fi;
  held = pointer; /* read() */
  use(held);
  if
  :: goto end_stalled /* in the middle of a burst */
  :: skip
  fi;
  use(held);
  if
  :: /* quiescent() */
     seen = token;
     if
     :: seen != written -> store_counter(me, seen); written = seen
     :: else
     fi;
#if BROKEN == 2
     use(held);
#endif
     held = kNone;
     seen = kNone;
     goto burst
  :: /* offline() */
     store_counter(me, kOffline);
     held = kNone;
     seen = kNone;
     written = kNone;
     goto offline
  fi;

end_stalled:
  false
}

/* Slot::publish() and Slot::reclaim(), called for ever by a control thread that has other things to
 * serve: a round has no statement that could wait for a reader. */
active proctype publisher() {
  byte published = 0; /* the newest plan */
  byte retired = kNone;
  byte retired_token;
  byte seen;
  byte index;
  bool passed;

  build(0);
  atomic { run reader(0); run reader(1) }

end_serve:
  do
  :: /* reclaim() */
     if
     :: retired != kNone ->
        passed = true;
        index = 0;
        do
        :: index < kReaders && passed ->
#if BROKEN == 4
           (counter[index] == kOffline || counter[index] >= retired_token);
#endif
           seen = counter[index];
#if BROKEN != 1
           passed = (seen == kOffline || seen >= retired_token);
#endif
           index++
        :: else -> break
        od;
        if
        :: passed ->
           d_step {
             assert(plan[retired] == alive && retired != pointer);
             plan[retired] = freed;
             plans_alive--;
             retired = kNone
           }
#ifdef GOAL
           assert(plans_alive != 1 || published != kPlans - 1)
#endif
        :: else
        fi
     :: else
     fi;
     seen = 0;
     index = 0;
     passed = false;
     /* publish(): refused while a retired plan is left */
     if
#if BROKEN == 3
     :: published < kPlans - 1 ->
#else
     :: published < kPlans - 1 && retired == kNone ->
#endif
        build(published + 1);
        store_pointer(published + 1);
#if BROKEN != 6
        fence_publisher(); /* Quiescence::start() */
#endif
        d_step { token++; retired_token = token };
        retired = published;
        published++
     :: else
     fi
  od
}
