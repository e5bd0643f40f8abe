# tests/bench/restart: how soon a job with much state processes again. Called by run.
# SPDX-License-Identifier: Apache-2.0
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from main_job import answers, free_port, machine, told_by_table
from harness import TREE, Stack, binary, load, wait_until

KEYS = int(os.environ.get("WEIR_BENCH_EVENTS", "1000000"))
RUNS = int(os.environ.get("WEIR_BENCH_PAIRS", "5"))
OUT = Path(os.environ.get("WEIR_BENCH_OUT", TREE / "build/bench/restart.jsonl"))
HERE = Path(__file__).resolve().parent
RATE = int(os.environ.get("WEIR_BENCH_RATE", "20000"))
MORE = 1000  # records that come while the job is away
STEADY_S = 10  # so long they come at the rate, when it is back
MIB = 1 << 20


class Job:
    """One run, and what it tells of itself."""

    def __init__(self, stack, topic, name, log):
        self.port = free_port()
        command = [str(binary()), "run", "--take-over", "--log-level", "info"]
        for key, value in {"NAME": name, "TOPIC": topic, "PORT": self.port}.items():
            command += ["--param", f"{key}={value}"]
        self.log = open(log, "ab")
        self.start_s = time.monotonic()
        self.process = subprocess.Popen([*command, str(HERE / "restart.sql")], stdout=self.log,
                                        stderr=self.log, env={**os.environ, **stack.env})

    def metric(self, name):
        told = answers(self.port, "/metrics") or ""
        found = re.search(rf"^weir_{name}(?:_total)? (\S+)$", told, re.M)
        return float(found[1]) if found else 0.0

    def memory_mb(self, word):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return round(int(re.search(rf"{word}:\s+(\d+)", status)[1]) / 1024, 1)

    def ms_until(self, what, deadline_s=120):
        if not wait_until(lambda: what() or self.process.poll() is not None, deadline_s, 0.002):
            sys.exit(f"weir did not get there in {deadline_s} s")
        if self.process.poll() is not None:
            sys.exit(f"weir ended with {self.process.returncode}")
        return round(1000 * (time.monotonic() - self.start_s), 1)

    def cpu_s(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return round((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), 2)

    def end(self, number):
        self.process.send_signal(number)
        self.process.wait(60)
        self.log.close()


def fill(stack, topic, name, log):
    """Reads all keys once, and says what that process held when it had come to rest."""
    job = Job(stack, topic, name, log)
    job.ms_until(lambda: job.metric("state_groups") >= KEYS, 600)
    epoch = job.metric("epoch")
    wait_until(lambda: told_by_table(stack, name)["rows"] >= KEYS, 600, 0.2)
    line = {"keys": int(job.metric("state_groups")), "filled_in_epochs": int(epoch),
            "state_mb": round(job.metric("state_bytes") / MIB, 1),
            "rss_mb": job.memory_mb("VmRSS"), "rss_most_mb": job.memory_mb("VmHWM")}
    return job, line


def steady(stack, topic, job):
    """What the process holds while it works at the rate: the median of the second half."""
    more = threading.Thread(target=load, args=(
        "--brokers", stack.env["KAFKA_BROKERS"], "--topic", topic, "--profile", "inserts",
        "--events", RATE * STEADY_S, "--rate", RATE, "--codec", "lz4"))
    wanted, seen = job.metric("records_read") + RATE * STEADY_S, []
    more.start()
    while more.is_alive():
        seen.append(job.memory_mb("VmRSS"))
        time.sleep(0.1)
    more.join()
    job.ms_until(lambda: job.metric("records_read") >= wanted)
    return statistics.median(seen[len(seen) // 2:])


def restart(stack, topic, name, log, job, number):
    """Ends the job by a signal while records come, starts it again, and watches."""
    before = {"rss_before_mb": job.memory_mb("VmRSS"), "epoch": int(job.metric("epoch"))}
    job.end(number)
    load("--brokers", stack.env["KAFKA_BROKERS"], "--topic", topic, "--profile", "inserts",
         "--events", MORE, "--codec", "lz4")
    job = Job(stack, topic, name, log)
    ready = job.ms_until(lambda: answers(job.port, "/readyz") is not None)
    start_mb, start_cpu = job.memory_mb("VmHWM"), job.cpu_s()
    first = job.ms_until(lambda: job.metric("records_read") > 0)
    epoch = job.ms_until(lambda: job.metric("epochs") > 0)
    idle_mb, steady_mb = job.memory_mb("VmRSS"), steady(stack, topic, job)
    line = {"signal": signal.Signals(number).name, **before, "ready_ms": ready,
            "processing_ms": first, "epoch_ms": epoch, "start_cpu_s": start_cpu,
            "rss_start_mb": start_mb, "rss_idle_mb": idle_mb, "rss_steady_mb": steady_mb,
            "start_of_steady": round(start_mb / steady_mb, 3),
            "state_mb": round(job.metric("state_bytes") / MIB, 1),
            "keys": int(job.metric("state_groups"))}
    return job, line


def table(filled, lines):
    print(f"\n{filled['keys']} keys; who read them all held {filled['rss_mb']} MB, at most "
          f"{filled['rss_most_mb']} MB, {filled['state_mb']} MiB of it state. Restarted: "
          f"{lines[-1]['state_mb']} MiB of state; steady is at {RATE} records/s. Medians")
    words = ("ready_ms", "processing_ms", "epoch_ms", "start_cpu_s", "rss_start_mb",
             "rss_idle_mb", "rss_steady_mb", "start_of_steady")
    print(f"{'':9}" + "".join(f"{w:>16}" for w in words))
    for name in dict.fromkeys(l["signal"] for l in lines):
        of = [l for l in lines if l["signal"] == name]
        print(f"{name:9}" + "".join(f"{statistics.median(l[w] for l in of):16.2f}"
                                    for w in words))


def main():
    OUT.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder, open(OUT, "w") as out, \
            Stack(Path(folder) / "stack", "kafka", "s3", "mariadb") as stack:
        about = machine()
        print(json.dumps({**about, "events": KEYS}), file=out)
        print(f"{about['cores']} cores of {about['cpu']}; {about['version']}")
        topic, name = f"bench.restart.{os.getpid()}", f"bench_restart_{os.getpid()}"
        log = Path(folder) / "weir.log"
        load("--brokers", stack.env["KAFKA_BROKERS"], "--topic", topic, "--profile", "inserts",
             "--events", KEYS, "--codec", "lz4")
        job, filled = fill(stack, topic, name, log)
        print(json.dumps(filled), file=out, flush=True)
        lines = []
        for number in (signal.SIGTERM, signal.SIGKILL):
            for _ in range(RUNS):
                job, line = restart(stack, topic, name, log, job, number)
                print(json.dumps(line), file=out, flush=True)
                lines.append(line)
        wanted = KEYS + (MORE + RATE * STEADY_S) * len(lines)
        wait_until(lambda: told_by_table(stack, name)["counted"] >= wanted, 60, 0.1)
        job.end(signal.SIGTERM)
        table(filled, lines)
        told = told_by_table(stack, name)
        print(f"weir's table: {told['rows']} rows of {told['counted']} events, {wanted} came")
    print(f"\nEach run as a line of JSON: {OUT}")


if __name__ == "__main__":
    main()
