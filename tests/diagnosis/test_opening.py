"""Handshakes: slow ones and which part, what a hop took away, refusals that name their cause."""

from __future__ import annotations

import pytest
from oracle.diagnosed import MS, START, S, diagnoses
from oracle.rows import Row


def attempt(number: int, **more: object) -> Row:
    row = {
        **{"handshake": number, "tcp_stream": number, "host": "h.test", "path": "/ws?a=1"},
        **{"client_ip": "10.0.0.1", "server_ip": "10.0.0.9", "server_port": 80, "key": "k"},
        **{"started_at": START, "request_packet": 4 + number, "response_packet": 6 + number},
    }
    return {**row, **more}


def accepted(number: int, **parts: int) -> Row:
    return attempt(number, connection=number, outcome="accepted", status=101, **parts)


@pytest.mark.parametrize(
    ("part", "words"),
    [("tcp_us", "TCP connect"), ("tls_us", "TLS handshake"), ("upgrade_us", "answer")],
)
def test_slow_part(part: str, words: str) -> None:
    rows = [accepted(n, **{"total_us": 900 * MS, part: 800 * MS}) for n in range(3)]
    rows.append(accepted(3, total_us=20 * MS, tcp_us=10 * MS, upgrade_us=10 * MS))
    found = diagnoses(handshakes=rows)["slow-handshake"]
    assert (found.connections, found.connection, found.seconds) == (3, 0, 2400 * MS)
    assert found.evidence["part"] == part
    assert "3 of 4 handshakes" in found.text
    assert words in found.text


def test_handshakes_that_are_not_slow() -> None:
    assert diagnoses(handshakes=[accepted(0, total_us=400 * MS, tcp_us=390 * MS)]) == {}
    # No part took most of it.
    even = {"tcp_us": 200 * MS, "tls_us": 200 * MS, "upgrade_us": 200 * MS}
    assert diagnoses(handshakes=[accepted(0, total_us=600 * MS, **even)]) == {}


# --- stripped


def lacks(id_: str, stream: int, packet: int) -> Row:
    row = {"id": id_, "severity": "error", "text": "It lacks a field.", "count": 1}
    return {**row, "tcp_stream": stream, "packet": packet}


def test_fields_that_a_hop_took_away() -> None:
    rows = [attempt(n, outcome="refused", status=400) for n in range(3)]
    found = diagnoses(
        handshakes=rows,
        findings=[
            lacks(id_, n, 4 + n)
            for n in range(3)
            for id_ in ("handshake-missing-upgrade", "handshake-bad-connection")
        ],
    )["proxy-stripped"]
    assert (found.connections, found.packet, found.ended) == (3, 4, 3)
    assert found.evidence["missing"] == ["Connection", "Upgrade"]
    assert "answered 400" in found.text


def test_426_to_a_complete_request() -> None:
    found = diagnoses(handshakes=[attempt(0, outcome="refused", status=426)])
    assert "A hop behind takes Upgrade away" in found["proxy-stripped"].text


def test_requests_that_no_hop_changed() -> None:
    # About versions (RFC 6455 4.4).
    rows = [attempt(0, outcome="refused", status=426)]
    versions = [lacks("handshake-other-versions", 0, 6)]
    assert "proxy-stripped" not in diagnoses(handshakes=rows, findings=versions)
    # Where the next attempt on the connection was accepted, the finding is of that.
    later = [{**versions[0], "connection": 0}]
    assert "proxy-stripped" not in diagnoses(handshakes=rows, findings=later)
    # That another connection was refused for its version says nothing of this one.
    versions = [lacks("handshake-other-versions", 9, 6)]
    assert "proxy-stripped" in diagnoses(handshakes=rows, findings=versions)
    # A plain GET, or a test without a key.
    plain = [attempt(0, outcome="refused", status=426, key=None)]
    findings = [lacks("handshake-missing-upgrade", 0, 4)]
    assert "proxy-stripped" not in diagnoses(handshakes=plain, findings=findings)
    # The answer lacks the field, not the request.
    rows = [attempt(0, outcome="bad-response", status=101)]
    findings = [lacks("handshake-bad-connection", 0, 6)]
    assert "proxy-stripped" not in diagnoses(handshakes=rows, findings=findings)


# --- refused


def refused(**more: object) -> Row:
    return attempt(0, outcome="refused", status=400, **more)


def test_refusal_that_names_its_cause() -> None:
    body = '{"code":3,"message":"Bad request"}'
    found = diagnoses(
        handshakes=[refused(server="nginx/1.22", refusal_preview=body)],
        http_groups=[
            {"group": 5, "client_ip": "10.0.0.1", "server_ip": "10.0.0.9", "server_port": 80,
             "path": "/ws", "wire_bytes": 1, "ended_at": START + S}
        ],
    )["refused-why"]  # fmt: skip
    assert (found.packet, found.evidence["polling_group"]) == (6, 5)
    assert "refused with 400 by nginx/1.22" in found.text
    assert "went on polling" in found.text
    assert "Engine.IO: the request reached it incomplete" in found.text


def test_refusal_without_words() -> None:
    assert "refused-why" not in diagnoses(handshakes=[refused()])


def test_polls_before_the_refusal_are_no_fallback() -> None:
    group = {"group": 5, "client_ip": "10.0.0.1", "server_ip": "10.0.0.9", "server_port": 80}
    found = diagnoses(
        handshakes=[refused(server="x", refusal_preview="no\\n")],
        http_groups=[{**group, "path": "/ws", "wire_bytes": 1, "ended_at": START - S}],
    )["refused-why"]
    assert found.evidence["polling_group"] is None
    assert ': "no".' in found.text
