"""What permessage-deflate would have saved: RFC 7692's examples, zlib, and real senders."""

import random
import zlib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.stages import (
    CLIENT,
    PING,
    REQUEST,
    RESPONSE,
    SERVER,
    TEXT,
    batches_of,
    client,
    handshake,
    run,
    server,
    talk,
)
from oracle.websocket import frame

import analyzer
from analyzer.columns import NULL
from analyzer.options import Options

CAPTURES = Path(__file__).parents[2] / "captures"
DEFLATE = "permessage-deflate"
LIMIT = "deflate-estimate-limit"
WORDS = [b'{"type":"tick","price":%d}' % price for price in (100, 101, 101, 99, 100)]


def declined(offer=DEFLATE, accepted=""):
    """A handshake whose client offers and whose server accepts something else."""
    asked = f"Sec-WebSocket-Extensions: {offer}\r\n\r\n".encode()
    answer = f"Sec-WebSocket-Extensions: {accepted}\r\n".encode() if accepted else b""
    return [(CLIENT, REQUEST + asked), (SERVER, RESPONSE + answer + b"\r\n")]


def savings(payloads, *, takeover=True, bits=15):
    """What zlib saves of each payload, as RFC 7692 7.2.1 sends it."""
    saved, context = [], None
    for payload in payloads:
        if context is None or not takeover:
            context = zlib.compressobj(6, zlib.DEFLATED, -bits, 8)
        sent = context.compress(payload) + context.flush(zlib.Z_SYNC_FLUSH)
        saved.append(len(payload) - len(sent) + 4 if payload else -1)
    return saved


def estimates(result, sender=SERVER):
    rows = [row for row in result.messages if row["sender"] == sender]
    return [None if row["estimate"] == NULL else row["estimate"] for row in rows]


def said(payloads):
    return [server(TEXT, payload) for payload in payloads]


# --- the rule


def test_examples_of_the_rfc():
    # RFC 7692 7.2.3.1 and 7.2.3.2: "Hello" is 7 bytes, and 5 when it comes again;
    # 7.2.3.6: an empty message is 1 byte.
    steps = [*declined(), *said([b"Hello", b"Hello", b""]), client(TEXT, b"Hello")]
    result = talk(steps)
    assert estimates(result) == [-2, 0, -1]
    assert estimates(result, CLIENT) == [-2]
    assert result.findings == []


@pytest.mark.parametrize(
    ("offer", "of_client", "of_server"),
    [
        (DEFLATE, {}, {}),
        (f"{DEFLATE}; server_no_context_takeover", {}, {"takeover": False}),
        (f"{DEFLATE}; client_no_context_takeover", {"takeover": False}, {}),
        # A window of 2^8 bytes is none that zlib makes: the next larger one is taken.
        (f"{DEFLATE}; server_max_window_bits=8", {}, {"bits": 9}),
        (f"{DEFLATE}; client_max_window_bits=10", {"bits": 10}, {}),
        # RFC 7692 7.1: the first is no offer that a server may accept.
        (f"{DEFLATE}; wrong, {DEFLATE}; server_no_context_takeover", {}, {"takeover": False}),
        (f"unheard-of, {DEFLATE}", {}, {}),
    ],
)
def test_parameters_of_the_offer_hold(offer, of_client, of_server):
    noise = random.Random(7).randbytes(700).hex().encode()
    payloads = [noise, *WORDS, noise]
    steps = [*declined(offer)]
    for payload in payloads:
        steps += [client(TEXT, payload), server(TEXT, payload)]
    result = talk(steps)
    assert estimates(result, CLIENT) == savings(payloads, **of_client)
    assert estimates(result, SERVER) == savings(payloads, **of_server)


@pytest.mark.parametrize(
    "opening",
    [
        handshake(DEFLATE),
        handshake(),
        declined("unheard-of"),
        declined(f"{DEFLATE}; wrong"),
        declined(f"{DEFLATE}; server_max_window_bits=16"),
        declined(f"{DEFLATE}, squeeze", accepted="squeeze"),
    ],
    ids=["accepted", "nothing offered", "another offered", "unknown", "bad value", "another"],
)
def test_only_what_was_offered_and_declined_is_estimated(opening):
    assert estimates(talk([*opening, *said(WORDS)])) == [None] * len(WORDS)


