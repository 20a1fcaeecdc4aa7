"""Sessions of plain HTTP from exchanges made by hand: what they did, and what of it is kept."""

import numpy as np
import pytest
from oracle.compared import MS

from analyzer.alternatives.heads import HeadMaker
from analyzer.alternatives.http2 import HeadSizes
from analyzer.alternatives.lanes import POSTS, PUSHES, SHORT_POLL, WRITES
from analyzer.alternatives.rows import RowMaker
from analyzer.alternatives.sessions import Sessions
from analyzer.analysis import to_frame
from analyzer.capture.records import RecordBatch
from analyzer.columns import NULL, empty
from analyzer.http.exchanges import Exchange, HttpBatch
from analyzer.options import Options
from analyzer.tcp.bytestream import CONNECTION, DIRECTION, Connection, StreamBatch

START = 1_700_000_000_000 * MS
S = 1000 * MS
NO_CONNECTION = Connection._make(empty(CONNECTION, 1)[0].tolist())


def exchange(at, group=0, kind="poll", news=(), sent=(), stream=0, took=1, **more):
    """A request at `at` ms, answered `took` ms later; heads 300 and 150, body 2 bytes.

    `news` are sizes of messages in the answer, `sent` of those in the request.
    """
    begun = START + round(at * MS)
    made = {
        "host": "x.example",
        "status": 200,
        "complete": True,
        "request_header_bytes": 300,
        "response_header_bytes": 150,
        "response_body_bytes": 2 + sum(news),
        "request_body_bytes": sum(sent),
        "wire_bytes": 1000,
        "request_first_time": begun,
        "request_last_time": begun,
        "response_first_time": begun + took * MS,
        "response_last_time": begun + took * MS,
        "deliveries": [(begun + took * MS, size) for size in news],
        "messages": len(news),
        "message_bytes": sum(news),
        "sent": list(sent),
        "client_key": 7,
        "tcp": NO_CONNECTION._replace(tcp_stream=stream),
    }
    return Exchange(0, 0, 0, kind=kind, group=group, **{**made, **more})


def post(at, sent=(10,), **more):
    return exchange(at, -1, "plain", sent=sent, method="POST", **more)


def batch(exchanges=(), ended=(), trip=None):
    """An http batch in which the connections of these slots end; slot n is tcp_stream n."""
    count = max(ended, default=0) + 1
    connections = empty(CONNECTION, count)
    connections["tcp_stream"] = np.arange(count)
    for name in ("syn_time", "established_time"):
        connections[name] = NULL
    if trip is not None:
        connections["syn_time"], connections["established_time"] = START, START + trip * MS
    directions = empty(DIRECTION, 2 * count)
    # 20 packets each way of which 8 are pure ACKs; headers of 66 bytes, a SYN's of 74.
    directions["packets"], directions["pure_acks"] = 20, 8
    directions["link_bytes"], directions["ip_bytes"] = 20 * 14, 20 * 20
    directions["tcp_bytes"] = 20 * 32 + 8
    directions["pure_ack_bytes"] = 8 * 66
    directions["wire_bytes"] = 5000
    directions["mss"] = 1460
    stream = StreamBatch(RecordBatch(), connections=connections, directions=directions)
    stream.ended = list(ended)
    made = HttpBatch(stream, exchanges=list(exchanges), ended=list(ended))
    made.http_bytes = np.ones(2 * count, np.int64)
    return made


def sessions(*batches, websockets=None, **options):
    made = Sessions(Options(**options), [S], HeadMaker(HeadSizes(1 << 20)))
    for each in batches:
        made.push(each, websockets or {})
    return made


def ended(*batches, latest=START, **more):
    """Return the only block of sessions."""
    (block,) = sessions(*batches, **more).finish(latest)
    return block


POLLS = [exchange(0), exchange(1000, news=[100, 50]), exchange(2000), exchange(3000, news=[30])]


