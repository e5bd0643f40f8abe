/* sealed.pml: sealed generations: takeover, epochs, the end of a generation, the collector
 * of old manifests.
 *
 * NI incarnations of a worker each take the task over and commit epochs up to NE. Every one
 * may be slow, stop for ever or for a while at any step: a zombie is one that goes on after
 * others took over. The database's transaction is one step here (txn.pml opens it up); files
 * are put If-None-Match under names of their generation and epoch.
 *
 * Properties (assertions)
 *   1. an epoch is committed once: there is one history.
 *   2. an epoch's rows are applied once, in order.
 *   3. an epoch's files are there under one name only.
 *   4. an owner finds its last manifest, or finds that it was replaced: never CORRUPT.
 *   5. when some worker comes to its end, all epochs are applied and published.
 *
 * Variants that hold
 *   SELF_SEAL=n        an owner seals its own generation up to n times and goes on
 *   NO_T4              without T4: what T5 compares is enough; T4 only sees it sooner
 *   GHOST              a delayed duplicate of a manifest's PUT lands when its slot is free
 *   FAILOVER           the database falls back to a replica that lacks the last commit
 *
 * Mutants that must fail
 *   NO_VERIFY          T4 and T5 do not compare whose SEAL is in seals/
 *   COLLECT_SEALS      the collector takes SEALs too
 *   PIPELINE           N + 1 is committed before N is finalised, and only the last is redone
 *   READ_FIRST         the last manifest is read before the SEAL is put
 *   REUSE              a takeover goes on in the generation that it sealed
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NI
#define NI 2
#endif
#ifndef NE
#define NE 3
#endif
#ifdef SELF_SEAL
#define SLOTS (SELF_SEAL + 1)
#endif
#include "takeover.inc"

byte ever[NG * NX];         /* who put a manifest there, be it collected since; 0: nobody */
bool final[NG];             /* the generation has a finalised manifest */
byte committed[NE + 2];     /* how often */
byte row, applied[NE + 2];  /* the commit row's epoch; how often an epoch's rows count */
bool file[NG * (NE + 2)];   /* by generation and epoch, as in its name */
byte files[NE + 2];         /* names under which an epoch's rows are visible */
bool done;                  /* somebody came to the end */
byte alive = NI;

#define FILE(g, e) file[(g) * (NE + 2) + (e)]

inline publish(fg, e)       /* E6, T8: PUT If-None-Match; 412 with our token is success */
{
    atomic {
        if
        :: !FILE(fg, e) -> FILE(fg, e) = true; files[e]++; assert(files[e] <= 1)
        :: else -> skip
        fi
    }
}

inline apply(e)             /* E5, T7: from the row's epoch on, each under compare-and-set */
{
    do
    :: atomic { row < e -> row++; applied[row]++; assert(applied[row] <= 1) }
    :: atomic { row >= e -> break }
    od
}

