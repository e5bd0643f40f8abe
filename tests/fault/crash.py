# tests/fault/crash: runs the embedded job into failpoints, then to its end, and compares.
# Shared by the tests in fault and long. What there is to try comes from weir/failpoints.def.
# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import multiprocessing
import os
import re
import resource
import shutil
import signal
import sqlite3
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from harness import AMEND, TREE, Embedded, binary, compare, record_of, stray_files, wait_until

EVENTS = 1_600
FLAGS = ("--partitions", 4, "--customers", 10, "--bad", 60, "--span", "2 hours")
JOBS = 2 * int(os.environ.get("WEIR_JOBS") or os.cpu_count())  # a run waits half of its time
LETTER = ("topic", "partition", "offset", "code", "column")

# In every run: many small epochs, a generation that ends on the way, data objects now and then.
BASE = {"src_small_block": "yes", "ep_poll": "delay(10)", "gen_is_full": "5*off->1*yes",
        "ep_spill": "30%yes"}

# So many epochs that far more fit in than are asked for, however long a commit takes.
SLOWLY = ("ep_poll", "delay(100)")

# How the ways begin on which a failpoint may be met. `behind`: what killed the run before;
# `then`: a second one, behind which the database is put back to where it was before it.
# `refuses`: the table refuses rows behind it, and what is run is a repair; `claims`: what killed
# that one, after which the table takes the rows again. `given`: what the run gets beside the base
# (and no other one: who comes behind a zombie must not take what it may come back to); `first`:
# what killed such a run before.
SITUATIONS = {
    "start": {},
    "committed": {"behind": "ep_put_manifest=3*off->kill(after)"},
    "published": {"behind": "ep_publish=2*off->kill(after)"},
    "sealed": {"behind": "tk_put_seal=kill(after)"},
    "restored": {"behind": "ep_put_manifest=1*off->kill(after)",
                 "then": "ep_put_manifest=1*off->kill(after)"},
    "stopped": {"behind": "ep_finalised=3*off->1*term"},
    "refused": {"behind": "ep_put_manifest=3*off->kill(after)", "refuses": True},
    "claimed": {"behind": "ep_put_manifest=3*off->kill(after)", "claims": "rp_claimed=kill"},
    "collected": {"behind": "ep_finalised=6*off->kill", "given": {"gc_is_old": "yes"}},
    "marked": {"behind": "ep_finalised=6*off->kill", "given": {"gc_is_old": "yes"},
               "first": "gc_delete=kill(after)"},
    "shutdown": {"behind": "ep_put_manifest=3*off->kill(after)", "bounded": False},
}

REPAIR = ("checkpoint", "repair")
REFUSES = ("CREATE TRIGGER closed BEFORE INSERT ON revenue_per_minute WHEN "
           "substr(NEW.customer, -1) = '1' BEGIN SELECT RAISE(ABORT, 'the account is closed'); END")
TAKES = "DROP TRIGGER IF EXISTS closed"
AMENDED = {"refused": 1, "claimed": 0}  # epochs, in situations

# What makes another result of a step, and no fault: a row that is taken counts as refused.
MISLEADS = {("rp_try", "return(refused)")}

# Those that no run of this job can reach, and the test of the same build that walks them: a folder
# needs no credentials; a promotion is a command of its own.
WALKED_BY = {"cred_refresh": "unit.store.s3_auth"}
PROMOTION = "pm_"  # and what begins so: fault.promote


# --- weir/failpoints.def -------------------------------------------------------------------------

def definitions():
    return (TREE / "include/weir/failpoints.def").read_text()


def failpoints():
    """{name: class} in the order of the protocol."""
    return dict(re.findall(r"^FAILPOINT\((\w+), (\w+),", definitions(), re.M))


def actions():
    """{class: [action]}"""
    found = re.findall(r'^FAILPOINT_CLASS\((\w+), ((?:"[^"]*"\s*)+),', definitions(), re.M)
    return {name: " ".join(re.findall(r'"([^"]*)"', text)).split() for name, text in found}


def spec(*given, seed=7):
    """The value of WEIR_FAILPOINT: the base, and what is given as (point, terms)."""
    terms = {**BASE, **dict(given)}
    return ";".join([f"seed={seed}", *(f"{point}={text}" for point, text in terms.items())])


