# SPDX-License-Identifier: Apache-2.0
"""Rows of an Avro object container file, enough of it for the files that a test reads."""
import json
import struct
import zlib


def rows(data):
    """All rows as dicts, in the file's order."""
    reader = Reader(data)
    assert reader.take(4) == b"Obj\x01", "not an Avro file"
    meta = {}
    while count := reader.long():
        for _ in range(abs(count)):
            name = reader.text()
            meta[name] = reader.bytes()
    sync = reader.take(16)
    schema = json.loads(meta["avro.schema"])
    codec = meta.get("avro.codec", b"null").decode()
    found = []
    while reader.at < len(data):
        count = reader.long()
        block = Reader(unpack(codec, reader.bytes()))
        found += [value(block, schema) for _ in range(count)]
        assert block.at == len(block.data), "a block is longer than its rows"
        assert reader.take(16) == sync, "a block does not end with the sync marker"
    return found


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        self.at += count
        assert self.at <= len(self.data), "the file ends too early"
        return self.data[self.at - count:self.at]

    def long(self):
        number, shift = 0, 0
        while True:
            byte = self.take(1)[0]
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return (number >> 1) ^ -(number & 1)

    def bytes(self):
        return self.take(self.long())

    def text(self):
        return self.bytes().decode("utf-8")


def value(reader, schema):
    if isinstance(schema, list):
        return value(reader, schema[reader.long()])
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind == "record":
        return {field["name"]: value(reader, field["type"]) for field in schema["fields"]}
    if kind == "null":
        return None
    if kind == "boolean":
        return reader.take(1) == b"\x01"
    if kind in ("int", "long"):
        return reader.long()
    if kind in ("float", "double"):
        return struct.unpack("<f" if kind == "float" else "<d",
                             reader.take(4 if kind == "float" else 8))[0]
    if kind == "bytes":
        raw = reader.bytes()
        if isinstance(schema, dict) and schema.get("logicalType") == "decimal":
            return decimal(int.from_bytes(raw, "big", signed=True), schema.get("scale", 0))
        return raw
    if kind == "string":
        return reader.text()
    raise ValueError(f"no reader for {schema}")


def decimal(unscaled, scale):
    digits = f"{abs(unscaled):0{scale + 1}d}"
    text = digits[:-scale] + "." + digits[-scale:] if scale else digits
    return "-" + text if unscaled < 0 else text


def unpack(codec, data):
    if codec == "null":
        return data
    if codec == "deflate":
        return zlib.decompress(data, -15)
    return snappy(data[:-4])  # a checksum follows


def snappy(data):
    """Snappy's raw format: literals, and copies of what came before."""
    reader, out = Reader(data), bytearray()
    while reader.take(1)[0] & 128:
        pass  # the length of the whole, which the rows tell too
    while reader.at < len(data):
        tag = reader.take(1)[0]
        if tag & 3 == 0:
            count = tag >> 2
            if count >= 60:
                count = int.from_bytes(reader.take(count - 59), "little")
            out += reader.take(count + 1)
            continue
        if tag & 3 == 1:
            count, back = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | reader.take(1)[0]
        else:
            count = (tag >> 2) + 1
            back = int.from_bytes(reader.take(2 if tag & 3 == 2 else 4), "little")
        for _ in range(count):
            out.append(out[-back])
    return bytes(out)
