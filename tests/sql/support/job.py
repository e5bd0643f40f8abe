# SPDX-License-Identifier: Apache-2.0
"""One job in one embedded folder: its input, its SQL, its runs and what they left."""
import os
import re
import sqlite3
import subprocess

import avro
from testfile import table
from topic import Topic

SETTINGS = {"job.name": "test", "checkpoint.location": "s3://kept/checkpoints",
            "http.listen": "", "lanes": "2"}
CHANGES = {"decimal_encoding": "string", "time_encoding": "iso"}


class Job:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.topics, self.tables, self.sql = {}, {}, ""
        self.flags, self.unset = [], set()
        self.due, self.checked = True, False   # input changed since the last run; any check made
        self.code, self.out, self.log = None, "", ""

    def add_table(self, section):
        """`table NAME (COLUMNS) [with …]` or `changes …`: CREATE TABLE and the topic's records."""
        name, columns, names, keys, options = table(section)
        changes = section.kind == "changes"
        self.topics[name] = Topic(self.folder, name, names, keys, changes)
        self.topics[name].append(section.lines)
        given = {"connector": "kafka", "brokers": "none", "topic": name,
                 "format": "debezium-json" if changes else "json"}
        if changes:
            given.update(CHANGES)
        given = {key: value for key, value in given.items()
                 if not re.search(rf"(^|[\s,]){key}\s*=", options)}
        words = [f"{key} = '{value}'" for key, value in given.items()] + [options] * bool(options)
        self.tables[name] = f"CREATE TABLE {name} ({columns}) WITH ({', '.join(words)});"
        self.due = True

    def add_rows(self, name, lines):
        self.topics[name].append(lines)
        self.due = True

    def set_sql(self, text):
        self.sql = text
        self.due = True

    def text(self):
        """The whole job: settings that the test does not set, the tables, the test's SQL."""
        sets = [f"SET {name} = '{value}';" for name, value in SETTINGS.items()
                if name not in self.unset and not re.search(rf"SET\s+{re.escape(name)}\s*=", self.sql, re.I)]
        return " ".join(sets) + "\n" + "\n".join([*self.tables.values(), self.sql]) + "\n"

    def run(self, output):
        """Runs to the topics' ends unless nothing changed since the last run."""
        self.checked = True
        if not self.due:
            return
        self.due = False
        file = self.folder / "job.sql"
        file.write_text(self.text(), encoding="utf-8")
        command = [self.program, "run", "--embedded", ".", "--until", "end", "--output", output,
                   *self.flags, "job.sql"]
        try:
            done = subprocess.run(command, cwd=self.folder, capture_output=True, timeout=60,
                                  stdin=subprocess.DEVNULL, env={**os.environ, "TZ": "UTC"})
        except subprocess.TimeoutExpired as late:
            self.code, self.out, self.log = "none: it did not end", "", text_of(late.stderr)
            return
        self.code = done.returncode
        self.out, self.log = text_of(done.stdout), text_of(done.stderr)

    def ending(self):
        """The end of what the last run said, for a test that failed."""
        said = self.log if self.code == 0 else self.out + self.log
        return ["it said:", *said.splitlines()[-12:]] if said else []

    def figures(self):
        """The numbers of the log's last line: {'bad': '1', …}."""
        last = [line for line in self.log.splitlines() if "msg=finished" in line]
        return dict(re.findall(r"(\w+)=([0-9]+)(?= |$)", last[-1])) if last else {}

    def database(self, name, query):
        file = self.folder / "mysql" / f"{name}.sqlite"
        if not file.exists():
            return None
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
            return database.execute(query).fetchall()

    def letters(self, name):
        """Dead letters of all runs, in the order of partition and offset."""
        found = []
        for file in sorted(self.folder.glob(f"s3/kept/checkpoints/*/*/dead/{name}/*.avro")):
            found += avro.rows(file.read_bytes())
        return sorted(found, key=lambda row: (row["topic"], row["partition"], row["offset"]))

    def avro_rows(self, path):
        found = []
        for file in sorted((self.folder / "s3" / path).rglob("*.avro")):
            found += avro.rows(file.read_bytes())
        return found


def text_of(raw):
    return (raw or b"").decode("utf-8", errors="replace")
