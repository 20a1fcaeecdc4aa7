"""What answers and requests bring, through the http stage: media types, codings, limits."""

from __future__ import annotations

import gzip
import zlib

import pytest
from oracle.conversations import START_TIME, batch_of
from oracle.polls import MS, answer, chunk, chunked, get, lead, post, rows_at
from oracle.upgrades import ids

from analyzer.http.delivery.callers import Target
from analyzer.http.delivery.deliveries import AnswerReader, Store
from analyzer.http.exchanges import Exchange
from analyzer.http.head import Head
from analyzer.http.stage import HttpStage
from analyzer.options import Options


def brought(response, request=None, options=None, **how):
    """Sizes of the deliveries of an answer that comes in one row."""
    events = [(0, 0, 0, request or get("/a")), (1, 0, 1, response)]
    (exchange,) = lead(events, options, **how).exchanges
    sizes = [size for _, size in exchange.deliveries]
    assert (exchange.messages, exchange.message_bytes) == (len(sizes), sum(sizes))
    assert exchange.empty == (exchange.complete and not sizes)
    return sizes


@pytest.mark.parametrize(
    ("response", "sizes"),
    [
        (answer(b'[{"a":1},22]'), [7, 2]),
        (answer(b'[{"a":1},22]', "application/problem+json"), [7, 2]),
        (answer(b'[{"a":1},22]', "text/plain"), [7, 2]),
        (answer(b"[1,2]", None), [1, 1]),
        (answer(b"one\ntwo\n", "text/plain"), [8]),
        (answer(b"<p>hello", "text/html"), [8]),
        (answer(b"not json"), [8]),
        (answer(b"\x89PNG", "image/png"), [4]),
        (answer(b"1\n22\n", "application/x-ndjson"), [1, 2]),
        (answer(b"data: a\n\n", "text/event-stream"), [1]),
        (chunked("application/json") + chunk(b"[1,") + chunk(b"22]") + chunk(b""), [1, 2]),
        (chunked("text/plain") + chunk(b"one\n") + chunk(b"two\n") + chunk(b""), [8]),
        *((answer(body), []) for body in (b"", b"[]", b"{}", b"null", b'{"new":[],"last":1}')),
        (answer(b" \n", "text/plain"), []),
        (b"HTTP/1.1 204 No Content\r\n\r\n", []),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", []),
        (answer(b'{"error":"no"}', status="404 Not Found"), []),
        (answer(b"moved", status="302 Found"), []),
    ],
)
def test_answers(response, sizes):
    assert brought(response) == sizes


def test_answer_without_its_end_brings_what_streams_alone():
    head = chunked("text/event-stream")
    assert brought(head + chunk(b"data: a\n\ndata: b")) == [1]
    assert brought(answer(b"[1,2]")[:-1]) == []


def test_deliveries_have_the_time_of_their_last_byte():
    events = [(0, 0, 0, get("/e")), (1, 0, 1, chunked("text/event-stream"))]
    events += [
        (5, 0, 1, b"9\r\ndata: "),
        (8, 0, 1, b"a\n\n\r\n"),
        (9, 0, 1, chunk(b"data: bc\n\n")),
    ]
    (exchange,) = lead(events).exchanges
    assert exchange.deliveries == [(START_TIME + 8 * MS, 1), (START_TIME + 9 * MS, 2)]
    body = answer(b"[1,22]")
    events = [(0, 0, 0, get("/a")), (1, 0, 1, body[:-3]), (4, 0, 1, body[-3:])]
    (exchange,) = lead(events).exchanges
    assert exchange.deliveries == [(START_TIME + 4 * MS, 1), (START_TIME + 4 * MS, 2)]


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_content_coding(coding):
    body = b'[{"text":"%s"},2]' % (b"x" * 500)
    sent = gzip.compress(body, mtime=0) if coding == "gzip" else zlib.compress(body)
    assert brought(answer(sent, Content_Encoding=coding)) == [511, 1]
    stream = chunked("text/event-stream", Content_Encoding=coding)
    maker = zlib.compressobj(wbits=31 if coding == "gzip" else 15)
    for text in (b"data: a\n\n", b"data: bc\n\n"):
        stream += chunk(maker.compress(text) + maker.flush(zlib.Z_SYNC_FLUSH))
    assert brought(stream) == [1, 2]


