# SPDX-License-Identifier: Apache-2.0
"""A .test file as its sections, and the small notations inside of them."""
import json
import re
from dataclasses import dataclass


class Malformed(Exception):
    """The test file itself is wrong."""


class Number(str):
    """A JSON number as it is written: 1.50 is not 1.5."""


DECODER = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=Number)


@dataclass
class Section:
    kind: str     # the first word of the title
    rest: str     # what follows it
    line: int     # of the title
    lines: list   # (number, text), without comments and empty lines

    @property
    def title(self):
        return f"{self.kind} {self.rest}".strip()

    @property
    def text(self):
        return "\n".join(text for _, text in self.lines)


def read(file):
    """The sections in order; the text above the first one says what the test is about."""
    sections = []
    story = ""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("== "):
            kind, _, rest = line[3:].strip().partition(" ")
            sections.append(Section(kind, rest.strip(), number, []))
        elif not sections:
            story += line.strip()
        elif line.strip() and not line.startswith("# "):
            sections[-1].lines.append((number, line.rstrip()))
    if not story:
        raise Malformed("the file does not begin with what it is about")
    return sections


TABLE = re.compile(r"(?P<name>\w+)\s*\((?P<columns>.*)\)\s*(with\s+(?P<options>.*))?$", re.S)


def table(section):
    """Of `name (columns) with options`: name, columns as text, their names, keys, options."""
    found = TABLE.match(section.rest)
    if not found:
        raise Malformed(f"line {section.line}: not NAME (COLUMNS) [with OPTIONS]: {section.rest}")
    columns, keys = [], []
    for definition in split_outside(found["columns"], ","):
        name = re.match(r'"([^"]*)"|(\S+)', definition)
        if (name[2] or "").upper() in ("CHECK", "CONSTRAINT", "PRIMARY"):
            continue
        name = name[1] or name[2].lower()
        if not name.startswith("_"):
            columns.append(name)
        if "PRIMARY KEY" in definition.upper():
            keys.append(name)
    return found["name"], found["columns"], columns, keys, found["options"] or ""


def split_outside(text, mark):
    """Splits at the mark, but not inside of brackets and quotes."""
    parts, depth, quote, start = [], 0, "", 0
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == mark and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
    return [*parts, text[start:].strip()]


def values(text, number):
    """JSON values of a line, with `->`, `|` or `@` between them: [(mark, value), …]."""
    found, at, mark = [], 0, ""
    while at < len(text):
        try:
            value, at = DECODER.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise Malformed(f"line {number}: {error}: {text}") from None
        found.append((mark, value))
        between = re.compile(r"\s*(->|\||@|$)\s*").match(text, at)
        if not between:
            raise Malformed(f"line {number}: '->', '|' or '@' is missing: {text[at:]}")
        mark, at = between[1], between.end()
    return found


def dump(value):
    """JSON text without blanks; numbers as they were written."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{dump(k)}:{dump(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dump, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
