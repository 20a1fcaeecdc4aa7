"""The http stage: slots, cuts of the input, hostile bytes, and h11 as oracle."""

from __future__ import annotations

import h11
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.conversations import HEADER_BYTES, batch_of, cut, rows_of, stream
from oracle.upgrades import OK, PLAIN, SWITCH, UPGRADE, payload, run

from analyzer import findings
from analyzer.http.stage import HttpStage
from analyzer.options import Options

FEW = settings(deadline=None, max_examples=60)

# --- slots, floods, cuts


def test_slot_used_again_starts_anew():
    stage = HttpStage(Options())
    stage.push(stream([(0, b"\x16\x03\x01"), (1, b"x")]))
    out = stage.push(stream([(0, PLAIN), (1, OK)]), last=True)
    assert [each.status for each in out.exchanges] == [200]
    assert out.http_bytes[:2].tolist() == [len(PLAIN), len(OK)]


def test_rows_without_payload_make_no_conversation():
    stage = HttpStage(Options())
    out = stage.push(
        batch_of([row for slot in range(50) for row in rows_of([(0, "ack")], slot)], 50)
    )
    assert not len(out.rows)
    assert not stage._conversations


CONVERSATIONS = [
    [
        (0, PLAIN),
        (1, OK),
        (0, UPGRADE),
        (0, b"\x81\x80abcd"),
        (1, SWITCH + b"\x81\x02hi"),
        (0, "ack"),
    ],
    [(0, PLAIN + PLAIN + UPGRADE), (1, OK + OK), (1, SWITCH), (1, b"\x89\0"), (0, b"\x8a\x80abcd")],
    [(0, b"\x16\x03\x01"), (1, b"\x16"), (0, b"x")],
    [(0, UPGRADE), (1, b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno"), (0, PLAIN), (1, OK)],
]


def split(conversation, sizes):
    """Cut each payload into segments of the given sizes, again and again."""
    steps = []
    for side, what in conversation:
        if not isinstance(what, bytes):
            steps.append((side, what))
            continue
        at, turn = 0, 0
        while at < len(what):
            size = sizes[turn % len(sizes)]
            steps.append((side, what[at : at + size]))
            at, turn = at + size, turn + 1
    return steps


@FEW
@given(
    st.sampled_from(CONVERSATIONS),
    st.lists(st.integers(1, 90), min_size=1, max_size=4),
    st.lists(st.integers(0, 400), max_size=12),
)
def test_cuts_never_change_results(conversation, sizes, places):
    steps = split(conversation, sizes)
    whole = run(steps)
    stage = HttpStage(Options())
    batches = cut(steps, places)
    parts = [stage.push(batch, last=batch is batches[-1]) for batch in batches]
    names = [name for name in whole.rows.dtype.names if name != "start"]
    joined = np.concatenate([part.rows for part in parts])
    assert joined[names].tolist() == whole.rows[names].tolist()
    for side in (0, 1):
        assert b"".join(payload(part, side) for part in parts) == payload(whole, side)
    for attribute in ("upgrades", "handshakes", "exchanges", "findings"):
        assert [item for part in parts for item in getattr(part, attribute)] == getattr(
            whole, attribute
        )
    before = np.cumsum([0, *(len(part.rows) for part in parts)]).tolist()
    places = [
        at + base for part, base in zip(parts, before, strict=False) for at in part.upgrade_rows
    ]
    assert places == whole.upgrade_rows
    assert parts[-1].http_bytes[:2].tolist() == whole.http_bytes[:2].tolist()


@FEW
@given(
    st.sampled_from(CONVERSATIONS),
    st.lists(st.integers(1, 90), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=8),
    st.lists(st.integers(0, 40), max_size=4),
    st.booleans(),
)
def test_mutated_traffic_never_raises_and_bytes_tie_out(
    conversation, sizes, changes, gaps, sides_known
):
    steps = split(conversation, sizes)
    mutated = []
    for number, (side, what) in enumerate(steps):
        if isinstance(what, bytes):
            raw = bytearray(what)
            for place, value in changes:
                if place % len(steps) == number:
                    raw[place % len(raw)] = value
            mutated.append((side, 7 if number in gaps else bytes(raw)))
        else:
            mutated.append((side, what))
    out = run(mutated, sides_known=sides_known)
    for side in (0, 1):
        sent = sum(len(what) for each, what in mutated if each == side and isinstance(what, bytes))
        assert out.http_bytes[side] + len(payload(out, side)) <= sent


# --- what all connections hold back together


def unfinished(slots, **limits):
    stage = HttpStage(Options(**limits))
    half = PLAIN[:-2] + b"X-Long: " + b"x" * 600
    rows = [row for slot in range(slots) for row in rows_of([(0, half)], slot, slot + 1)]
    return stage, stage.push(batch_of(rows, slots))


def test_heads_without_end_are_bounded_over_all_connections():
    stage, out = unfinished(5, max_held_head_bytes_total=1500)
    assert [each.kind for each in out.findings] == [findings.HTTP_HEAD_LIMIT] * 3
    assert [each.slot for each in out.findings] == [0, 1, 2]  # the oldest first
    assert sorted(stage._conversations) == [3, 4]


def test_heads_without_end_below_the_limit_stay():
    stage, out = unfinished(5)
    assert not out.findings
    assert len(stage._conversations) == 5


def test_what_ends_is_no_longer_counted_as_held():
    stage = HttpStage(Options())
    stage.push(stream([(0, PLAIN[:-2])]))
    stage.push(stream([(0, UPGRADE + b"early"), (1, SWITCH)]))
    assert stage._held == 0
    assert not stage._holding


# --- h11 as oracle

TOKENS = st.text("abcdefgXYZ-09", min_size=1, max_size=12)
VALUES = st.text('abc XYZ;=,"\xe9', max_size=20).map(str.strip)


@st.composite
def messages(draw):
    """A request and its response, written by h11, with the framing that h11 chose."""
    body = draw(st.binary(max_size=60))
    chunked = draw(st.booleans())
    fields = draw(
        st.lists(
            st.tuples(TOKENS.map("x-{}".format), VALUES.map(lambda text: text.encode("latin-1"))),
            max_size=5,
        )
    )
    framing = ("transfer-encoding", "chunked") if chunked else ("content-length", str(len(body)))
    client, server = h11.Connection(h11.CLIENT), h11.Connection(h11.SERVER)
    asked = client.send(
        h11.Request(method="POST", target="/t", headers=[("host", "h"), framing, *fields])
    )
    head = len(asked)
    asked += client.send(h11.Data(data=body)) + client.send(h11.EndOfMessage())
    server.receive_data(asked)
    while server.next_event() is not h11.PAUSED and server.their_state is not h11.DONE:
        pass
    answer = server.send(h11.Response(status_code=200, headers=[framing, *fields]))
    answer_head = len(answer)
    answer += server.send(h11.Data(data=body)) + server.send(h11.EndOfMessage())
    return asked, head, answer, answer_head, fields


@FEW
@given(
    st.lists(messages(), min_size=1, max_size=3),
    st.lists(st.integers(1, 70), min_size=1, max_size=3),
)
def test_messages_written_by_h11(pairs, sizes):
    steps = [step for asked, _, answer, _, _ in pairs for step in ((0, asked), (1, answer))]
    out = run(split(steps, sizes))
    assert not out.findings
    assert [
        (
            each.request_header_bytes,
            each.request_body_bytes,
            each.response_header_bytes,
            each.response_body_bytes,
            each.complete,
        )
        for each in out.exchanges
    ] == [
        (head, len(asked) - head, answer_head, len(answer) - answer_head, True)
        for asked, head, answer, answer_head, _ in pairs
    ]
    for exchange, (*_, fields) in zip(out.exchanges, pairs, strict=True):
        assert [
            (name.lower(), value.encode("latin-1")) for name, value in exchange.request_header[2:]
        ] == [(name.lower(), value) for name, value in fields]
    assert sum(each.wire_bytes for each in out.exchanges) == sum(
        HEADER_BYTES + len(what) for _, what in split(steps, sizes)
    )
