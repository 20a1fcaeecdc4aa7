"""The short way of the usual opening: the same results as the general one."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.conversations import cut, stream
from oracle.upgrades import ACCEPT, KEY, OK, PLAIN, SWITCH, UPGRADE, payload

from analyzer import findings
from analyzer.http import stage as transactions
from analyzer.http.stage import HttpStage
from analyzer.options import Options

REFUSED = b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"

REQUESTS = [
    UPGRADE,
    PLAIN,
    UPGRADE + b"\x81\x80abcd",
    UPGRADE + UPGRADE,
    UPGRADE.replace(b"GET", b"PUT"),
    UPGRADE.replace(b"HTTP/1.1", b"HTTP/1.0"),
    UPGRADE.replace(b"\r\n\r\n", b"\r\n folded\r\n\r\n"),
    UPGRADE.replace(b"\r\n\r\n", b"\r\nContent-Length: 4\r\n\r\n"),
    UPGRADE.replace(b"\r\n\r\n", b"\r\nsec-websocket-key: again\r\n\r\n"),
    UPGRADE.replace(b"\r\n\r\n", b"\r\nX:\0\r\n\r\n"),
    UPGRADE.replace(b"==", b"="),
    UPGRADE.replace(b"==", b"== \t"),
    UPGRADE.replace(b"==", b"==\r\n more"),
    UPGRADE.replace(b"Sec-WebSocket-Key", b"sec-websocket-key"),
    UPGRADE.replace(b"Sec-WebSocket-Key", b"Sec-WebSocket-Kex"),
    UPGRADE.replace(b"\r\n", b"\n"),
    UPGRADE.replace(b"\r\n\r\n", b"\r\nCookie: a=1\r\n\r\n"),
    UPGRADE.replace(b"\r\n\r\n", b"\r\nCookie: b=22; c\r\n\r\n"),
    UPGRADE.replace(b"\r\n\r\n", b"\r\nCookie:  a\r\n\r\n"),
    UPGRADE.replace(b"\r\n\r\n", b"\r\nCookie: \r\n\r\n"),
    UPGRADE.replace(b"\r\n\r\n", b"\r\nCookie: a\r\nCookie: b\r\n\r\n"),
    UPGRADE.replace(b"Host", b"Cookie: first\r\nHost"),
    UPGRADE.replace(b"\r\n\r\n", b"\r\nCookie: \xe4\r\n\r\n"),
    UPGRADE.replace(b"\r\n\r\n", b"\r\nCookie: a\x01\r\n\r\n"),
    UPGRADE.replace(b"13", b"8"),
    UPGRADE.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: chat\r\n\r\n"),
    b"\r\n" + UPGRADE,
    UPGRADE[:60],
]
ANSWERS = [
    SWITCH,
    SWITCH + b"\x81\x02hi",
    SWITCH.replace(b"s", b"S"),
    SWITCH.replace(b"=", b"x"),
    SWITCH.replace(b"Accept", b"Version"),
    SWITCH.replace(b"websocket", b"h2c"),
    SWITCH.replace(b"Upgrade", b"Downgrade"),
    SWITCH.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: chat\r\n\r\n"),
    SWITCH.replace(b"\r\n\r\n", b"\r\nDate: Tue, 15 Nov 1994 08:12:31 GMT\r\n\r\n"),
    SWITCH.replace(b"\r\n\r\n", b"\r\nDate: now\r\nServer: x\r\n\r\n"),
    SWITCH[:40],
    SWITCH[40:],
    INTERIM + SWITCH,
    REFUSED,
    OK,
    b"\x81\x02hi",
    UPGRADE,
]
STEPS = st.one_of(
    st.tuples(st.just(0), st.sampled_from(REQUESTS)),
    st.tuples(st.just(1), st.sampled_from(ANSWERS)),
    st.tuples(st.integers(0, 1), st.sampled_from(["ack", "ack", "fin", "rst"])),
    st.tuples(st.integers(0, 1), st.integers(1, 50)),
    st.tuples(st.integers(0, 1), st.sampled_from([b"\x81\x80abcd", b"\x89\0"])),
)
LIKELY = st.builds(
    lambda request, between, answer, rest: [(0, request), *between, (1, answer), *rest],
    st.sampled_from(REQUESTS),
    st.lists(STEPS, max_size=2),
    st.sampled_from(ANSWERS),
    st.lists(STEPS, max_size=4),
)


def outcome(batches):
    """Push all; return everything that a batch holds but for places in its buffer."""
    stage = HttpStage(Options())
    parts = [stage.push(batch) for batch in batches]
    names = [name for name in parts[0].rows.dtype.names if name != "start"]
    return [
        (
            part.rows[names].tolist(),
            payload(part, 0),
            payload(part, 1),
            part.upgrades,
            part.upgrade_rows,
            part.handshakes,
            part.exchanges,
            part.findings,
            part.http_bytes[:2].tolist(),
        )
        for part in parts
    ]


def never(*_):
    return None


@settings(deadline=None, max_examples=150)
@given(st.one_of(LIKELY, st.lists(STEPS, max_size=8)), st.lists(st.integers(0, 8), max_size=3),
       st.booleans())  # fmt: skip
def test_short_and_general_way_agree(steps, places, sides_known):
    short = outcome(cut(steps, places, sides_known=sides_known))
    open_attempt = transactions.open_attempt
    transactions.open_attempt = never
    try:
        general = outcome(cut(steps, places, sides_known=sides_known))
    finally:
        transactions.open_attempt = open_attempt
    assert short == general


def test_usual_opening_makes_no_conversation():
    stage = HttpStage(Options())
    first, second = cut([(0, UPGRADE), (1, "ack"), (1, SWITCH + b"\x89\0")], [2])
    stage.push(first)
    assert not stage._conversations
    assert list(stage._openings) == [0]
    out = stage.push(second)
    assert [each.outcome for each in out.upgrades] == ["accepted"]
    assert payload(out, 1) == b"\x89\0"
    assert out.http_bytes[:2].tolist() == [len(UPGRADE), len(SWITCH)]
    assert not stage._openings


def test_opening_that_ends_unanswered_is_settled_and_forgotten():
    stage = HttpStage(Options())
    out = stage.push(stream([(0, UPGRADE), (1, "ack")]))
    assert [each.outcome for each in out.handshakes] == ["no-answer"]
    assert not stage._openings
    assert [each.kind for each in out.findings] == [findings.HANDSHAKE_NO_ANSWER]
    assert not np.any(out.rows["length"])


def test_heads_that_differ_in_key_cookie_and_date_alone_are_alike():
    dated = SWITCH.replace(b"\r\n\r\n", b"\r\nDate: %b\r\n\r\n")
    asked = UPGRADE.replace(b"\r\n\r\n", b"\r\nCookie: %b\r\n\r\n")
    key = b"dGhlIHNhbXBsZSBub25jZQ=="
    accept = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 1.3
    first = opened(asked % b"a=1", dated % b"now")
    second = opened(
        (asked % b"b=22").replace(KEY.encode(), key),
        (dated % b"later").replace(ACCEPT.encode(), accept),
    )
    assert first.alike == second.alike >= 0
    assert (second.key, second.accept) == (key.decode(), accept.decode())
    assert ("Cookie", "b=22") in second.request_header
    assert ("Date", "later") in second.response_header
    other = opened(asked.replace(b"/chat", b"/news") % b"a=1", dated % b"now")
    assert other.alike not in {-1, first.alike}


def test_what_is_odd_is_like_nothing_else():
    assert opened(UPGRADE.replace(b"13", b"8"), SWITCH).alike == -1
    bad = opened(UPGRADE, SWITCH.replace(b"=", b"A"))
    assert (bad.outcome, bad.alike) == ("bad-accept", -1)


def opened(request, answer):
    out = HttpStage(Options()).push(stream([(0, request), (1, answer)]))
    return out.upgrades[0]
