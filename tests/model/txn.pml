/* txn.pml: sealed generations over a database with real transactions, and two files an epoch.
 *
 * The server holds one row lock. A worker's transaction is open from BEGIN (E3) over the
 * manifest's PUT (E4) to COMMIT (E5). A COMMIT may be under way when its sender dies or loses
 * the connection; the server may still do it, or roll back: at a disconnect, wait_timeout, a
 * deadlock or KILL. A zombie keeps its lock until the server ends its transaction.
 *
 * Properties (assertions)
 *   1. the row moves by one epoch at a time, and only to an epoch that has a manifest.
 *   2. an epoch's rows are applied once, each of its files is there under one name.
 *   3. when some worker comes to its end, all epochs are applied and published.
 *
 * Variants that hold
 *   FAILOVER    once, the server falls back to a replica that lacks the last commit
 *
 * Mutants that must fail
 *   EARLY       COMMIT is sent before the manifest is put
 *   BLIND       after a COMMIT without an answer the epoch is applied again without a look
 *   NO_COMPARE  the transaction does not begin with the compare-and-set (with FAILOVER)
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NI
#define NI 2
#endif
#ifndef NE
#define NE 2
#endif
#include "takeover.inc"

bool file_a[NG * (NE + 2)], file_b[NG * (NE + 2)];
byte files_a[NE + 2], files_b[NE + 2];
bool committed[NE + 2];          /* a manifest of the epoch was put */
bool final[NG];
byte row, applied[NE + 2];
byte lock;                       /* the worker whose transaction is open; 0: none */
byte lock_epoch;                 /* the epoch that it moves the row to */
bool commit_sent;
byte answer[NI + 1];             /* 0 none yet, 1 committed, 2 rolled back */
bool fell_over, done;
byte alive = NI;

#define OF(g, e) ((g) * (NE + 2) + (e))

inline publish_a(fg, e)
{
    atomic { if :: !file_a[OF(fg, e)] -> file_a[OF(fg, e)] = true; files_a[e]++;
        assert(files_a[e] <= 1) :: else -> skip fi }
}

inline publish_b(fg, e)
{
    atomic { if :: !file_b[OF(fg, e)] -> file_b[OF(fg, e)] = true; files_b[e]++;
        assert(files_b[e] <= 1) :: else -> skip fi }
}

/* E3: waits for the row lock; ok: the compare-and-set matched. */
inline begin(e)
{
    atomic {
        lock == 0 ->
        if
#ifndef NO_COMPARE
        :: row == e - 1 -> lock = me; lock_epoch = e; commit_sent = false; answer[me] = 0;
            ok = true
        :: else -> ok = false
#else
        :: true -> lock = me; lock_epoch = e; commit_sent = false; answer[me] = 0; ok = true
#endif
        fi
    }
}

/* E5: the answer is seen, or the connection is lost: then it is not known. */
inline commit(e)
{
    atomic { if :: lock == me && answer[me] == 0 -> commit_sent = true :: else -> skip fi };
    MAY_DIE;
#ifdef BLIND
    if
    :: answer[me] == 1 -> skip
    :: true -> atomic { lock == 0 -> row = e; applied[e]++; assert(applied[e] <= 1) }
    fi
#else
    if :: answer[me] != 0 -> skip :: skip fi
#endif
}

/* settle: looks at the row under lock, then every epoch from there on, in transactions. */
inline settle(e)
{
    do
    :: atomic { lock == 0 && row >= e -> break }
    :: atomic { lock == 0 && row < e ->
        lock = me; lock_epoch = row + 1; commit_sent = true; answer[me] = 0 };
        MAY_DIE;
        (answer[me] != 0 || lock == 0)
    od
}

proctype Worker(byte me)
{
    byte g, x, lg, lx, le, mine, n; bool ok;
    take_over(me);
    x = 1;
    if
    :: le > 0 -> settle(le); MAY_DIE; publish_a(lg, le); MAY_DIE; publish_b(lg, le); MAY_DIE
    :: else -> skip
    fi;
    n = le;
    do
    :: n < NE ->
        n++;
        begin(n);
        if
        :: ok -> skip
        :: else -> skip;                         /* the row is behind, or we are replaced */
            if :: row >= n - 1 -> goto dead :: row < n - 1 -> settle(n - 1) fi;
            begin(n);
            if :: !ok -> goto dead :: ok -> skip fi
        fi;
        MAY_DIE;
#ifdef EARLY
        commit(n);
#endif
        atomic {                                                      /* E4 */
            if
            :: kind[AT(mine, x)] == NOTHING -> kind[AT(mine, x)] = MANIFEST;
                writer[AT(mine, x)] = me; epoch_at[AT(mine, x)] = n; committed[n] = true;
                ok = true
            :: else -> ok = (kind[AT(mine, x)] == MANIFEST && writer[AT(mine, x)] == me)
            fi
        };
        if :: !ok -> goto dead :: else -> skip fi;
        MAY_DIE;
        commit(n); MAY_DIE; settle(n); MAY_DIE;                       /* E5 */
        if                                                            /* E6 */
        :: skip; publish_a(mine, n); MAY_DIE; publish_b(mine, n)
        :: skip; publish_b(mine, n); MAY_DIE; publish_a(mine, n)
        fi;
        MAY_DIE;
        final[mine] = true;
        MAY_DIE;
        x++
    :: n >= NE -> done = true; break
    od;
dead:
    alive--
}

active proctype Server()
{
end:
    do
    :: atomic { lock != 0 && commit_sent ->
        assert(row == lock_epoch - 1);
        row = lock_epoch; applied[row]++; assert(applied[row] <= 1); assert(committed[row]);
        answer[lock] = 1; lock = 0 }
    :: atomic { lock != 0 -> answer[lock] = 2; lock = 0 }
#ifdef FAILOVER
    :: atomic { lock == 0 && row > 0 && !fell_over -> applied[row]--; row--; fell_over = true }
#endif
    od
}

init
{
    byte i = 1;
    atomic { do :: i <= NI -> run Worker(i); i++ :: else -> break od };
    (alive == 0);
    if
    :: done ->
        (lock == 0);
        i = 1;
        do
        :: i <= NE -> assert(files_a[i] == 1); assert(files_b[i] == 1);
#ifndef FAILOVER
            assert(applied[i] == 1);
#endif
            i++
        :: else -> break
        od
    :: else -> skip
    fi
}
