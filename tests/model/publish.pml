/* publish.pml: a committed file is published once, also where its readers take it away.
 *
 * NI workers, each the owner of a generation of its own, come one after the other to the same
 * last manifest and publish its file: PUT If-None-Match under the recipe's key. A worker that
 * the next one has replaced may wake up at any step. A reader takes the file and removes it,
 * an hour after it appeared, and after the owner that runs then took over, at the soonest: no
 * owner o that has proved less than half an hour ago that it owns the task is still about to
 * PUT then. That is what the proof before each PUT is for, and why readers leave files alone.
 *
 * That the file is published is written down in the hint, which a late one of a replaced owner,
 * or of the same owner's epoch before, writes over (Late). So an owner that has nothing to
 * commit says it in a SEAL of its own within the hour; and a takeover that the hint told says
 * it in its SEAL. What a SEAL says stays.
 *
 * Properties (assertions)
 *   1. a reader gets the file at most once.
 *   2. when a worker comes to its end, the file is there or was read.
 *
 * Variants that hold
 *   (none)
 *
 * Mutants that must fail
 *   MULTIPART     a multipart upload is completed, on a server that dies in it and answers
 *                 200 ever after: what the answer says is believed
 *   NO_PROOF      a worker that slept puts the file without looking who owns the task
 *   RENEW         a takeover that slept proves that it owns the task, and puts the file
 *   FORGETFUL     a takeover that published does not write down that it is finalised
 *   NO_SEAL       it writes it down in the hint alone
 *   HASTY_READER  the reader removes a file at once
 *   DOWN_READER   the reader removes a file while the job that put it is down
 *   EARLY_READER  the reader removes a file that is an hour old when the job was just started
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NI
#define NI 2
#endif
#ifdef DOWN_READER
#define EAGER true
#else
#define EAGER false
#endif
#ifdef RENEW
#define RENEWS true
#else
#define RENEWS false
#endif
#if defined(FORGETFUL) || defined(NO_SEAL)
#define SAID true                        /* what readers wait for is time alone */
#else
#define SAID sealed                      /* the hour is over: the owner has put its SEAL */
#endif
#define NOT_YET 0
#define PROVED 1
#define SLEPT 2

bool there;               /* the file's key */
byte reads;               /* how often a reader got it */
byte owner;               /* the newest takeover; 0: none */
bool hint;                /* says that the file is published */
bool sealed;              /* a SEAL says so */
bool went_on;             /* some owner is behind that */
byte shown;               /* who owned the task when the file appeared last */
byte proof[NI + 1];       /* of each worker: fresh, or too old */
bool went[NI + 1];        /* it is past its PUT, or dead */
bool done;
byte alive = NI;
#ifdef MULTIPART
bool broken;              /* the server died inside Complete */
#endif

inline put_file(me)
{
    atomic {
#ifdef MULTIPART
        if
        :: !there && reads == 0 && !broken -> there = true
        :: !there && reads == 0 && !broken -> broken = true   /* dies; then answers 200 */
        :: else -> skip
        fi
#else
        if :: !there -> there = true; shown = owner :: else -> skip fi /* 412, our token: done */
#endif
        ;
        went[me] = true
    }
}

proctype Worker(byte me)
{
    bool known;
    atomic {
        owner == me - 1 -> owner = me; known = hint || sealed; proof[me] = PROVED;
        sealed = known
    };
    if :: skip :: goto dead fi;
    if
    :: known -> went[me] = true              /* nothing to publish */
    :: else ->
        do
        :: proof[me] == PROVED ->
            atomic {
                if
                :: proof[me] == PROVED -> put_file(me); break
                :: else -> skip              /* half an hour went by between the two */
                fi
            }
        :: proof[me] == SLEPT ->
#ifdef NO_PROOF
            put_file(me); break
#else
            atomic {
                if
                :: owner == me && (me == 1 || RENEWS) -> proof[me] = PROVED
                :: else -> goto dead         /* FENCED; or it has to take over anew */
                fi
            }
#endif
        od;
        if :: skip :: goto dead fi;
#ifndef FORGETFUL
        hint = true;
#endif
        went_on = true;
        if :: skip :: goto dead fi;
#if !defined(FORGETFUL) && !defined(NO_SEAL)
        if :: owner == me -> sealed = true :: else -> goto dead fi   /* FENCED */
#endif
    fi;
    done = true;
dead:
    atomic { went[me] = true; alive-- }
}

/* Another's hint, or an older one of ours. */
active proctype Late()
{
end:
    do
    :: hint -> hint = false
    od
}

/* Half an hour passes for worker o: its proof is too old. */
active proctype Time()
{
    byte o;
end:
    do
    :: atomic { o < NI -> o++ }
    :: atomic { o > 0 && proof[o] == PROVED && !went[o] -> proof[o] = SLEPT }
    :: atomic { o > 0 -> o-- }
    od
}

/* An hour after the file appeared no proof from before is fresh. */
active proctype Reader()
{
    byte o;
end:
    do
    :: atomic {
        there && ((went_on && SAID) || EAGER) ->
        o = 1;
#ifndef HASTY_READER
        do
#ifdef EARLY_READER
        :: o <= NI && o > shown -> o = NI + 1
#endif
        :: o <= NI && (proof[o] != PROVED || went[o]) -> o++
        :: o <= NI && proof[o] == PROVED && !went[o] -> break
        :: else -> break
        od;
        if
        :: o > NI -> reads++; assert(reads <= 1); there = false
        :: else -> skip                      /* too early */
        fi
#else
        reads++; assert(reads <= 1); there = false
#endif
       }
    od
}

init
{
    byte i = 1;
    atomic { do :: i <= NI -> run Worker(i); i++ :: else -> break od };
    (alive == 0);
    if :: done -> assert(there || reads == 1) :: else -> skip fi
}
