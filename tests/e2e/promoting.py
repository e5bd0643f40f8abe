# tests/e2e/promoting: an embedded job with a replay beside it, to be promoted. Shared by the tests
# in embedded and fault.
# SPDX-License-Identifier: Apache-2.0
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
from pathlib import Path

from harness import COLUMNS, TOPIC, Embedded, binary, compare, wait_until

TABLE, NAME = "revenue_per_minute", "fix"
PARTS = 4  # in which a topic grows
OLD = {TABLE, f"{TABLE}__{NAME}"}
UNDONE = {TABLE, f"{TABLE}__undone_{NAME}"}
NEW = {TABLE, f"{TABLE}__before_{NAME}"}


class Promotable:
    """A live job that has read half of its topic, and a replay of that."""

    def __init__(self, folder, program=None, fed=0):
        self.dir = Path(folder)
        self.program = program
        self.job = Embedded(self.dir, program=program, interval="20 ms")
        self.fed = fed  # of PARTS

    def prepare(self, source):
        self.job.dir.joinpath("kafka", TOPIC).mkdir(parents=True)
        for _ in range(PARTS // 2):  # an epoch each at least
            self.feed(source, 1)
            self.catch_up()
        last = self.told("show", "last")["epoch"]
        code, out = self.weir("replay", "--into", NAME, "--until", last)
        if code != 0:
            raise RuntimeError(f"the replay: exit {code}\n{out}")
        return self

    def copy(self, folder):
        """The same, in another folder."""
        shutil.copytree(self.dir, folder, symlinks=True)
        return Promotable(folder, self.program, self.fed)

    def feed(self, source, parts):
        """So many parts more."""
        first, self.fed = self.fed, self.fed + parts
        for file in sorted((source.dir / "kafka" / TOPIC).glob("*.jsonl")):
            lines = file.read_bytes().splitlines(keepends=True)
            with open(self.job.dir / "kafka" / TOPIC / file.name, "ab") as out:
                out.writelines(lines[len(lines) * first // PARTS:len(lines) * self.fed // PARTS])

    def lines(self):
        return sum(len(f.read_bytes().splitlines())
                   for f in (self.job.dir / "kafka" / TOPIC).glob("*.jsonl"))

    def position(self):
        last = self.told("show", "last")
        return sum(p["next_offset"] for p in last["positions"]) if last else 0

    def catch_up(self):
        """Runs until all is read; windows stay open."""
        weir = self.job.start()
        wait_until(lambda: self.position() == self.lines() or weir.ended(), 300, 0.05)
        weir.signal(signal.SIGTERM)
        if weir.wait() != 0 or self.position() != self.lines():
            raise RuntimeError(self.job.why())

    def weir(self, command, *words, env=None):
        """The exit code, and what it said."""
        program = self.program or binary()
        done = subprocess.run([str(program), command, *map(str, words),
                               *map(str, self.job.flags()), str(self.job.job)],
                              capture_output=True, text=True, timeout=600,
                              env={**os.environ, **(env or {})})
        return done.returncode, done.stdout + done.stderr

    def promote(self, *flags, env=None, name=NAME):
        return self.weir("promote", "--into", name, *flags, env=env)

    def told(self, what, *words):
        done = subprocess.run([str(self.program or binary()), "checkpoint", what,
                               str(self.job.job), *map(str, words), "--output", "json",
                               *map(str, self.job.flags())], capture_output=True, text=True)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def tables(self):
        with contextlib.closing(sqlite3.connect(self.job.sqlite)) as base, base:
            return {name for name, in base.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'weir_commit'")}

    def rows(self, table=TABLE):
        return sorted(compare.sqlite_rows(str(self.job.sqlite), table, COLUMNS), key=str)

    def damage(self):
        """The live table loses rows, as a reason to promote."""
        with contextlib.closing(sqlite3.connect(self.job.sqlite)) as base, base:
            base.execute(f"DELETE FROM {TABLE} WHERE customer = "
                         f"(SELECT min(customer) FROM {TABLE})")

    def pointer(self):
        file = self.job.s3 / "revenue/_weir_current.json"
        return json.loads(file.read_text())["path"].rsplit("/", 1)[1] if file.exists() else None

    def lake(self, folder):
        faults = []
        rows = compare.avro_rows(compare.folder_objects(self.job.s3 / folder), COLUMNS, faults)[0]
        return sorted(rows, key=str), faults

    def finish(self, source, folder):
        """Feeds the rest, runs to the end; what differs from the run that nothing disturbed."""
        self.feed(source, PARTS - self.fed)
        code = self.job.run()
        if code != 0:
            return f"exit {code}\n{self.job.why()}"
        wanted, files, _ = source.dump()
        found, (lake, faults) = self.rows(), self.lake(folder)
        wrong = [*compare.differences(wanted, found, 2), *compare.differences(files, lake, 2),
                 *faults]
        return "\n".join(map(str, wrong))
