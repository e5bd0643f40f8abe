# tests/harness: starts weir, loads topics, kills, and compares with the oracle.
# Shared by the tests in embedded, fault, e2e and long. Knows weir only as a program and by its
# documented outputs; what is right is computed by tests/oracle, which shares no code with weir.
# SPDX-License-Identifier: Apache-2.0
import hashlib
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.parse
from pathlib import Path

sys.dont_write_bytecode = True
TREE = Path(__file__).resolve().parents[2]
PYTHON = os.environ.get("WEIR_PYTHON", sys.executable)
if Path(PYTHON) != Path(sys.executable) and Path(PYTHON).exists():
    os.execv(PYTHON, [PYTHON, *sys.argv])  # the one that has the tests' packages
sys.path.insert(0, str(TREE / "tests/oracle"))
import compare  # noqa: E402

JOB = TREE / "docs/examples/revenue.sql"
TOPIC = "shop.shop.orders"
DATABASE = "shop"
URL = "mysql://nobody@nowhere/shop"  # of embedded runs: only its last word counts
COLUMNS = compare.COLUMNS.split(",")
LONG = bool(os.environ.get("WEIR_LONG"))
THIN = int(os.environ.get("WEIR_THIN", "1"))  # so many times fewer events, for slow builds


# --- programs ------------------------------------------------------------------------------------

def build_folder(preset=None):
    if preset or not os.environ.get("WEIR_BUILD"):
        return TREE / "build" / (preset or "release")
    return Path(os.environ["WEIR_BUILD"])


def binary(preset=None):
    """The program under test: $WEIR, or the one of a preset."""
    if preset is None and os.environ.get("WEIR"):
        path = Path(os.environ["WEIR"])
    elif preset == "fault" and os.environ.get("WEIR_FAULT"):
        path = Path(os.environ["WEIR_FAULT"])
    else:
        path = build_folder(preset) / "weir"
    if not path.exists():
        sys.exit(f"not ok harness - there is no program at {path}; build it first")
    return path


def loader():
    """weir-load of the same build; made when it is not there."""
    path = build_folder() / "weir-load"
    if not path.exists():
        subprocess.run(["cmake", "--build", str(path.parent), "--target", "weir-load"],
                       check=True, stdout=subprocess.DEVNULL)
    return path


