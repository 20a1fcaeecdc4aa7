"""What transports cost, against docs/alternatives.md by hand: its example in all transports.

Heads: GET 300, its answer 150, POST 350, its answer 100; of a stream 310 and 170, of SSE 320
and 180; an upgrade 400 and 130. Header and pure ACK 66 bytes each. The six packets of a
connection take 2 * (66 + 8) + 4 * 66 = 412 bytes.
"""

import numpy as np
import pytest
from oracle.compared import CLIENT, HEADS, MS, SAID, SERVER, heads, known, wire_row

from analyzer.alternatives import costs
from analyzer.alternatives.conversations import Conversations
from analyzer.alternatives.costs import all_costs
from analyzer.alternatives.roles import Envelope, Pair
from analyzer.alternatives.websocket_costs import websocket

S = 1000 * MS


def cost_of(transport, interval=1000, **arguments):
    found = known(intervals=(interval,), **arguments)
    if transport == "websocket":
        return websocket(found, np.zeros(1))
    (cost,) = (each for each in all_costs(found, [interval * MS]) if each.transport == transport)
    return cost


def sums(cost):
    names = ("requests", "application_bytes", "header_bytes", "packets", "wire_bytes")
    return tuple(float(cost.sums[name][0]) for name in names)


def test_order_of_the_table():
    names = [(cost.transport, cost.interval) for cost in all_costs(known(intervals=(1, 2)), [1, 2])]
    assert names == [
        ("request", 0),
        *(("short-poll", 1), ("short-poll", 2)),
        *(("long-poll", 0), ("stream", 0), ("sse", 0)),
        *(("short-poll-h2", 1), ("short-poll-h2", 2)),
        *(("long-poll-h2", 0), ("sse-h2", 0)),
        *(("short-poll-latest", 1), ("short-poll-latest", 2)),
    ]


def test_short_polling_number_by_number():
    """The table of docs/alternatives.md."""
    cost = cost_of("short-poll")
    client = 10 * 300 + 350 + 50
    # Messages at 0.5 and 0.7 s are apart with a probability of 0.2: 2.2 answers with news.
    server = 10 * 150 + 300 + 2.2 * 1 + 3 * 1 + 7.8 * 2 + 100
    assert (client, server) == (3400, 1920.8)
    assert sums(cost) == pytest.approx((11, 5320.8, 4970.8, 39, 7910.8))
    assert cost.empty_polls == pytest.approx(7.8)
    assert cost.tcp_connections == 1
    assert cost.delay == 3 * 500 * MS
    assert cost.delay_range == S


def test_polls_for_the_latest_number_by_number():
    """The first is superseded after 200 ms: a fifth of the phases has a poll in that time."""
    cost = cost_of("short-poll-latest")
    client = 10 * 300 + 350 + 50
    server = 10 * 150 + 220 + 2.2 * 1 + 2.2 * 1 + 7.8 * 2 + 100
    app = client + server
    packets = 10 * 3 + 3 + 6
    assert sums(cost) == pytest.approx((11, app, app - 270, packets, app + 33 * 66 + 412))
    assert cost.empty_polls == pytest.approx(7.8)
    # Those 2.2 have waited 1,020 ms: the rows take the mean over all three.
    assert cost.delay / 3 == pytest.approx((0.2 * 100 + 2 * 500) / 2.2 * MS)
    assert [float(each[0]) for each in cost.superseded] == pytest.approx([0.8, 80])


@pytest.mark.parametrize("transport", ["short-poll", "short-poll-latest"])
def test_rates_of_polls_are_those_of_their_interval(transport):
    """A short capture has one poll more, behind its last message."""
    silent = [message for message in SAID if message[0] == SERVER]
    cost = cost_of(transport, said=silent, duration=4200)
    assert cost.sums["requests"] == pytest.approx(5.2)
    assert cost.steady["requests"] == pytest.approx(1)
    assert cost.steady["packets"] == pytest.approx(3)


def test_one_request_for_each_message():
    cost = cost_of("request")
    client = 3 * 300 + 350 + 50
    server = 3 * (150 + 100 + 1 + 1) + 100
    assert sums(cost) == (
        3 + 1,
        client + server,
        client + server - 350,
        4 + 4 + 4 + 6,
        client + server + 12 * 66 + 412,
    )
    assert not cost.has_delay


