/* amend.pml: an epoch whose rows the database refuses for ever is replaced by an AMEND record.
 *
 * Epoch N is committed: its manifest is the last record of generation 1, whose owner is gone.
 * Its rows are refused (somebody altered the table), then perhaps taken again (somebody altered
 * it back): table_fits changes as it likes. Workers take over, bring the commit row from N - 1
 * to N, publish N's files, commit N + 1. A repair, started by hand, perhaps twice, perhaps
 * while a supervisor goes on starting workers, replaces the rows: those that are refused become
 * dead letters. Anyone may die, or sleep, between two steps.
 *
 *   R1. it takes over as a worker does (T1 to T5): generation `mine` is its own.
 *   R2. claim: one transaction moves the commit row from (N - 1, sha of N - 1) to (N - 1, sha
 *       of the repair's SEAL). From here on no one who knows only N can apply it: a process
 *       that slept before its BEGIN finds another sha. The row's gen is the repair's. A row
 *       that is at N needs no repair; one with a claim of a newer generation is not ours.
 *   R3. AMEND is put If-None-Match as the first record of its generation: epoch N once more,
 *       the sha of N as its prev, the replaced rows, the dead letters, all other sections of N.
 *   R4. T7 and T8 for AMEND: the row goes from (N - 1, the claim) to (N, sha of AMEND).
 * A takeover that finds a claim of an older generation than its own, and no AMEND, takes the
 * claim back: the generation in which that repair could have put one is sealed.
 *
 * Properties (assertions)
 *   1. rows of N are applied once: those of the manifest, or the replaced ones, never both.
 *   2. what the last record of N says is what the table has: dead letters, and the replaced
 *      rows, exactly when there is an AMEND.
 *   3. N's files are published once; N + 1 is committed once, and upon the last record of N.
 *   4. nobody is stuck: when all is quiet and somebody was there last, who could end, N is in.
 *
 * Mutants that must fail
 *   NO_CLAIM     R2 is left out: AMEND alone decides
 *   BOTH         the same, and AMEND is replayed on top of what the row shows
 *   KEEP_CLAIM   a takeover does not take a claim back
 *   ANY_CLAIM    a claim is taken back, or over, without a look at its generation
 *   BLIND_CLAIM  the claim is written without a look at what the row shows
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifdef BOTH
#define NO_CLAIM
#endif
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef REPAIRS
#define REPAIRS 1
#endif
#define NI (WORKERS + REPAIRS)
#define NG (NI + 3)
#define NOTHING 0
#define MANIFEST 1
#define SEAL 2
#define AMEND 3
#define MAY_DIE if :: skip :: me <= NI -> goto dead fi

/* The log: generation 1 has the manifest of N in slot 1; every other generation has at most
   one record that matters before its SEAL: AMEND or N + 1. */
byte kind[NG * 4], writer[NG * 4];
#define AT(g, x) ((g) * 4 + (x))
byte amended;                 /* the generation that an AMEND is in; 0: there is none */
byte next_commits;            /* manifests of N + 1 */
bool next_upon_amend;

/* The commit row: at N - 1 with its own sha (0) or a claim (its generation), at N with
   the sha of the manifest (M_SHA) or of AMEND (A_SHA), or at N + 1 (NEXT). */
#define M_SHA 50
#define A_SHA 51
#define NEXT 52
#ifdef ANY_CLAIM
#define CLAIMED_BEFORE(g) M_SHA
#else
#define CLAIMED_BEFORE(g) (g)
#endif
byte row;
bool table_fits;
byte rows_m, rows_a;          /* how often each kind of rows was applied */
byte files, letters;          /* publications of N's files and of the dead letters */
bool ended;                   /* somebody committed N + 1, or found it */
bool quiet;
byte alive = NI;

/* T1 to T5, in one step but for the SEAL's PUT: sealed.pml has them. g: the generation that is
   sealed; has_amend, has_next: what the last records are. */
inline take_over()
{
    ok = false;
again:
    atomic {
        g = 1;
        do
        :: kind[AT(g, 1)] == SEAL || kind[AT(g, 2)] == SEAL || kind[AT(g, 3)] == SEAL -> g++
        :: else -> break
        od;
        x = 1;
        do
        :: kind[AT(g, x)] != NOTHING -> x++
        :: else -> break
        od
    };
    MAY_DIE;
    atomic {
        if
        :: kind[AT(g, x)] == NOTHING -> kind[AT(g, x)] = SEAL; writer[AT(g, x)] = me;
            has_amend = (amended != 0); has_next = (next_commits > 0)
        :: else -> goto again
        fi
    };
    g++; x = 1;
    MAY_DIE
}