def test_content_that_cannot_be_inflated_is_one_message():
    assert brought(answer(b"[1,2]", Content_Encoding="br")) == [5]
    assert brought(answer(b"[1,2]", Content_Encoding="gzip")) == [5]
    bomb = gzip.compress(b"[" + b"1," * 500_000 + b"1]")
    assert brought(answer(bomb, Content_Encoding="gzip")) == [len(bomb)]


def test_long_answer_is_one_message_with_a_finding():
    body = b"[" + b"1," * 50 + b"1]"
    events = [(0, 0, 0, get("/a")), (1, 0, 1, answer(body))]
    for limits in ({"max_delivery_body_bytes": 100}, {"max_delivery_bytes_total": 100}):
        out = lead(events, Options(**limits))
        assert [size for _, size in out.exchanges[0].deliveries] == [len(body)]
        assert ids(out) == ["http-delivery-limit"]
    assert lead(events, Options(max_delivery_body_bytes=200)).exchanges[0].messages == 51


def test_memory_of_bodies_is_given_back():
    events = []
    for number in range(10):
        events += [(10 * number, 0, 0, get("/a")), (10 * number + 1, 0, 1, answer(b"[1, 2]"))]
    assert not ids(lead(events, Options(max_delivery_bytes_total=20)))


def test_only_the_first_deliveries_are_kept():
    response = answer(b"[1,22,333]")
    (exchange,) = lead(
        [(0, 0, 0, get("/a")), (1, 0, 1, response)], Options(max_deliveries=2)
    ).exchanges
    assert [size for _, size in exchange.deliveries] == [1, 2]
    assert (exchange.messages, exchange.message_bytes) == (3, 6)


def test_hole_in_a_body():
    json = answer(b"[1,22,333]")
    assert _around_a_hole(json, len(json) - 6, 2) == [10]
    head = answer(b"x" * 30, "text/event-stream")[:-30]
    events = head + b"data: a\n\ndata: bcd\n\ndata: e\n\n."
    assert _around_a_hole(events, len(head) + 15, 2) == [1, 1]


def _around_a_hole(response, at, size):
    from oracle.upgrades import run

    steps = [(0, get("/a")), (1, response[:at]), (1, size), (1, response[at + size :])]
    (exchange,) = run(steps).exchanges
    assert exchange.complete
    return [each for _, each in exchange.deliveries]


# --- transports that are known by name


EIO = "/socket.io/?EIO=4&transport=polling"


@pytest.mark.parametrize(
    ("response", "sizes"),
    [
        (answer("4hello\x1e4€\x1ebAQID".encode(), "text/plain; charset=UTF-8"), [5, 3, 3]),
        (answer(b"4hello", "application/octet-stream"), [5]),
        (answer(b"6", "text/plain"), []),
        (answer(b"2", "text/plain"), []),
        (answer(b"<html>", "text/plain"), [6]),
    ],
)
def test_engine_io(response, sizes):
    assert brought(response, get(EIO + "&sid=S")) == sizes


def test_sockjs():
    path = "/echo/000/session/"
    xhr = answer(b'a["one","\\u00e9"]\n', "application/javascript; charset=UTF-8")
    assert brought(xhr, post(path + "xhr", b"")) == [3, 2]
    for idle in (b"o\n", b"h\n", b'c[3000,"bye"]\n'):
        assert brought(answer(idle, "application/javascript"), post(path + "xhr", b"")) == []
    stream = chunked("application/javascript") + chunk(b"h" * 2048 + b"\n") + chunk(b"o\n")
    stream += chunk(b'a["one"]\n') + chunk(b'a["tw') + chunk(b'o!"]\n') + chunk(b"")
    assert brought(stream, post(path + "xhr_streaming", b"")) == [3, 4]
    events = b'\r\ndata: o\r\n\r\ndata: a["one","x"]\r\n\r\ndata: h\r\n\r\n'
    assert brought(answer(events, "text/event-stream"), get(path + "eventsource")) == [3, 1]
    jsonp = answer(b'/**/cb("a[\\"one\\"]");\r\n', "application/javascript")
    assert brought(jsonp, get(path + "jsonp?c=cb")) == [3]


