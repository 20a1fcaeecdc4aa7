"""Heads, against the fields of docs/alternatives.md by hand."""

import pytest
from hpack import Encoder

from analyzer.alternatives import heads as module
from analyzer.alternatives.heads import (
    EVENT_CHUNK,
    JSON_LIST,
    Envelope,
    HeadMaker,
    Observed,
    role_of,
    upgraded,
)
from analyzer.alternatives.http2 import HeadSizes
from analyzer.http.exchanges import Exchange, Handshake
from analyzer.options import Options

ASKED = (
    ("Host", "chat.example"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Extensions", "permessage-deflate"),
    ("Cookie", "session=1234"),
)
GIVEN = (
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ("Server", "nginx"),
)
DATE = "Date: Tue, 24 Nov 2026 16:00:00 GMT"


def size(*lines):
    return len("\r\n".join((*lines, "", "")))


def maker():
    return HeadMaker(HeadSizes(1 << 20))


def handshake(asked=ASKED, given=GIVEN, **more):
    request = size("GET /ws HTTP/1.1", *(": ".join(field) for field in asked))
    response = size("HTTP/1.1 101 Switching Protocols", *(": ".join(field) for field in given))
    made = {"path": "/ws", "request_bytes": request, "response_bytes": response}
    return Handshake(0, 0, request_header=asked, response_header=given, **{**made, **more})


def test_a_poll_is_the_handshake_less_what_makes_it_one():
    heads = maker().from_handshake(handshake())
    lines = ["Host: chat.example", "Cookie: session=1234", "Connection: keep-alive", "Accept: */*"]
    assert heads.poll.request == size("GET /ws HTTP/1.1", *lines)
    body = ["Content-Type: application/json", "Content-Length: 100"]
    assert heads.poll.answer == size("HTTP/1.1 200 OK", "Server: nginx", DATE, *body)
    assert heads.long_poll == heads.poll
    assert heads.post.request == size("POST /ws HTTP/1.1", *lines, *body)
    assert heads.post.answer == size("HTTP/1.1 204 No Content", "Server: nginx", DATE)
    coded = "Transfer-Encoding: chunked"
    assert heads.stream.request == heads.poll.request
    assert heads.stream.answer == size(
        "HTTP/1.1 200 OK", "Server: nginx", DATE, "Content-Type: application/x-ndjson", coded
    )
    lines[-1] = "Accept: text/event-stream"
    assert heads.sse.request == size("GET /ws HTTP/1.1", *lines)
    assert heads.sse.answer == size(
        "HTTP/1.1 200 OK", "Server: nginx", DATE, "Content-Type: text/event-stream", coded
    )
    assert heads.upgrade == (handshake().request_bytes, handshake().response_bytes)
    assert heads.observed == frozenset()


def test_bodies():
    """A JSON list; a line and an event in a chunk, of which the size takes two digits."""
    heads = maker().from_handshake(handshake())
    assert heads.body == heads.long_body == Envelope(1, 1, len("[]"))
    assert heads.chunk == len("ff\r\n" + "\n" + "\r\n")
    assert heads.event == len("ff\r\n" + "data: " + "\n\n" + "\r\n")
    assert heads.post_body == 0


def test_a_connection_field_with_both():
    """Firefox sends keep-alive and Upgrade in one; the rest of it is kept."""
    asked = tuple((n, "keep-alive, Upgrade" if n == "Connection" else v) for n, v in ASKED)
    assert maker().from_handshake(handshake(asked)).poll == (
        maker().from_handshake(handshake()).poll
    )


def test_fields_that_are_there_are_not_made_again():
    asked = (*ASKED, ("Accept", "application/json"))
    given = (*GIVEN, ("Date", "Tue, 24 Nov 2026 17:00:00 GMT"))
    heads, plain = (maker().from_handshake(each) for each in (handshake(asked, given), handshake()))
    assert heads.poll.request - plain.poll.request == len("application/json") - len("*/*")
    assert heads.sse.request == plain.sse.request
    assert heads.poll.answer == plain.poll.answer


def test_http2_heads_of_a_handshake():
    heads = maker().from_handshake(handshake())
    encoder = Encoder()
    fields = [(":method", "GET"), (":scheme", "https"), (":authority", "chat.example")]
    fields += [(":path", "/ws"), ("cookie", "session=1234"), ("accept", "*/*")]
    first, second = 9 + len(encoder.encode(fields)), 9 + len(encoder.encode(fields))
    assert heads.poll.request_h2 == (first, second)
    assert second == 9 + 6
    assert heads.poll.answer_h2[0] > heads.poll.answer_h2[1] > 9 + 4


def test_without_a_handshake_heads_of_a_browser():
    heads = maker().from_handshake(None)
    names = {name for name, _ in module.UNKNOWN}
    assert {"Host", "User-Agent", "Accept-Encoding", "Cookie"} <= names
    fields = [": ".join(field) for field in module.UNKNOWN if field[0] != "Origin"]
    fields += ["Accept: */*", "Referer: https://www.example.com/", "Sec-Fetch-Dest: empty"]
    fields += ["Sec-Fetch-Mode: cors", "Sec-Fetch-Site: same-origin", "sec-ch-ua-mobile: ?0"]
    fields += ['sec-ch-ua: "Not:A-Brand";v="8", "Chromium";v="126", "Google Chrome";v="126"']
    fields += ['sec-ch-ua-platform: "Linux"']
    assert heads.poll.request == size("GET / HTTP/1.1", *fields)
    assert heads.client == "chromium"
    # A lone 101 says nothing of what was asked.
    lone = maker().from_handshake(Handshake(0, 0, response_header=GIVEN))
    assert lone.poll.request == heads.poll.request
    assert lone.poll.answer > heads.poll.answer


def test_equal_shapes_share_their_heads():
    made = maker()
    one = made.from_handshake(handshake())
    assert made.from_handshake(handshake()) is one
    other = tuple((n, "session=5678" if n == "Cookie" else v) for n, v in ASKED)
    assert made.from_handshake(handshake(other)) is one
    longer = tuple((n, "session=56789" if n == "Cookie" else v) for n, v in ASKED)
    assert made.from_handshake(handshake(longer)).poll.request == one.poll.request + 1


def test_an_upgrade_modelled_on_a_request():
    """RFC 6455 4.1: the request's own fields, and those of the handshake; a plain 101."""
    asked = (("Host", "a"), ("Connection", "keep-alive"), ("Accept", "*/*"), ("Cookie", "c"))
    request, response = upgraded(asked, "/p", (("Server", "s"), ("Content-Length", "5")))
    assert request == size(
        "GET /p HTTP/1.1",
        *("Host: a", "Cookie: c", "Upgrade: websocket", "Connection: Upgrade"),
        *("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"),
    )
    assert response == size(
        "HTTP/1.1 101 Switching Protocols",
        *("Upgrade: websocket", "Connection: Upgrade"),
        *("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "Server: s"),
    )


def test_heads_of_messages_that_came_over_http():
    asked = (("Host", "a"), ("Accept", "*/*"))
    exchange = Exchange(0, 0, 0, method="GET", path="/news", request_header=asked)
    exchange.response_header = (("Server", "s"), ("Content-Length", "30"))
    heads = maker().from_exchange(exchange)
    assert heads.poll.request == size("GET /news HTTP/1.1", "Host: a", "Accept: */*")
    assert heads.poll.answer == size("HTTP/1.1 200 OK", "Server: s", "Content-Length: 30")
    # A Transfer-Encoding where a Content-Length of three digits was; another Accept.
    more = len("Transfer-Encoding: chunked") - len("Content-Length: 100")
    assert heads.stream.answer == heads.poll.answer + more
    assert heads.sse.request == heads.poll.request + len("text/event-stream") - len("*/*")
    assert heads.upgrade == upgraded(asked, "/news", exchange.response_header)
    # A head that was not kept.
    assert maker().from_exchange(Exchange(0, 0, 0)).poll == maker().from_handshake(None).poll


# --- real exchanges


def exchange(kind="poll", **more):
    made = {
        "host": "chat.example",
        "method": "GET",
        "status": 200,
        "complete": True,
        "request_header_bytes": 300,
        "response_header_bytes": 150,
        "request_header": (("Host", "chat.example"), ("Cookie", "c" * 40)),
        "response_header": (("Server", "s"),),
    }
    return Exchange(0, 0, 0, kind=kind, **{**made, **more})


def observed(*exchanges, **options):
    seen = Observed(Options(**options), HeadSizes(1 << 20))
    for each in exchanges:
        seen.add(each)
    return seen


OWN = maker().from_handshake(handshake())


@pytest.mark.parametrize(
    ("changes", "role"),
    [
        ({}, "poll"),
        ({"kind": "sse", "complete": False}, "sse"),
        ({"kind": "stream", "complete": False, "status": None}, None),
        ({"complete": False}, None),
        ({"status": 304}, None),
        ({"status": 404}, None),
        ({"status": None}, None),
        ({"kind": "plain", "content_type": "application/json; charset=utf-8"}, "plain"),
        ({"kind": "plain", "content_type": "Text/Plain"}, "plain"),
        ({"kind": "plain", "content_type": "image/png"}, None),
        ({"kind": "plain", "content_type": None}, None),
        ({"kind": "plain", "method": "POST", "content_type": None}, "post"),
        ({"kind": "plain", "method": "HEAD", "content_type": "text/plain"}, None),
    ],
)
def test_what_an_exchange_is_an_example_of(changes, role):
    assert role_of(exchange(**changes)) == role


def test_mean_heads_of_the_same_host_are_used():
    seen = observed(exchange(), exchange(request_header_bytes=310, response_header_bytes=170))
    heads = seen.heads("Chat.Example", OWN)
    assert (heads.poll.request, heads.poll.answer) == (305, 160)
    assert heads.long_poll == heads.poll
    assert heads.observed == {"poll", "long-poll"}
    assert heads.post == OWN.post
    assert heads.upgrade == OWN.upgrade
    # A stream of the same host: the poll's fields, chunked instead of a length.
    assert heads.stream.request == 305
    assert heads.stream.answer == 160 + len("Transfer-Encoding: chunked") - len(
        "Content-Length: 100"
    )
    # Two heads that are the same to HPACK: an index each.
    assert heads.poll.request_h2[1] == 9 + 5


@pytest.mark.parametrize("host", ["other.example", None, ""])
def test_other_hosts_say_nothing(host):
    assert observed(exchange()).heads(host, OWN) is OWN


def test_the_nearest_kind_is_used():
    plain = exchange("plain", content_type="application/json", request_header_bytes=1)
    long = exchange("long-poll", request_header_bytes=2)
    assert observed(plain).heads("chat.example", OWN).poll.request == 1
    assert observed(plain, long).heads("chat.example", OWN).poll.request == 2
    both = observed(plain, exchange(), long).heads("chat.example", OWN)
    assert (both.poll.request, both.long_poll.request) == (300, 2)


def test_envelope_of_least_squares():
    """Bodies of {"m":[...]}: 7 bytes, and one between messages: 6 + n."""
    full = [
        exchange(messages=n, message_bytes=10 * n, response_body_bytes=10 * n + 6 + n)
        for n in (1, 3, 8)
    ]
    empty = exchange(response_body_bytes=7)
    heads = observed(*full, empty).heads("chat.example", OWN)
    assert (heads.body.opening, heads.body.each) == pytest.approx((6, 1))
    assert heads.body.empty == 7


def test_envelope_where_there_is_no_line():
    one = exchange(messages=2, message_bytes=20, response_body_bytes=20 + 9)
    heads = observed(one, one).heads("chat.example", OWN)
    # The opening of a JSON list, the rest for the two messages.
    assert (heads.body.opening, heads.body.each, heads.body.empty) == (1, 4, 2)
    nothing = observed(exchange(response_body_bytes=5)).heads("chat.example", OWN)
    assert nothing.body == Envelope(JSON_LIST.opening, JSON_LIST.each, 5)
    # Payload that is longer than the body (a lie, or compressed): never less than nothing.
    lie = exchange(messages=2, message_bytes=2000, response_body_bytes=20)
    wrong = observed(lie).heads("chat.example", OWN).body
    assert wrong.each >= 0
    assert wrong.opening >= 0


def test_messages_of_real_streams():
    events = exchange("sse", messages=10, message_bytes=1000, response_body_bytes=1120)
    heads = observed(events, exchange("stream")).heads("chat.example", OWN)
    assert heads.event == 12
    assert heads.chunk == OWN.chunk
    assert {"sse", "stream"} == heads.observed
    assert OWN.event == EVENT_CHUNK


def test_answers_to_real_posts():
    post = {"kind": "plain", "method": "POST", "request_header_bytes": 400}
    seen = observed(exchange(**post, response_body_bytes=15), exchange(**post))
    heads = seen.heads("chat.example", OWN)
    assert (heads.post.request, heads.post_body) == (400, 7.5)


def test_limits():
    hosts = [exchange(host=f"h{n}.example") for n in range(5)]
    seen = observed(*hosts, max_observed_hosts=2)
    assert seen.heads("h1.example", OWN) is not OWN
    assert seen.heads("h2.example", OWN) is OWN
    assert list(seen.cut()) == ["3 exchanges are with hosts above max_observed_hosts"]
    few = observed(*hosts, max_observed_head_bytes=1000)
    # Two of 450 bytes are kept; of the others only the size is known.
    assert list(few.cut()) == ["heads of 3 exchanges lie above max_observed_head_bytes"]
    assert few.heads("h4.example", OWN).poll.request == 300
    # 16 of a kind are enough, which cuts nothing.
    assert not list(observed(*[exchange()] * 40).cut())


@pytest.mark.parametrize(
    ("path", "posts"),
    [
        ("/socket.io/?EIO=4&transport=websocket", 1),
        ("/live/?transport=websocket&EIO=3", 1),
        ("/ws?EIO=x", 0),
        ("/EIO=4", 0),
        ("/ws", 0),
        (None, 0),
    ],
)
def test_engine_io_leaves_with_a_post(path, posts):
    heads = maker().from_handshake(handshake(path=path))
    assert heads.parting == posts
    # Whatever real exchanges say.
    assert module._merged(heads, {}, HeadSizes(1 << 20)).parting == posts