def test_a_message_that_would_grow():
    noise = random.Random(1).randbytes(1000)
    (estimate,) = estimates(talk([*declined(), server(2, noise)]))
    # RFC 7692 7.2.3.3: a block that is not compressed has 5 bytes of header; one more
    # byte begins the block that the flush adds and whose end is not sent.
    assert estimate == -6


# --- what lies between, and what is lost


@pytest.mark.parametrize("payload", ["none", "preview", "full"])
@pytest.mark.parametrize("places", [(), range(99)])
def test_fragments_and_pings_between(payload, places):
    steps = [
        *declined(),
        server(TEXT, b"one message, ", fin=False),
        server(PING, b"one message, "),
        server(0, b"", fin=False),
        server(0, b"one message, whole"),
        *said(WORDS),
    ]
    expected = [b"one message, one message, whole", *WORDS]
    result = talk(steps, Options(payload=payload), places)
    assert estimates(result) == savings(expected)
    if payload == "full":
        assert result.sent(SERVER) == expected
    assert result.findings == []


@pytest.mark.parametrize("places", [(), range(99)])
def test_a_gap_empties_the_window(places):
    whole = frame(TEXT, b"0123456789" * 3)
    gap = [(SERVER, whole[:8]), (SERVER, 4), (SERVER, whole[12:])]
    result = talk([*declined(), *said(WORDS), *gap, *said(WORDS)], Options(), places)
    assert estimates(result) == [*savings(WORDS), None, *savings(WORDS)]


@pytest.mark.parametrize("places", [(), range(99)])
def test_lost_framing_empties_the_window(places):
    lost = frame(TEXT, b"not seen")
    steps = [*declined(), *said(WORDS), (SERVER, len(lost)), *said(WORDS)]
    result = talk(steps, Options(), places)
    assert estimates(result) == [*savings(WORDS), *savings(WORDS)]


@pytest.mark.parametrize("places", [(), range(99)])
def test_an_interrupted_message_empties_the_window(places):
    steps = [
        *declined(),
        *said(WORDS),
        server(TEXT, b"never ended", fin=False),
        *said(WORDS),
        (CLIENT, "ack"),
        server(TEXT, b"nor this", fin=False),
        *said(WORDS),
    ]
    assert estimates(talk(steps, Options(), places)) == savings(WORDS) * 3


# --- limits


def limits(result):
    return [(found.detail, found.slot, found.packet) for found in result.found(LIMIT)]


@pytest.mark.parametrize("places", [(), range(99)])
def test_limit_of_a_direction(places):
    # 27 bytes each: three fill the limit to the last byte.
    assert {len(word) for word in WORDS[:3]} == {27}
    steps = [*declined(), *said([*WORDS[:3], b"late", b""]), *(client(TEXT, b"up") for _ in WORDS)]
    result = talk(steps, Options(max_estimated_bytes=81), places)
    assert estimates(result) == [*savings(WORDS[:3]), None, None]
    assert estimates(result, CLIENT) == savings([b"up"] * len(WORDS))
    assert limits(result) == [("max_estimated_bytes", 0, 6)]


@pytest.mark.parametrize("places", [(), range(0, 99, 2), range(99)])
@pytest.mark.parametrize(
    ("name", "value"), [("max_estimated_messages", 5), ("max_estimated_bytes_total", 130)]
)
def test_limits_of_all_connections_together(places, name, value):
    # Two connections, packets in turn: one message of each before the limit is reached in
    # the sixth; a third connection begins when all is spent.
    late = [(CLIENT, "ack")] * 12 + [*declined(), server(TEXT, b"too late")]
    talks = [[*declined(), *said(WORDS)], [*declined(), *said(WORDS)], late]
    result = run(batches_of(talks, places), Options(**{name: value}))
    found = {0: [], 1: [], 2: []}
    for row in result.messages:
        found[row["connection"]].append(None if row["estimate"] == NULL else row["estimate"])
    first, second = savings(WORDS)[:3], savings(WORDS)[:2]
    expected = {0: [*first, None, None], 1: [*second, None, None, None], 2: [None]}
    if name == "max_estimated_bytes_total":
        # 4 x 27 bytes are 108, with the fifth 135.
        expected[0][2] = None
    assert found == expected
    assert [detail for detail, _, _ in limits(result)] == [name]


