#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the job docs/examples/revenue.sql must give, computed from its input alone.

An independent program: it shares no code with weir, reads the events itself, keeps everything
in memory and does one thing after another. Where it and weir differ, one of them is wrong.

    oracle.py --embedded DIR --topic T      DIR/kafka/T/PARTITION.jsonl
    oracle.py --capture FILE --topic T      a captured topic, one message a line (.gz too)
    oracle.py --brokers LIST --topic T      a real topic, read to its end (needs confluent_kafka)

Prints the counts. --out FILE writes {"table": rows, "final": rows, "counts": {...}} for compare.py:
`table` is the upsert sink's rows in order of their key, `final` the rows of the windows that
closed (all of them, unless --leave-open), as canonical text.

The rules, for the records of each partition in order of their offsets:
  1. a tombstone, heartbeat, transaction mark or schema change is skipped;
  2. a row event at or below the mark of its lineage, not committed later, is a duplicate;
  3. each image is judged alone: a bad one adds nothing and retracts nothing;
  4. an update whose images fall into one group with the same arguments cancels;
  5. an image whose window ends at or before the partition's watermark is late;
  6. a good `after` moves the partition's watermark.
"""
import argparse
import base64
import collections
import datetime
import gzip
import json
import pathlib
import re
import sys
from decimal import ROUND_HALF_UP, Decimal

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
SNAPSHOT_MARKS = {"first", "first_in_data_collection", "true", "last_in_data_collection", "last",
                  "incremental"}


class Halt(Exception):
    """The job stops here, and says so."""


class Bad(Exception):
    """An image or an envelope that cannot be used."""


# --- the job -----------------------------------------------------------------------------------

class Job:
    """The numbers of the SQL file."""

    def __init__(self, bound_us=600_000_000, window_us=60_000_000, statuses=("PAID", "SHIPPED")):
        self.bound_us = bound_us
        self.window_us = window_us
        self.statuses = frozenset(statuses)

    def window_start(self, event_us):
        return event_us - event_us % self.window_us


Row = collections.namedtuple("Row", "id customer status amount paid_us")


def read_row(image):
    """The table's columns of one image, or Bad."""
    if not isinstance(image, dict):
        raise Bad("an image that is not an object")
    key, customer, status = image.get("id"), image.get("customer"), image.get("status")
    if type(key) is not int or not -2**63 <= key < 2**63:
        raise Bad("id")
    if not isinstance(customer, str):
        raise Bad("customer")
    if status is not None and not isinstance(status, str):
        raise Bad("status")
    return Row(key, customer, status, read_amount(image.get("amount")),
               read_time(image.get("paid_at")))


def read_amount(value):
    """numeric(12,2) CHECK (amount >= 0), from a decimal string."""
    if value is None:
        return None
    if not isinstance(value, str) or not DECIMAL.fullmatch(value):
        raise Bad("amount is not a decimal")
    amount = Decimal(value).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    if abs(amount) >= 10**10:
        raise Bad("amount does not fit numeric(12,2)")
    if amount < 0:
        raise Bad("amount is below zero")
    return amount


def read_time(value):
    """Microseconds since 1970 from an ISO text with a zone."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise Bad("paid_at is not a text")
    try:
        when = datetime.datetime.fromisoformat(value)
    except ValueError:
        raise Bad("paid_at is not a time") from None
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.timezone.utc)
    return (when - EPOCH) // datetime.timedelta(microseconds=1)


# --- envelopes ---------------------------------------------------------------------------------

Event = collections.namedtuple("Event", "op before after table lineage position commit_us snapshot")


def read_event(text):
    """The event in a message's value; None when it carries no row; Bad when it is broken."""
    try:
        message = json.loads(text)
    except ValueError:
        raise Bad("not JSON") from None
    if isinstance(message, dict) and set(message) == {"schema", "payload"}:
        message = message["payload"]
    if message is None:
        return None
    if not isinstance(message, dict):
        raise Bad("not an envelope")
    if "op" not in message:
        if "ddl" in message or "status" in message or set(message) == {"ts_ms"}:
            return None
        raise Bad("not an envelope")
    source = message.get("source")
    if message["op"] not in ("c", "u", "d", "r", "t") or not isinstance(source, dict):
        raise Bad("not an envelope")
    snapshot = message["op"] == "r" or source.get("snapshot") in SNAPSHOT_MARKS
    lineage, position = place_of(source, message["op"])
    commit_us = source["ts_us"] if source.get("ts_us") is not None else source["ts_ms"] * 1000
    table = f"{source.get('db')}.{source.get('table')}"
    return Event(message["op"], message.get("before"), message.get("after"), table, lineage,
                 position, commit_us, snapshot)


