"""The JSON document: valid, complete, and in place only when it is whole."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from oracle.rows import table_rows

from analyzer.errors import ReportError
from analyzer.report.json import JsonWriter
from analyzer.tables.schema import MESSAGES, PINGS, TABLES

PING = {"connection": 0, "direction": "client", "ping_frame": 1, "payload_bytes": 4, "rtt_us": 1500}


def test_tables_come_mixed_and_leave_in_order(tmp_path: Path) -> None:
    target = tmp_path / "all.json"
    writer = JsonWriter(target)
    writer.write(table_rows(PINGS, [PING]))
    writer.write(table_rows(MESSAGES, [{"connection": 3, "payload": b"\xff"}]))
    writer.write(table_rows(PINGS, [dict(PING, connection=1, rtt_us=None)]))
    assert not target.exists()
    writer.close()
    document = json.loads(target.read_text(encoding="utf-8"))
    assert list(document) == [table.name for table in TABLES]
    unseen = dict.fromkeys(("pong_frame", "sent_at", "answered_at", "acked_us"))
    assert document["pings"] == [
        {**PING, **unseen, "rtt_us": 1.5},
        {**PING, **unseen, "connection": 1, "rtt_us": None},
    ]
    assert document["messages"][0]["payload"] == "/w=="
    assert document["frames"] == []
    assert list(tmp_path.iterdir()) == [target]


def test_without_rows_all_tables_are_empty() -> None:
    stream = io.BytesIO()
    writer = JsonWriter(stream)
    writer.close()
    writer.close()
    assert json.loads(stream.getvalue()) == {table.name: [] for table in TABLES}


def test_broken_text_is_still_valid_utf8(tmp_path: Path) -> None:
    writer = JsonWriter(tmp_path / "x.json")
    row = {"connection": 0, "payload_preview": "\ud800\0\x9b"}
    writer.write(table_rows(MESSAGES, [row]))
    writer.close()
    text = (tmp_path / "x.json").read_bytes().decode("utf-8")
    assert json.loads(text)["messages"][0]["payload_preview"] == "?\0\x9b"


def test_abort_leaves_nothing(tmp_path: Path) -> None:
    writer = JsonWriter(tmp_path / "x.json")
    writer.write(table_rows(PINGS, [PING]))
    writer.abort()
    assert list(tmp_path.iterdir()) == []


def test_target_must_be_writable(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="folder"):
        JsonWriter(tmp_path)
    with pytest.raises(ReportError, match="No such file"):
        JsonWriter(tmp_path / "missing" / "x.json")


def test_a_document_says_what_was_read_and_how(tmp_path: Path) -> None:
    from analyzer.cli import main
    from analyzer.version import __version__

    capture = Path(__file__).parents[2] / "captures" / "npm-ws-basic.pcap"
    target = tmp_path / "x.json"
    assert main.main([str(capture), "-q", "--json", str(target), "--payload", "none"]) == 0
    document = json.loads(target.read_text(encoding="utf-8"))
    assert list(document) == [*(table.name for table in TABLES), "about"]
    about = document["about"]
    assert about["files"] == [str(capture)]
    assert (about["version"], about["schema_version"]) == (__version__, 1)
    assert about["options"]["payload"] == "none"