def test_polls():
    block = ended(batch([*POLLS, post(2500)], [0]))
    assert (block.kind, len(block)) == ("short-poll", 1)
    assert block.interval == S
    # From the first poll until the next would have come.
    assert block.duration == 4 * S
    assert block.empty_polls == 2
    assert block.connection == NULL
    assert block.session == 0
    assert block.hosts == ["x.example"]
    assert block.lanes[0, PUSHES]["messages"] == 3
    assert block.lanes[0, PUSHES]["payload_bytes"] == 180
    assert block.lanes[0, POSTS]["messages"] == 1
    (measured,) = block.measured
    assert measured["requests"] == 5
    assert measured["application_bytes"] == 5 * 452 + 180 + 10
    assert measured["header_bytes"] == 5 * 452
    assert (measured["wire_bytes"], measured["packets"]) == (10_000, 40)
    assert measured["tcp_connections"] == 1
    headers = [block.shared[f"{side}_header_bytes"] for side in ("client", "server")]
    assert headers == [6, 6]
    assert block.wire["mss"] == 1448
    assert block.wire["client_header"] == 66


def test_steady_rates_leave_out_six_packets_of_the_connection():
    (measured,) = ended(batch(POLLS, [0])).measured
    application = 4 * 452 + 180
    assert measured["steady_packets"] == 34
    assert measured["steady_application_bytes"] == application
    header = (10_000 - application) / 40
    assert measured["steady_wire_bytes"] == round(10_000 - 6 * header)


def test_half_of_the_time_since_the_answer_before():
    """docs/alternatives.md, "Sessions of plain HTTP": answers are 1 s apart."""
    assert ended(batch(POLLS, [0])).delay == 2 * S // 2 + S // 2


def test_messages_of_a_poll_came_about_since_the_answer_before():
    """Two came with the answer at 1 s, one with that at 3 s; answers are 1 s apart."""
    block = ended(batch(POLLS, [0]))
    # At 0.25, 0.75 and 2.5 s: gaps of half a poll, and of more than one.
    assert block.lanes[0, SHORT_POLL]["expected"] == pytest.approx(1 + 0.5 + 1, abs=0.01)


def test_a_modelled_poll_does_not_contradict_the_real_one():
    """A feed of one message a second, whatever the phase of the polls that brought it."""
    for phase in (0, 100, 500, 900):
        polls = [exchange(phase + 1000 * n, news=[100]) for n in range(20)]
        (block,) = sessions(batch(polls, [0])).finish(START)
        rows = RowMaker(Options(), [S]).rows(block)
        found = to_frame(rows[0])
        real, modelled = found[found["transport"] == "short-poll"].to_dict("records")
        assert (real["source"], modelled["source"]) == ("measured", "modelled")
        # The first answer says nothing of how long its message waited: as long as the others.
        assert real["added_latency_ms_mean"] == pytest.approx(500)
        assert modelled["added_latency_ms_mean"] == pytest.approx(500)


def test_a_first_poll_with_news_says_nothing_of_its_wait():
    assert ended(batch([exchange(0, news=[5])], [0])).delay == 0


def test_long_polls():
    """Answered at 2 s; asked again at 2.1 s and answered at once; held from 2.2 to 5 s."""
    held = [
        exchange(0, kind="long-poll", news=[10], took=2000),
        exchange(2100, kind="long-poll", news=[10], took=5),
        exchange(2205, kind="long-poll", news=[10], took=2795),
    ]
    block = ended(batch(held, [0], trip=40))
    assert block.kind == "long-poll"
    assert block.interval == NULL
    assert block.duration == 5 * S
    # Half of the 100 ms in which no request was open.
    assert block.delay == 50 * MS
    assert block.shared["gap"] == 41 * MS


@pytest.mark.parametrize("kind", ["stream", "sse"])
def test_a_stream_lasts_until_the_capture_ends_if_it_does(kind):
    one = exchange(0, kind=kind, news=[10, 20])
    one.deliveries = [(START + S, 10), (START + 4 * S, 20)]
    one.response_last_time = START + 4 * S
    assert ended(batch([one], [0]), latest=START + 60 * S).duration == 4 * S
    one.complete = False
    block = ended(batch([one], [0]), latest=START + 60 * S)
    assert (block.kind, block.delay) == (kind, 0)
    assert block.duration == 60 * S


def test_packets_beside_a_page_load_are_counted():
    """Three polls of 5 packets and 1,000 bytes each; the page before them took the rest."""
    page = exchange(-500, -1, "plain", wire_bytes=7000, packets=25)
    polls = [exchange(1000 * n, packets=5) for n in range(3)]
    (measured,) = ended(batch([page, *polls], [0])).measured
    assert (measured["packets"], measured["wire_bytes"]) == (15, 3000)


