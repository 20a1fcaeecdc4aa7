"""Which close code each end reports (RFC 6455 7.1.5)."""

import pytest

from analyzer.websocket.close_codes import Evidence, reported_code

NOTHING = Evidence(
    close_seen=False,
    code=None,
    body_known=False,
    acked=False,
    answered=False,
    all_seen=True,
    broken=False,
    over=False,
)
CLOSED = NOTHING._replace(close_seen=True, code=1001, body_known=True, over=True)


def test_a_close_that_arrived_gives_its_code():
    assert reported_code(CLOSED._replace(acked=True)) == 1001
    assert reported_code(CLOSED._replace(answered=True)) == 1001


def test_a_close_without_a_code_is_1005():
    assert reported_code(CLOSED._replace(acked=True, code=None)) == 1005


def test_a_close_whose_body_was_not_captured_is_not_known():
    assert reported_code(CLOSED._replace(acked=True, code=None, body_known=False)) is None


def test_a_close_that_a_reset_overtook_did_not_arrive():
    assert reported_code(CLOSED._replace(broken=True)) == 1006


def test_a_close_in_the_buffer_that_a_reset_threw_away():
    # Acknowledged, and no more: a program that hangs does not read, and its kernel acknowledges.
    assert reported_code(CLOSED._replace(acked=True, broken=True)) is None
    assert reported_code(CLOSED._replace(acked=True, broken=True, answered=True)) == 1001


def test_a_close_that_nobody_acknowledged_yet_proves_nothing():
    assert reported_code(CLOSED) is None


def test_an_end_without_a_close_is_1006():
    assert reported_code(NOTHING._replace(over=True)) == 1006


@pytest.mark.parametrize("missing", [{"over": False}, {"all_seen": False}])
def test_what_was_not_seen_is_not_said(missing):
    assert reported_code(NOTHING._replace(**{"over": True, **missing})) is None
