"""What exchanges of Engine.IO and SockJS hand on."""

from analyzer.columns import NULL
from analyzer.http.delivery.callers import target_of
from analyzer.http.delivery.carried import BEGUN, CLIENT, LOST, READ, SERVER, Carrying
from analyzer.http.exchanges import Exchange


class Lane:
    group = 3


def carrier(method, path, listener):
    carrying = Carrying()
    carrying.listener = listener
    carrying.packet = 9
    exchange = Exchange(0, 0, 0, method=method, path=path)
    exchange.tcp = object()
    exchange.request_packet, exchange.request_first_time, exchange.request_last_time = 5, 50, 60
    exchange.response_packet, exchange.response_first_time = 8, 80
    return carrying, carrying.of(exchange, target_of(method, path), Lane())


POLL = "/socket.io/?EIO=4&transport=polling&sid=abc"


def test_packets_of_an_answer():
    found = []
    _, made = carrier("GET", POLL, found.append)
    made.asked()
    made.answer(b"2\x1e4hi\x1ebAAE=", 90)
    assert [(one.state, one.sender, one.payload, one.is_text) for one in found] == [
        (BEGUN, CLIENT, b"", True),
        (READ, SERVER, b"2", True),
        (READ, SERVER, b"4hi", True),
        (READ, SERVER, b"\0\1", False),
    ]
    last = found[-1]
    assert (last.transport, last.session, last.group) == ("engine.io", "abc", 3)
    assert (last.packet_first, last.packet_last, last.time_first, last.time_last) == (8, 9, 80, 90)


def test_the_session_that_an_answer_opens():
    found = []
    _, made = carrier("GET", "/x/?EIO=4&transport=polling", found.append)
    made.asked()
    made.answer(b'0{"sid":"new"}\x1e40', 90)
    assert [(one.session, one.payload) for one in found] == [
        ("new", b'0{"sid":"new"}'),
        ("new", b"40"),
    ]


def test_a_request_of_sockjs_is_handed_on_as_it_is():
    found = []
    _, made = carrier("POST", "/a/123/ada/xhr_send", found.append)
    made.request(b'["a","b"]')
    (one,) = found
    assert (one.sender, one.payload, one.session) == (CLIENT, b'["a","b"]', "123/ada")
    assert (one.packet_first, one.packet_last, one.time_first, one.time_last) == (5, 9, 50, 60)


def test_frames_of_a_stream_begin_where_the_one_before_ended():
    found = []
    carrying, made = carrier("POST", "/a/123/ada/xhr_streaming", found.append)
    made.begins(90)
    made.frame(b"h" * 2048, 90)
    made.frame(b"o", 90)
    made.begins(95)
    carrying.packet = 12
    made.frame(b'a["x"]', 99)
    assert [(one.payload, one.packet_first, one.packet_last) for one in found] == [
        (b"o", 9, 9),
        (b'a["x"]', 9, 12),
    ]
    assert [(one.time_first, one.time_last) for one in found] == [(90, 90), (95, 99)]


def test_what_was_lost():
    found = []
    _, made = carrier("GET", POLL, found.append)
    made.lost(SERVER)
    assert [(one.state, one.sender) for one in found] == [(LOST, SERVER)]
    assert found[0].time_last == NULL


def test_nothing_is_made_where_nobody_listens_or_nothing_is_carried():
    assert carrier("GET", POLL, None)[1] is None
    assert carrier("GET", "/index.html", list)[1] is None
    # A preflight request of CORS.
    assert carrier("OPTIONS", POLL, list)[1] is None
