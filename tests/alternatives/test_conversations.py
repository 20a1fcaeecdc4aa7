"""Conversations: which messages of the server are replies."""

import pytest
from oracle.compared import MS, SERVER, known

from analyzer.alternatives import lanes as layout
from analyzer.alternatives.costs import SUMS, all_costs

S = 1000 * MS


ASKED = [(sender, 100 * n + 30 * sender, 40 + 60 * sender) for n in range(20) for sender in (0, 1)]
"""Twenty times 40 bytes are asked and 100 answered 30 ms later."""


def sums(cost):
    names = ("requests", "application_bytes", "header_bytes", "packets", "wire_bytes")
    assert sorted(names) == sorted(SUMS)
    return tuple(float(cost.sums[name][0]) for name in names)


def replying(said, **arguments):
    found = known(said=said, **arguments).with_replies()
    return {each.transport: each for each in all_costs(found, [S])}


def test_a_service_that_answers_costs_a_request_for_each_call():
    costs_of = replying(ASKED)
    each = costs_of["request"]
    # Heads of a POST, and of an answer with a body.
    client, server = 20 * (350 + 40), 20 * (150 + 100)
    assert sums(each) == (
        20,
        client + server,
        client + server - 20 * 140,
        20 * 3 + 6,
        client + server + 20 * 3 * 66 + 412,
    )
    poll = costs_of["short-poll"]
    assert (poll.sums["requests"], poll.empty_polls, poll.delay) == (20 + 10, 10, 0)
    for transport in ("long-poll", "stream", "sse"):
        assert costs_of[transport].sums["application_bytes"] >= client + server
        assert costs_of[transport].delay == 0


@pytest.mark.parametrize(
    "said",
    [
        [(SERVER, 0, 10), *ASKED],  # a greeting: it was not asked for
        [*ASKED, (SERVER, 3000, 10)],
        [message for n, message in enumerate(ASKED) if n not in (5, 9)],  # 18 of 20
        [message for message in ASKED if message[0] == SERVER],
    ],
)
def test_pushes_stay_pushes(said):
    found = known(said=said)
    assert found.with_replies() is found


def test_a_call_or_two_may_stay_without_an_answer():
    found = known(said=ASKED[:-1])
    assert found.with_replies().answers(layout.REPLIES).answers == 19


def test_ids_say_what_is_a_reply():
    """The last answer is a push by its id, although it follows a message of the client."""
    flags = [sender for sender, _, _ in ASKED]
    flags[-1] = 0
    found = known(said=ASKED, replies=flags)
    assert found.with_replies() is found
    assert found.answers(layout.REPLIES).answers == 19
    assert found.answers(layout.PUSHES).answers == 1
    assert found.server_messages == 20