def terms_of(point, action, passing=1, slow=False):
    """Acts once, at that passing, or at every one; around it are the terms of the base, if any."""
    before = (SLOWLY[1] if slow else BASE[point]) if point == "ep_poll" else "off"
    if action.startswith("every "):
        return action.removeprefix("every ")
    text = f"{passing - 1}*{before}->" if passing > 1 else ""
    text += f"1*{action.replace('zombie', 'stop')}"
    return text + (f"->{before}" if before != "off" else "")


# --- one run -------------------------------------------------------------------------------------

def exits_of(action, point):
    """The exit codes with which a run may end in which that happened once."""
    action = action.removeprefix("every ")
    if action.startswith("kill"):
        return {-signal.SIGKILL}
    if action == "nomem":
        return {-signal.SIGABRT}
    if action.startswith("zombie"):
        return {0, 10}
    if action == "return(halt)":
        return {0, 1}
    if action == "return(refused)":
        return {15}
    if action == "flip":
        return {0, 11}
    return {0}


class Trace:
    """What a run told of its failpoints."""

    def __init__(self, path):
        lines = path.read_text().splitlines() if path.exists() else []
        words = [line.split() for line in lines]
        self.passes = [w[1] for w in words if w[0] == "pass"]
        self.acts = [w[1] for w in words if w[0] == "act"]
        self.calls = {(w[1], w[2]) for w in words if w[0] == "call"}
        self.left = sorted({w[1] for w in words if w[0] == "left"})


def stray_letters(names, records):
    """Sentences about files of dead letters that no committed manifest lists."""
    for name in names:
        if not any(f"/{name}".encode() in body for body in records):
            yield f"dead letters {name} are in no committed manifest"


def alter(job, sql):
    with sqlite3.connect(job.sqlite) as database:
        database.execute(sql)
    database.close()


def memory():
    """Where folders for runs are made: kills lose nothing there, and fsync costs nothing."""
    shm = Path("/dev/shm")
    return shm if shm.is_dir() and shutil.disk_usage(shm).free > 2 << 30 else None


