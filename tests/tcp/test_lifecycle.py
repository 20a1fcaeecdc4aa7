import itertools

import pytest

from analyzer.tcp.lifecycle import CLOSING, TERMINAL, TRANSITIONS, Event, State, transition_array

CLIENT_CLOSES = [
    Event.SYN_0, Event.SYNACK_1, Event.ACK_0, Event.ACK_1, Event.FIN_0, Event.ACK_1, Event.FIN_1,
    Event.LAST_FIN_ACKED,
]  # fmt: skip


@pytest.mark.parametrize("pair", list(itertools.product(State, Event)))
def test_every_pair_has_a_state_and_finished_ones_stay(pair):
    state, event = pair
    assert TRANSITIONS[pair] in State
    assert transition_array()[state * len(Event) + event] == TRANSITIONS[pair]
    if state in TERMINAL:
        assert TRANSITIONS[pair] is state
    elif event in (Event.RST_0, Event.RST_1):
        assert TRANSITIONS[pair] in (State.RESET, State.REFUSED)
    if TRANSITIONS[pair] is State.NEW:
        assert pair == (State.NEW, Event.LAST_FIN_ACKED)


def walk(*events):
    state = State.NEW
    for event in events:
        state = TRANSITIONS[state, event]
    return state


def test_usual_life():
    assert walk(*CLIENT_CLOSES[:2]) is State.SYN_RECEIVED
    assert walk(*CLIENT_CLOSES[:3]) is State.ESTABLISHED
    assert walk(*CLIENT_CLOSES[:5]) is State.FIN_0
    assert walk(*CLIENT_CLOSES[:7]) is State.FIN_BOTH
    assert walk(*CLIENT_CLOSES) is State.CLOSED


def test_refusal_and_abort():
    assert walk(Event.SYN_0, Event.RST_1) is State.REFUSED
    assert walk(Event.SYN_0, Event.RST_0) is State.RESET
    assert walk(Event.SYN_0, Event.SYN_0) is State.SYN_SENT


def test_simultaneous_open():
    assert walk(Event.SYN_0, Event.SYN_1) is State.SYN_CROSSED
    assert walk(Event.SYN_0, Event.SYN_1, Event.SYNACK_1, Event.SYNACK_0) is State.ESTABLISHED


def test_closing_states_are_those_that_wait():
    assert {State.FIN_BOTH, State.CLOSED, State.RESET, State.REFUSED} == CLOSING
