"""HAR: the schema of HAR 1.2 (npm's har-schema, in oracle/har_schema), and what entries say."""

from __future__ import annotations

import base64
import json
import tracemalloc
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import referencing
from hypothesis import given
from hypothesis import strategies as st
from oracle.rows import HOSTILE_TEXT, Row, table_rows

from analyzer.cli import main
from analyzer.report import har
from analyzer.report.har import HarWriter
from analyzer.tables import schema

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "tests" / "oracle" / "har_schema"
START = 1_767_323_045_123_456_789
MS = 1_000_000

CONNECTION: Row = {
    **{"connection": 0, "tcp_stream": 4, "scheme": "wss", "http_version": "1.1"},
    **{"server_ip": "203.0.113.7", "server_port": 443, "host": "chat.example", "path": "/r?a=1&b"},
    **{"opened_at": START, "duration_s": 2_500 * MS, "close_kind": "clean", "close_code": 1000},
}
HANDSHAKE: Row = {
    **CONNECTION,
    **{"handshake": 0, "key": "dGhlIHNhbXBsZSBub25jZQ==", "status": 101, "outcome": "accepted"},
    **{"accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "started_at": START, "request_bytes": 200},
    **{"dns_us": 3 * MS, "tcp_us": 10 * MS, "tls_us": 20 * MS, "upgrade_us": 30 * MS},
}


def message(number: int, direction: str = "client", **more: object) -> Row:
    row: Row = {"connection": 0, "message": number, "direction": direction, "type": "text"}
    row |= {"time_first": START + number * MS, "packet_first": 10 + number, "payload": b"hi"}
    return {**row, **more}


def written(tmp_path: Path, *tables: tuple[str, list[Row]], payload: bool = True) -> list[Row]:
    writer = HarWriter(tmp_path / "x.har", payload=payload)
    for name, rows in tables:
        for row in rows:
            writer.write(table_rows(schema.BY_NAME[name], [row]))
    writer.close()
    return checked((tmp_path / "x.har").read_text("utf-8"))["log"]["entries"]  # type: ignore[no-any-return]


def checked(text: str) -> Any:
    """Return a HAR document, once it fits the schema."""
    document = json.loads(text)
    found = [json.loads(path.read_text("utf-8")) for path in SCHEMAS.glob("*.json")]
    resources = [
        (each["$id"].rstrip("#"), referencing.Resource.from_contents(each)) for each in found
    ]
    registry: Any = referencing.Registry().with_resources(resources)
    (root,) = [each for each in found if each["$id"] == "har.json#"]
    addresses = jsonschema.FormatChecker(("ipv4", "ipv6"))
    validator = jsonschema.Draft6Validator(root, registry=registry, format_checker=addresses)
    validator.validate(document)
    return document


def test_opening_handshake_and_messages(tmp_path: Path) -> None:
    (entry,) = written(
        tmp_path,
        ("messages", [message(1, "server", payload='{"é":1}'.encode()), message(0)]),
        ("frames", [{"connection": 0, "frame": 2, "opcode": "ping", "direction": "server",
                     "time_first": START + 2 * MS, "packet_first": 12}]),
        ("messages", [message(3, type="binary", payload=b"\x00\xff")]),
        ("frames", [{"connection": 0, "frame": 4, "opcode": "close", "direction": "client",
                     "close_code": 1000, "time_first": START + 4 * MS, "packet_first": 14}]),
        ("frames", [{"connection": 0, "frame": 0, "opcode": "text", "direction": "client",
                     "time_first": START}]),
        ("connections", [CONNECTION]),
        ("handshakes", [HANDSHAKE]),
    )  # fmt: skip
    assert entry["request"]["url"] == "wss://chat.example/r?a=1&b"
    assert entry["request"]["queryString"] == [
        {"name": "a", "value": "1"},
        {"name": "b", "value": ""},
    ]
    assert entry["_resourceType"] == "websocket"
    assert entry["startedDateTime"] == "2026-01-02T03:04:05.120456Z"  # the look-up came first
    timings = entry["timings"]
    assert (timings["dns"], timings["connect"], timings["ssl"], timings["wait"]) == (3, 30, 20, 30)
    assert entry["time"] == 3 + 30 + 30 + 2500
    assert [
        (each["type"], each["opcode"], each["data"]) for each in entry["_webSocketMessages"]
    ] == [
        ("send", 1, "hi"),
        ("receive", 1, '{"é":1}'),
        ("receive", 9, ""),
        ("send", 2, base64.b64encode(b"\x00\xff").decode()),
        ("send", 8, "1000"),
    ]
    text = (tmp_path / "x.har").read_text()
    assert '"time":1767323045.123456789' in text  # to the nanosecond


def test_without_payload_messages_stay(tmp_path: Path) -> None:
    rows = [message(0, payload_bytes=2), message(1, payload=None, payload_bytes=None)]
    (entry,) = written(tmp_path, ("messages", rows), ("connections", [CONNECTION]), payload=False)
    assert [each["data"] for each in entry["_webSocketMessages"]] == ["", ""]
    assert "was not captured" in entry["comment"]


def test_refused_and_encrypted_attempts(tmp_path: Path) -> None:
    refused = {**HANDSHAKE, "connection": None, "status": 403, "outcome": "refused"}
    refused |= {"refusal_preview": "<script>", "outcome_reason": "403 Forbidden"}
    encrypted = {**HANDSHAKE, "connection": None, "status": None, "outcome": "encrypted"}
    encrypted |= {"path": None, "upgrade_us": None, "started_at": START + 1}
    first, second = written(tmp_path, ("handshakes", [encrypted, refused]))
    assert first["response"]["status"] == 403
    assert first["response"]["content"]["text"] == "<script>"
    assert second["response"]["status"] == 0
    assert "_webSocketMessages" not in first


def test_plain_exchanges_get_their_scheme(tmp_path: Path) -> None:
    def exchange(stream: int, kind: str) -> Row:
        row: Row = {"tcp_stream": stream, "exchange": 0, "method": "GET", "host": "h", "path": "/p"}
        row |= {"status": 200, "kind": kind, "started_at": START + stream, "wait_us": 2 * MS}
        sizes = ("request_header_bytes", "request_body_bytes", "response_header_bytes")
        row |= dict.fromkeys((*sizes, "response_body_bytes"), 7)
        return {**row, "total_us": 5 * MS}

    clear, secured = written(
        tmp_path,
        ("http", [exchange(1, "plain"), exchange(2, "sse")]),
        ("tls_sessions", [{"tcp_stream": 2}]),
    )
    assert clear["request"]["url"] == "http://h/p"
    assert secured["request"]["url"] == "https://h/p"
    assert (clear["_resourceType"], secured["_resourceType"]) == ("xhr", "eventsource")
    assert (clear["timings"]["wait"], clear["timings"]["receive"], clear["time"]) == (2, 3, 5)


def test_http2(tmp_path: Path) -> None:
    (entry,) = written(
        tmp_path, ("handshakes", [{**HANDSHAKE, "http_version": "2", "status": 200}])
    )
    assert entry["request"]["method"] == "CONNECT"
    assert entry["request"]["httpVersion"] == "h2"


@given(texts=st.lists(HOSTILE_TEXT, min_size=4, max_size=4), payload=st.binary(max_size=20))
def test_hostile_text_makes_a_valid_file(
    texts: list[str], payload: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    host, path, agent, reason = texts
    connection = {**CONNECTION, "host": host, "path": path, "close_reason": reason}
    handshake = {**HANDSHAKE, "host": host, "path": path, "user_agent": agent}
    entries = written(
        tmp_path_factory.mktemp("har"),
        ("messages", [message(0, payload=payload)]),
        ("connections", [connection]),
        ("handshakes", [handshake]),
    )
    assert len(entries[0]["_webSocketMessages"]) == 1


def test_many_messages_go_through_the_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(har, "MAX_BUFFERED", 200)
    monkeypatch.setattr(har, "MAX_UNSORTED", 5)
    order = [at ^ 1 for at in range(40)]  # neighbours swapped
    rows = [message(at, connection=at % 3) for at in order]
    ends = [{**CONNECTION, "connection": number} for number in range(3)]
    entries = written(tmp_path, ("messages", rows), ("connections", ends))
    for number, entry in enumerate(entries):
        found = [each["_message"] for each in entry["_webSocketMessages"]]
        assert found == [at for at in range(40) if at % 3 == number]


def test_messages_that_are_sorted_are_not_held(tmp_path: Path) -> None:
    """Each may have 64 MB, and thousands wait for each other."""
    writer = HarWriter(tmp_path / "x.har")
    size = 1 << 20
    for number in range(40):
        row = message(number, payload=bytes([65 + number % 26]) * size)
        writer.write(table_rows(schema.MESSAGES, [row]))
    writer.write(table_rows(schema.CONNECTIONS, [CONNECTION]))
    tracemalloc.start()
    writer.close()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "x.har").stat().st_size > 40 * size
    # What is gathered, one chunk, and one message in several shapes.
    assert peak < 2 * har.MAX_BUFFERED + 4 * size


def test_abort_leaves_nothing(tmp_path: Path) -> None:
    writer = HarWriter(tmp_path / "x.har")
    writer.write(table_rows(schema.MESSAGES, [message(0)]))
    writer.abort()
    writer.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("capture", "options"),
    [
        ("socket-io-room.pcap", []),
        ("handshakes.pcap", []),
        ("chat-long-poll.pcap", []),
        ("http2-chromium-node.pcap", ["--keys", "captures/http2-chromium-node.keys"]),
    ],
)
def test_captures_fit_the_schema(capture: str, options: list[str], tmp_path: Path) -> None:
    path = tmp_path / "x.har"
    folder = tmp_path / "csv"
    asked = [str(ROOT / "captures" / capture), "--har", str(path), "--csv", str(folder), "-q"]
    assert main.main([*asked, *(str(ROOT / o) if "/" in o else o for o in options)]) == 0
    entries = checked(path.read_text("utf-8"))["log"]["entries"]
    messages = sum(len(each.get("_webSocketMessages", ())) for each in entries)
    with (folder / "frames.csv").open() as file:
        control = sum(any(f",{o}," in line for o in ("ping", "pong", "close")) for line in file)
    with (folder / "messages.csv").open() as file:
        assert messages == control + len(file.readlines()) - 1
    # Whole payloads are the HAR file's alone.
    assert ",payload," in (folder / "messages.csv").read_text().partition("\n")[0]
