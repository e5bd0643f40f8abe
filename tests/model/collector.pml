/* collector.pml: old manifests, the blobs that they name and what nobody committed are removed
 * while workers are slow, take over, die, upload what never gets a manifest, and while people
 * pin epochs.
 *
 * An epoch's payload is inside its manifest (inline) or in a data object of its generation,
 * which is put before the manifest. An epoch needs its own payload, and that of base[]: the
 * epoch with the full copy under its deltas, or with the blocks of a file that is still open.
 * The database may fall back by the commits of epochs that are not old yet.
 *
 * The collector, in its own pace (others do everything else between its steps):
 *   C1. which manifests may go: of generations that are sealed and older than the newest one
 *       with a finalised manifest; old; not the last one, not pinned.
 *   C2. writes down which they are (the proof), then looks at the pins again, and leaves out
 *       what was pinned since. Who pins puts the pin first, then looks at the proof: of the
 *       two, one sees the other.
 *   C3. what all other manifests need is live, be it inside a manifest that was to go.
 *   C4. removes what is not live, one by one: of the manifests of C1, and of the data objects
 *       of such generations.
 *
 * Properties (assertions)
 *   1. what the last manifest, a pinned one, and any that is not to go need is there.
 *   2. a live worker finds the last manifest and what it needs, or that it is replaced; what
 *      it commits refers to nothing that is gone.
 *   3. a database that fell back finds all payloads that it lacks.
 *   4. one history (as in sealed.pml).
 *   5. when all is quiet, a last pass leaves nothing that is not live.
 *
 * Variants that hold
 *   (none), PINS    somebody pins an epoch
 *   FAILOVER        the database falls back
 *
 * Mutants that must fail
 *   COLLECT_SEALS   SEALs are removed with their generation
 *   NO_AGE          (with FAILOVER) nothing has to be old
 *   NO_INLINE       a manifest that is to go is removed with the payloads inside it
 *   NO_BASE         only an epoch's own payload counts as needed: not the full copy under its
 *                   deltas, not the stored blocks of an open file
 *   NO_PINS         (with PINS) pins are not looked at
 *   PIN_RACE        (with PINS) pins are looked at once, before the proof is written
 *   PLAIN_PUT       (with PINS) another collector, which decided earlier and slept, puts its
 *                   proof over the newer one
 *   OPEN_GENERATION data objects of the open generation are removed when no manifest names them
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NI
#define NI 2
#endif
#ifndef NE
#define NE 3
#endif
#include "takeover.inc"

#define ES (NE + 2)
bool data[NG * ES];           /* data object by generation and epoch */
byte ever[NG * NX];
bool final[NG];
byte gen_of[ES], idx_of[ES];  /* where an epoch's manifest was put; gen 0: nowhere */
bool inline_[ES];
byte base[ES];                /* the epoch whose payload it builds upon; 0: none */
byte committed[ES];
byte last;                    /* the last epoch that was committed */
byte row;                     /* the database's commit row */
byte old;                     /* epochs up to here are old */
byte pinned;                  /* epoch; 0: none */
bool acknowledged;            /* the pin was not refused */
bool condemned[ES];           /* the proof */
bool goes[ES], live[ES];      /* of a pass */
byte newest;                  /* of a pass: generation with a finalised manifest */

byte alive = NI;

#define THERE(e) (kind[AT(gen_of[e], idx_of[e])] == MANIFEST)
#define HAS(e) (inline_[e] -> THERE(e) : data[gen_of[e] * ES + e])
#ifdef NO_INLINE
#define KEPT_INSIDE(e) false
#else
#define KEPT_INSIDE(e) (live[e] && inline_[e])
#endif
#ifdef OPEN_GENERATION
#define REMOVABLE(g) (g <= newest)
#else
#define REMOVABLE(g) (g < newest && copied[g])
#endif
#define WHOLE(e) (THERE(e) && HAS(e) && (base[e] == 0 || HAS(base[e])))

proctype Worker(byte me)
{
    byte g, x, lg, lx, le, mine, n, b; bool ok;
    take_over(me);
    x = 1;
    if
    :: le > 0 ->
        atomic {                                             /* T6, and T9 at another time */
            if
            :: kind[AT(lg, lx)] == MANIFEST && epoch_at[AT(lg, lx)] == le -> skip
            :: else -> assert(copied[mine]); goto dead
            fi
        };
        atomic {
            if :: WHOLE(le) -> skip :: else -> assert(copied[mine]); goto dead fi
        };
        do                                                            /* T7 */
        :: atomic { row < le ->
            if
            :: THERE(row + 1) && HAS(row + 1) -> row++
            :: else -> assert(copied[mine]); goto dead
            fi }
        :: atomic { row >= le -> break }
        od;
        MAY_DIE
    :: else -> skip
    fi;
    n = le;
    do
    :: n < NE ->
        n++;
        if                                                            /* E1 */
        :: ok = true                                                  /* inline */
        :: ok = false; data[mine * ES + n] = true; MAY_DIE
        fi;
        atomic {                                                      /* E4 */
            if
            :: kind[AT(mine, x)] == NOTHING ->
                kind[AT(mine, x)] = MANIFEST; writer[AT(mine, x)] = me;
                epoch_at[AT(mine, x)] = n;
                if
                :: ever[AT(mine, x)] != me ->
                    ever[AT(mine, x)] = me; committed[n]++; assert(committed[n] <= 1);
                    gen_of[n] = mine; idx_of[n] = x; inline_[n] = ok; last = n;
                    if
                    :: base[n] = 0                                    /* a full copy */
                    :: n > 1 -> base[n] = (base[n - 1] == 0 -> n - 1 : base[n - 1])
                    fi;
                    assert(WHOLE(n))
                :: else -> skip
                fi
            :: else ->
                if
                :: kind[AT(mine, x)] == MANIFEST && writer[AT(mine, x)] == me -> skip
                :: else -> goto dead
                fi
            fi
        };
        MAY_DIE;
        do                                                            /* E5 */
        :: atomic { row < n -> assert(THERE(row + 1) && HAS(row + 1)); row++ }
        :: atomic { row >= n -> break }
        od;
        MAY_DIE;
        final[mine] = true;                                           /* E7 */
        MAY_DIE;
        x++
    :: n >= NE -> break
    od;
dead:
    alive--
}

