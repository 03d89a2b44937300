"""The official Python client against a ClickHouse HTTP endpoint: read, write as the owner, be refused, meet an error.

usage: python_client.py HOST PORT OWNER PASSWORD
"""

import sys

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError

host, port, owner, password = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]


def refused(action, word):
    try:
        action()
    except DatabaseError as error:
        assert word in str(error), f"expected {word}, got: {error}"
    else:
        raise AssertionError(f"not refused: {word}")


for compress in (False, "lz4", "zstd", "gzip"):
    reader = clickhouse_connect.get_client(host=host, port=port, compress=compress)
    writer = clickhouse_connect.get_client(host=host, port=port, username=owner, password=password, compress=compress)

    assert reader.query("SELECT number, toString(number) FROM numbers(3)").result_rows == [(0, "0"), (1, "1"), (2, "2")]
    assert reader.query("SELECT {a:Int32} + 1, {s:String}", parameters={"a": 41, "s": "it's"}).first_row == (42, "it's")
    assert reader.command("SELECT 1") == 1
    assert reader.query("SELECT 1 WHERE 0").result_rows == []

    writer.command("DROP TABLE IF EXISTS python_client")
    writer.command("CREATE TABLE python_client (id UInt64, name String, at DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY id")
    rows = [[number, f"name {number}\n\nDROP TABLE python_client", 1_700_000_000 + number] for number in range(10_000)]
    writer.insert("python_client", [row[:2] for row in rows], column_names=["id", "name"])
    assert reader.query("SELECT count(), uniqExact(name), max(id) FROM python_client").first_row == (10_000, 10_000, 9_999)
    writer.raw_insert("python_client", ["id", "name"], b"1\tone\n2\ttwo\n", fmt="TSV")
    assert reader.command("SELECT count() FROM python_client") == 10_002

    # A result beyond what is answered whole arrives as a stream of blocks.
    with reader.query_row_block_stream("SELECT number, repeat('x', 20) FROM numbers(500000)") as stream:
        assert sum(len(block) for block in stream) == 500_000

    refused(lambda: reader.insert("python_client", [[1, "x"]], column_names=["id", "name"]), "READONLY")
    refused(lambda: reader.command("DROP TABLE python_client"), "READONLY")
    refused(lambda: reader.query("SELECT nothing_of_the_kind"), "UNKNOWN_IDENTIFIER")
    refused(lambda: reader.query("SELECT * FROM no_such_table"), "UNKNOWN_TABLE")
    refused(lambda: writer.command("SELECT 1; SELECT 2"), "SYNTAX_ERROR")
    writer.command("DROP TABLE python_client")

refused(lambda: clickhouse_connect.get_client(host=host, port=port, username=owner, password="wrong"), "AUTHENTICATION_FAILED")
print("python client: ok")