proctype Worker(byte me)
{
    byte g, x, lg, lx, le, mine, n; bool ok;
#ifdef SELF_SEAL
    byte sealed;
#endif
#ifdef READ_FIRST
    byte rg, rx, re;
#endif
#ifdef READ_FIRST
    atomic {                       /* the last manifest that is there now, wherever it is */
        rg = NG - 1;
        do
        :: rg > 0 && kind[AT(rg, 1)] != MANIFEST -> rg--
        :: else -> break
        od;
        rx = 1;
        do
        :: kind[AT(rg, rx)] == MANIFEST -> re = epoch_at[AT(rg, rx)]; rx++
        :: else -> break
        od
    };
#endif
    take_over(me);
#ifdef REUSE
    mine = g; x = x + 1;
#else
    x = 1;
#endif
    if                                                                /* T6 */
    :: le > 0 ->
        atomic {
            if
            :: kind[AT(lg, lx)] == MANIFEST && epoch_at[AT(lg, lx)] == le -> skip
            :: else -> assert(copied[mine]); goto dead                /* fenced, not CORRUPT */
            fi
        };
        apply(le);                                                    /* T7 */
        MAY_DIE;
        publish(lg, le);                                              /* T8 */
        MAY_DIE
    :: else -> skip
    fi;
    n = le;
#ifdef READ_FIRST
    n = re;
#endif
    do
    :: n < NE ->
        n++;
        atomic {                                                      /* E4 */
            if
            :: kind[AT(mine, x)] == NOTHING ->
                kind[AT(mine, x)] = MANIFEST; writer[AT(mine, x)] = me;
                epoch_at[AT(mine, x)] = n;
                if
                :: ever[AT(mine, x)] != me -> ever[AT(mine, x)] = me;
                    committed[n]++; assert(committed[n] <= 1)
                :: else -> skip                       /* again what was collected meanwhile */
                fi;
                ok = true
            :: else -> ok = (kind[AT(mine, x)] == MANIFEST && writer[AT(mine, x)] == me)
            fi
        };
        if :: !ok -> goto dead :: else -> skip fi;                    /* fenced */
        MAY_DIE;
#ifdef PIPELINE
        if
        :: n < NE -> x++; n++;
            atomic {
                if
                :: kind[AT(mine, x)] == NOTHING -> kind[AT(mine, x)] = MANIFEST;
                    writer[AT(mine, x)] = me; epoch_at[AT(mine, x)] = n;
                    ever[AT(mine, x)] = me; committed[n]++; assert(committed[n] <= 1)
                :: else -> goto dead
                fi
            };
            MAY_DIE;
            apply(n - 1); publish(mine, n - 1)
        :: else -> skip
        fi;
#endif
        apply(n);                                                     /* E5 */
        MAY_DIE;
        publish(mine, n);                                             /* E6 */
        MAY_DIE;
        final[mine] = true;                                           /* E7 */
        MAY_DIE;
        x++;
#ifdef SELF_SEAL
        if
        :: sealed < SELF_SEAL && n < NE ->
            sealed++;
            g = mine; lg = mine; lx = x - 1; le = n;
            put_seal(me);
            if :: !ok -> goto dead :: else -> skip fi;                /* fenced */
            mine++; x = 1
        :: skip
        fi
#endif
    :: n >= NE -> done = true; break
    od;
dead:
    alive--
}

/* Manifests of sealed generations that are older than the newest one with a finalised
   manifest, in any order. */
active proctype Collector()
{
    byte g, x, newest;
    do
    :: atomic {
        g = 0; newest = 0;
        do
        :: g < NG -> if :: final[g] -> newest = g :: else -> skip fi; g++
        :: else -> break
        od;
        g = 0; x = 1;
        do
        :: g < newest && copied[g] && kind[AT(g, x)] == MANIFEST ->
            kind[AT(g, x)] = NOTHING; break
#ifdef COLLECT_SEALS
        :: g < newest && copied[g] && kind[AT(g, x)] == SEAL -> kind[AT(g, x)] = NOTHING; break
#endif
        :: g < newest && x < NX - 1 -> x++
        :: g < newest && x == NX - 1 -> g++; x = 1
        :: g >= newest -> break
        od
       }
    :: break
    od
}

#ifdef GHOST
active proctype Ghost()
{
    byte g, x;
    do
    :: atomic { g < NG - 1 -> g++; x = 0 }
    :: atomic { x < NX - 1 -> x++ }
    :: atomic { ever[AT(g, x)] != 0 && kind[AT(g, x)] == NOTHING ->
        kind[AT(g, x)] = MANIFEST; writer[AT(g, x)] = ever[AT(g, x)]; break }
    :: break
    od
}
#endif

#ifdef FAILOVER
active proctype Failover()
{
    if
    :: atomic { row > 0 -> applied[row]--; row-- }
    :: skip
    fi
}
#endif

init
{
    byte i = 1;
    atomic { do :: i <= NI -> run Worker(i); i++ :: else -> break od };
    (alive == 0);
    if
    :: done ->
        i = 1;
        do
        :: i <= NE -> assert(files[i] == 1);
#ifndef FAILOVER
            assert(applied[i] == 1);
#endif
            i++
        :: else -> break
        od
    :: else -> skip
    fi
}