def test_long_polling():
    """Three requests are answered, one stays open; each is acknowledged by itself.

    So are the first answer, and that of the POST; the next request acknowledges the others.
    """
    cost = cost_of("long-poll")
    client = 4 * 300 + 350 + 50
    server = 3 * (150 + 100 + 1 + 1) + 100
    packets = 5 + 4 + 4 + (1 + 1)
    # The POST needs a second connection.
    assert sums(cost) == (
        5,
        client + server,
        client + server - 350,
        packets + 2 * 6,
        client + server + packets * 66 + 2 * 412,
    )
    assert cost.tcp_connections == 2
    assert (cost.empty_polls, cost.delay, cost.delay_range) == (0, 0, MS)


def test_long_polls_that_time_out():
    """Held 3 s, asked again 1 ms later: from 0.701 s, answered empty at 3.701; from 4.201 s on
    at 7.201; then one stays open."""
    cost = cost_of("long-poll", hold=3000)
    assert cost.empty_polls == 2
    assert cost.sums["requests"] == 3 + 2 + 1 + 1
    # An empty answer has a body of two bytes.
    more = cost.sums["application_bytes"] - cost_of("long-poll").sums["application_bytes"]
    assert more == 2 * (300 + 150 + 2)


def test_long_polls_without_news():
    """Open from 0 to 3 s, 3.001 to 6.001, 6.002 to 9.002, and one more."""
    cost = cost_of("long-poll", said=[], hold=3000)
    assert (cost.empty_polls, cost.sums["requests"]) == (3, 4)
    # Ended in the moment in which the third is answered.
    assert cost_of("long-poll", said=[], hold=3000, duration=9002).empty_polls == 3
    assert cost_of("long-poll", said=[], hold=3000, duration=9001).empty_polls == 2


def test_long_polls_that_find_news_waiting_are_not_acknowledged_by_themselves():
    """Six messages 5 ms apart: five requests are answered within an ACK's delay of 40 ms."""
    busy = [(SERVER, 1000 + 5 * n, 100) for n in range(6)]
    cost = cost_of("long-poll", said=busy)
    # Of the six only the first was held; the seventh stays open. The first answer has an ACK.
    assert cost.sums["packets"] == 7 + 6 + (1 + 1) + 1 + 6
    held = cost_of("long-poll", said=[(SERVER, 1000 + 500 * n, 100) for n in range(6)])
    assert held.sums["packets"] == 7 + 6 + (6 + 1) + 1 + 6


def test_answers_that_no_request_follows_on_their_connection():
    """Without keep-alive, and with a client that takes its other connection for the next one."""
    packets = 5 + 4 + 4 + 4
    assert cost_of("long-poll", keep_alive=False).sums["packets"] == packets + 5 * 6
    rotating = heads(client="aiohttp")
    assert cost_of("long-poll", heads=[rotating]).sums["packets"] == packets + 2 * 6
    # It has but one where it posts nothing.
    silent = [message for message in SAID if message[0] == SERVER]
    assert cost_of("long-poll", heads=[rotating], said=silent).sums["packets"] == 4 + 3 + 4 + 1 + 6


def test_acks_of_real_exchanges():
    """Of three long polls that are answered; the fourth, which stays open, is acknowledged."""
    shown = heads(acks={"long_poll": 1.5, "post": 1.0, "poll": 0.25})
    assert cost_of("long-poll", heads=[shown]).sums["packets"] == 5 + 4 + (3 * 1.5 + 1) + 1 + 12
    assert cost_of("request", heads=[shown]).sums["packets"] == 4 + 4 + (3 * 0.25 + 1) + 6
    # Over HTTP/2 nobody saw any.
    assert sums(cost_of("long-poll-h2", heads=[shown])) == sums(cost_of("long-poll-h2"))


def test_a_post_in_two_small_packets_is_acknowledged_once():
    """What acknowledges each second segment, small ones too, does so once for both."""
    apart = cost_of("stream", heads=[heads(post_writes=2.0)])
    assert apart.sums["packets"] == cost_of("stream").sums["packets"] + 1 + 1
    shown = cost_of("stream", heads=[heads(post_writes=2.0, acks={"post": 2.0})])
    assert shown.sums["packets"] == apart.sums["packets"]
    rare = cost_of("stream", heads=[heads(post_writes=2.0, acks={"post": 0.5})])
    assert rare.sums["packets"] == apart.sums["packets"] - 1 - 0.5