/* T7 for the last record of N. fits: it could be applied, or was. */
inline bring_row()
{
    if
    :: !has_amend ->
#ifndef KEEP_CLAIM
        atomic {                       /* a claim without an AMEND is taken back */
            if :: row > 0 && row < CLAIMED_BEFORE(g) -> row = 0 :: else -> skip fi
        };
        MAY_DIE;
#endif
        atomic {
            if
            :: row == 0 && table_fits -> row = M_SHA; rows_m++; ok = true
            :: row == M_SHA -> ok = true
            :: else -> ok = false      /* SINK_SCHEMA; or replaced: FENCED */
            fi
        }
    :: has_amend ->
        atomic {
            if
            :: row == amended && row > 0 -> row = A_SHA; rows_a++; ok = true
#ifdef NO_CLAIM
            :: row == 0 -> row = A_SHA; rows_a++; ok = true
#endif
#ifdef BOTH
            :: row == 0 -> row = A_SHA; rows_a++; ok = true
            :: row == M_SHA -> row = A_SHA; rows_a++; ok = true
#endif
            :: row == A_SHA -> ok = true
            :: else -> ok = false
            fi
        }
    fi;
    assert(rows_m + rows_a <= 1)
}

inline publish()
{
    atomic { if :: files == 0 -> files = 1 :: else -> skip fi };
    MAY_DIE;
    atomic { if :: has_amend && letters == 0 -> letters = 1 :: else -> skip fi };
    MAY_DIE
}

proctype Worker(byte me)
{
    byte g, x; bool has_amend, has_next, ok;
    take_over();
    if
    :: has_next -> ended = true; goto dead
    :: else -> skip
    fi;
    bring_row();
    if :: !ok -> goto dead :: ok -> skip fi;
    MAY_DIE;
    publish();
    atomic {                                                          /* E4 of N + 1 */
        if
        :: kind[AT(g, x)] == NOTHING -> kind[AT(g, x)] = MANIFEST; writer[AT(g, x)] = me;
            next_commits++; next_upon_amend = has_amend; assert(next_commits <= 1);
            assert(has_amend == (amended != 0))
        :: else -> goto dead
        fi
    };
    MAY_DIE;
    atomic {
        if
        :: row == (has_amend -> A_SHA : M_SHA) -> row = NEXT
        :: else -> assert(row == NEXT)
        fi
    };
    ended = true;
dead:
    alive--
}

proctype Repair(byte me)
{
    byte g, x; bool has_amend, has_next, ok;
    take_over();                                                      /* R1 */
    if :: has_next -> goto dead :: else -> skip fi;
    if
    :: !has_amend ->
#ifndef NO_CLAIM
        atomic {                                                      /* R2 */
            if
            :: row < CLAIMED_BEFORE(g) -> row = g
#ifdef BLIND_CLAIM
            :: row >= M_SHA -> row = g
#endif
            :: else -> goto dead                     /* N is in: nothing to repair */
            fi
        };
        MAY_DIE;
#else
        atomic { if :: row == 0 -> skip :: else -> goto dead fi };
        MAY_DIE;
#endif
        atomic {                                                      /* R3 */
            if
            :: kind[AT(g, x)] == NOTHING -> kind[AT(g, x)] = AMEND; writer[AT(g, x)] = me;
                assert(amended == 0); amended = g; has_amend = true; x++
            :: else -> goto dead                     /* FENCED */
            fi
        };
        MAY_DIE
    :: else -> skip
    fi;
    bring_row();                                                      /* R4 */
    if :: !ok -> goto dead :: ok -> skip fi;
    MAY_DIE;
    publish();
dead:
    alive--
}

/* People alter the table, and alter it back. */
active proctype Table()
{
    if :: atomic { !quiet -> table_fits = true } :: quiet -> goto out fi;
    if :: atomic { !quiet -> table_fits = false } :: quiet -> skip fi;
out:
    skip
}

init
{
    byte i = 1;
    atomic {
        kind[AT(1, 1)] = MANIFEST;
        do
        :: i <= WORKERS -> run Worker(i); i++
        :: i > WORKERS && i <= NI -> run Repair(i); i++
        :: else -> break
        od
    };
    (alive == 0);
    /* One more worker, whom nobody disturbs, on a table that fits: it must come to the end. */
    atomic { quiet = true; table_fits = true };
    alive = 1;
    run Worker(NI + 1);
    (alive == 0);
    assert(ended);
    assert(rows_m + rows_a == 1);
    assert(rows_a == (amended != 0 -> 1 : 0));
    assert(files == 1);
    assert(letters == (amended != 0 -> 1 : 0));
    assert(next_upon_amend == (amended != 0))
}
