#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what weir wrote with what oracle.py says it must be. Exit 0: equal, 1: not, 2: usage.

    compare.py oracle.json --sqlite DIR/mysql/DATABASE.sqlite --table revenue_per_minute
    compare.py oracle.json --mysql mysql://user:password@host:port/database --table …
    compare.py oracle.json --avro DIR/s3/lake/revenue
    compare.py oracle.json --avro s3://lake/revenue/ --endpoint http://127.0.0.1:7070

A table must hold the rows of "table", Avro files together exactly the rows of "final", each once.
Under an Avro prefix every object counts but _schema.avsc; with --objects FILE (one key a line, from
the committed manifests) exactly those must be there. s3:// takes keys from the usual AWS variables.
"""
import argparse
import collections
import datetime
import io
import json
import os
import pathlib
import re
import sys
import urllib.parse
from decimal import Decimal

COLUMNS = "window_start,customer,orders,revenue"
PART = re.compile(r"(?:^|/)([^/=]+)=([^/]*)(?=/)")


# --- rows as canonical text ----------------------------------------------------------------------

def text_of(value):
    if value is None or isinstance(value, str):
        return canonical_time(value)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode()
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            value = value.astimezone(datetime.timezone.utc)
        return canonical_time(value.strftime("%Y-%m-%d %H:%M:%S.%f"))
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)


def canonical_time(text):
    """Cuts a fraction of zeros off a time; leaves any other text alone."""
    if text and re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+", text):
        return text.rstrip("0").rstrip(".")
    return text


# --- tables --------------------------------------------------------------------------------------

def quoted(name, mark):
    return mark + name.replace(mark, mark * 2) + mark


def sqlite_rows(file, table, columns):
    import sqlite3
    if not os.path.exists(file):
        raise SystemExit(f"compare: no file {file}")
    db = sqlite3.connect(f"file:{urllib.parse.quote(file)}?mode=ro", uri=True)
    names = ", ".join(quoted(c, '"') for c in columns)
    try:
        found = db.execute(f"SELECT {names} FROM {quoted(table, chr(34))}")
        return [tuple(map(text_of, row)) for row in found]
    finally:
        db.close()  # a test that copies the file meanwhile would take its locks away


def mysql_rows(url, table, columns):
    import pymysql
    at = urllib.parse.urlsplit(url)
    db = pymysql.connect(
        host=at.hostname or "127.0.0.1", port=at.port or 3306, charset="utf8mb4",
        user=urllib.parse.unquote(at.username or ""),
        password=urllib.parse.unquote(at.password or ""), database=at.path.strip("/"))
    with db.cursor() as cursor:
        names = ", ".join(quoted(c, "`") for c in columns)
        cursor.execute(f"SELECT {names} FROM {quoted(table, '`')}")
        return [tuple(map(text_of, row)) for row in cursor.fetchall()]


# --- files ---------------------------------------------------------------------------------------

def folder_objects(prefix):
    root = pathlib.Path(prefix)
    if not root.is_dir():
        raise SystemExit(f"compare: no folder {prefix}")
    for file in sorted(root.rglob("*")):
        if file.is_file():
            yield str(file.relative_to(root)), file.read_bytes()


def s3_objects(url, endpoint):
    import boto3
    at = urllib.parse.urlsplit(url)
    prefix = at.path.lstrip("/")
    s3 = boto3.client("s3", endpoint_url=endpoint)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=at.netloc, Prefix=prefix):
        for found in page.get("Contents", []):
            body = s3.get_object(Bucket=at.netloc, Key=found["Key"])["Body"].read()
            yield found["Key"][len(prefix):].lstrip("/"), body


def avro_rows(objects, columns, faults):
    """Rows of all files. A partition column stands in the path: it must fit its rows."""
    import fastavro
    rows, names = [], []
    for name, body in objects:
        if name.rsplit("/", 1)[-1].startswith("_"):
            continue
        names.append(name)
        parts = dict(PART.findall(name))
        try:
            for record in fastavro.reader(io.BytesIO(body)):
                row = tuple(text_of(record[c] if c in record else part_value(parts, c))
                            for c in columns)
                rows.append(row)
                check_parts(name, parts, dict(zip(columns, row)), faults)
        except (ValueError, KeyError, EOFError, StopIteration) as error:
            faults.append(f"{name} cannot be read: {error!r}")
    return rows, names


def part_value(parts, column):
    value = urllib.parse.unquote(parts[column])
    return None if value == "__HIVE_DEFAULT_PARTITION__" else value


def check_parts(name, parts, row, faults):
    for part, value in parts.items():
        column = part.removesuffix("_date")
        if part != column and row.get(column) is not None and row[column][:10] != value:
            faults.append(f"{name} holds a row of {row[column]}")


# --- comparing -----------------------------------------------------------------------------------

def differences(wanted, found, key_columns):
    """Sentences, one for each row that is not as it should be."""
    wanted, found = (collections.Counter(map(tuple, rows)) for rows in (wanted, found))
    missing, extra = list((wanted - found).elements()), list((found - wanted).elements())
    by_key = collections.defaultdict(list)
    for row in extra:
        by_key[row[:key_columns]].append(row)
    for row in sorted(missing, key=str):
        others = by_key.get(row[:key_columns])
        if others:
            yield f"is    {others.pop()}\n      should be {row}"
        else:
            yield f"is missing {row}"
    for rows in by_key.values():
        for row in rows:
            times = found[row]
            yield f"is too many {row}" + (f", there {times} times" if times > 1 else "")


def report(title, wanted, found, faults, most):
    problems = faults + list(differences(wanted, found, 2))
    if not problems:
        print(f"{title}: equal, {len(found)} rows")
        return True
    print(f"{title}: {len(problems)} differences ({len(wanted)} rows wanted, {len(found)} found)")
    for line in problems[:most]:
        print("  " + line)
    if len(problems) > most:
        print(f"  … and {len(problems) - most} more")
    return False


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("oracle")
    parser.add_argument("--sqlite", metavar="FILE")
    parser.add_argument("--mysql", metavar="URL")
    parser.add_argument("--table", default="revenue_per_minute")
    parser.add_argument("--avro", metavar="PREFIX")
    parser.add_argument("--endpoint", metavar="URL")
    parser.add_argument("--objects", metavar="FILE")
    parser.add_argument("--columns", default=COLUMNS)
    parser.add_argument("--most", type=int, default=20, help="differences to print")
    args = parser.parse_args()
    if not (args.sqlite or args.mysql or args.avro):
        parser.error("nothing to compare with: --sqlite, --mysql or --avro")
    return args


def listed_faults(file, names):
    wanted = {line.strip() for line in open(file, encoding="utf-8") if line.strip()}
    return ([f"object {name} is missing" for name in sorted(wanted - set(names))] +
            [f"object {name} is in no manifest" for name in sorted(set(names) - wanted)])


def main():
    args = arguments()
    with open(args.oracle, encoding="utf-8") as file:
        oracle = json.load(file)
    columns, equal = args.columns.split(","), True
    for rows, place in ((sqlite_rows, args.sqlite), (mysql_rows, args.mysql)):
        if place:
            equal &= report(f"table {args.table}", oracle["table"],
                            rows(place, args.table, columns), [], args.most)
    if args.avro:
        faults = []
        objects = (s3_objects(args.avro, args.endpoint) if args.avro.startswith("s3://")
                   else folder_objects(args.avro))
        rows, names = avro_rows(objects, columns, faults)
        if args.objects:
            faults += listed_faults(args.objects, names)
        equal &= report(f"{len(names)} Avro files", oracle["final"], rows, faults, args.most)
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
