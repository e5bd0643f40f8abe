# SPDX-License-Identifier: Apache-2.0
"""`expressions TABLE`: each line is `expression => value`, a value for each row of the table.

Values are JSON with ` | ` between them. `=> error TEXT`: the first row is bad for that reason.
All lines are one job: values are columns of one SELECT; each error has a record of its own.
"""
from testfile import DECODER, Malformed, dump, values


def check(job, section):
    lines = [split(number, text) for number, text in section.lines]
    good = [line for line in lines if not line[2].startswith("error ")]
    bad = [line for line in lines if line[2].startswith("error ")]
    job.set_sql("\n".join([*select_values(section.rest, good),
                           *select_errors(job, section.rest, bad)]))
    job.run("json")
    if job.code != 0:
        return [f"exit {job.code}, should be 0"]
    return compare_values(job, section.rest, good) + compare_errors(job, bad)


def split(number, text):
    expression, arrow, wanted = text.rpartition(" => ")
    if not arrow:
        raise Malformed(f"line {number}: no '=>': {text}")
    return number, expression.strip(), wanted.strip()


def select_values(name, lines):
    columns = [f"{expression} AS e{number}" for number, expression, _ in lines]
    return [f"SELECT _offset AS row,\n{', '.join(columns)} FROM {name};"] if lines else []


def select_errors(job, name, lines):
    """A table of its own; its record n is there for line n."""
    if not lines:
        return []
    topic = job.folder / "kafka" / name / "0.jsonl"
    first = topic.read_text(encoding="utf-8").splitlines()[0] + "\n"
    copy = job.folder / "kafka" / "errors" / "0.jsonl"
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(first * len(lines), encoding="utf-8")
    create = job.tables[name].replace(f"TABLE {name} ", "TABLE errors ", 1)
    create = create.replace(f"topic = '{name}'", "topic = 'errors', on_error = 'dead_letter', "
                            "dead_letter = 'errors'")
    cases = " ".join(f"WHEN {at} THEN ({expression})::text"
                     for at, (_, expression, _) in enumerate(lines))
    return [create, f"SELECT _offset AS line, CASE _offset {cases} END AS value FROM errors;"]


def compare_values(job, name, lines):
    rows = [DECODER.decode(text) for text in job.out.splitlines()]
    rows = sorted((row for row in rows if "row" in row), key=lambda row: int(row["row"]))
    if lines and not rows:
        return ["no row came"]
    wrong = []
    for number, expression, wanted in lines:
        found = [dump(row[f"e{number}"]) for row in rows]
        expected = [dump(value) for _, value in values(wanted, number)]
        if found != expected:
            wrong.append(f"line {number}: {expression} => {' | '.join(found)}, "
                         f"should be {wanted}")
    return wrong


def compare_errors(job, lines):
    letters = {row["offset"]: row["message"] for row in job.letters("errors")}
    got = {int(row["line"]): row["value"] for row in map(DECODER.decode, job.out.splitlines())
           if "line" in row}
    wrong = []
    for at, (number, expression, wanted) in enumerate(lines):
        found = letters.get(at)
        if found is None:
            wrong.append(f"line {number}: {expression} => {got.get(at)!r}, should be {wanted}")
        elif found != wanted.removeprefix("error "):
            wrong.append(f"line {number}: {expression} => error {found}, should be {wanted}")
    return wrong