def test_a_share_of_a_connection_by_wire_bytes():
    """A page of 3,000 bytes on the connection that carried polls of 1,000 bytes each."""
    page = exchange(500, -1, "plain", wire_bytes=4000)
    (measured,) = ended(batch([*POLLS, page], [0])).measured
    assert measured["wire_bytes"] == 10_000 * 4000 / 8000
    assert measured["packets"] == 20
    assert measured["requests"] == 4


def test_polls_over_several_connections():
    some = [exchange(1000 * n, stream=n) for n in range(3)]
    block = ended(batch(some, [0, 1, 2]))
    assert block.measured["tcp_connections"] == 3
    assert block.measured["wire_bytes"] == 30_000
    assert block.interval == S
    # SYNs are taken off for each.
    assert block.wire["client_header"] == 66


def test_a_connection_that_turned_to_websocket_is_not_counted_whole():
    # Four exchanges of 1,000 bytes each of the 10,000 that the connection took in all.
    block = ended(batch(POLLS, [0]), websockets={0: True})
    assert block.measured["wire_bytes"] == 4000
    assert block.measured["packets"] == 16


def test_a_connection_whose_counts_are_forgotten_counts_by_its_exchanges():
    polls = [exchange(at, request_segments=1, response_segments=2) for at in (0, 1000, 2000)]
    block = ended(batch(polls))
    assert block.measured["wire_bytes"] == 3000
    assert block.measured["packets"] == 9
    assert block.measured["tcp_connections"] == 1


def test_nothing_is_known_of_the_connection():
    unknown = [exchange(0, tcp=None), exchange(1000, tcp=None)]
    block = ended(batch(unknown))
    assert block.wire["mss"] == 1460
    assert block.shared["gap"] == MS


def test_what_came_in_one_packet_of_a_stream_was_written_together():
    news = [(START + at * MS, 10) for at in (5, 5, 5, 9)]
    told = {"deliveries": news, "messages": 4, "message_bytes": 40}
    (stream, polls) = (
        ended(batch([exchange(0, kind=kind, took=9, **told)], [0])) for kind in ("stream", "poll")
    )
    assert stream.lanes[0, WRITES]["answers"] == 2
    assert polls.lanes[0, WRITES]["answers"] == 4


# --- who posts


def test_posts_go_to_the_client_s_first_session():
    two = [exchange(0), exchange(1000), exchange(0, 1, news=[1]), exchange(1000, 1)]
    block = ended(batch([*two, post(500, [5, 6])], [0]))
    assert block.session.tolist() == [0, 1]
    assert block.lanes[:, POSTS]["messages"].tolist() == [2, 0]
    assert block.measured["requests"].tolist() == [3, 2]


def test_posts_before_the_first_poll_wait_for_it():
    block = ended(batch([post(0), post(10, client_key=8)]), batch(POLLS, [0]))
    assert block.lanes[0, POSTS]["messages"] == 1
    assert block.measured["requests"] == 5


def test_posts_of_others_are_nobody_s():
    assert sessions(batch([post(0), post(1)])).finish(START) == []


def test_what_the_server_says_at_once_acknowledges_a_post():
    """News 5 ms after a POST; of the next POST they follow 900 ms later."""
    polls = [exchange(0), exchange(1000, news=[1], took=4), exchange(2000, news=[1])]
    block = ended(batch([*polls, post(999), post(1101)], [0]))
    assert block.answered == 1
    assert ended(batch([*polls, post(999, request_last_time=NULL)], [0])).answered == 0


# --- kinds and order


def test_a_block_for_each_kind():
    some = [exchange(0), exchange(0, 1, "sse", client_key=8), exchange(5, 2, client_key=9)]
    blocks = sessions(batch(some, [0])).finish(START)
    assert [(block.kind, block.session.tolist()) for block in blocks] == [
        ("short-poll", [0, 2]),
        ("sse", [1]),
    ]


def test_exchanges_that_are_no_deliveries():
    assert sessions(batch([exchange(0, -1, "plain")], [0])).finish(START) == []


def test_news_of_streams_side_by_side_come_in_order_of_time():
    first, second = exchange(0, kind="sse", news=[1, 2]), exchange(1, kind="sse", news=[3])
    first.deliveries = [(START + S, 1), (START + 3 * S, 2)]
    second.deliveries = [(START + 2 * S, 3)]
    block = ended(batch([first, second], [0]))
    # A second apart and polled each second: an answer for each in whatever phase.
    assert block.lanes[0, SHORT_POLL]["expected"] == 3
    assert block.lanes[0, SHORT_POLL]["answers"] == 3