@pytest.mark.parametrize(
    ("transport", "asked", "head", "each"), [("stream", 310, 170, 7), ("sse", 320, 180, 14)]
)
def test_streams(transport, asked, head, each):
    cost = cost_of(transport)
    client = asked + 350 + 50
    server = head + 3 * (100 + each) + 100
    # Answer's head, three pushes, the POST's answer; all acknowledged.
    packets = 2 + 5 + 5
    assert sums(cost) == (
        2,
        client + server,
        client + server - 350,
        packets + 2 * 6,
        client + server + packets * 66 + 2 * 412,
    )
    assert cost.delay == 0
    assert cost.has_delay


def test_pushes_are_acknowledged_as_the_client_did():
    rare = wire_row(push_acks=0.25, bulk_acks=0.25)
    assert cost_of("stream", wire=rare).sums["packets"] == 24 - 3 * 0.75
    # Answers of polls are all acknowledged.
    assert cost_of("short-poll", wire=rare).sums["packets"] == pytest.approx(39)


def test_messages_that_shared_a_packet_are_written_together():
    """Two at the same time in one packet, then one: two writes."""
    made = known()
    made.lanes[0, 2]["answers"] = 2
    made.sizes[0, 2] = 0
    made.sizes[0, 2, [1, 2]] = 1
    (cost,) = (each for each in all_costs(made, [S]) if each.transport == "stream")
    assert cost.sums["packets"] == 24 - 2
    assert cost.sums["application_bytes"] == cost_of("stream").sums["application_bytes"]


def test_websocket():
    """Frames of 6 + 50 and 2 + 100 bytes; Close of 2 + 4 + 2 and 2 + 2 bytes."""
    client = 400 + 56 + 8
    server = 130 + 3 * 102 + 4
    # The upgrade, messages and closes; ACKs of the 101, of each push, of the client's message.
    packets = 3 + 5 + 4 + 1
    assert sums(cost_of("websocket")) == (
        1,
        client + server,
        client + server - 350,
        packets + 6,
        client + server + packets * 66 + 412,
    )
    # The server's own data acknowledges it.
    answered = websocket(known(), np.ones(1))
    assert answered.sums["packets"] == packets + 6 - 1
    assert websocket(known(), np.ones(1) * 5).sums["packets"] == packets + 6 - 1


# --- connections


def test_without_keep_alive_each_request_has_its_connection():
    cost = cost_of("short-poll", keep_alive=False)
    assert cost.tcp_connections == 11
    assert cost.sums["packets"] == pytest.approx(22 + 11 + 11 * 6)
    assert cost.sums["wire_bytes"] == pytest.approx(5320.8 + 33 * 66 + 11 * 412)
    assert cost.sums["application_bytes"] == pytest.approx(5320.8)
    assert cost_of("long-poll", keep_alive=False).tcp_connections == 5
    assert cost_of("request", keep_alive=False).tcp_connections == 4
    assert cost_of("stream", keep_alive=False).tcp_connections == 2


@pytest.mark.parametrize("transport", ["short-poll-h2", "long-poll-h2", "sse-h2", "websocket"])
def test_keep_alive_is_no_matter_of_http2_and_websocket(transport):
    kept, new = cost_of(transport), cost_of(transport, keep_alive=False)
    assert new.tcp_connections == kept.tcp_connections == 1
    assert sums(new) == sums(kept)
    for name in costs.SUMS:
        assert new.steady[name] == kept.steady[name]


def test_only_posts_need_a_second_connection():
    silent = [message for message in SAID if message[0] == SERVER]
    for transport in ("long-poll", "stream", "sse"):
        assert cost_of(transport).tcp_connections == 2
        assert cost_of(transport, said=silent).tcp_connections == 1


def test_the_pure_ack_of_a_connection_s_first_request():
    plain, acked = cost_of("short-poll"), cost_of("short-poll", wire=wire_row(first_ack=1))
    assert acked.sums["packets"] == plain.sums["packets"] + 1
    assert acked.sums["wire_bytes"] == plain.sums["wire_bytes"] + 66


def test_each_write_is_a_record():
    """29 bytes each in TLS 1.2 with AES-GCM: header 5, nonce 8, tag 16."""
    secret = wire_row(record=29)
    for transport, writes in (
        *(("short-poll", 22), ("request", 8), ("long-poll", 9), ("stream", 7)),
        *(("websocket", 3 + 5),),
    ):
        more = cost_of(transport, wire=secret).sums["application_bytes"]
        less = cost_of(transport).sums["application_bytes"]
        assert more - less == pytest.approx(29 * writes), transport


