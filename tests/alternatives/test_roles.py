"""Real exchanges in sum: bodies in gzip, and requests whose head and body leave apart."""

import pytest

from analyzer.alternatives.roles import JSON_LIST, Role
from analyzer.http.exchanges import Exchange

GZIP = (("Content-Encoding", "gzip"),)


def role(*exchanges):
    made = Role()
    for each in exchanges:
        made.add(Exchange(0, 0, 0, **each))
    return made


def news(count, body, **more):
    """An answer with messages of 10 bytes."""
    sizes = {"messages": count, "message_bytes": 10 * count, "response_body_bytes": body}
    return {**sizes, **more}


def test_an_envelope_comes_from_bodies_as_they_were_before_gzip():
    """A list with 2 bytes around, and one between two messages."""
    plain = role(news(1, 12), news(3, 34))
    coded = role(
        news(1, 31, content_bytes=12, response_header=GZIP),
        news(3, 33, content_bytes=34, response_header=GZIP),
        # Its content was not read: nothing is known of its envelope.
        news(5, 35, response_header=GZIP),
    )
    for made in (plain, coded):
        envelope = made.envelope(JSON_LIST)
        assert (envelope.opening, envelope.each) == pytest.approx((1, 1))
    assert (plain.coded, coded.coded, coded.count) == (0, 3, 3)


def test_who_takes_gzip():
    asked = {"request_header": (("accept-encoding", "deflate, GZIP"),)}
    assert role(asked, {}).accepting == 1
    # An answer in gzip shows it too.
    assert role({"response_header": GZIP}).accepting == 1


def test_requests_whose_head_and_body_leave_apart():
    small = {"request_header_bytes": 300, "request_body_bytes": 50}
    apart = role({**small, "request_segments": 2}, {**small, "request_segments": 2})
    assert apart.writes == 2
    assert role({**small, "request_segments": 1}).writes == 1
    # A large one takes several packets however it is written.
    assert role({**small, "request_body_bytes": 9000, "request_segments": 7}).writes == 1
    assert role().writes == 1


def test_acks_of_exchanges_that_were_metered():
    """Packets of an exchange that carry nothing; of the last on a connection without its FINs."""
    one = {"request_segments": 1, "response_segments": 1, "request_header_bytes": 300}
    polls = [{**one, "packets": 2}, {**one, "packets": 4}, {**one, "packets": 7}]
    assert role(*polls).pure_acks == (0 + 2 + 2) / 3
    # Answers of several packets have ACKs within, HTTP/2 is not metered.
    large = {"packets": 9, "response_segments": 3, "response_body_bytes": 4000}
    others = [{**one, **large}, {**one, "packets": 0}]
    assert role(*others).pure_acks is None
    assert role(*polls, *others).pure_acks == role(*polls).pure_acks


def test_answers_whose_head_and_body_leave_apart():
    """uvicorn's: a packet for the header, one for the body, an ACK of each."""
    small = {"response_header_bytes": 125, "response_body_bytes": 300, "request_segments": 1}
    apart = {**small, "response_segments": 2, "packets": 5}
    made = role(apart, apart)
    assert (made.answer_writes, made.pure_acks) == (2, 2)
    assert role({**small, "response_segments": 1, "packets": 3}).answer_writes == 1
    # What fits into no packet has several for another reason.
    large = {**small, "response_body_bytes": 4000, "response_segments": 4, "packets": 8}
    assert (role(large).answer_writes, role(large).pure_acks) == (1, None)
    assert role({}).answer_writes == 1
    assert role({**apart, "packets": 0}).answer_writes == 1