def test_how_the_input_was_cut():
    parts = [batch([each]) for each in POLLS[:-1]]
    whole = ended(batch(POLLS, [0]))
    cut = ended(*parts, batch(POLLS[-1:], [0]))
    for name in type(whole).__slots__:
        assert str(getattr(cut, name)) == str(getattr(whole, name)), name


# --- limits


def test_more_sessions_than_are_kept():
    made = sessions(batch([exchange(0, n) for n in range(5)], [0]), max_sessions=2)
    assert list(made.cut()) == ["3 exchanges belong to sessions above max_sessions"]
    (block,) = made.finish(START)
    assert len(block) == 2


def test_more_messages_than_are_kept():
    some = [exchange(1000 * n, news=[1] * 4) for n in range(3)]
    made = sessions(batch([*some, post(5, [1] * 7)], [0]), max_session_messages=5)
    # 12 and 7, of which 5 each are kept.
    assert list(made.cut()) == ["9 messages lie above max_session_messages of a session"]
    (block,) = made.finish(START)
    assert block.lanes[0, PUSHES]["messages"] == block.lanes[0, POSTS]["messages"] == 5
    assert block.measured["requests"] == 4


def test_messages_that_an_exchange_did_not_keep():
    one = exchange(0, news=[1, 2, 3])
    one.messages = 10
    made = sessions(batch([one], [0]))
    assert list(made.cut()) == ["7 messages lie above max_session_messages of a session"]


def test_more_requests_than_wait_for_their_client():
    early = [post(n, client_key=n) for n in range(9)]
    made = sessions(batch(early), max_session_messages=4)
    # Ordinary POSTs of JSON: nobody polls here.
    assert not list(made.cut())
    made.push(batch(POLLS, [0]), {})
    (text,) = made.cut()
    assert text.startswith("5 messages of clients lie above max_session_messages")


def test_more_connections_than_are_kept():
    some = [exchange(1000 * n, stream=n) for n in range(4)]
    made = sessions(batch(some, [0, 1, 2, 3]), max_session_connections=2)
    (text,) = made.cut()
    assert text.startswith("2 TCP connections with HTTP above max_session_connections")
    (block,) = made.finish(START)
    assert block.measured["tcp_connections"] == 2
    assert block.measured["wire_bytes"] == 2 * 10_000


def test_counts_of_connections_do_not_pile_up():
    made = sessions(max_connections=3, max_session_connections=2)
    for number in range(50):
        made.push(batch([exchange(0, -1, "plain", stream=number)]), {})
    assert len(made._wire) == 5


# --- hostile numbers


def test_compressed_bodies_are_smaller_than_their_messages():
    one = exchange(0, news=[10_000], response_body_bytes=200)
    (measured,) = ended(batch([one], [0])).measured
    assert measured["header_bytes"] == measured["steady_header_bytes"] == 0


@pytest.mark.parametrize("kind", ["poll", "long-poll", "sse"])
@pytest.mark.parametrize("times", [(0, 2**62), (NULL, START), (START, NULL), (NULL, NULL)])
def test_times_that_nobody_has(times, kind):
    first, last = times
    odd = [
        exchange(0, news=[1] * 50, request_first_time=first, response_first_time=last),
        exchange(1, news=[1] * 50, request_first_time=last, response_first_time=first),
        exchange(2, news=[1] * 50, request_first_time=first, response_last_time=last),
    ]
    for each in odd:
        each.kind = kind
        each.deliveries = [(time, 1) for time in times for _ in range(25)]
    block = ended(batch([*odd, post(1, request_last_time=first)], [0]))
    assert block.duration >= 0
    assert block.delay >= 0
    assert block.lanes[0, PUSHES]["messages"] == 150


# --- what waits, and what is counted by connection


def bare(stream, client=0, **more):
    tcp = NO_CONNECTION._replace(tcp_stream=stream)
    times = {"request_first_time": 5, "request_last_time": 6}
    return Exchange(0, 0, 0, tcp=tcp, client_key=client, wire_bytes=10, **times, **more)


