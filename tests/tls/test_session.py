"""The lifecycle of a direction, pair by pair, and what follows from a session's parts."""

from __future__ import annotations

import itertools

import pytest

from analyzer.columns import NULL
from analyzer.tls.hello import HELLO_RETRY_RANDOM, ClientHello, ServerHello
from analyzer.tls.session import TRANSITIONS, Event, Session, Side, State, transition_array

CCS, ALERT, HANDSHAKE, DATA = (
    *(Event.CHANGE_CIPHER_SPEC, Event.ALERT),
    *(Event.HANDSHAKE, Event.APPLICATION_DATA),
)
S = State
EXPECTED = {
    # state: after CCS, alert, handshake, data, heartbeat, fault, gap, found
    S.START: (S.OTHER, S.CLEAR, S.CLEAR, S.OTHER, S.OTHER, S.OTHER, S.OTHER, S.START),
    S.CLEAR: (S.CHANGED, S.CLEAR, S.CLEAR, S.DATA, S.CLEAR, S.LOST, S.LOST, S.CLEAR),
    S.CHANGED: (S.CHANGED, S.CHANGED, S.SECURED, S.DATA, S.CHANGED, S.LOST, S.LOST, S.CHANGED),
    S.SECURED: (S.SECURED, S.SECURED, S.SECURED, S.DATA, S.SECURED, S.LOST, S.LOST, S.SECURED),
    S.DATA: (S.DATA, S.DATA, S.DATA, S.DATA, S.DATA, S.LOST, S.LOST, S.DATA),
    S.LOST: (S.LOST, S.LOST, S.LOST, S.LOST, S.LOST, S.LOST, S.LOST, S.DATA),
    S.OTHER: (S.OTHER,) * 8,
}


def test_every_pair_of_state_and_event():
    assert set(TRANSITIONS) == set(itertools.product(State, Event))
    for state, event in itertools.product(State, Event):
        assert TRANSITIONS[state, event] == EXPECTED[state][event], (state, event)
        assert transition_array()[state, event] == EXPECTED[state][event]


@pytest.mark.parametrize(
    ("events", "end"),
    [
        ((HANDSHAKE, HANDSHAKE, CCS, HANDSHAKE, DATA, DATA, ALERT), S.DATA),  # RFC 5246 7.3
        ((HANDSHAKE, CCS, DATA, DATA), S.DATA),  # RFC 8446 D.4
        ((HANDSHAKE, CCS, HANDSHAKE, DATA), S.DATA),  # with a HelloRetryRequest
        ((ALERT,), S.CLEAR),  # a server that refuses at once
        ((DATA, HANDSHAKE), S.OTHER),  # from the middle
        ((HANDSHAKE, DATA, Event.GAP, DATA, Event.FOUND, DATA), S.DATA),
    ],
)
def test_ways_through(events, end):
    state = State.START
    for event in events:
        state = TRANSITIONS[state, event]
    assert state == end


def session(version: int, *, asked: bytes = b"", chose: bytes = b"", **fields: object) -> Session:
    made = Session(0, 0)
    made.client = ClientHello(version, bytes(32), asked)
    made.server = ServerHello(version, bytes(32), chose, 0xC02F, **fields)  # type: ignore[arg-type]
    made.started_at = 100
    return made


def sides(client: int, server: int) -> tuple[Side, Side]:
    """Sides with their Finished in these packets, at ten times that."""
    return (
        Side(finished_packet=client, finished_time=client * 10 if client else NULL),
        Side(finished_packet=server, finished_time=server * 10 if server else NULL),
    )


def test_tls_1_2_is_resumed_if_the_session_id_is_echoed():
    assert session(0x0303, asked=b"one", chose=b"one").resumed
    other = session(0x0303, asked=b"one", chose=b"two")
    assert other.resumed is None
    other.sides = sides(8, 9)
    assert other.resumed is False


def test_tls_1_2_is_resumed_by_ticket_if_the_server_finishes_first():
    made = session(0x0303)
    made.sides = sides(9, 8)
    assert made.resumed
    assert (made.client_finished_time, made.finished_time) == (90, 90)


def test_tls_1_2_ends_with_the_later_finished():
    made = session(0x0303)
    made.sides = sides(8, 9)
    assert (made.client_finished_time, made.finished_time) == (80, 90)
    made.sides = sides(8, 0)
    assert made.finished_time == NULL


def test_tls_1_3_is_resumed_by_a_pre_shared_key():
    assert session(0x0304, pre_shared_key=True).resumed
    assert session(0x0304).resumed is False


def test_tls_1_3_takes_the_clients_first_record_for_its_finished():
    made = session(0x0304)
    made.sides = Side(records=3, first_time=500, second_time=600), Side(records=4)
    assert (made.client_finished_time, made.finished_time) == (500, 500)
    assert made.first_data_time == 600
    assert made.data_records == (2, 4)


def test_early_data_hides_the_clients_finished():
    made = session(0x0304)
    made.client = ClientHello(0x0304, bytes(32), b"", early_data=True)
    made.sides = Side(records=3, first_time=500, second_time=600), Side(records=4)
    assert made.client_finished_time == made.finished_time == made.first_data_time == NULL


def test_nothing_is_known_without_a_server_hello():
    made = Session(0, 0)
    assert made.version is made.group is made.resumed is None
    assert made.finished_time == made.first_data_time == NULL
    assert made.weakness is made.without_forward_secrecy is None
    assert made.summary == "no ServerHello"


def test_group_of_tls_1_2_comes_from_the_key_exchange():
    made = session(0x0303)
    made.named_group = 0x001D
    assert made.group == 0x001D
    assert session(0x0304, group=0x0017).group == 0x0017


def test_a_readable_alert_counts_before_an_encrypted_one():
    made = session(0x0303)
    made.sides = Side(hidden_packet=3), Side(alert_packet=9, alert=40)
    assert made.alert == "server: handshake_failure"
    made.sides = Side(hidden_packet=8), Side(hidden_packet=7)
    assert made.alert == "server: encrypted"
    made.sides = Side(), Side()
    assert made.alert is None


def test_weak_sessions_say_which_suite():
    old = session(0x0301)
    assert old.weakness == "TLS 1.0 with TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    assert session(0x0303).weakness is None
    made = session(0x0303)
    made.server = ServerHello(0x0303, bytes(32), b"", 0x009C)
    assert made.without_forward_secrecy == "TLS_RSA_WITH_AES_128_GCM_SHA256"
    assert session(0x0303).without_forward_secrecy is None


def test_summary_in_words():
    made = session(0x0303, alpn="http/1.1")
    made.sides = sides(9, 8)
    assert made.summary == (
        "TLS 1.2, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, ALPN http/1.1, resumed"
    )


def test_random_of_a_hello_retry_request_is_the_hash_of_its_name():
    """RFC 8446 4.1.3: SHA-256 of "HelloRetryRequest"."""
    import hashlib

    assert hashlib.sha256(b"HelloRetryRequest").digest() == HELLO_RETRY_RANDOM
