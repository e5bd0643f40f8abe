# SPDX-License-Identifier: Apache-2.0
"""What a section of a test does: it adds input, or runs the job and compares."""
import re

import expressions
from testfile import DECODER, Malformed, dump


def take(job, section):
    """What is wrong, as lines; none: nothing."""
    do = SECTIONS.get(section.kind)
    if do is None:
        raise Malformed(f"line {section.line}: no such section: {section.kind}")
    return do(job, section) or []


# --- input ---------------------------------------------------------------------------------------

def table(job, section):
    job.add_table(section)


def more(job, section):
    job.add_rows(section.rest, section.lines)


def topic(job, section):
    """`topic NAME`: records as they stand, without a CREATE TABLE."""
    folder = job.folder / "kafka" / section.rest
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "0.jsonl").write_text(section.text + "\n", encoding="utf-8")


def file(job, section):
    path = job.folder / section.rest
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(section.text + "\n", encoding="utf-8")


def sql(job, section):
    job.set_sql(section.text)


def flags(job, section):
    job.flags = section.rest.split()
    job.due = True


def without(job, section):
    job.unset |= set(section.rest.split())


# --- what comes out ------------------------------------------------------------------------------

def output(job, section):
    """`output` is JSON lines in any order; `output in order`; `output csv` and `output table`."""
    words = section.rest.split()
    form = next((word for word in words if word in ("csv", "table")), "json")
    job.run(form)
    wanted = [text for _, text in section.lines]
    found = [line.rstrip() for line in job.out.splitlines()]
    if job.code != 0 and "then" not in words:
        return [f"exit {job.code}, should be 0"]
    if form == "json" and "in" not in words:
        wanted, found = sorted(wanted), sorted(found)
    return differ(wanted, found)


def exit_with(job, section):
    """`exit N`: the code; each line is a part of what the run said."""
    job.run("json")
    if job.code != int(section.rest):
        return [f"exit {job.code}, should be {section.rest}"]
    return [f"was not said: {text}" for _, text in section.lines
            if text not in job.log.replace('\\"', '"')]


def counts(job, section):
    """`counts bad=1 late=0 …`: the numbers of the run's last word."""
    job.run("json")
    if job.code != 0:
        return [f"exit {job.code}, should be 0"]
    found = job.figures()
    wanted = re.findall(r"(\w+)=([0-9]+)", section.rest)
    return [f"{name} is {found.get(name)}, should be {number}" for name, number in wanted
            if found.get(name) != number]


def rows(job, section):
    """`rows DATABASE QUERY`: what the embedded database has, columns with ` | ` between."""
    job.run("json")
    if job.code != 0:
        return [f"exit {job.code}, should be 0"]
    name, _, query = section.rest.partition(" ")
    found = job.database(name, query)
    if found is None:
        return [f"there is no database '{name}'"]
    wanted = [text.strip() for _, text in section.lines]
    return differ(wanted, [" | ".join("NULL" if v is None else str(v) for v in row)
                           for row in found])


def avro(job, section):
    """`avro PATH`: rows of the Avro files below, as JSON in any order; `avro PATH in order`."""
    path, ordered, _ = section.rest.partition(" in order")
    job.run("json")
    if job.code != 0:
        return [f"exit {job.code}, should be 0"]
    found = [dump({k: v.hex() if isinstance(v, bytes) else v for k, v in row.items()})
             for row in job.avro_rows(path)]
    wanted = [text for _, text in section.lines]
    return differ(wanted, found) if ordered else differ(sorted(wanted), sorted(found))


def written(job, section):
    """`written PATH`: a file's lines in any order; `written PATH in order`."""
    job.run("json")
    name, _, order = section.rest.partition(" ")
    path = job.folder / name
    if not path.exists():
        return [f"there is no file '{name}'"]
    wanted = [text for _, text in section.lines]
    found = path.read_text(encoding="utf-8").splitlines()
    return differ(wanted, found) if order else differ(sorted(wanted), sorted(found))


def dead(job, section):
    """`dead NAME`: dead letters, a line each: partition offset code [column]: message."""
    job.run("json")
    if job.code != 0:
        return [f"exit {job.code}, should be 0"]
    found = [f"{row['partition']} {row['offset']} {row['code']}"
             f"{' ' + row['column'] if row['column'] else ''}: {row['message']}"
             for row in job.letters(section.rest)]
    return differ([text for _, text in section.lines], found)


def evaluated(job, section):
    job.checked = True
    return expressions.check(job, section)


def differ(wanted, found):
    if wanted == found:
        return []
    missing, extra = list(wanted), []
    for line in found:
        if line in missing:
            missing.remove(line)
        else:
            extra.append(line)
    if not missing and not extra:
        return ["the order is another one:", *found]
    return [f"missing:  {line}" for line in missing] + [f"too much: {line}" for line in extra]


SECTIONS = {"table": table, "changes": table, "more": more, "topic": topic, "file": file,
            "sql": sql, "flags": flags, "without": without, "output": output,
            "exit": exit_with, "counts": counts, "rows": rows, "avro": avro,
            "written": written, "dead": dead, "expressions": evaluated}