@pytest.mark.parametrize(
    ("request_", "sizes"),
    [
        (post("/a", b"hello"), [5]),
        (post("/a", b'["one","two"]'), [13]),
        (post("/a", b""), []),
        (
            b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
            + chunk(b"hel")
            + chunk(b"lo")
            + chunk(b""),
            [5],
        ),
        (b"PUT /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi", [2]),
        (get("/a"), []),
        (post(EIO + "&sid=S", "4hello\x1e4€\x1e2\x1ebAQID".encode()), [5, 3, 3]),
        (post("/echo/000/session/xhr_send", b'["hello","\\u00e9"]'), [5, 2]),
        (post("/echo/000/session/xhr_send", b"x"), [1]),
    ],
)
def test_requests(request_, sizes):
    (exchange,) = lead([(0, 0, 0, request_), (1, 0, 1, answer(b"ok"))]).exchanges
    assert exchange.sent == sizes
    single = [(at / 100, 0, 0, request_[at : at + 1]) for at in range(len(request_))]
    (exchange,) = lead([*single, (99, 0, 1, answer(b"ok"))]).exchanges
    assert exchange.sent == sizes


def test_sizes_of_a_request_are_bounded():
    request = post("/echo/000/session/xhr_send", b'["a","b","c"]')
    events = [(0, 0, 0, request), (1, 0, 1, answer(b""))]
    assert lead(events, Options(max_deliveries=2)).exchanges[0].sent == [1, 1]
    assert lead(events, Options(max_delivery_body_bytes=5)).exchanges[0].sent == [13]


def test_nothing_stays_counted_of_bodies_that_end_somehow():
    stage = HttpStage(Options())
    eio = "/socket.io/?EIO=4&transport=polling&sid=S"
    sockjs = chunked("application/javascript") + chunk(b'a["un')
    events = [(0, 0, 0, post(eio, b"4hello")[:-2])]  # never ends
    events += [(0, 1, 0, get("/a")), (1, 1, 1, answer(b"[1,2]")[:-1])]
    events += [(0, 2, 0, post("/e/000/session/xhr_streaming", b"")), (1, 2, 1, sockjs)]
    events += [(0, 3, 0, get("/a")), (1, 3, 1, answer(b"[1,2]"))]
    stage.push(batch_of(rows_at(events), 4))
    assert stage._results.store.kept == len(b"4hel") + len(b"[1,2") + len(b'a["un')
    end = batch_of([], 4, [0, 1, 2, 3])
    stage.push(end, last=True)
    assert stage._results.store.kept == 0


def test_unfinished_frames_of_all_connections_are_bounded():
    events = []
    for slot in range(20):
        request = post(f"/e/000/session{slot}/xhr_streaming", b"")
        stream = chunked("application/javascript") + chunk(b'a["one"]\na["' + b"x" * 500)
        events += [(slot, slot, 0, request), (slot + 0.5, slot, 1, stream)]
    options = Options(max_delivery_bytes_total=2000)
    stage = HttpStage(options)
    stage.push(batch_of(rows_at(events), 20))
    assert stage._results.store.kept <= 2000
    assert [each.messages for each in lead(events, options).exchanges] == [1] * 20


def test_no_more_of_a_bomb_is_inflated_than_is_read():
    """30 MB of one bracket come in one piece; reading ends behind max_delivery_body_bytes."""
    bomb = gzip.compress(b"[" * 30_000_000)
    head = Head("", "", "1.1", 200, "OK", (), {"content-encoding": "gzip"}, (), 0, 40, ())
    told = Exchange(0, 0, 0, status=200, content_type="application/json")
    reader = AnswerReader(told, Target("", ""), head, Options(), Store())
    inflated = []
    take = reader._take
    reader_class = type("Counting", (AnswerReader,), {"__slots__": ()})
    reader.__class__ = reader_class
    reader_class._take = lambda self, data, time: (inflated.append(len(data)), take(data, time))
    reader.take(bomb, 1)
    assert not reader.reading
    assert sum(inflated) <= Options().max_delivery_body_bytes + 64 * 1024
