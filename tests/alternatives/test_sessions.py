"""Sessions: what is kept of exchanges until the capture ends is bounded."""

from analyzer.alternatives.heads import HeadMaker
from analyzer.alternatives.http2 import HeadSizes
from analyzer.alternatives.sessions import Sessions
from analyzer.http.events import Exchange, HttpBatch
from analyzer.options import Options
from analyzer.tcp.bytestream import Connection, StreamBatch


def exchange(stream, client=0, **more):
    tcp = Connection(stream, *([0] * (len(Connection._fields) - 1)))
    times = {"request_first_time": 5, "request_last_time": 6}
    return Exchange(0, 0, 0, tcp=tcp, client_key=client, wire_bytes=10, **times, **more)


def pushed(exchanges, **limits):
    sessions = Sessions(Options(**limits), [], HeadMaker(HeadSizes(0)))
    sessions.push(HttpBatch(StreamBatch.__new__(StreamBatch), exchanges=exchanges), ())
    return sessions


def test_posts_of_clients_that_never_poll_are_bounded():
    posts = [exchange(n, client=n, sent=[1, 2], request_header=(("a", "b"),)) for n in range(100)]
    poll = exchange(7, client=1, kind="poll", group=0)
    sessions = pushed([*posts, poll], max_session_messages=20)
    waiting = [each for posts in sessions._early.values() for each in posts]
    # Twenty messages are ten posts, less the one whose client polls.
    assert len(waiting) == 9
    assert not any(each.request_header for each in waiting)
    assert any("180 messages of clients" in text for text in sessions.cut())
    assert not list(pushed(posts, max_session_messages=20).cut())


def test_connections_of_one_poller_are_bounded():
    polls = [exchange(n, kind="poll", group=0) for n in range(100)]
    sessions = pushed(polls, max_session_connections=8, max_connections=4)
    assert list(sessions._sessions[0].wire) == list(range(92, 100))
    assert len(sessions._wire) == 12