def pushed(exchanges, **limits):
    sessions = Sessions(Options(**limits), [], HeadMaker(HeadSizes(0)))
    sessions.push(HttpBatch(StreamBatch.__new__(StreamBatch), exchanges=exchanges), {})
    return sessions


def test_posts_of_clients_that_never_poll_are_bounded():
    posts = [bare(n, client=n, sent=[1, 2], request_header=(("a", "b"),)) for n in range(100)]
    poll = bare(7, client=1, kind="poll", group=0)
    sessions = pushed([*posts, poll], max_session_messages=20)
    waiting = [each for posts in sessions._early.values() for each in posts]
    # Twenty messages are ten posts, less the one whose client polls.
    assert len(waiting) == 9
    assert not any(each.request_header for each in waiting)
    assert any("180 messages of clients" in text for text in sessions.cut())
    assert not list(pushed(posts, max_session_messages=20).cut())


def test_connections_of_one_poller_are_bounded():
    polls = [bare(n, kind="poll", group=0) for n in range(100)]
    sessions = pushed(polls, max_session_connections=8, max_connections=4)
    assert list(sessions._sessions[0].wire) == list(range(92, 100))
    assert len(sessions._wire) == 12


# --- services: requests that only ask and are answered


def call(at, **more):
    """A POST of 10 bytes that is answered with 40 bytes of JSON."""
    body = {"response_body_bytes": 40, "content_bytes": 40, "content_type": "application/json"}
    body |= {"kind": "plain", "sent": (10,), "method": "POST"}
    return exchange(at, -1, **{**body, **more})


def service(*exchanges, **options):
    (block,) = sessions(batch(exchanges, ended=[0]), **options).finish(START)
    return block


def test_calls_over_one_websocket():
    """100 calls, 100 ms apart: each costs a frame of 6 + 10 bytes, and one of 2 + 40."""
    block = service(*(call(100 * n) for n in range(100)))
    maker = RowMaker(Options(), [S])
    (rows,) = [to_frame(table) for table in maker.rows(block)]
    assert rows["transport"].astype(str).tolist() == ["websocket", "request"]
    assert (rows["scope"] == "service").all()
    ours, real = rows.to_dict("records")
    assert (real["source"], real["requests"], real["messages"]) == ("measured", 100, 200)
    assert real["application_bytes"] == 100 * (300 + 10 + 150 + 40)
    assert real["header_bytes"] == 100 * (300 + 150)
    assert (ours["source"], ours["requests"], ours["tcp_connections"]) == ("modelled", 1, 1)
    upgrade = sum(block.heads[0].upgrade)
    assert ours["application_bytes"] == upgrade + 100 * (6 + 10 + 2 + 40) + 8 + 4
    (total, _) = maker.totals()[0].values["scope"][:2].tolist()
    assert total == 5


def test_a_request_without_a_body_asks_by_its_target():
    ask = {"method": "GET", "path": "/prices?item=7", "sent": (), "request_body_bytes": 0}
    block = service(*(call(100 * n, **ask) for n in range(3)))
    assert block.lanes["payload_bytes"][0, [POSTS, PUSHES]].tolist() == [3 * 14, 3 * 40]


@pytest.mark.parametrize(
    "other",
    [
        {"status": 404},
        {"complete": False},
        {"content_type": "text/html; charset=utf-8"},
        {"method": "GET", "content_type": "image/png"},
        {"kind": "sse"},
        {"transport": "engine.io"},
    ],
)
def test_what_is_no_call(other):
    made = sessions(batch([call(100 * n, **other) for n in range(5)], ended=[0]))
    assert [block.kind for block in made.finish(START)] == []


def test_two_calls_are_no_service():
    made = sessions(batch([call(0), call(100)], ended=[0]))
    assert made.finish(START) == []


def test_calls_of_a_client_that_polls_belong_to_its_session():
    polls = [exchange(1000 * n, news=(5,)) for n in range(4)]
    made = sessions(batch([*(call(100 * n) for n in range(5)), *polls], ended=[0]))
    (block,) = made.finish(START)
    assert block.kind == "short-poll"
    assert block.lanes["messages"][0, POSTS] == 5


def test_calls_above_the_limit_are_told():
    made = sessions(batch([call(n) for n in range(9)], ended=[0]), max_calls_compared=5)
    (block,) = made.finish(START)
    assert block.measured["requests"][0] == 5
    assert list(made.cut()) == ["4 requests lie above max_calls_compared or max_sessions"]
