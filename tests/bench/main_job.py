# tests/bench/main_job: weir and the bare consumer on one topic, alternately. Called by run.
# SPDX-License-Identifier: Apache-2.0
import json
import os
import platform
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from harness import TREE, Stack, binary, load, quietly

import pymysql

EVENTS = int(os.environ.get("WEIR_BENCH_EVENTS", "2000000"))
PAIRS = int(os.environ.get("WEIR_BENCH_PAIRS", "5"))
PROFILES = os.environ.get("WEIR_BENCH_PROFILES", "inserts mixed").split()
OUT = Path(os.environ.get("WEIR_BENCH_OUT", TREE / "build/bench/main-job.jsonl"))
# What kafka_conf.c sets, where it is not the library's default: both read in the same way.
BARE = os.environ.get("WEIR_BENCH_BARE", "check.crcs=true queued.min.messages=10000000 "
                      "queued.max.messages.kbytes=8192 fetch.message.max.bytes=524288 "
                      "fetch.max.bytes=16777216 fetch.wait.max.ms=100 "
                      "fetch.queue.backoff.ms=5").split()
HERE = Path(__file__).resolve().parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1) as answer:
            return answer.read().decode() if answer.status == 200 else None
    except OSError:
        return None


class Watch(threading.Thread):
    """Notes when the program was ready for the first time."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.ready_s, self.start_s, self.over = port, None, time.monotonic(), False

    def run(self):
        while not self.over:
            if answers(self.port, "/readyz") is not None:
                self.ready_s = time.monotonic() - self.start_s
                return
            time.sleep(0.002)


def usage_of(command, env, log):
    """Runs it; wall and CPU seconds of all threads and children, peak memory, exit code."""
    start = time.monotonic()
    with open(log, "ab") as out:
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=out)
        printed = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return {"code": process.returncode, "wall_s": round(time.monotonic() - start, 3),
            "cpu_s": round(used.ru_utime + used.ru_stime, 3),
            "rss_mb": round(used.ru_maxrss / 1024, 1)}, printed


def told_by_table(stack, name):
    """Rows of the result and the events that they count: a fast wrong answer is none."""
    at = urllib.parse.urlsplit(stack.env["MYSQL_URL"])
    db = pymysql.connect(host=at.hostname, port=at.port, user=at.username,
                         password=urllib.parse.unquote(at.password), database=at.path[1:])
    with db, db.cursor() as cursor:
        cursor.execute(f"SELECT count(*), sum(orders) FROM `{name}`")
        rows, counted = cursor.fetchone()
        return {"rows": rows, "counted": int(counted or 0)}


def weir_command(topic, name, port, *flags):
    command = [str(binary()), "run", *flags, "--log-level", "info"]
    for key, value in {"NAME": name, "TOPIC": topic, "PORT": port}.items():
        command += ["--param", f"{key}={value}"]
    return [*command, str(HERE / "main_job.sql")]


def ready_again(stack, topic, name, log):
    """Milliseconds from the start of a job that has been run before until it is ready."""
    port = free_port()
    with open(log, "ab") as out:
        watch = Watch(port)
        process = subprocess.Popen(weir_command(topic, name, port), stdout=out, stderr=out,
                                   env={**os.environ, **stack.env})
        watch.start()
        watch.join(60)
        process.terminate()
        process.wait(60)
    return watch.ready_s and round(1000 * watch.ready_s)


def run_weir(stack, topic, name, log):
    port = free_port()
    watch = Watch(port)
    watch.start()
    line, _ = usage_of(weir_command(topic, name, port, "--until", "end"),
                       {**os.environ, **stack.env}, log)
    watch.over = True
    if line["code"] != 0:
        sys.exit(f"weir ended with {line['code']}:\n{Path(log).read_text()[-2000:]}")
    rows = re.findall(r"rows_out=([0-9]+) sink_ms=([0-9.]+)", Path(log).read_text())
    line["ready_again_ms"] = ready_again(stack, topic, name, log)
    line.update(program="weir", ready_ms=watch.ready_s and round(1000 * watch.ready_s),
                upserts=int(rows[-1][0]), sink_s=round(float(rows[-1][1]) / 1000, 3),
                upserts_per_s=round(1000 * int(rows[-1][0]) / float(rows[-1][1])),
                upserts_per_wall_s=round(int(rows[-1][0]) / line["wall_s"]),
                **told_by_table(stack, name))
    return line


def run_bare(stack, topic, log):
    line, printed = usage_of([str(TREE / "build/bench/bare_consumer"), stack.env["KAFKA_BROKERS"],
                              topic, *BARE], {**os.environ, **stack.env}, log)
    told = json.loads(printed)
    line.update(program="bare consumer", messages=told["messages"], bytes=told["bytes"])
    return line


def machine():
    model = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    return {"cpu": model.group(1) if model else platform.machine(), "cores": os.cpu_count(),
            "version": quietly(binary(), "version").strip(), "events": EVENTS, "pairs": PAIRS}


def measure(stack, profile, folder, out):
    topic = f"bench.{profile}.{os.getpid()}"
    load("--brokers", stack.env["KAFKA_BROKERS"], "--topic", topic, "--profile", profile,
         "--events", EVENTS, "--codec", "lz4")
    lines = []
    for pair in range(PAIRS):
        for program in (run_bare, run_weir) if pair % 2 else (run_weir, run_bare):
            log = Path(folder) / f"{profile}.{pair}.log"
            words = (f"bench_{profile}_{pair}_{os.getpid()}",) if program is run_weir else ()
            line = {"profile": profile, "pair": pair, **program(stack, topic, *words, log)}
            print(json.dumps(line), file=out, flush=True)
            lines.append(line)
    return lines


def median(lines, program, what):
    found = [l[what] for l in lines if l["program"] == program and l.get(what) is not None]
    return statistics.median(found) if found else float("nan")


def table(profile, lines):
    million = EVENTS / 1e6
    print(f"\n{profile}: {EVENTS} events, medians of {PAIRS} runs each")
    print(f"{'':14} {'CPU s':>8} {'CPU s/M':>8} {'wall s':>8} {'RSS MB':>8} {'ready ms':>9} "
          f"{'again ms':>9} {'sink s':>7} {'upserts/s':>10} {'per wall s':>10}")
    for program in ("weir", "bare consumer"):
        cpu, wall, rss = (median(lines, program, w) for w in ("cpu_s", "wall_s", "rss_mb"))
        more = "" if program != "weir" else (f" {median(lines, program, 'ready_ms'):9.0f} "
                                              f"{median(lines, program, 'ready_again_ms'):9.0f} "
                                              f"{median(lines, program, 'sink_s'):7.2f} "
                                              f"{median(lines, program, 'upserts_per_s'):10.0f} "
                                              f"{median(lines, program, 'upserts_per_wall_s'):10.0f}")
        print(f"{program:14} {cpu:8.2f} {cpu / million:8.2f} {wall:8.2f} {rss:8.1f}{more}")
    by_pair = [next(l["cpu_s"] for l in lines if l["pair"] == p and l["program"] == "weir") /
               next(l["cpu_s"] for l in lines if l["pair"] == p and l["program"] != "weir")
               for p in range(PAIRS)]
    print("weir's table: " + ", ".join(sorted({f"{l['rows']} rows of {l['counted']} events"
                                               for l in lines if l["program"] == "weir"})))
    print(f"ratio of CPU, pair by pair: {', '.join(f'{r:.2f}' for r in by_pair)}; "
          f"median {statistics.median(by_pair):.2f}")
    return {"profile": profile, "ratio": round(statistics.median(by_pair), 3)}


def main():
    OUT.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder, open(OUT, "w") as out, \
            Stack(Path(folder) / "stack", "kafka", "s3", "mariadb") as stack:
        about = machine()
        print(json.dumps(about), file=out)
        print(f"{about['cores']} cores of {about['cpu']}; {about['version']}")
        for profile in PROFILES:
            lines = measure(stack, profile, folder, out)
            print(json.dumps(table(profile, lines)), file=out)
    print(f"\nEach run as a line of JSON: {OUT}")


if __name__ == "__main__":
    main()
