# chaos/fleet: the workers of one lineage, their clocks, their logs, and how each of them ended.
# SPDX-License-Identifier: Apache-2.0
import signal
import struct
import subprocess
import threading
import time
from pathlib import Path

from harness import Weir, wait_until

FENCED, AT_ONCE = 10, 143  # AT_ONCE: of a second SIGTERM
PATIENCE_S = 30


class Clock:
    """The wall clock of one host."""

    def __init__(self, path):
        self.path = Path(path)
        self.path.write_bytes(struct.pack("q", 0))

    def step(self, offset_s):
        with open(self.path, "r+b") as file:
            file.write(struct.pack("q", int(offset_s * 1e6)))


def build_clock(folder):
    """The shared object that is preloaded."""
    made = Path(folder) / "stepped_clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", made,
                    Path(__file__).with_name("stepped_clock.c"), "-ldl"], check=True)
    return made


class Worker(Weir):
    """One process. Its log is followed while it lives, and kept elsewhere when it has ended."""

    def __init__(self, number, host, log, flags, **more):
        self.number, self.host = number, host
        self.killed = self.fenceable = self.still = False
        self.asked = 0  # so often
        self.began_s, self.ended_s, self.seen, self.rest = time.monotonic(), None, 0, b""
        super().__init__(log, *flags, **more)

    def new_epochs(self):
        """How many were finalised since the last call."""
        with open(self.log, "rb") as file:
            file.seek(self.seen)
            text = file.read()
        self.seen += len(text)
        *lines, self.rest = (self.rest + text).split(b"\n")
        return sum(b"epoch finalised" in line for line in lines)

    def die(self):
        self.killed = True
        self.signal(signal.SIGKILL)

    def strange(self):
        """Why its end is not one that its history explains; nothing when it is."""
        code = self.process.returncode
        if (code == -signal.SIGKILL and self.killed) or (code == 0 and self.asked) or \
           (code == AT_ONCE and self.asked > 1) or (code == FENCED and self.fenceable):
            return ""
        return f"worker {self.number} ended with {code}" + (
            " (killed)" if self.killed else " (asked to end)" if self.asked else "")


class Fleet:
    """At least one worker runs, but in the moments between a kill and the next start."""

    def __init__(self, job, folder, logs, env, shim):
        self.job, self.logs, self.kept = job, Path(logs), Path(folder) / "workers"
        self.kept.mkdir()
        self.env = {**job.env, **env, "LD_PRELOAD": str(shim)}
        self.clocks = {host: Clock(Path(folder) / f"clock.{host}") for host in "ab"}
        self.lock = threading.RLock()
        self.alive, self.ended, self.epochs = [], [], []  # epochs: when each was seen
        self.pending = 0  # starts that are on their way
        self.closing = False
        self.follower = threading.Thread(target=self.follow, daemon=True)
        self.follower.start()

    def start(self, host, take_over=True, flags=()):
        with self.lock:
            if self.closing:
                return None
            number = len(self.alive) + len(self.ended)
            for other in self.alive:
                other.fenceable = True
            worker = Worker(number, host, self.logs / f"{number:04}.log",
                            [*(["--take-over"] if take_over else []), *flags], job=self.job.job,
                            env={**self.env, "WEIR_CLOCK_FILE": str(self.clocks[host].path)})
            worker.fenceable = bool(self.alive)
            self.alive.append(worker)
            return worker

    def follow(self):
        while not self.closing or self.alive:
            with self.lock:
                for worker in list(self.alive):
                    self.look_at(worker)
                if not self.closing and not self.pending and not self.running():
                    self.start("a")
            time.sleep(0.01)

    def look_at(self, worker):
        gone = worker.ended()
        now = time.monotonic()
        self.epochs += [now] * worker.new_epochs()
        if gone:
            worker.ended_s = now
            self.alive.remove(worker)
            self.ended.append(worker)
            kept = self.kept / worker.log.name
            kept.write_bytes(worker.log.read_bytes())
            worker.log.unlink()
            worker.log = kept

    def running(self):
        return [worker for worker in self.alive if not worker.ended() and not worker.still]

    def pick(self, which, then=lambda worker: None):
        """Waits for a worker that runs, and does something to it. None when there is none."""
        until = time.monotonic() + PATIENCE_S
        while wait_until(self.running, until - time.monotonic()):
            with self.lock:
                found = self.running()
                if found:
                    worker = found[-1] if which == "newest" else found[0]
                    then(worker)
                    return worker
        return None

    def kill(self, which):
        """kill -9; the worker, or None when there was none."""
        def strike(worker):
            worker.die()
            self.pending += 1
        worker = self.pick(which, strike)
        if worker is not None:
            worker.process.wait()
        return worker

    def replace(self, worker, take_over):
        """Starts the next one where a worker has ended, unless another one runs."""
        with self.lock:
            self.pending -= 1
            if not self.running():
                self.start(worker.host, take_over)

    def ask(self, worker):
        """SIGTERM, and waits for its end."""
        worker.asked += 1
        worker.signal(signal.SIGCONT)
        worker.signal(signal.SIGTERM)
        return wait_until(worker.ended, 300)

    def close(self):
        """Asks all that still run to end; whether they did."""
        self.closing = True
        with self.lock:
            left = list(self.alive)
        ended = [self.ask(worker) for worker in left]
        for worker in left:
            if not worker.ended():
                worker.kill()
        self.follower.join(60)
        return all(ended)

    def last(self, deadline_s):
        """A last worker runs to the end, under a clock that is right."""
        for clock in self.clocks.values():
            clock.step(0)
        log = self.kept / "last.log"
        worker = Weir(log, "--until", "end", "--take-over", job=self.job.job, env=self.job.env)
        return worker.wait(deadline_s), log
