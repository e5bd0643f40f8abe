# tests/fault/crash: runs the embedded job into a failpoint, then to its end.
# Shared by the tests in fault and long. A failpoint is armed in one of three situations:
#   start     a run from nothing to the end
#   takeover  a run behind one that was killed between the PUT of a manifest and the sinks' commit
#   shutdown  a run behind that one, without an end, which SIGTERM stops
#   big       a run from nothing with one epoch that is too big for its manifest
# SPDX-License-Identifier: Apache-2.0
import re
import shutil
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from harness import TREE, Embedded, binary, stray_files, wait_until

EVENTS = 30_000
BIG = ("--events", 300_000, "--customers", 100_000, "--span", "10 hours", "--updates", 0,
       "--deletes", 0, "--unpaid", 0)
BEFORE = "ep_after_put_manifest=2*kill"
INTERVAL = "10 ms"

# Those that no run of this job can reach, and why.
OUT_OF_REACH = {
    "gen_self_seal": "the owner seals its own generation after 20,000 epochs or a day",
}


def failpoints():
    text = (TREE / "include/weir/failpoints.def").read_text()
    return re.findall(r"^FAILPOINT\((\w+),", text, re.M)


class Bench:
    """One topic, the run that nothing disturbed, and a place for each run that is."""

    def __init__(self, folder):
        self.folder, self.number = Path(folder), 0
        self.program = binary("fault")
        self.whole = self.job("whole", interval="1 hour").load(
            EVENTS, "--customers", 10, "--bad", 20)
        self.wanted = self.undisturbed(self.whole)
        self.big = self.big_wanted = None
        self.killed = self.job("killed").share(self.whole)
        code = self.killed.run(env={"WEIR_FAILPOINT": BEFORE})
        if code != -signal.SIGKILL:
            raise RuntimeError(f"{BEFORE}: exit {code}\n{self.killed.why()}")

    def undisturbed(self, job):
        code = job.run()
        if code != 0 or job.wrong():
            raise RuntimeError(f"exit {code}\n{job.wrong()}\n{job.why()}")
        return job.dump()

    def job(self, name, interval=INTERVAL):
        return Embedded(self.folder / name, self.program, interval=interval,
                        settings=[("lanes", 2)])

    def new_job(self, situation):
        self.number += 1
        name = f"run{self.number}"
        if situation == "start":
            return self.job(name).share(self.whole)
        if situation == "big":
            if self.big is None:
                self.big = self.job("big", interval="1 hour").load(*BIG)
                self.big_wanted = self.undisturbed(self.big)
            return self.job(name, interval="1 hour").share(self.big)
        shutil.copytree(self.killed.dir, self.folder / name, symlinks=True)
        return self.job(name)

    def crash(self, point, passing, action, situation, then=None):
        """Runs into the failpoint and then to the end. Gives whether it was reached, and
        what is wrong, if anything."""
        job = self.new_job(situation)
        env = {"WEIR_FAILPOINT": f"{point}={passing}*{action}"}
        reached, wrong = self.first_run(job, action, situation, env)
        if not wrong and then:
            code = job.run(env={"WEIR_FAILPOINT": f"{then}=1*kill"})
            wrong = "" if code in (0, -signal.SIGKILL) else f"{then}: exit {code}"
        if not wrong:
            wrong = self.finish(job, self.big_wanted if situation == "big" else self.wanted)
        log = job.why() if wrong else ""
        shutil.rmtree(job.dir)
        return reached, f"{wrong}\n{log}" if wrong else ""

    def first_run(self, job, action, situation, env):
        bounded = situation != "shutdown"
        weir = job.start(*(["--until", "end"] if bounded else []), env=env)
        if not bounded:
            wait_until(lambda: "msg=resumed" in weir.text() or weir.ended() or weir.stopped(), 60)
            weir.signal(signal.SIGTERM)
        reached = False
        if action == "stop":
            reached = bool(wait_until(lambda: weir.stopped() or weir.ended(), 60, 0.002)
                           and not weir.ended())
            weir.signal(signal.SIGCONT)
        code = weir.wait(60)
        wanted = {"kill": -signal.SIGKILL, "exit": 1, "stop": 0}[action]
        if action != "stop":
            reached = code == wanted
        ok = code in (0, wanted)
        return reached, "" if ok else f"exit {code} instead of {wanted}"

    def finish(self, job, unbroken):
        code = job.run()
        if code != 0:
            return f"the run behind it: exit {code}"
        table, rows, faults = job.dump()
        if faults:
            return "\n".join(faults)
        for name, found, wanted in (("table", table, unbroken[0]),
                                    ("files", rows, unbroken[1])):
            if found != wanted:
                return (f"the {name} differ: {len(found)} rows, {len(wanted)} wanted; "
                        f"first extra {next(iter(set(found) - set(wanted)), None)}, "
                        f"first missing {next(iter(set(wanted) - set(found)), None)}")
        return "\n".join(stray_files(job.files(), job.records()))