def test_long_answers_take_more_packets():
    """150 + 3,000 + 2 bytes are three segments, 350 + 1,448 two; further ones cost half an ACK."""
    long = [(SERVER, 500, 3000), (CLIENT, 5000, 1448)]
    cost = cost_of("short-poll", said=long)
    # 10 polls and a POST of two packets; 9 empty answers, one of three, the POST's; 11 ACKs
    # of answers, half a one each for two segments of the answer and one of the POST.
    assert cost.sums["packets"] == (10 + 2) + (9 + 3 + 1) + 11 + 0.5 * (2 + 1) + 6


# --- HTTP/2: HEADERS of 200, then 20 bytes, and so on (oracle.compared)

PREFACE, SETTINGS = 24 + 33 + 13 + 9, 27 + 9
"""RFC 9113 3.4, 6.5, 6.9: preface, SETTINGS, WINDOW_UPDATE, ACK; SETTINGS and ACK."""


def test_short_polling_over_http2():
    cost = cost_of("short-poll-h2")
    client = PREFACE + 200 + 9 * 20 + 230 + 9 + 50
    # DATA frames have 9 bytes; the POST's answer has no body.
    news = 2.2 * (9 + 1) + 3 + 300
    server = SETTINGS + 90 + 9 * 12 + news + 7.8 * (9 + 2) + 60
    # The server's SETTINGS in a packet of their own, with its ACK.
    packets = 11 + 11 + 1 + 11 + 1
    assert sums(cost) == pytest.approx(
        (
            11,
            client + server,
            client + server - 350,
            packets + 6,
            client + server + packets * 66 + 412,
        )
    )
    assert cost.empty_polls == pytest.approx(7.8)
    assert cost.delay == cost_of("short-poll").delay


def test_long_polling_over_http2():
    cost = cost_of("long-poll-h2")
    client = PREFACE + 200 + 3 * 20 + 230 + 9 + 50
    server = SETTINGS + 90 + 2 * 12 + 3 * (9 + 102) + 60
    packets = 5 + 4 + 1 + 4 + (1 + 1) + 1
    assert sums(cost) == (
        5,
        client + server,
        client + server - 350,
        packets + 6,
        client + server + packets * 66 + 412,
    )
    assert cost.tcp_connections == 1


def test_a_long_poll_that_is_never_answered_is_the_first_request():
    cost = cost_of("long-poll-h2", said=[])
    assert cost.sums["application_bytes"] == PREFACE + SETTINGS + 200


def test_events_over_http2():
    """A DATA frame for each event, "data: " and two line feeds."""
    cost = cost_of("sse-h2")
    client = PREFACE + 210 + 230 + 9 + 50
    server = SETTINGS + 95 + 3 * (9 + 8 + 100) + 60
    packets = 2 + 5 + 1 + 5 + 1
    assert sums(cost) == (
        2,
        client + server,
        client + server - 350,
        packets + 6,
        client + server + packets * 66 + 412,
    )


# --- heads and bodies


def test_envelopes_of_real_bodies():
    """{"messages":[...]} of 15 bytes, two a message, 15 when empty."""
    body = Envelope(13, 2, 15)
    cost = cost_of("short-poll", heads=[heads(body=body)])
    server = 10 * 150 + 300 + 2.2 * 13 + 3 * 2 + 7.8 * 15 + 100
    assert cost.sums["application_bytes"] == pytest.approx(3400 + server)
    other = cost_of("long-poll", heads=[heads(body=body)])
    assert sums(other) == sums(cost_of("long-poll"))


def test_the_body_of_a_post_s_answer():
    kept, more = cost_of("stream"), cost_of("stream", heads=[heads(post_body=40)])
    assert more.sums["application_bytes"] - kept.sums["application_bytes"] == 40
    h2 = cost_of("sse-h2", heads=[heads(post_body=40)])
    # With a body there is a DATA frame.
    assert h2.sums["application_bytes"] - cost_of("sse-h2").sums["application_bytes"] == 49


@pytest.mark.parametrize(
    ("role", "transports"),
    [
        ("poll", {"request", "short-poll", "short-poll-h2", "short-poll-latest"}),
        ("long-poll", {"long-poll", "long-poll-h2"}),
        ("stream", {"stream"}),
        ("sse", {"sse", "sse-h2"}),
        ("post", set()),
    ],
)
def test_observed(role, transports):
    found = known(heads=[heads(observed=frozenset({role}))])
    assert {c.transport for c in all_costs(found, [S]) if c.observed.all()} == transports


# --- polling


