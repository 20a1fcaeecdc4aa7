"""Look-ups: queries, retries and answers, of several clients."""

from __future__ import annotations

from scapy.layers.dns import DNS, DNSQR, DNSRR

from analyzer.columns import NULL
from analyzer.names.stage import NamesStage
from analyzer.options import Options
from analyzer.packets.segments import Datagram

SECOND = 1_000_000_000
CLIENT, SERVER = "10.0.0.5", "10.0.0.1"


class Wire:
    """Datagrams, one packet each; times in seconds."""

    def __init__(self, **options):
        self.stage = NamesStage(Options(**options))
        self.packet = 0

    def _push(self, time, ends, dns):
        self.packet += 1
        (source, source_port), (target, port) = ends
        numbers = self.packet, int(time * SECOND)
        return self.stage.push([Datagram(*numbers, source, target, source_port, port, bytes(dns))])

    def ask(self, time, name="app.test", kind="A", number=1, port=5000, client=CLIENT):
        question = DNS(id=number, qd=DNSQR(qname=name, qtype=kind))
        return self._push(time, ((client, port), (SERVER, 53)), question)

    def answer(self, time, name="app.test", kind="A", number=1, port=5000, client=CLIENT):
        address = "192.0.2.7" if kind == "A" else "2001:db8::7"
        record = DNSRR(rrname=name, type=kind, rdata=address)
        message = DNS(id=number, qr=1, qd=DNSQR(qname=name, qtype=kind), an=record)
        return self._push(time, ((SERVER, 53), (client, port)), message)


def test_a_retry_belongs_to_its_query():
    wire = Wire()
    wire.ask(0)
    wire.ask(5)
    (lookup,) = wire.answer(5.001)
    assert lookup.before(4) == (0, int(5.001 * SECOND))
    assert lookup.before(3) == (0, NULL)  # the answer is packet 3 itself


def test_a_retry_from_another_port_with_another_id():
    wire = Wire()
    wire.ask(0)
    wire.ask(5, number=9, port=5001)
    (lookup,) = wire.answer(5.001, number=9, port=5001)
    assert lookup.before(9)[0] == 0


def test_both_families_are_one_look_up():
    wire = Wire()
    wire.ask(0)
    wire.ask(0.001, kind="AAAA", number=2)
    (one,) = wire.answer(0.02)
    (other,) = wire.answer(0.05, kind="AAAA", number=2)
    assert one is other
    assert one.before(99) == (0, int(0.05 * SECOND))


def test_a_later_query_is_another_look_up():
    wire = Wire()
    wire.ask(0)
    wire.ask(5)
    (first,) = wire.answer(5.1)
    wire.ask(8)
    (second,) = wire.answer(8.1)
    assert first is not second
    assert second.before(99) == (8 * SECOND, int(8.1 * SECOND))


def test_who_has_the_addresses_and_asks_again_asks_for_another_connection():
    wire = Wire()
    wire.ask(0)
    (first,) = wire.answer(0.01)
    wire.ask(0.5, number=2, port=5001)
    (second,) = wire.answer(0.51, number=2, port=5001)
    assert first is not second
    assert second.before(99)[0] == SECOND // 2


def test_both_families_asked_again_where_one_had_no_answer():
    wire = Wire()
    wire.ask(0)
    wire.ask(0.001, kind="AAAA", number=2)
    wire.answer(0.02)
    # As the resolver of glibc does after 5 s: with the ids that it had.
    wire.ask(5)
    wire.answer(5.01)
    wire.ask(5.02, kind="AAAA", number=2)
    (lookup,) = wire.answer(5.03, kind="AAAA", number=2)
    assert lookup.before(99) == (0, int(5.03 * SECOND))


def test_clients_and_names_are_apart():
    wire = Wire()
    wire.ask(0)
    wire.ask(1, client="10.0.0.6")
    wire.ask(2, name="other.test", number=3)
    assert wire.answer(2.5, client="10.0.0.6")[0].before(99)[0] == SECOND
    assert wire.answer(2.6, name="other.test", number=3)[0].before(99)[0] == 2 * SECOND


def test_an_answer_that_nobody_asked_for():
    wire = Wire()
    assert wire.answer(0) == []
    wire.ask(1)
    assert wire.answer(2, number=8) == []  # another id


def test_what_is_no_dns_is_passed_over():
    stage = NamesStage(Options())
    assert stage.push([Datagram(1, 5, CLIENT, SERVER, 5000, 53, b"not dns")]) == []


def test_of_too_many_names_the_oldest_is_forgotten():
    wire = Wire(max_names=2)
    for number in range(3):
        wire.ask(number, name=f"n{number}.test", number=number)
    assert wire.answer(4, name="n0.test", number=0) == []
    assert wire.answer(4, name="n2.test", number=2) != []


def test_a_flood_is_bounded_and_said():
    """Random names, never answered; spoofed answers to queries that nobody sent."""
    wire = Wire(max_names=50)
    for number in range(400):
        wire.ask(number * 0.001, name=f"r{number}.test", number=number, port=2000 + number)
        assert wire.answer(number * 0.001, name=f"r{number}.test", number=number + 7) == []
    assert len(wire.stage._open) == len(wire.stage._waiting) == 50
    (finding,) = wire.stage.finish()
    assert finding.kind.id == "names-limit"
    assert "350 queries" in finding.detail
    assert finding.packet == 101  # each query was followed by a spoofed answer


def test_names_of_long_ago_are_forgotten_in_silence():
    wire = Wire(max_names=5)
    for number in range(40):
        wire.ask(number * 100, name=f"n{number}.test", number=number)
    assert wire.stage.finish() == []


def test_answers_of_many_addresses_are_bounded():
    wire = Wire()
    for turn in range(12):
        wire.ask(turn * 0.1)
        records = [
            DNSRR(rrname="app.test", type="A", rdata=f"192.0.{turn}.{last}") for last in range(30)
        ]
        message = DNS(id=1, qr=1, qd=DNSQR(qname="app.test", qtype="A"), an=records)
        found = wire._push(turn * 0.1 + 0.01, ((SERVER, 53), (CLIENT, 5000)), message)
    (lookup,) = found
    assert sum(len(each) for _, _, each in lookup.answers) <= 32
    assert len(lookup.answers) <= 16
    assert lookup.answers[0][2][0] == "192.0.0.0"