class Bench:
    """One topic, the run that nothing disturbed, and what each situation begins with."""

    def __init__(self, folder):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # of runs that abort
        self.folder = Path(folder)
        self.program = binary("fault")
        self.whole = self.job("whole", interval="1 hour").load(EVENTS, *FLAGS)
        code = self.whole.run(env={"WEIR_FAILPOINT": spec()})
        if code != 0 or self.whole.wrong():
            raise RuntimeError(f"exit {code}\n{self.whole.wrong()}\n{self.whole.why()}")
        wanted = self.shown(self.whole, ())
        self.wanted = {name: wanted for name in SITUATIONS}
        self.passes, self.calls = {}, set()
        self.taken = {}  # records that a collector may have taken, by situation
        for name, situation in SITUATIONS.items():
            self.prepare(name, **situation)

    def prepare(self, name, behind=None, then=None, bounded=True, refuses=False, claims=None,
                given=(), first=None):
        """Makes what the situation begins with, and learns which failpoints come then."""
        killed = self.folder / f"before-{name}"
        job = self.job(killed.name).share(self.whole)
        for number, fault in enumerate(filter(None, (behind, then))):
            if number == 1:
                shutil.copytree(killed / "mysql", killed / "mysql-before")
            code = job.run(env={"WEIR_FAILPOINT": spec(
                *([SLOWLY] if given else []), fault.split("=", 1))})
            if code != (0 if "term" in fault else -signal.SIGKILL):
                raise RuntimeError(f"{fault}: exit {code}\n{job.why()}")
        if then:
            shutil.rmtree(killed / "mysql")
            (killed / "mysql-before").rename(killed / "mysql")
        if given:
            self.taken[name] = job.records()
        if refuses or claims:
            alter(job, REFUSES)
        if claims:
            self.must_end(job, "refused", spec(claims.split("=", 1)), -signal.SIGKILL)
            alter(job, TAKES)
        if first:
            self.must_end(job, name, spec(first.split("=", 1)), -signal.SIGKILL)
        trial = self.new_job(name, f"trial-{name}")
        trace = self.must_end(trial, name, spec(), 0)
        if refuses:
            wrong = self.finish(trial, name, compared=False)
            self.wanted[name] = self.shown(trial, ())
            if wrong or self.wanted[name]["table"] == self.wanted["start"]["table"]:
                raise RuntimeError(f"{name}: {wrong or 'no row was refused'}\n{trial.why()}")
        self.passes[name] = {p: trace.passes.count(p) for p in trace.passes}
        self.calls |= trace.calls

    def must_end(self, job, situation, text, wanted):
        code, trace = self.run(job, situation, text)
        if code != wanted:
            raise RuntimeError(f"{situation}, {text}: exit {code}\n{job.why()}")
        return trace

    def job(self, name, interval="10 ms"):
        job = Embedded(self.folder / name, self.program, interval=interval,
                       settings=[("lanes", 2)])
        job.seen = set()  # records behind each run: the collector of the next may take them
        for below in ("s3/lake", "mysql"):
            (job.dir / below).mkdir(parents=True, exist_ok=True)
        return job

    def new_job(self, situation, name):
        shutil.copytree(self.folder / f"before-{situation}", self.folder / name, symlinks=True)
        return self.job(name)

    def twin(self, job):
        """The same lineage under another lock, as on another host."""
        twin = Path(f"{job.dir}-twin")
        twin.mkdir()
        for below in ("kafka", "s3", "mysql"):
            (twin / below).symlink_to((job.dir / below).resolve())
        return Embedded(twin, self.program, interval="10 ms", settings=[("lanes", 2)])

    def shown(self, job, taken):
        """What the sinks show: table, files, dead letters; and faults of files. taken: records
        that were there once."""
        table, rows, faults = job.dump()
        dead = job.s3 / "checkpoints/revenue/l1/dead/bad_orders"
        letters, names = compare.avro_rows(compare.folder_objects(dead), LETTER, faults)
        faults += stray_letters(names, [*taken, *job.records()])
        return {"table": table, "files": rows, "dead letters": sorted(letters, key=str),
                "faults": faults}

    # --- runs ---

    def start(self, job, situation, text, *flags):
        given = SITUATIONS[situation].get("given", {})
        text = ";".join([text, *(f"{point}={action}" for point, action in given.items())])
        env = {"WEIR_FAILPOINT": text, "WEIR_FAILPOINT_TRACE": str(job.dir / "trace")}
        (job.dir / "trace").unlink(missing_ok=True)
        bounded = SITUATIONS[situation].get("bounded", True)
        if SITUATIONS[situation].get("refuses"):
            return job.start(env=env, command=REPAIR)
        weir = job.start(*(["--until", "end"] if bounded else []), *flags, env=env)
        if not bounded:
            wait_until(lambda: "msg=resumed" in weir.text() or weir.ended() or weir.stopped(), 300)
            weir.signal(signal.SIGTERM)
        return weir

    def run(self, job, situation, text):
        code = self.start(job, situation, text).wait()
        return code, Trace(job.dir / "trace")

    def haunted_run(self, job, situation, text, locked):
        """A worker stands still, another one takes its lineage over, the first goes on."""
        first = self.start(job, situation, text, "--take-over")
        wait_until(lambda: first.stopped() or first.ended(), 300, 0.002)
        twin = self.twin(job)
        seals = job.s3 / "checkpoints/revenue/l1/t0/seals"
        before = len(list(seals.glob("*")))
        env = {"WEIR_FAILPOINT": spec()}
        if SITUATIONS[situation].get("refuses"):
            second = twin.start(env=env, command=REPAIR)
        else:
            second = twin.start("--until", "end", "--take-over", env=env)
        if locked:  # that holds the second up, too: before or behind its seal
            wait_until(lambda: len(list(seals.glob("*"))) > before or second.ended(), 15, 0.002)
        else:
            wait_until(second.ended, 60, 0.002)
        first.signal(signal.SIGCONT)
        codes = first.wait(), second.wait()
        # A repair that stood still before it took over fences the other, which waited for its lock.
        well = (0, 10) if locked and codes[0] == 0 and SITUATIONS[situation].get("refuses") else (0,)
        why = "" if codes[1] in well else f"the second worker: exit {codes[1]}\n{twin.why()}"
        shutil.rmtree(twin.dir)
        return codes[0], Trace(job.dir / "trace"), why

    def finish(self, job, situation, compared=True):
        """On to the end; where rows are refused they have to be repaired by then."""
        env = {"WEIR_FAILPOINT": spec()}
        if SITUATIONS[situation].get("refuses"):
            code = job.start(env=env, command=REPAIR).wait()
            if code != 0:
                return f"the repair behind it: exit {code}"
            alter(job, TAKES)
        code = job.run(env=env)
        if code != 0:
            return f"the run behind it: exit {code}"
        if situation in AMENDED and self.amends(job) != AMENDED[situation]:
            return f"{self.amends(job)} epochs were amended"
        return self.differs(job, situation) if compared else ""

    def amends(self, job):
        return sum(record_of(body)[0] == AMEND for body in job.records())

    def differs(self, job, situation):
        taken = [*self.taken.get(situation, []), *job.seen]
        shown = self.shown(job, taken)
        if shown["faults"]:
            return "\n".join(shown["faults"])
        for name, wanted in self.wanted[situation].items():
            found = shown[name]
            if found != wanted:
                return (f"the {name} differ: {len(found)} rows, {len(wanted)} wanted; "
                        f"first extra {next(iter(set(found) - set(wanted)), None)}, "
                        f"first missing {next(iter(set(wanted) - set(found)), None)}")
        return "\n".join(stray_files(job.files(), [*taken, *job.records()]))


