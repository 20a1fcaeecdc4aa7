"""Bytes that are no frames, and agreements that are broken: by their findings."""

from __future__ import annotations

import pytest
from oracle.diagnosed import connection, diagnoses
from oracle.rows import Row


def finding(id_: str, connection: int | None, packet: int, **more: object) -> Row:
    row = {"id": id_, "severity": "error", "connection": connection, "packet": packet}
    return {**row, "text": f"It is so in packet {packet}.", "count": 1, **more}


@pytest.mark.parametrize(
    ("id_", "cause"),
    [
        ("websocket-not-frames", "not-frames"),
        ("websocket-torn-write", "torn-write"),
        ("websocket-old-draft", "old-draft"),
        ("deflate-window-exceeded", "window-exceeded"),
    ],
)
def test_finding_is_the_cause(id_: str, cause: str) -> None:
    found = diagnoses(
        connections=[connection(0), connection(1)],
        findings=[finding(id_, 1, 30), finding(id_, 0, 40), finding(id_, 1, 50)],
    )[cause]
    assert (found.connections, found.connection, found.packet) == (2, 1, 30)
    assert found.evidence["findings"] == 3
    assert found.text == "On 2 connections, the first: It is so in packet 30."


def test_finding_of_no_connection() -> None:
    found = diagnoses(findings=[finding("websocket-old-draft", None, 6, tcp_stream=0)])
    assert found["old-draft"].packet == 6


def test_other_findings_are_no_cause() -> None:
    rows = [finding("websocket-rsv", 0, 3), finding("websocket-bad-utf8", 0, 3)]
    assert diagnoses(connections=[connection(0)], findings=rows) == {}


@pytest.mark.parametrize(
    ("id_", "text", "cause", "said"),
    [
        (
            "websocket-not-frames",
            "Bytes that are not a frame appear where a frame must begin: HTML by the server.",
            "not-frames",
            "1 connection has what is no frame: HTML by the server.",
        ),
        (
            "deflate-window-exceeded",
            "A compressed message refers beyond the agreed window: 700 bytes back, of 512.",
            "window-exceeded",
            "2 compressed messages of the server on 1 connection refer back too far: "
            "700 bytes back, of 512.",
        ),
    ],
)
def test_sentences_say_how_many_and_whose(id_: str, text: str, cause: str, said: str) -> None:
    count = 2 if cause == "window-exceeded" else 1
    rows = [finding(id_, 0, 8, text=text, direction="server", count=count)]
    assert diagnoses(connections=[connection(0)], findings=rows)[cause].text == said
