#!/usr/bin/env python3
"""Writes the seeds of fuzz/corpus from the captured logs (tests/data/binlog) and from what is spelled out here.

Inputs that found a bug are kept beside them as found-*; this script leaves those alone.
"""
import pathlib
import struct
import zlib

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
                inner = [event[:-4] for event in log if event[4] not in (4, 15, 40)]
                write("binlog_event_fuzz", f"{flavour}-payload", bytes([options | 16]) + b"".join(
                    event[:9] + struct.pack("<I", len(event)) + event[13:] for event in inner))
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


def json_diffs():
    def diff(operation, path, value=b""):
        data = bytes([operation, len(path)]) + path.encode()
        return data if operation == 2 else data + bytes([len(value)]) + value

    # {"a": 1, "b": [true, "x"]}
    document = bytes.fromhex("00020020001200010013000100050100021400616202000c000401000c0a000178")
    seven, text, array = b"\x05\x07\x00", b"\x0c\x03new", b"\x02\x00\x00\x04\x00"
    for name, diffs in {
        "none": b"", "replace": diff(0, "$.a", seven), "root": diff(0, "$", text), "remove": diff(2, "$.b[last]"),
        "insert": diff(1, '$."q \\"\\u00e9\\ud83d\\ude00"', seven), "append": diff(1, "$.b[7]", text),
        "nested": diff(1, "$.c", array) + diff(1, "$.c[0]", document) + diff(0, "$.c[0].b[0]", text),
    }.items():
        write("json_diff_fuzz", name, len(document).to_bytes(2, "little") + document + diffs)


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


def charsets():
    samples = [b"plain", "\u00e9\u00df\u20ac".encode("utf-8"), bytes(range(256)), b"\x81\x60\x8f\xa1\xa1\xfe",
               "\u8868\u793a\u30bd".encode("cp932"), "\ud55c\uad6d".encode("cp949"),
               "\u4e16\U0001f600".encode("gb18030"), "\U0001f600z".encode("utf-16-be"), "\U0001f600z".encode("utf-16-le"),
               "\U0001f600z".encode("utf-32-be"), b"\xd8\x00\xdc", b"\x00\x11\x00\x00\x00"]
    for number in range(38):
        for i in (number % len(samples), (number * 5 + 2) % len(samples)):
            write("charset_fuzz", f"{number:02}-{i:02}", bytes([number]) + samples[i])


def column_values():
    point = b"\x01" + struct.pack("<Idd", 1, 0.1, -2)
    line = b"\x01" + struct.pack("<IIdddd", 2, 2, 0, 0, 1e300, 5e-324)
    polygon = b"\x01" + struct.pack("<III", 3, 1, 1) + struct.pack("<dd", 1, 2)
    geometries = {
        "point": point, "line": line, "polygon": polygon,
        "multipoint": b"\x01" + struct.pack("<II", 4, 2) + point * 2,
        "multiline": b"\x01" + struct.pack("<II", 5, 1) + line,
        "multipolygon": b"\x01" + struct.pack("<II", 6, 1) + polygon,
        "collection": b"\x01" + struct.pack("<II", 7, 3) + point + b"\x01" + struct.pack("<II", 7, 0) + line,
        "big-endian": b"\x00" + struct.pack(">Idd", 1, 0.1, -2),
    }
    for name, wkb in geometries.items():
        write("column_value_fuzz", name, b"\x01" + struct.pack("<I", 4326) + wkb)
    value = b"compressed " * 50
    for name, bits, head in (("zlib", 15, 0x82), ("deflate", -15, 0x8a)):
        packer = zlib.compressobj(6, zlib.DEFLATED, bits)
        body = packer.compress(value) + packer.flush()
        write("column_value_fuzz", name, bytes([2, head]) + struct.pack(">H", len(value)) + body)
    write("column_value_fuzz", "plain", b"\x02\x00plain")
    write("column_value_fuzz", "uuid", b"\x03123e4567-e89b-12d3-a456-426655440000")
    write("column_value_fuzz", "inet4", b"\x04192.0.2.1")
    write("column_value_fuzz", "inet6", b"\x052001:db8::ffff:192.0.2.1")


binlogs()
charsets()
json_documents()
json_diffs()
positions()
statements()
text_values()
column_values()