def quietly(*command, env=None):
    """Runs a program; its output is shown when it fails."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          env={**os.environ, **(env or {})})
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} gave {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def thin(events):
    return max(2_000, events // THIN)


# --- results -------------------------------------------------------------------------------------

class Results:
    """Prints one line a test and remembers failures."""

    def __init__(self, suite):
        self.suite, self.failed = suite, 0

    def check(self, name, good, why=""):
        print(f"{'ok' if good else 'not ok'} {self.suite}.{name}", flush=True)
        if not good:
            self.failed += 1
            for line in str(why).splitlines()[-40:]:
                print(f"#   {line}", flush=True)
        return good

    def equal(self, name, found, wanted, why=""):
        return self.check(name, found == wanted,
                          f"is {found!r}, should be {wanted!r}\n{why}")

    def run(self, *tests):
        """Each test is a function of the results; what it throws fails it."""
        only = sys.argv[1:]
        for test in tests:
            if only and test.__name__ not in only:
                continue
            try:
                test(self)
            except Exception:
                self.check(test.__name__, False, traceback.format_exc())
        sys.exit(1 if self.failed else 0)


class Place:
    """A folder that is gone at the end unless a test threw or KEEP is set."""

    def __init__(self, name, where=None):
        self.path = Path(tempfile.mkdtemp(prefix=f"weir-{name}-", dir=where))

    def __enter__(self):
        return self.path

    def __exit__(self, kind, *_):
        if kind is None and not os.environ.get("KEEP"):
            shutil.rmtree(self.path, ignore_errors=True)
        else:
            print(f"# kept {self.path}", flush=True)


def wait_until(what, deadline_s=60, step_s=0.02):
    """Polls until what() is true; its last value."""
    until = time.monotonic() + deadline_s
    while True:
        value = what()
        if value or time.monotonic() > until:
            return value
        time.sleep(step_s)


# --- the program ---------------------------------------------------------------------------------

class Weir:
    """One run of the program; what it says goes to a file."""

    def __init__(self, log, *flags, env=None, program=None, job=JOB, command=None):
        self.log = Path(log)
        self.start_at = self.log.stat().st_size if self.log.exists() else 0
        command = [str(program or binary()), *(command or ("run", "--log-level", "debug")),
                   *map(str, flags), str(job)]
        with open(self.log, "ab") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=file,
                                            env={**os.environ, **(env or {})})

    def signal(self, number):
        if self.process.poll() is None:
            self.process.send_signal(number)

    def wait(self, deadline_s=300):
        try:
            return self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return "did not end"

    def ended(self):
        return self.process.poll() is not None

    def kill(self):
        self.signal(signal.SIGKILL)
        return self.process.wait()

    def stopped(self):
        """True while it stands still after SIGSTOP."""
        try:
            stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        except OSError:
            return False
        return stat.rsplit(")", 1)[1].split()[0] == "T"

    def rss_mib(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024

    def text(self):
        """What this run has logged."""
        with open(self.log, "rb") as file:
            file.seek(self.start_at)
            return file.read().decode(errors="replace")

    def epochs(self):
        return self.text().count("epoch finalised")

    def records(self):
        """Of all epochs that this process finalised."""
        return sum(map(int, re.findall(r'"epoch finalised".* records=(\d+)', self.text())))

    def await_epochs(self, count, deadline_s=180):
        wait_until(lambda: self.epochs() >= count or self.ended(), deadline_s)
        return self.epochs() >= count


def tail(log, lines=25):
    return "\n".join(l for l in Path(log).read_text(errors="replace").splitlines()
                     if "epoch finalised" not in l).split("\n")[-lines:]


def run_to_end(log, *flags, deadline_s=600, **more):
    return Weir(log, "--until", "end", *flags, **more).wait(deadline_s)


def run_with_kills(log, kills, rng, *flags, most_s=1.0, deadline_s=900, **more):
    """Starts the job again and again, kill -9 at a random moment each time, until one run was
    quicker than its kill or all kills are done; then lets it end. Gives the exit code and how
    many kills met a job that had not ended."""
    met = 0
    while met < kills:
        weir = Weir(log, "--until", "end", "--take-over", *flags, **more)
        moment = time.monotonic() + rng.uniform(0.005, most_s)
        wait_until(weir.ended, moment - time.monotonic(), 0.002)
        if weir.ended():
            break
        weir.kill()
        met += 1
    if met < kills and weir.process.returncode != 0:
        return weir.process.returncode, met
    return run_to_end(log, "--take-over", *flags, deadline_s=deadline_s, **more), met


# --- jobs ----------------------------------------------------------------------------------------

def write_job(path, interval="100 ms", name="revenue", edits=(), settings=()):
    """The main job with short epochs and no port; edits are (old, new) that must be found. No
    partition falls idle: on a machine that stands still for a minute other rows would be late."""
    text = JOB.read_text()
    for old, new in [("'5 seconds'", f"'{interval}'"),
                     ("watermark = '10 minutes',", "watermark = '10 minutes', idle_timeout = '0',"),
                     ("job.name            = 'revenue'", f"job.name = '{name}'"), *edits]:
        if old not in text:
            raise ValueError(f"the job does not say {old}")
        text = text.replace(old, new)
    given = [("http.listen", ""), *settings]
    Path(path).write_text("".join(f"SET {k} = '{v}';\n" for k, v in given) + text)
    return Path(path)


def load(*flags):
    quietly(loader(), *flags)


def ask_oracle(out, *flags):
    """The oracle's answer, in a file for compare.py."""
    quietly(PYTHON, TREE / "tests/oracle/oracle.py", *flags, "--out", out)
    return json.loads(Path(out).read_text())


def differences(oracle, *flags, env=None):
    """What compare.py says when it is not satisfied, else nothing."""
    done = subprocess.run([PYTHON, str(TREE / "tests/oracle/compare.py"), str(oracle),
                           *map(str, flags)], capture_output=True, text=True,
                          env={**os.environ, **(env or {})})
    return "" if done.returncode == 0 else done.stdout + done.stderr or "compare.py failed"


# --- checkpoints ---------------------------------------------------------------------------------

MANIFEST, SEAL, AMEND = 1, 2, 4


def record_of(body):
    """(kind, gen, idx, epoch) of a sealed record whose digest fits."""
    if body[:8] != b"WEIRREC1" or hashlib.sha256(body[:-32]).digest() != body[-32:]:
        raise ValueError("not a whole record")
    at = 20
    for _ in range(3):  # job, task, probed
        size, shift = 0, 0
        while True:
            byte, at = body[at], at + 1
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        at += size
    gen, idx, epoch = struct.unpack_from("<QQQ", body, at + 4)
    return body[10], gen, idx, epoch


