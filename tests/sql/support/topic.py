# SPDX-License-Identifier: Apache-2.0
"""Lines of a test as the records of an embedded topic: DIR/kafka/TOPIC/PARTITION.jsonl."""
import json

from testfile import Malformed, dump, values

BASE_MS = 1767225600000  # 2026-01-01; event n of a topic is committed n seconds later
SNAPSHOT_POS = 4
OPS = {"+": "c", "~": "u", "-": "d", "r": "r", "t": "t"}
OF_SOURCE = ("pos", "file", "row", "gtid", "server_id", "snapshot", "connector", "db", "table",
             "ts_ms")


class Topic:
    def __init__(self, folder, name, columns, keys, envelope):
        self.folder = folder / "kafka" / name
        self.name, self.columns, self.keys, self.envelope = name, columns, keys, envelope
        self.count = 0
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "0.jsonl").touch()

    def append(self, lines):
        """Adds the records that the section's lines stand for."""
        partition = "0"
        for number, line in lines:
            if line.startswith("partition "):
                partition = line.split()[1]
                (self.folder / f"{partition}.jsonl").touch()
                continue
            record = self.change(number, line) if self.envelope else self.row(number, line)
            with open(self.folder / f"{partition}.jsonl", "a", encoding="utf-8") as out:
                out.write(json.dumps(record, ensure_ascii=False) + "\n")

    def row(self, number, line):
        """`[1,"a"]` or `{"id":1}`: one row; `@ {"key":…}` sets fields of the record."""
        if line.startswith("bytes "):
            return {"value": line[len("bytes "):]}
        found = values(line, number)
        row, more = found[0][1], dict(found[1][1]) if len(found) > 1 else {}
        record = {"value": None if row is None else dump(self.named(row, number))}
        return {**record, **plain(more)}

    def named(self, row, number):
        """A list as an object with the table's columns."""
        if not isinstance(row, list):
            return row
        if len(row) != len(self.columns):
            raise Malformed(f"line {number}: {len(row)} values for {len(self.columns)} columns")
        return dict(zip(self.columns, row))

    def change(self, number, line):
        """`+ after`, `~ before -> after`, `- before`, `r after`, `t`; `0 key` is a tombstone."""
        if line.startswith("bytes "):
            return {"value": line[len("bytes "):]}
        sign, text = line[0], line[1:].strip()
        if sign == "0":
            return {"key": text, "value": None}
        if sign not in OPS or line[1:2] not in (" ", ""):
            raise Malformed(f"line {number}: begins with none of + ~ - r t 0 bytes: {line}")
        if sign == "t":
            text = text.lstrip("@ ")
            found = [("@", value) for _, value in values(text, number)]
        else:
            found = values(text, number)
        more = plain(next((dict(value) for mark, value in found if mark == "@"), {}))
        images = [self.named(value, number) for mark, value in found if mark != "@"]
        before = images[0] if sign in "~-" else None
        after = images[-1] if sign in "+~r" else None
        self.count += 1
        event = {"before": before, "after": after, "source": self.source(sign, more),
                 "op": OPS[sign], "ts_ms": BASE_MS + self.count * 1000}
        for name in ("before", "after"):
            if more.pop(f"no_{name}", False):
                del event[name]
        record = {"value": dump(event), **more}
        key_of = after or before
        if self.keys and isinstance(key_of, dict):
            record.setdefault("key", dump({name: key_of.get(name) for name in self.keys}))
        return record

    def source(self, sign, more):
        """The event's `source`; what `@` says of it is taken out of `more`."""
        source = {"version": "3.5.0.Final", "connector": "mysql", "name": "shop",
                  "ts_ms": BASE_MS + self.count * 1000, "snapshot": "false", "db": "shop",
                  "table": self.name, "server_id": 1, "gtid": None, "file": "binlog.000001",
                  "pos": 100 * self.count, "row": 0}
        if sign == "r":
            source.update(pos=SNAPSHOT_POS, ts_ms=BASE_MS, snapshot="true")
        source.update({name: more.pop(name) for name in OF_SOURCE if name in more})
        return source


def plain(value):
    """Numbers that were kept as text become numbers."""
    return json.loads(dump(value))
