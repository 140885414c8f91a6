#!/usr/bin/env python3
"""Writes the seeds of fuzz/corpus from the captured logs (tests/data/binlog) and from what is spelled out here.

Inputs that found a bug are kept beside them as found-*; this script leaves those alone.
"""
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent / "tests" / "data" / "binlog"
HEADER = 19
TABLE_MAP, ROWS = 19, {23, 24, 25, 30, 31, 32}


def write(target, name, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def events(path):
    data = path.read_bytes()
    at = 4
    while at + HEADER <= len(data):
        size = struct.unpack_from("<I", data, at + 9)[0]
        yield data[at:at + size]
        at += size


def rows_of(event):
    """Row images of a rows event and whether it is an update."""
    kind = event[4]
    body = event[HEADER:-4]
    at = 8
    if kind >= 30:
        at += struct.unpack_from("<H", body, at)[0]
    columns = body[at]
    update = kind in (24, 31)
    return body[at + 1 + (columns + 7) // 8 * (2 if update else 1):], update


def binlogs():
    for flavour, options in (("mysql", 1), ("mariadb", 3)):
        for name in ("events", "types"):
            log = list(events(DATA / flavour / f"{name}.binlog"))
            if name == "events":
                write("binlog_event_fuzz", f"{flavour}-events", bytes([options]) + b"".join(log[1:]))
                for event in log:
                    write("binlog_event_fuzz", f"{flavour}-type-{event[4]}", bytes([options]) + event)
                continue
            flag = options >> 1  # of binlog_row_fuzz: 1 is MariaDB
            number = 0
            for event in log:
                if event[4] == TABLE_MAP:
                    table_map = event[HEADER:-4]
                    write("binlog_event_fuzz", f"{flavour}-types-map", bytes([options]) + event)
                elif event[4] in ROWS:
                    rows, update = rows_of(event)
                    number += 1
                    write("binlog_row_fuzz", f"{flavour}-{number}", bytes([flag | (8 if update else 0)]) + rows)
                    if number == 1:
                        write("binlog_row_fuzz", f"{flavour}-own-map", bytes([flag | 2])
                              + struct.pack("<H", len(table_map)) + table_map + rows)
    log_end = struct.pack("<IBIIIH", 0, 41, 1, 0, 0, 0)
    write("binlog_event_fuzz", "heartbeat-v2", bytes([0]) + log_end + b"\x01\x0abin.000001\x02\x09\xfe"
          + struct.pack("<Q", 1 << 33) + b"\x00")
    head = struct.pack("<IBIIIH", 0, 27, 1, 0, 0, 0)
    write("binlog_event_fuzz", "mariadb-heartbeat", bytes([2]) + head + struct.pack("<Q", 1 << 33) + b"bin.000001")
    head = struct.pack("<IBIIIH", 0, 26, 1, 0, 0, 0)
    write("binlog_event_fuzz", "incident", bytes([0]) + head + b"\x01\x00\x04lost")


def string(text):
    return bytes([len(text)]) + text


def container(kind, entries, keys=None):
    """A small container: entries are (type, inlined 2 bytes) or (type, bytes to be placed after)."""
    head = 4 + len(entries) * (3 + (4 if keys is not None else 0))
    key_bytes = b"".join(keys or [])
    table, place = b"", head
    for key in keys or []:
        table += struct.pack("<HH", place, len(key))
        place += len(key)
    values = b""
    for entry_type, value, inlined in entries:
        if inlined:
            table += bytes([entry_type]) + value
        else:
            table += bytes([entry_type]) + struct.pack("<H", place + len(values))
            values += value
    body = table + key_bytes + values
    return struct.pack("<HH", len(entries), 4 + len(body)) + body


def json_documents():
    true, null, number = (4, b"\x01\x00", True), (4, b"\x00\x00", True), (5, b"\xfe\xff", True)
    text = (12, string(b'a"\\\n\x01'), False)
    array = container(2, [true, null, number, text])
    documents = {
        "array": b"\x02" + array,
        "object": b"\x00" + container(0, [true, (2, array, False), text], [b"", b"k", b"long key"]),
        "int32": b"\x07" + struct.pack("<i", -70000),
        "int64": b"\x09" + struct.pack("<q", -(1 << 63)),
        "uint64": b"\x0a" + struct.pack("<Q", (1 << 64) - 1),
        "double": b"\x0b" + struct.pack("<d", 1.5e-7),
        "double-plain": b"\x0b" + struct.pack("<d", 123456789.25),
        "string": b"\x0c" + string(b"text"),
        "decimal": b"\x0f\xf6" + string(b"\x0e\x04" + bytes.fromhex("810dfb38d204d2")),
        "datetime": b"\x0f\x0c" + string(struct.pack("<Q", 0x19b1234567000001)),
        "date": b"\x0f\x0a" + string(struct.pack("<Q", 0x19b1000000000000)),
        "time": b"\x0f\x0b" + string(struct.pack("<q", -0x123456000001)),
        "opaque": b"\x0f\xfc" + string(b"bytes of any kind"),
    }
    inner = b"\x04\x00"
    for _ in range(20):
        inner = container(2, [(2, container(2, [true]) if len(inner) < 3 else inner, False)])
    documents["nested"] = b"\x02" + inner
    # Many strings at one place: the text must not outgrow the document.
    count = 200
    shared = string(b"s" * 100)
    table = b"".join(b"\x0c" + struct.pack("<H", 4 + 3 * count) for _ in range(count))
    documents["found-overlap-strings"] = (
        b"\x02" + struct.pack("<HH", count, 4 + len(table) + len(shared)) + table + shared)
    for name, data in documents.items():
        write("json_binary_fuzz", name, data)


def positions():
    uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
    other = "aaaaaaaabbbbccccddddeeeeffff0080"
    sets = [f"{uuid}:1-5:7:9-20,\n{other}:tag:1-3:5", f"{uuid}:1", "", f"{uuid}:1-9223372036854775806",
            f" {other}:b_2:3:1-9:c:4 , {uuid}:8"]
    for i, text in enumerate(sets):
        write("gtid_fuzz", f"set-{i}", b"\x00" + text.encode())
        write("gtid_fuzz", f"position-{i}", b"\x02mysql-gtid:" + text.encode())
    write("gtid_fuzz", "algebra-0", f"\x04{uuid}:1-5:9|{uuid}:3-9".encode())
    write("gtid_fuzz", "algebra-1", f"\x04{uuid}:1-5,{other}:t:1|{uuid}:t:6,{other}:2".encode())
    write("gtid_fuzz", "mariadb", b"\x010-1-100,2-5-7,4294967295-1-18446744073709551615")
    write("gtid_fuzz", "mariadb-one", b"\x030-1-100")
    write("gtid_fuzz", "mariadb-two", b"\x050-1-100,2-5-7|2-6-8,3-1-1")
    write("gtid_fuzz", "position-mariadb", b"\x02mariadb-gtid:0-1-100,2-5-7")
    write("gtid_fuzz", "position-file", b"\x02file:mysql:bin.000007:4294967300")


def statements():
    for i, text in enumerate([
            "BEGIN", "XA START X'67',X'62',1", "ALTER TABLE `a``b`.c ADD x int, RENAME TO d.e",
            "ALTER TABLE t DROP PARTITION p0, ADD COLUMN (a int, b int)", "/*!50100 DROP */ TABLE IF EXISTS a, `b`.\"c\"",
            "CREATE OR REPLACE TABLE t (a int) -- end\n", "CREATE TABLE t (a int) START TRANSACTION",
            "RENAME TABLE a TO b, c WAIT 5 TO d.e", "SET STATEMENT max_statement_time=1 FOR TRUNCATE TABLE t",
            "DROP DATABASE IF EXISTS `shop`", "INSERT INTO t VALUES ('a\\'b''c', \"x\")", "# only a comment",
            "ROLLBACK WORK TO x", "/*M!100100 TRUNCATE t */"]):
        write("statement_fuzz", f"{i:02}", text.encode())


def text_values():
    lines = (DATA / "mysql" / "types.columns.tsv").read_text().splitlines()
    columns = [line.split("\t")[1] for line in lines if not line.startswith("shape\t")]
    values = {
        "int": "-128", "bigint": "-9223372036854775808", "unsigned": "18446744073709551615", "decimal": "-0.99999",
        "float": "-1.5e-7", "double": "1.7976931348623157e308", "bit": "511", "datetime": "2299-12-31 23:59:59.999999",
        "timestamp": "1970-01-01 00:00:01.5", "time": "-838:59:58.25", "date": "0000-00-00", "year": "2155",
    }
    seen = set()
    for index, column_type in enumerate(columns):
        base = column_type.split("(")[0].split(" ")[0]
        text = values.get(base, "12" if base.endswith("int") else "text  ")
        if "unsigned" in column_type and base == "bigint":
            text = values["unsigned"]
        if column_type in seen:
            continue
        seen.add(column_type)
        write("text_row_fuzz", f"{index:02}-{base}", bytes([index % 8 & 6, index]) + text.encode())


binlogs()
json_documents()
positions()
statements()
text_values()