def place_of(source, op):
    """The lineage that an event belongs to, and its place there."""
    origin, transaction = f"server {source.get('server_id')}", 0
    gtid = source.get("gtid")
    if gtid and ":" in gtid:
        origin, number = gtid.rsplit(":", 1)
        transaction = int(number)
    elif gtid:
        origin, _, number = gtid.split("-")
        transaction = int(number)
    file_number = int(re.search(r"[0-9]*$", source.get("file") or "").group() or 0)
    half = 1 if op == "c" else 0
    position = (transaction, file_number, source.get("pos") or 0, source.get("row") or 0, half)
    return (source.get("name"), origin), position


# --- one partition -----------------------------------------------------------------------------

class Partition:
    """What has to be known of a partition: marks and a watermark."""

    def __init__(self):
        self.marks = {}  # lineage -> [position, highest commit time]
        self.watermark_us = None

    def is_duplicate(self, event, counts):
        if event.snapshot:
            return False
        mark = self.marks.get(event.lineage)
        if mark is None:
            self.marks[event.lineage] = [event.position, event.commit_us]
            return False
        if event.position > mark[0]:
            mark[:] = event.position, max(mark[1], event.commit_us)
            return False
        if event.commit_us > mark[1]:
            counts["lineage_changes"] += 1
            mark[:] = event.position, event.commit_us
            return False
        return True

    def is_late(self, window_end_us):
        return self.watermark_us is not None and window_end_us <= self.watermark_us

    def move(self, event_us, bound_us):
        if event_us is not None and (self.watermark_us is None or
                                     event_us - bound_us > self.watermark_us):
            self.watermark_us = event_us - bound_us


class Group:
    """One row of the result."""

    def __init__(self):
        self.rows = 0
        self.amounts = 0  # that are not NULL
        self.total = Decimal(0)

    def add(self, amount, sign):
        self.rows += sign
        if amount is not None:
            self.amounts += sign
            self.total += sign * amount


class Oracle:
    def __init__(self, job):
        self.job = job
        self.table = None  # the first one seen
        self.counts = collections.Counter()
        self.partitions = {}
        self.groups = collections.defaultdict(Group)

    def record(self, number, value):
        """One record; value is bytes, text or None. Call in order of offsets."""
        partition = self.partitions.setdefault(number, Partition())
        self.counts["records"] += 1
        if value is None:
            self.counts["skipped"] += 1
            return
        try:
            event = read_event(value)
        except Bad:
            self.counts["bad"] += 1
            return
        if event is None:
            self.counts["skipped"] += 1
            return
        self.event(partition, event)

    def event(self, partition, event):
        if event.op == "t":
            raise Halt("the table was truncated")
        if self.table is None:
            self.table = event.table
        if event.table != self.table:
            self.counts["bad"] += 1
            return
        if partition.is_duplicate(event, self.counts):
            self.counts["duplicate"] += 1
            return
        before = self.image(event.before, "before_bad")
        after = self.image(event.after, "bad")
        self.apply(partition, before, after)
        if after is not None:
            partition.move(after.paid_us, self.job.bound_us)

    def image(self, image, count):
        if image is None:
            return None
        try:
            return read_row(image)
        except Bad:
            self.counts[count] += 1
            return None

    def contribution(self, row):
        """(window start, customer), amount: what the row adds to which group; or None."""
        if row is None or row.paid_us is None or row.status not in self.job.statuses:
            return None
        return (self.job.window_start(row.paid_us), row.customer), row.amount

    def apply(self, partition, before, after):
        old, new = self.contribution(before), self.contribution(after)
        if old is not None and old == new:
            self.counts["cancelled"] += 1
            return
        late = [self.half(partition, half, sign)
                for half, sign in ((old, -1), (new, +1)) if half is not None]
        if len(late) == 2 and late[0] != late[1]:
            self.counts["split"] += 1

    def half(self, partition, half, sign):
        """Adds or retracts one image; True when it was late."""
        key, amount = half
        if partition.is_late(key[0] + self.job.window_us):
            self.counts["late"] += 1
            return True
        self.groups[key].add(amount, sign)
        return False

    # --- results

    def watermark_us(self):
        """Of the whole input: the least of all partitions; None while one has none."""
        marks = [p.watermark_us for p in self.partitions.values()]
        return None if not marks or None in marks else min(marks)

    def rows(self, closed_by_us=None):
        """Rows as canonical text, by key; with a watermark only those of closed windows."""
        out = []
        for (start_us, customer), group in self.groups.items():
            if group.rows <= 0:
                continue
            if closed_by_us is not None and start_us + self.job.window_us > closed_by_us:
                continue
            total = format(group.total, "f") if group.amounts else None
            if total is not None and abs(group.total) >= 10**16:
                raise Halt("a sum does not fit numeric(18,2)")
            out.append((time_text(start_us), customer, str(group.rows), total))
        out.sort(key=lambda row: (row[0], row[1].encode()))
        return out

    def result(self, leave_open=False):
        counts = {name: self.counts[name] for name in (
            "records", "skipped", "duplicate", "bad", "before_bad", "late", "cancelled", "split",
            "lineage_changes")}
        counts["negative_groups"] = sum(g.rows < 0 for g in self.groups.values())
        mark = self.watermark_us() if leave_open else None
        nothing_closed = leave_open and mark is None
        return {"table": self.rows(), "counts": counts,
                "final": [] if nothing_closed else self.rows(mark)}


