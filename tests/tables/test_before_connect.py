"""What went before a connect: look-ups, and attempts at other addresses of the same name."""

from __future__ import annotations

import ipaddress

import pytest

from analyzer.capture.records import RecordBatch
from analyzer.columns import NULL, empty
from analyzer.names.stage import Lookup
from analyzer.options import Options
from analyzer.tables.before_connect import Before, BeforeConnect
from analyzer.tcp.bytestream import CONNECTION, Connection, StreamBatch

MS = 1_000_000
V4, V6 = "192.0.2.7", "2001:db8::7"


def tcp(number, server, at, answered=None, client=None, packet=None, port=443):
    """A connect in slot `number`: times in ms."""
    row = empty(CONNECTION, 1)[0]
    client = client or ("10.0.0.5" if "." in server else "2001:db8::5")
    for side, address in enumerate((client, server)):
        value = int(ipaddress.ip_address(address))
        if "." in address:
            value |= 0xFFFF << 32
        row[f"high{side}"], row[f"low{side}"] = value >> 64, value & (2**64 - 1)
    row["version"] = 4 if "." in server else 6
    row["port0"], row["port1"], row["tcp_stream"] = 40000 + number, port, number
    row["first_packet"] = packet if packet is not None else 100 + number
    for name in ("syn_time", "synack_time", "established_time", "closed_time"):
        row[name] = NULL
    row["syn_time"] = at * MS
    if answered is not None:
        row["synack_time"] = answered * MS
    return row


def opened(before, *rows, lookups=()):
    """Push connects in one batch, and return them as Connection rows."""
    table = empty(CONNECTION, 8)
    for row in rows:
        table[int(row["tcp_stream"])] = row
    batch = StreamBatch(RecordBatch(), connections=table)
    batch.opened = [int(row["tcp_stream"]) for row in rows]
    before.push(lookups, batch)
    return [Connection._make(row.tolist()) for row in rows]


def lookup(name="app.test", *addresses, asked=0, answered=20, client="10.0.0.5", packet=1):
    made = Lookup(client, name)
    made.queries.append((packet, asked * MS))
    made.answers.append((packet + 1, answered * MS, addresses or (V4,)))
    return made


def test_the_time_of_the_look_up():
    before = BeforeConnect(Options())
    (one,) = opened(before, tcp(0, V4, 25, 40), lookups=[lookup()])
    assert before.of(one, "app.test:443") == Before(20 * MS, 0, NULL, 0)


@pytest.mark.parametrize(
    ("found", "host"),
    [
        (lookup("app.test", "192.0.2.99"), "app.test"),  # another address
        (lookup("other.test"), "app.test"),  # another name
        (lookup(client="10.0.0.6"), "app.test"),  # another client
        (lookup(asked=-5000, answered=-4000), "app.test"),  # long ago: from a cache
        (lookup(packet=200), "app.test"),  # later
    ],
)
def test_a_look_up_that_has_nothing_to_do_with_it(found, host):
    before = BeforeConnect(Options())
    (one,) = opened(before, tcp(0, V4, 25, 40), lookups=[found])
    assert before.of(one, host) == Before(NULL, 0, NULL, 25 * MS)


def test_an_attempt_over_the_other_family_that_was_never_answered():
    before = BeforeConnect(Options())
    found = lookup("app.test", V4, V6)
    _, one = opened(before, tcp(0, V6, 25), tcp(1, V4, 275, 290), lookups=[found])
    assert before.of(one, "app.test") == Before(20 * MS, 1, 250 * MS, 0)


def test_an_attempt_that_was_answered_before_is_none():
    before = BeforeConnect(Options())
    found = lookup("app.test", V4, V6)
    rows = tcp(0, V6, 25, 40), tcp(1, V4, 275, 290)
    _, one = opened(before, *rows, lookups=[found])
    assert before.of(one, "app.test").attempts == 0
    late = BeforeConnect(Options())
    _, one = opened(late, tcp(0, V6, 25, 280), tcp(1, V4, 275, 290), lookups=[found])
    assert late.of(one, "app.test").attempts == 1  # answered, but too late


def test_localhost_is_both_loopback_addresses():
    before = BeforeConnect(Options())
    rows = tcp(0, "::1", 0, client="::1"), tcp(1, "127.0.0.1", 1, 2, client="127.0.0.1")
    _, one = opened(before, *rows)
    assert before.of(one, "localhost:443") == Before(NULL, 1, MS, 0)


