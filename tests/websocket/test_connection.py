"""The closing lifecycle: every state with every event, and what a connection says of it."""

from itertools import product

import pytest
from oracle.stages import CLIENT, SERVER

from analyzer.columns import NULL
from analyzer.websocket.connection import (
    CLOSE_KINDS,
    TRANSITIONS,
    CloseFrame,
    Event,
    State,
    WebSocketConnection,
)
from analyzer.websocket.negotiation import Negotiation

C, S, F, R, T = Event  # Close from the client, from the server, FIN, RST, silence


def connection(closes=(None, None)):
    made = WebSocketConnection(0, 3, 0, None, Negotiation(), 5)
    made.closes = list(closes)
    return made


def closing(time, code=1000, reason=""):
    return CloseFrame(code, reason, time, time)


def expected_kind(events):
    """DESIGN: clean is Close both ways; else what ended TCP first says how."""
    seen = set()
    ended = None
    for event in events:
        if event in (C, S):
            # Nothing is read behind RST, nobody is there after the silence, and who sent FIN
            # did not wait (RFC 6455 7.1.1).
            if ended is None:
                seen.add(event)
        elif ended is None and seen != {C, S}:
            ended = event
    if seen == {C, S}:
        return "clean"
    return {None: "open", F: "fin", R: "reset", T: "timeout"}[ended]


def test_table_is_total():
    assert set(TRANSITIONS) == set(product(State, Event))
    assert set(CLOSE_KINDS) == set(State)


def test_every_pair_is_visited_by_some_sequence_and_has_the_right_kind():
    visited = set()
    for events in product(Event, repeat=4):
        state = State.OPEN
        for event in events:
            visited.add((state, event))
            state = TRANSITIONS[state, event]
        assert CLOSE_KINDS[state] == expected_kind(events), events
    assert visited == set(TRANSITIONS)


def test_clean_close_lasts_to_the_end_of_tcp():
    one = connection([closing(10, 1001, "bye"), closing(11)])
    one.end([(12, F, SERVER), (14, R, CLIENT)], 14)
    assert (one.close_kind, one.closed_by, one.closed_at) == ("clean", CLIENT, 14)
    assert one.first_close == closing(10, 1001, "bye")


def test_clean_close_without_the_end_of_tcp_ends_with_the_second_close():
    one = connection([closing(11), closing(10)])
    one.end([], NULL)
    assert (one.close_kind, one.closed_by, one.closed_at) == ("clean", SERVER, 11)


def test_one_close_alone_leaves_it_open():
    one = connection([None, closing(10)])
    one.end([], NULL)
    assert (one.close_kind, one.closed_by, one.closed_at) == ("open", None, NULL)


def test_nothing_seen_is_null():
    one = connection()
    one.end([], NULL)
    assert (one.close_kind, one.closed_by, one.closed_at) == ("open", None, NULL)
    assert one.first_close is None


def test_close_in_the_packet_of_the_fin_comes_first():
    one = connection([closing(10), closing(9)])
    one.end([(10, F, CLIENT)], 12)
    assert one.close_kind == "clean"


def test_close_behind_the_peers_fin_is_not_clean():
    # RFC 6455 7.1.1: TCP is closed after both have sent and received Close.
    one = connection([closing(9), closing(20)])
    one.end([(10, F, CLIENT)], 22)
    assert (one.close_kind, one.closed_by, one.closed_at) == ("fin", CLIENT, 22)


def test_a_close_sent_again_behind_its_own_fin_stands_before_it():
    one = connection([closing(9), closing(20)])
    one.end([(10, F, 1)], 22)
    assert (one.close_kind, one.closed_by) == ("clean", CLIENT)


@pytest.mark.parametrize(("event", "kind"), [(F, "fin"), (R, "reset"), (T, "timeout")])
def test_end_of_tcp_without_close(event, kind):
    sender = None if event == T else SERVER
    one = connection()
    one.end([(30, event, sender)], 30)
    assert (one.close_kind, one.closed_by, one.closed_at) == (kind, sender, 30)


def test_direction_follows_the_client_side():
    one = connection()
    assert (one.direction(CLIENT), one.direction(SERVER)) == (6, 7)
    one.client_side = 1
    assert (one.direction(CLIENT), one.direction(SERVER)) == (7, 6)