def stray_files(published, records):
    """Sentences about files that committed manifests do not list. published: names;
    records: bodies of log/*/*."""
    bodies = {}
    for body in records:
        kind, gen, _, epoch = record_of(body)
        if kind == MANIFEST:
            bodies.setdefault((gen, epoch), []).append(body)
    short = [name.rsplit("/", 1)[-1] for name in published]
    for name in sorted({name for name in short if short.count(name) > 1}):
        yield f"{name} is there twice"
    for name in published:
        found = re.search(r"-(\d+)-(\d+)-(\d+)\.avro$", name)
        if not found:
            yield f"{name} is no name of a published file"
        elif not any(name.encode() in body
                     for body in bodies.get((int(found[1]), int(found[2])), [])):
            yield f"{name} is in no committed manifest"


# --- embedded ------------------------------------------------------------------------------------

class Embedded:
    """A folder for --embedded with the job of the main example in it."""

    def __init__(self, folder, program=None, **job):
        self.dir = Path(folder)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.program = program
        self.job = write_job(self.dir / "job.sql", **job)
        self.log = self.dir / "weir.log"
        self.oracle = self.dir / "oracle.json"
        self.s3 = self.dir / "s3/lake"
        self.sqlite = self.dir / "mysql" / f"{DATABASE}.sqlite"

    def load(self, *flags):
        """Fills the topic; the first flag may be the number of events."""
        if not str(flags[0]).startswith("-"):
            flags = ("--events", *flags)
        load("--embedded", self.dir, "--topic", TOPIC, *flags)
        return self

    def share(self, other):
        """Reads the same topic as another folder."""
        (self.dir / "kafka").symlink_to(other.dir / "kafka")
        return self

    def flags(self, *flags):
        return ["--embedded", self.dir, "--param", f"MYSQL_URL={URL}",
                "--param", "KAFKA_BROKERS=nobody:9092", *flags]

    def start(self, *flags, **more):
        return Weir(self.log, *self.flags(*flags), job=self.job, program=self.program, **more)

    def run(self, *flags, deadline_s=300, **more):
        return self.start("--until", "end", *flags, **more).wait(deadline_s)

    def run_with_kills(self, kills, rng, **more):
        return run_with_kills(self.log, kills, rng, *self.flags(), job=self.job,
                              program=self.program, **more)

    def why(self):
        return "\n".join(tail(self.log))

    def records(self, job="revenue", lineage="l1"):
        log = self.s3 / "checkpoints" / job / lineage / "t0/log"
        return [file.read_bytes() for file in sorted(log.glob("*/*")) if file.is_file()]

    def files(self):
        top = self.s3 / "revenue"
        return [str(f.relative_to(self.s3)) for f in sorted(top.rglob("*"))
                if f.is_file() and not f.name.startswith("_")]

    def wrong(self, *flags):
        """Everything that is not as the oracle says; nothing when all is well."""
        if not self.oracle.exists():
            ask_oracle(self.oracle, "--embedded", self.dir, "--topic", TOPIC, *flags)
        text = differences(self.oracle, "--sqlite", self.sqlite, "--avro", self.s3 / "revenue")
        return text + "\n".join(stray_files(self.files(), self.records()))

    def dump(self):
        """Rows of the table and of the files, to compare two runs."""
        faults = []
        rows, _ = compare.avro_rows(compare.folder_objects(self.s3 / "revenue"), COLUMNS, faults)
        table = compare.sqlite_rows(str(self.sqlite), "revenue_per_minute", COLUMNS)
        return sorted(table, key=str), sorted(rows, key=str), faults


# --- real servers --------------------------------------------------------------------------------

