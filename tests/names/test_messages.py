"""DNS messages, against those that scapy makes, and hostile ones."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.layers.dns import DNS, DNSQR, DNSRR

from analyzer.names.messages import AAAA, HTTPS, A, Message, parse


def query(name="App.Example.test.", kind="A", number=7):
    return bytes(DNS(id=number, rd=1, qd=DNSQR(qname=name, qtype=kind)))


def answer(*answers, kind="A", code=0, name="app.example.test."):
    """Return an answer with records (owner, type, data)."""
    made = [DNSRR(rrname=owner, type=what, ttl=60, rdata=data) for owner, what, data in answers]
    return bytes(DNS(id=7, qr=1, rcode=code, qd=DNSQR(qname=name, qtype=kind), an=made))


@pytest.mark.parametrize(("kind", "number"), [("A", A), ("AAAA", AAAA), (65, HTTPS)])
def test_a_query(kind, number):
    assert parse(query(kind=kind)) == Message(7, False, 0, "app.example.test", number)


def test_addresses_of_the_name():
    other = ("other.example.test.", "A", "192.0.2.9")  # of no name that was asked for
    own = [("app.example.test.", "A", f"192.0.2.{last}") for last in (7, 8)]
    found = parse(answer(*own, other))
    assert found is not None
    assert (found.is_answer, found.addresses) == (True, ("192.0.2.7", "192.0.2.8"))


def test_canonical_names_lead_to_addresses():
    found = parse(
        answer(
            ("app.example.test.", "CNAME", "edge.example.net."),
            ("edge.example.net.", "CNAME", "node7.example.net."),
            ("node7.example.net.", "AAAA", "2001:db8::7"),
            kind="AAAA",
        )
    )
    assert found is not None
    assert found.addresses == ("2001:db8::7",)


def test_no_such_name():
    found = parse(answer(code=3))
    assert found is not None
    assert (found.code, found.addresses) == (3, ())


def test_an_answer_that_was_cut_has_what_was_read():
    own = [("app.example.test.", "A", f"192.0.2.{last}") for last in (7, 8)]
    found = parse(answer(*own)[:-3])
    assert found is not None
    assert found.addresses == ("192.0.2.7",)


def test_a_name_that_points_at_itself_is_none():
    assert parse(query()[:12] + b"\xc0\x0c" + b"\0\1\0\1") is None


def test_a_name_longer_than_255_bytes_is_none():
    label = b"\x3f" + b"a" * 63
    assert parse(query()[:12] + 5 * label + b"\0" + b"\0\1\0\1") is None


@pytest.mark.parametrize("length", range(len(query())))
def test_a_query_that_was_cut_is_none(length):
    assert parse(query()[:length]) is None


def test_other_messages_are_none():
    update = bytearray(query())
    update[2] = 0x28  # opcode 5
    assert parse(bytes(update)) is None


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=120), st.integers(0, 60))
def test_nothing_raises(noise, place):
    whole = answer(("app.example.test.", "A", "192.0.2.7"))
    parse(noise)
    parse(whole[:place] + noise + whole[place:])