@pytest.mark.parametrize("places", [(), range(99)])
def test_limit_spent_to_the_last_message_is_told_with_the_next(places):
    # The first connection spends all exactly; only the second one's message is too many.
    second = [(CLIENT, "ack")] * 7 + [*declined(), server(TEXT, b"too many")]
    talks = [[*declined(), *said(WORDS)], second]
    result = run(batches_of(talks, places), Options(max_estimated_messages=len(WORDS)))
    assert limits(result) == [("max_estimated_messages", 1, 10)]


@pytest.mark.parametrize("places", [(), range(99)])
def test_limit_of_connections(places):
    talks = [[*declined(), *said(WORDS)] for _ in range(4)]
    result = run(batches_of(talks, places), Options(max_estimated_connections=2))
    found = [row["connection"] for row in result.messages if row["estimate"] != NULL]
    assert set(found) == {0, 1}
    assert len(found) == 2 * len(WORDS)
    assert limits(result) == [("max_estimated_connections", 2, 2)]


# --- any traffic


PAYLOADS = st.lists(
    st.sampled_from([*WORDS, b"", b"\0" * 300]) | st.binary(max_size=200), min_size=1, max_size=12
)


@settings(deadline=None, max_examples=60)
@given(PAYLOADS, PAYLOADS, st.lists(st.integers(1, 60)), st.lists(st.integers(1, 300), max_size=9))
def test_any_messages_in_any_packets_and_batches(ours, theirs, places, cuts):
    sent = b"".join(frame(2, payload) for payload in theirs)
    bounds = [0, *sorted({cut for cut in cuts if cut < len(sent)}), len(sent)]
    steps = [*declined(), *((SERVER, sent[a:b]) for a, b in pairwise(bounds))]
    steps += [client(2, payload) for payload in ours]
    result = talk(steps, Options(), places)
    assert estimates(result, SERVER) == savings(theirs)
    assert estimates(result, CLIENT) == savings(ours)


# --- real senders


@pytest.mark.parametrize(
    ("name", "sides", "tolerance"),
    [
        # Node.js has Chromium's zlib, which looks for matches in its own way.
        ("npm-ws-deflate-takeover.pcap", {0, 1}, 0.01),
        ("npm-ws-deflate-server-no-takeover.pcap", {0}, 0.01),
        ("tomcat-chat.pcap", {0, 1}, 0),
        ("nginx-proxy.pcapng", {0, 1}, 0),
        # A window of 2^12 bytes and a memory level of 5 are that package's defaults.
        ("python-websockets-default.pcap", {0, 1}, 0.01),
    ],
)
def test_estimates_of_what_real_programs_compressed(name, sides, tolerance):
    tables = analyzer.analyze(CAPTURES / name, payload="full")
    for side in sides:
        rows = tables.messages[tables.messages["direction"] == ("client", "server")[side]]
        for _, mine in rows[rows["compressed"]].groupby("connection"):
            payloads = mine.sort_values("message")["payload"]
            send = client if side == CLIENT else server
            result = talk([*declined(), *(send(2, payload) for payload in payloads)])
            saved, real = sum(estimates(result, side)), mine["deflate_saved_bytes"].sum()
            assert saved == pytest.approx(real, rel=tolerance, abs=0)


@pytest.mark.parametrize("name", ["stomp.pcap", "socket-io-upgrade.pcap"])
@pytest.mark.parametrize("batch_bytes", [1, 7 * 1024, 1024 * 1024])
def test_real_connections_that_declined(name, batch_bytes):
    messages = analyzer.analyze(CAPTURES / name, payload="full", batch_bytes=batch_bytes).messages
    for _, mine in messages.groupby("direction", observed=True):
        expected = savings(list(mine.sort_values("message")["payload"]))
        assert list(mine.sort_values("message")["deflate_estimate_bytes"]) == expected