class Stack:
    """Real servers from compose/local, on free ports. One that $WEIR_STACK names is shared
    and stays up; else it is in a folder of its own and goes down at the end."""

    def __init__(self, folder, *services, tls=False):
        shared = None if tls else os.environ.get("WEIR_STACK")
        self.folder, self.ours = Path(shared or folder), not shared
        words = ["--only", ",".join(services or ("kafka", "s3", "mariadb", "mysql"))]
        self.call("up", *words, *(["--tls"] if tls else []))
        self.env = self.read_env()

    def call(self, script, *words):
        quietly(TREE / "compose/local" / script, *words, "--data", self.folder)

    def read_env(self):
        dump = "import os,json;print(json.dumps(dict(os.environ)))"
        text = quietly("bash", "-c", f". '{self.folder}/stack.env' && '{PYTHON}' -c '{dump}'")
        return {k: v for k, v in json.loads(text).items() if os.environ.get(k) != v}

    def service(self, action, name):
        self.call("service", action, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.ours:
            self.call("down")


class RealJob:
    """The main job on real servers, under a name of its own."""

    def __init__(self, stack, folder, name, database="MYSQL_URL", interval="200 ms", topic=None,
                 edits=(), settings=()):
        self.stack, self.name = stack, f"{name}_{os.getpid()}"
        self.topic = topic or f"orders.{self.name}"
        self.url = stack.env[database]
        self.env = {**stack.env, "MYSQL_URL": self.url}
        self.oracle = Path(folder) / f"{self.topic}.json"
        self.log = Path(folder) / f"{self.name}.log"
        self.job = write_job(
            Path(folder) / f"{self.name}.sql", interval, self.name, settings=settings,
            edits=[(f"'{TOPIC}'", f"'{self.topic}'"), ("'revenue_per_minute'", f"'{self.name}'"),
                   ("'s3://lake/revenue/'", f"'s3://lake/{self.name}/'"), *edits])

    def load(self, events, *flags):
        load(*self.loading(events, *flags))
        return self

    def loading(self, events, *flags):
        return ["--brokers", self.env["KAFKA_BROKERS"], "--topic", self.topic,
                "--profile", "e2e", "--events", events, *flags]

    def load_slowly(self, events, rate):
        """A process that fills the topic; the topic is there when this returns."""
        filling = subprocess.Popen([str(word) for word in [
            loader(), *self.loading(events, "--rate", rate)]], stdout=subprocess.DEVNULL)
        wait_until(self.topic_is_there, 180)
        return filling

    def topic_is_there(self):
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient
        asked = AdminClient({"bootstrap.servers": self.env["KAFKA_BROKERS"]})
        try:
            return self.topic in asked.list_topics(timeout=10).topics
        except KafkaException:  # a broker that takes its time
            return False

    def topic_length(self):
        """Records in all partitions, from the broker."""
        from confluent_kafka import Consumer, TopicPartition
        asks = Consumer({"bootstrap.servers": self.env["KAFKA_BROKERS"], "group.id": self.topic})
        try:
            parts = asks.list_topics(self.topic, timeout=60).topics[self.topic].partitions
            ends = [asks.get_watermark_offsets(TopicPartition(self.topic, one), timeout=60)
                    for one in parts]
        finally:
            asks.close()
        return sum(high - low for low, high in ends)

    def start(self, *flags, program=None, env=None):
        return Weir(self.log, *flags, job=self.job, program=program,
                    env={**self.env, **(env or {})})

    def run(self, *flags, deadline_s=600, **more):
        return self.start("--until", "end", "--take-over", *flags, **more).wait(deadline_s)

    def why(self):
        return "\n".join(tail(self.log))

    def client(self):
        import boto3
        return boto3.client("s3", endpoint_url=self.env["AWS_ENDPOINT_URL_S3"],
                            region_name=self.env["AWS_REGION"],
                            aws_access_key_id=self.env["AWS_ACCESS_KEY_ID"],
                            aws_secret_access_key=self.env["AWS_SECRET_ACCESS_KEY"])

    def ask(self, sql):
        """The rows that the database gives."""
        import pymysql
        at = urllib.parse.urlsplit(self.url)
        with pymysql.connect(host=at.hostname, port=at.port, user=at.username, autocommit=True,
                             password=urllib.parse.unquote(at.password or ""),
                             database=at.path.strip("/")) as db, db.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def objects(self, prefix):
        pages = self.client().get_paginator("list_objects_v2")
        return [found["Key"] for page in pages.paginate(Bucket="lake", Prefix=prefix)
                for found in page.get("Contents", [])]

    def strays(self):
        records = self.records()
        files = [key for key in self.objects(f"{self.name}/")
                 if not key.rsplit("/", 1)[-1].startswith("_")]
        return "\n".join(stray_files(files, records))

    def records(self):
        s3 = self.client()
        return [s3.get_object(Bucket="lake", Key=key)["Body"].read()
                for key in self.objects(f"checkpoints/{self.name}/l1/t0/log/")]

    def wrong(self):
        """Everything that is not as the oracle says; nothing when all is well."""
        return self.differs() + self.strays()

    def differs(self):
        """The same, of rows alone."""
        if not self.oracle.exists():
            ask_oracle(self.oracle, "--brokers", self.env["KAFKA_BROKERS"],
                       "--topic", self.topic)
        return differences(self.oracle, "--mysql", self.url, "--table", self.name, "--avro",
                           f"s3://lake/{self.name}/", "--endpoint",
                           self.env["AWS_ENDPOINT_URL_S3"], env=self.env)