# --- cases ---------------------------------------------------------------------------------------

class Case:
    """Runs one behind the other: each a list of (point, action, passing); then one to the end."""

    def __init__(self, situation, *runs, seed=7, slow=False):
        self.situation, self.runs, self.seed, self.slow = situation, runs, seed, slow

    def __str__(self):
        runs = (" and ".join(f"{p}={terms_of(p, a, n)}" for p, a, n in run) for run in self.runs)
        return f"{self.situation}: {'; then '.join(runs)}"


class Outcome:
    def __init__(self, case, reached, wrong):
        self.case, self.reached, self.wrong = case, reached, wrong


def holds_lock(point, action):
    """Does a worker that stands still there keep others out of a SQLite file?"""
    if not action.startswith("zombie"):
        return False
    if point == "tk_read_payload":  # in the middle of a replay
        return True
    if failpoints()[point] not in ("SQL", "ROWS"):
        return False
    begins = ("ep_sql_begin", "tk_replay_begin", "ep_sql_look", "tk_row_for_update", "tk_start_row",
              "tk_claim_back", "rp_look", "rp_try", "rp_claim")
    return action != "zombie" or point not in begins


def try_run(bench, job, case, run):
    """Gives which of the run's failpoints acted, and what is wrong."""
    text = spec(*([SLOWLY] if case.slow else []),
                *((p, terms_of(p, a, n, case.slow)) for p, a, n in run), seed=case.seed)
    why = ""
    if any(a.startswith("zombie") for _, a, _ in run):
        locked = any(holds_lock(p, a) for p, a, _ in run)
        code, trace, why = bench.haunted_run(job, case.situation, text, locked)
    else:
        code, trace = bench.run(job, case.situation, text)
    reached = [p for p, _, _ in run if p in trace.acts]
    allowed = {0}.union(*(exits_of(a, p) for p, a, _ in run))
    if case.situation == "refused" and any(a in ("term", "return(refused)") for _, a, _ in run):
        allowed |= {0, 1, 15}  # a repair that is stopped has not done it
    elif sum(a == "term" for _, a, _ in run) + (case.situation == "shutdown") > 1:
        allowed.add(143)  # the second SIGTERM: exit now; one comes in a shutdown anyway
    elif len(run) == 1 and reached == [run[0][0]]:
        allowed = exits_of(run[0][1], run[0][0])
    if not why and code not in allowed:
        why = f"exit {code}, not of {sorted(allowed)}"
    if not why and trace.left:
        why = f"no external call behind {trace.left}"
    return reached, why


def try_case(number):
    """In a process of its own; number is of POOL."""
    bench, cases = POOL
    case, reached, job = cases[number], [], None
    try:
        job = bench.new_job(case.situation, f"run{number}{'-slow' if case.slow else ''}")
        wrong = ""
        for run in case.runs:
            met, wrong = try_run(bench, job, case, run)
            job.seen.update(job.records())
            reached.append(met)
            if wrong:
                break
        wrong = wrong or bench.finish(job, case.situation)
    except BaseException:
        wrong = traceback.format_exc()
    if wrong:
        wrong = f"{case}\n{wrong}\n{job.why() if job and job.log.exists() else ''}"
    if job and not (wrong and os.environ.get("KEEP")):
        shutil.rmtree(job.dir, ignore_errors=True)
    return number, reached, wrong


POOL = None  # bench and cases, for the processes that are forked


def try_all(bench, cases):
    """Outcomes, as they come."""
    global POOL
    POOL = bench, cases
    fork = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(JOBS, mp_context=fork) as pool:
        for done in concurrent.futures.as_completed(
                [pool.submit(try_case, n) for n in range(len(cases))]):
            number, reached, wrong = done.result()
            yield Outcome(cases[number], reached, wrong)