def test_another_port_is_another_service():
    before = BeforeConnect(Options())
    first = tcp(0, "::1", 0, client="::1", port=80)
    _, one = opened(before, first, tcp(1, "127.0.0.1", 1, 2, client="127.0.0.1"))
    assert before.of(one, "localhost").attempts == 0


def test_addresses_of_two_names_are_not_one():
    before = BeforeConnect(Options())
    lookups = [lookup("app.test", V4), lookup("other.test", V6)]
    _, one = opened(before, tcp(0, V6, 25), tcp(1, V4, 30, 35), lookups=lookups)
    assert before.of(one, "app.test").attempts == 0


def test_without_a_syn_nothing_is_known():
    before = BeforeConnect(Options())
    row = tcp(0, V4, 25)
    row["syn_time"] = NULL
    (one,) = opened(before, row, lookups=[lookup()])
    assert before.of(one, "app.test") == Before()


def test_limits_forget_the_oldest():
    before = BeforeConnect(Options(max_names=1, max_connect_attempts=1))
    found = [lookup("app.test", V4), lookup("other.test", "192.0.2.99")]
    (one,) = opened(before, tcp(0, V4, 25, 40), lookups=found)
    assert before.of(one, "app.test").dns == NULL


def test_an_attempt_counts_for_the_connect_that_follows_it():
    before = BeforeConnect(Options())
    found = [
        lookup("app.test", V4, V6),
        lookup("app.test", V4, V6, asked=5000, answered=5020, packet=104),
    ]
    rows = (
        *(tcp(0, V6, 25, packet=101), tcp(1, V4, 275, 290, packet=102)),
        *(tcp(2, V6, 5025, packet=107), tcp(3, V4, 5275, 5290, packet=108)),
        tcp(4, V4, 5300, 5310, packet=109),
    )
    _, one, _, two, three = opened(before, *rows, lookups=found)
    assert before.of(one, "app.test") == Before(20 * MS, 1, 250 * MS, 0)
    assert before.of(two, "app.test") == Before(20 * MS, 1, 250 * MS, 5000 * MS)
    assert before.of(three, "app.test").attempts == 0


def test_two_clients_side_by_side_have_an_attempt_each():
    before = BeforeConnect(Options())
    rows = (
        *(tcp(0, V6, 25), tcp(1, V6, 26)),
        *(tcp(2, V4, 275, 290), tcp(3, V4, 276, 291)),
    )
    *_, one, two = opened(before, *rows, lookups=[lookup("app.test", V4, V6)])
    assert [before.of(each, "app.test").tried for each in (one, two)] == [250 * MS] * 2


def test_a_round_of_three_addresses_after_one_that_failed():
    before = BeforeConnect(Options())
    other = "2001:db8::8"
    rows = [tcp(0, V6, 30), tcp(1, other, 280), tcp(2, V4, 530)]  # none is answered
    rows += [tcp(3, V6, 9030), tcp(4, other, 9280), tcp(5, V4, 9530, 9540)]
    made = opened(before, *rows, lookups=[lookup("app.test", V4, V6, other)])
    assert before.of(made[2], "app.test") == Before(20 * MS, 2, 500 * MS, 0)
    assert before.of(made[3], "app.test").attempts == 0
    assert before.of(made[5], "app.test").attempts == 2
    assert before.of(made[5], "app.test").tried == 500 * MS


def test_many_look_ups_of_a_name_in_one_batch():
    before = BeforeConnect(Options())
    found = [
        lookup(asked=100 * number, answered=100 * number + 20, packet=100 + 10 * number)
        for number in range(12)
    ]
    table = empty(CONNECTION, 16)
    for number in range(12):
        at = 100 * number + 25
        table[number] = tcp(number, V4, at, at + 5, packet=102 + 10 * number)
    batch = StreamBatch(RecordBatch(), connections=table)
    batch.opened = list(range(12))
    before.push(found, batch)
    rows = [Connection._make(row.tolist()) for row in table[:12]]
    assert [before.of(row, "app.test").dns for row in rows] == [20 * MS] * 12


def test_a_flood_of_names_that_are_answered():
    before = BeforeConnect(Options(max_names=20))
    opened(before, lookups=[lookup(f"r{n}.test", answered=20, packet=2 * n) for n in range(60)])
    assert len(before._names) == 20
    (finding,) = before.finish()
    assert finding.kind.id == "names-limit"
    assert "40 names" in finding.detail
    # Those of long ago are of no use to any connect.
    before = BeforeConnect(Options(max_names=20))
    for n in range(60):
        asked = 5000 * n
        found = lookup(f"r{n}.test", asked=asked, answered=asked + 20, packet=2 * n)
        opened(before, lookups=[found])
    assert before.finish() == []
