# chaos/schedule: what goes wrong and when, as a function of the seed alone.
# SPDX-License-Identifier: Apache-2.0
import collections
import random

HOSTS = ("a", "b")
GAP_S = (1.5, 4.5)  # from one fault to the next; several may last at a time
FIRST_S, LAST_S = 4, 6  # nothing goes wrong at the start, and at the end of the load

# at_s: since the load began; what, where: a key of WEIGHTS; for_s: how long it lasts; more: the
# words that this kind of fault needs.
Fault = collections.namedtuple("Fault", "number at_s what where for_s more")

# (what, where): (how often, shortest s, longest s)
WEIGHTS = {
    ("kill", "worker"): (38, 0, 2), ("stop", "worker"): (5, 0.5, 8),
    ("term", "worker"): (4, 0, 1), ("zombie", "worker"): (3, 1, 10),
    ("rival", "worker"): (4, 5, 25), ("clock", "worker"): (8, 0, 0),
    ("full", "log"): (2, 1, 10),
    ("kill", "s3"): (9, 0, 3), ("kill", "database"): (7, 0, 3), ("kill", "kafka"): (2.5, 0, 3),
    ("stop", "s3"): (2, 0.5, 8), ("stop", "database"): (2, 0.5, 8),
    ("stop", "kafka"): (1.5, 0.5, 8),
    ("cut", "s3"): (3, 0, 5), ("cut", "database"): (3, 0, 5), ("cut", "kafka"): (2, 0, 5),
    ("deaf", "s3"): (2, 0.2, 2), ("deaf", "database"): (2, 0.2, 2),
    ("deaf", "kafka"): (1, 0.2, 2),
    ("hole", "s3"): (1, 1, 8), ("hole", "database"): (1, 1, 8), ("hole", "kafka"): (1, 1, 8),
    ("slow", "s3"): (2, 2, 10), ("slow", "database"): (2, 2, 10), ("slow", "kafka"): (2, 2, 10),
    ("full", "s3"): (3, 0.5, 6),
}


def kinds(rng):
    """Each kind once in some order, then by weight."""
    deck = list(WEIGHTS)
    rng.shuffle(deck)
    yield from deck
    shares = [WEIGHTS[kind][0] for kind in WEIGHTS]
    while True:
        yield rng.choices(list(WEIGHTS), shares)[0]


def words_of(rng):
    """All that any kind may need; drawn for each fault, so that kinds do not shift the rest."""
    seconds = rng.choice((-1, 1)) * 10 ** rng.uniform(0, 4.3)  # up to five and a half hours
    return {"which": rng.choice(("newest", "oldest")), "host": rng.choice(HOSTS),
            "offset_s": 0 if rng.random() < 0.15 else round(seconds, 3),
            "take_over": rng.random() < 0.9, "at_once": rng.random() < 0.7,
            "rival_takes_over": rng.random() < 0.5, "both_at_once": rng.random() < 0.5,
            "ends_by": rng.choice(("kill", "term")), "latency_s": round(rng.uniform(0.01, 0.3), 3),
            "bytes_a_second": int(10 ** rng.uniform(4.5, 6))}


def make(seed, seconds):
    rng, faults, at_s = random.Random(seed), [], float(FIRST_S)
    for what, where in kinds(rng):
        at_s += rng.uniform(*GAP_S)
        if at_s > seconds - LAST_S:
            return faults
        _, shortest, longest = WEIGHTS[what, where]
        more = words_of(rng)
        for_s = rng.uniform(shortest, longest)
        if (what, where) == ("kill", "worker") and more["at_once"]:
            for_s = 0
        faults.append(Fault(len(faults), round(at_s, 3), what, where,
                            round(min(for_s, seconds - at_s), 3), more))
