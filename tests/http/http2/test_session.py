"""What frames say: streams, heads, resets, limits."""

import pytest
from hpack import Encoder
from oracle.captures import pcap
from oracle.http2 import CLIENT, SERVER, Talk, capture, segments
from oracle.whole import assert_ties_out, grave, tables_of

CONTINUATION, END_HEADERS, END_STREAM = 9, 4, 1


def frame(kind, flags, stream, payload=b""):
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags))
    return head + stream.to_bytes(4, "big") + payload


def test_a_head_in_continuations():
    talk = Talk()
    block = Encoder().encode([(":method", "GET"), (":scheme", "http"), (":path", "/long")])
    parts = [frame(1, END_STREAM, 1, block[:1])]
    parts += [frame(CONTINUATION, 0, 1, block[at : at + 1]) for at in range(1, len(block) - 1)]
    parts += [frame(CONTINUATION, END_HEADERS, 1, block[-1:])]
    talk.steps.append((CLIENT, b"".join(parts)))
    talk.steps.append((SERVER, frame(1, END_HEADERS | END_STREAM, 1, b"\x88")))
    tables = tables_of(capture(talk.steps))
    (row,) = tables["http"].itertuples()
    assert (row.method, row.path, row.status) == ("GET", "/long", 200)
    assert row.request_header_bytes == len(block) + 9 * len(parts)
    assert not grave(tables)


@pytest.mark.parametrize(
    "between",
    [frame(6, 0, 0, b"12345678"), frame(0, 0, 1, b"x"), frame(CONTINUATION, 4, 3, b"\x82")],
    ids=["ping", "data", "another stream"],
)
def test_nothing_may_come_between(between):
    talk = Talk()
    block = Encoder().encode([(":method", "GET"), (":path", "/x")])
    talk.steps.append((CLIENT, frame(1, 0, 1, block[:2]) + between))
    talk.request(3, path="/after")
    talk.answer(3, b"ok")
    tables = tables_of(capture(talk.steps))
    assert {"http2-malformed", "http2-heads-unknown"} <= grave(tables)
    assert_ties_out(tables)


def test_a_flood_of_continuations_is_bounded():
    talk = Talk()
    talk.steps.append((CLIENT, frame(1, 0, 1, b"\x82")))
    talk.steps.append((CLIENT, frame(CONTINUATION, 0, 1, b"\x82" * 1000) * 100))
    tables = tables_of(capture(talk.steps))
    assert "http2-block-limit" in grave(tables)


def test_heads_that_lean_on_a_lost_one_are_not_guessed():
    talk = Talk()
    for stream in (1, 3, 5):
        talk.request(stream, path="/secret", x_own="1")
        talk.answer(stream, b"ok")
    packets = segments(talk.steps)
    # The first request is not captured; what it put into the table is unknown.
    first = next(at for at, (_, packet, _) in enumerate(packets) if packet[57:58] == b"\1")
    del packets[first]
    tables = tables_of(pcap(packets, nanoseconds=True))
    rows = tables["http"].sort_values("http2_stream")
    assert rows["status"].tolist() == [200, 200, 200]
    assert rows["path"].isna().all()
    assert "http2-heads-unknown" in grave(tables)
    assert_ties_out(tables)


def test_too_many_streams():
    talk = Talk()
    for stream in range(1, 21, 2):
        talk.request(stream)
    tables = tables_of(capture(talk.steps), max_http2_streams=3)
    assert "http2-stream-limit" in grave(tables)
    assert len(tables["http"]) == 10
    assert_ties_out(tables)


def test_a_pushed_answer():
    talk = Talk()
    talk.request(1)
    talk.ends[SERVER].push_stream(
        1, 2, [(":method", "GET"), (":scheme", "http"), (":authority", "h"), (":path", "/style")]
    )
    talk.answer(1, b"page")
    talk.answer(2, b"style")
    rows = tables_of(capture(talk.steps))["http"].set_index("http2_stream")
    assert rows.loc[2, ["path", "status"]].tolist() == ["/style", 200]
    assert rows.loc[1, ["path", "status"]].tolist() == ["/", 200]


def test_early_data_waits_for_the_answer():
    talk = Talk()
    talk.connect(1)
    talk.frame(CLIENT, 1, 1, b"early")
    talk.accept(1)
    talk.frame(CLIENT, 1, 1, b"late")
    tables = tables_of(capture(talk.steps), payload="full")
    assert tables["messages"]["payload"].tolist() == [b"early", b"late"]
    assert "handshake-early-data" in set(tables["findings"]["id"])
    assert_ties_out(tables)


def test_early_data_is_bounded():
    talk = Talk()
    talk.connect(1)
    for _ in range(5):
        talk.frame(CLIENT, 1, 2, b"x" * 100)
    talk.accept(1)
    tables = tables_of(capture(talk.steps), max_early_bytes=200)
    assert "http-early-limit" in grave(tables) | set(tables["findings"]["id"])
    assert_ties_out(tables)