/* C1: what may go. How old is old is decided here, as late as it can be. */
inline may_go()
{
    newest = 0; b = 0;
    do
    :: b < NG -> if :: final[b] -> newest = b :: else -> skip fi; b++
    :: else -> break
    od;
    do
    :: old < row -> old++
    :: break
    od;
    b = 1;
    do
    :: b <= NE ->
        goes[b] = (gen_of[b] != 0 && gen_of[b] < newest && copied[gen_of[b]] && b != last
#ifndef NO_AGE
            && b <= old
#endif
#ifndef NO_PINS
            && pinned != b
#endif
            );
        b++
    :: else -> break
    od;
    b = 0
}

/* C3 */
inline find_live()
{
    b = 1;
    do
    :: b <= NE -> live[b] = (gen_of[b] != 0 && !goes[b]); b++
    :: else -> break
    od;
#ifndef NO_BASE
    b = 1;
    do
    :: b <= NE -> if :: live[b] && !goes[b] && base[b] != 0 -> live[base[b]] = true
        :: else -> skip fi; b++
    :: else -> break
    od;
#endif
    b = 0
}

inline check()
{
    assert(last == 0 || WHOLE(last));
    assert(pinned == 0 || !acknowledged || WHOLE(pinned))
}

/* C4: one object, the first that may be removed. removed: there was one. */
inline remove_one()
{
    removed = false; g = 1;
    do
    :: g < NG ->
        b = 1;
        do
        :: b <= NE && data[g * ES + b] && REMOVABLE(g) && !(live[b] && gen_of[b] == g) ->
            data[g * ES + b] = false; removed = true; break
        :: b <= NE && !(data[g * ES + b] && REMOVABLE(g) && !(live[b] && gen_of[b] == g)) -> b++
        :: else -> break
        od;
        if :: removed -> break :: else -> g++ fi
    :: else -> break
    od;
    b = 1;
    do
    :: !removed && b <= NE && goes[b] && THERE(b) && !KEPT_INSIDE(b) ->
        kind[AT(gen_of[b], idx_of[b])] = NOTHING; removed = true
    :: !removed && b <= NE && !(goes[b] && THERE(b) && !KEPT_INSIDE(b)) -> b++
    :: else -> break
    od;
#ifdef COLLECT_SEALS
    g = 1; b = 1;
    do
    :: !removed && g < newest && copied[g] && kind[AT(g, b)] == SEAL ->
        kind[AT(g, b)] = NOTHING; removed = true
    :: !removed && g < newest && !(copied[g] && kind[AT(g, b)] == SEAL) ->
        b++; if :: b == NX -> b = 1; g++ :: else -> skip fi
    :: else -> break
    od;
#endif
    g = 0; b = 0;
    check()
}

inline pass()
{
    atomic { may_go() };
    atomic {                                                          /* C2: the proof */
        b = 1;
        do
        :: b <= NE -> condemned[b] = condemned[b] || goes[b]; b++
        :: else -> break
        od;
        b = 0
    };
    atomic {
#if !defined(NO_PINS) && !defined(PIN_RACE)
        goes[pinned] = false;
#endif
        find_live()
    };
    do
    :: atomic { remove_one(); if :: removed -> skip :: else -> break fi }
    od
}

active proctype Collector()
{
    byte g, b; bool removed;
    if
    :: skip; pass()
    :: skip
    fi;
    atomic { (alive == 0) -> old = row; removed = false };  /* all is quiet: a last pass */
    pass();
    atomic {
        b = 1;
        do
        :: b <= NE ->
            assert(gen_of[b] == 0 || gen_of[b] >= newest || live[b] ||
                   (!THERE(b) && !data[gen_of[b] * ES + b]));
            b++
        :: else -> break
        od
    }
}

#ifdef PINS
/* A pin that is not refused keeps its epoch. */
active proctype People()
{
    if
    :: atomic { gen_of[1] != 0 && THERE(1) -> pinned = 1 }
    :: atomic { gen_of[2] != 0 && THERE(2) -> pinned = 2 }
    :: goto out
    fi;
    atomic {
        if
        :: condemned[pinned] -> pinned = 0          /* refused: it is being removed */
        :: else -> acknowledged = true; check()
        fi
    };
out:
    skip
}
#endif

#ifdef PLAIN_PUT
/* What it decided on was nothing; with a proof that only grows that changes nothing. */
active proctype Slower()
{
    byte b = 1;
    atomic {
        do
        :: b <= NE -> condemned[b] = false; b++
        :: else -> break
        od
    }
}
#endif

#ifdef FAILOVER
/* Once, the database loses its last commits, but none of an epoch that is old. */
active proctype Failover()
{
    if
    :: atomic { row > old -> row--; if :: row > old -> row-- :: skip fi }
    :: skip
    fi
}
#endif

init
{
    byte i = 1;
    atomic { do :: i <= NI -> run Worker(i); i++ :: else -> break od };
    (alive == 0)
}