def time_text(us):
    """2026-01-01 00:00:00, with six digits behind the second when they are not zero."""
    when = EPOCH + datetime.timedelta(microseconds=us)
    text = when.strftime("%Y-%m-%d %H:%M:%S").rjust(19, "0")
    return text + (f".{when.microsecond:06}" if when.microsecond else "")


# --- input: each gives (partition, value) in order of offsets within a partition ------------------

def value_of(message):
    if message.get("value_b64") is not None:
        return base64.b64decode(message["value_b64"])
    value = message.get("value")
    return value if value is None or isinstance(value, str) else json.dumps(value)


def from_folder(folder, topic):
    files = sorted(pathlib.Path(folder, "kafka", topic).glob("*.jsonl"), key=lambda f: int(f.stem))
    if not files:
        raise SystemExit(f"oracle: no topic '{topic}' in {folder}")
    for file in files:
        with open(file, "rb") as lines:
            for line in lines:
                if line.endswith(b"\n") and line.strip():
                    yield int(file.stem), value_of(json.loads(line))


def from_capture(file, topic):
    with (gzip.open if file.endswith(".gz") else open)(file, "rb") as lines:
        for line in lines:
            message = json.loads(line)
            if message["topic"] == topic:
                yield message["partition"], value_of(message)


def from_brokers(brokers, topic):
    import confluent_kafka as kafka
    consumer = kafka.Consumer({
        "bootstrap.servers": brokers, "group.id": "weir-oracle", "enable.auto.commit": False,
        "isolation.level": "read_committed", "enable.partition.eof": True,
        "auto.offset.reset": "error"})
    numbers = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    starts = [kafka.TopicPartition(topic, n, consumer.get_watermark_offsets(
        kafka.TopicPartition(topic, n), timeout=30)[0]) for n in numbers]
    consumer.assign(starts)
    open_partitions = set(numbers)
    while open_partitions:
        for message in consumer.consume(10000, timeout=1):
            error = message.error()
            if error is None:
                if message.partition() in open_partitions:
                    yield message.partition(), message.value()
            elif error.code() == kafka.KafkaError._PARTITION_EOF:
                open_partitions.discard(message.partition())
            else:
                raise SystemExit(f"oracle: {error}")
    consumer.close()


# --- the program -------------------------------------------------------------------------------

def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--embedded", metavar="DIR")
    where.add_argument("--capture", metavar="FILE")
    where.add_argument("--brokers", metavar="LIST")
    parser.add_argument("--topic", default="shop.shop.orders")
    parser.add_argument("--watermark", type=float, default=600, metavar="SECONDS")
    parser.add_argument("--window", type=float, default=60, metavar="SECONDS")
    parser.add_argument("--statuses", default="PAID,SHIPPED")
    parser.add_argument("--leave-open", action="store_true",
                        help="the input goes on: only windows that closed are final")
    parser.add_argument("--out", metavar="FILE")
    return parser.parse_args()


def compute(records, job, leave_open=False):
    oracle = Oracle(job)
    for number, value in records:
        oracle.record(number, value)
    return oracle.result(leave_open)


def main():
    args = arguments()
    job = Job(round(args.watermark * 1e6), round(args.window * 1e6), args.statuses.split(","))
    records = (from_folder(args.embedded, args.topic) if args.embedded else
               from_capture(args.capture, args.topic) if args.capture else
               from_brokers(args.brokers, args.topic))
    result = compute(records, job, args.leave_open)
    if args.out:
        with open(args.out, "w", encoding="utf-8") as out:
            json.dump(result, out, ensure_ascii=False)
    for name, count in result["counts"].items():
        print(f"{name:16} {count}")
    print(f"{'table_rows':16} {len(result['table'])}\n{'final_rows':16} {len(result['final'])}")


if __name__ == "__main__":
    try:
        main()
    except Halt as halt:
        sys.exit(f"oracle: the job halts: {halt}")
