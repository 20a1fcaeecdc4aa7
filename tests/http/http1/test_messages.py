"""Bodies on their way: segments counted, what passes without a look, who reads on."""

from __future__ import annotations

from oracle.polls import answer, chunk, chunked, get, lead, post

from analyzer.http.http1.conversation import Conversation


def counted(events):
    return [(each.request_segments, each.response_segments) for each in lead(events).exchanges]


def test_segments_that_carry_an_exchange():
    request, response = post("/a", b"x" * 10), answer(b"[1,2]")
    assert counted([(0, 0, 0, request), (1, 0, 1, response)]) == [(1, 1)]
    in_three = [request[:9], request[9:-5], request[-5:]]
    events = [(at, 0, 0, part) for at, part in enumerate(in_three)]
    events += [(5, 0, 1, response[:20]), (6, 0, 1, response[20:-2]), (7, 0, 1, response[-2:])]
    assert counted(events) == [(3, 3)]


def test_a_segment_that_two_messages_share_counts_for_each():
    request, response = get("/a"), answer(b"[1,2]")
    events = [(0, 0, 0, request + request[:10]), (1, 0, 0, request[10:])]
    events += [(2, 0, 1, response[:-1]), (3, 0, 1, response[-1:] + response)]
    assert counted(events) == [(1, 2), (2, 1)]


def test_interim_responses_are_segments_too():
    events = [(0, 0, 0, get("/a")), (1, 0, 1, b"HTTP/1.1 103 Early Hints\r\n\r\n")]
    assert counted([*events, (2, 0, 1, answer(b"[]"))]) == [(1, 2)]


def test_rows_that_pass_without_a_look_are_counted():
    response = answer(b"x" * 1000, "video/mp4")
    events = [(0, 0, 0, get("/v")), (1, 0, 1, response[:500])]
    events += [(2 + at, 0, 1, response[500 + 50 * at : 550 + 50 * at]) for at in range(20)]
    assert counted([event for event in events if event[3]]) == [
        (1, 1 + len([event for event in events[2:] if event[3]]))
    ]


def test_a_download_passes_without_a_look(monkeypatch):
    looked = []
    whole = Conversation._body
    monkeypatch.setattr(
        Conversation, "_body", lambda self, *args: (looked.append(1), whole(self, *args))[1]
    )
    body = b"x" * 1000
    head = answer(body * 1000, "application/zip")
    head = head[: -1000 * 1000]
    events = [(0, 0, 0, get("/z")), (1, 0, 1, head)]
    events += [(1 + at / 100, 0, 1, body) for at in range(1, 1001)]
    (exchange,) = lead(events).exchanges
    assert (exchange.complete, exchange.messages) == (True, 1)
    assert len(looked) == 1  # its end
    looked.clear()
    # Lines are looked for in what may be a stream, until it is clear that it is a download.
    chunks = chunk(body)
    events = [(0, 0, 0, get("/z")), (1, 0, 1, chunked("text/plain"))]
    for at in range(1, 1001):
        events += [(1 + at / 100, 0, 1, chunks[:500]), (1.005 + at / 100, 0, 1, chunks[500:])]
    (exchange,) = lead([*events, (50, 0, 1, chunk(b""))]).exchanges
    assert (exchange.complete, exchange.messages) == (True, 1)
    assert exchange.message_bytes == 1_000_000


def test_pause_in_what_passes_is_seen():
    events = [(0, 0, 0, get("/s")), (1, 0, 1, b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n\r\n")]
    events += [(2 + 100 * at, 0, 1, b"piece") for at in range(5)]
    (exchange,) = lead([*events, (500, 0, 1, "fin")]).exchanges
    assert (exchange.kind, exchange.pauses) == ("stream", 4)