def test_an_interval_shorter_than_the_gap():
    """No poll begins before the last was answered: each 400 ms, whatever was asked for."""
    cost = cost_of("short-poll", interval=100, gap=400)
    assert cost.sums["requests"] == 10_000 / 400 + 1
    assert cost.delay == 3 * 200 * MS
    assert cost.delay_range == 400 * MS
    assert cost.interval == 100 * MS


def test_a_message_after_the_last_poll_brings_one_more():
    """As often as no poll comes in the time from the message at 4.2 s to the end."""
    for duration, more in ((4200, 1), (4700, 0.5), (5200, 0), (9000, 0)):
        cost = cost_of("short-poll", duration=duration)
        assert cost.sums["requests"] == pytest.approx(duration / 1000 + more + 1)


def test_no_time_and_no_messages():
    cost = cost_of("short-poll", said=[], duration=0)
    assert sums(cost)[0] == 0
    assert np.isnan(cost.steady["wire_bytes"]).all()


# --- what one more message costs, and rates


def test_a_further_message():
    """Of mean size: 100 bytes."""
    assert cost_of("request").per_message == 300 + 152 + 100 + 3 * 66
    assert cost_of("long-poll").per_message == 300 + 152 + 100 + 3 * 66
    assert cost_of("stream").per_message == 107 + 2 * 66
    assert cost_of("sse").per_message == 114 + 2 * 66
    assert cost_of("websocket").per_message == 102 + 2 * 66
    assert cost_of("sse-h2").per_message == 117 + 2 * 66
    # Of a poll only the answer grows: a header and half an ACK for each full segment.
    assert cost_of("short-poll").per_message == pytest.approx(101 * (1 + 99 / 1448))


def test_steady_rates_leave_out_what_opens_and_closes():
    silent = [message for message in SAID if message[0] == SERVER]
    cost = cost_of("short-poll", said=silent)
    assert cost.steady["requests"] == pytest.approx(1)
    assert cost.steady["packets"] == pytest.approx(3)
    app = 10 * 450 + 300 + 2.2 + 3 + 7.8 * 2
    assert cost.steady["application_bytes"] == pytest.approx(app / 10)
    assert cost.steady["wire_bytes"] == pytest.approx(app / 10 + 3 * 66)
    stream = cost_of("stream", said=silent)
    assert stream.steady["packets"] == pytest.approx((1 + 4 + 4) / 10)
    # With a connection each, opening is part of each request.
    new = cost_of("short-poll", said=silent, keep_alive=False)
    assert new.steady["packets"] == pytest.approx(9)


def test_steady_rates_of_websocket_are_frames():
    cost = cost_of("websocket")
    assert cost.steady["requests"] == 0
    assert cost.steady["application_bytes"] == (56 + 3 * 102) / 10
    assert cost.steady["header_bytes"] == (6 + 3 * 2) / 10
    assert cost.steady["packets"] == (4 + 3 + 1) / 10


def test_connections_side_by_side_do_not_mix():
    one, other = (
        known(),
        known(said=[], duration=3000, heads=[heads(poll=Pair(1, 2, (3, 3), (4, 4)))]),
    )
    both = Conversations(
        *(
            np.concatenate([getattr(one, name), getattr(other, name)])
            for name in ("duration", "shared", "lanes", "sizes", "delays", "wire")
        ),
        [*one.heads, *other.heads],
    )
    alone = [all_costs(each, [S]) for each in (one, other)]
    for place, cost in enumerate(all_costs(both, [S])):
        for name in costs.SUMS:
            assert cost.sums[name].tolist() == [float(each[place].sums[name][0]) for each in alone]


def test_the_example_has_the_heads_of_the_documentation():
    assert (HEADS.poll.request, HEADS.poll.answer) == (300, 150)
    assert (HEADS.post.request, HEADS.post.answer) == (350, 100)


def test_who_polls_over_engine_io_posts_to_leave():
    """A packet close of a byte; the poll that is open is answered with a byte, and acknowledged."""
    said = heads(parting=1.0)
    for transport in ("long-poll", "stream", "short-poll"):
        plain, leaving = cost_of(transport), cost_of(transport, heads=[said])
        more = [leaving.sums[name][0] - plain.sums[name][0] for name in ("requests", "packets")]
        more.append(leaving.sums["application_bytes"][0] - plain.sums["application_bytes"][0])
        assert more == ([1, 5, 351 + 101 + 151] if transport == "long-poll" else [0, 0, 0])
