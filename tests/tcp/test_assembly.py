"""The kernel's lookup and numbering, held against tshark's tcp.stream."""

import random
import shutil
import socket
import subprocess

import dpkt
import pytest
from oracle.streams import ACK, FIN, RST, SYN, Outcome, make_batch, segment

from analyzer.options import Options
from analyzer.tcp.bytestream import TWICE
from analyzer.tcp.reassembly import Reassembler

OPEN = [
    segment(0, 100, flags=SYN),
    segment(1, 500, ack=101, flags=SYN | ACK),
    segment(0, 101, ack=501),
]

CASES = {
    "reuse": [*OPEN, segment(0, 900, flags=SYN), segment(1, 700, ack=901, flags=SYN | ACK)],
    "same syn": [OPEN[0], OPEN[0], OPEN[1]],
    "other syn-ack": [
        *OPEN[:2],
        segment(1, 700, ack=101, flags=SYN | ACK),
        segment(0, 101, ack=701),
    ],
    "syn behind data": [
        segment(0, 100, b"x", ack=500),
        segment(0, 99, flags=SYN),
        segment(0, 100, flags=SYN),
    ],
    "peer known by its acks": [
        segment(0, 100, b"x", ack=500),
        segment(1, 499, flags=SYN),
        segment(1, 500, flags=SYN),
    ],
    "crossed": [
        segment(0, 100, flags=SYN),
        segment(1, 500, flags=SYN),
        segment(0, 100, ack=501, flags=SYN | ACK),
        segment(1, 500, ack=101, flags=SYN | ACK),
    ],
    "syn-ack first": [OPEN[1], OPEN[0], OPEN[2]],
    "refused twice": [
        segment(0, 100, flags=SYN),
        segment(1, 0, ack=101, flags=RST | ACK),
        segment(0, 300, flags=SYN),
        segment(1, 0, ack=301, flags=RST | ACK),
        segment(0, 300, flags=SYN),
    ],
    "odd flags": [
        *OPEN,
        segment(0, 101, flags=RST),
        segment(0, 105, flags=SYN | RST),
        segment(0, 106, flags=SYN | FIN),
    ],
    "back and forth": [segment(0, seq, flags=SYN) for seq in (100, 200, 100, 200)],
    "reset bases the peer": [
        segment(1, 0, ack=101, flags=RST | ACK),
        segment(0, 100, flags=SYN),
        segment(0, 101, flags=SYN),
    ],
}


def at_random(seed):
    rng = random.Random(seed)
    return [
        segment(
            rng.randrange(2),
            rng.choice([100, 101, 105, 500, 501]),
            b"x" * rng.randrange(3),
            ack=rng.choice([100, 101, 105, 500, 501]),
            # A SYN alone that nobody answers is another matter: test_doubts.py.
            flags=rng.choice([SYN | ACK, SYN | ACK, ACK, ACK, RST, RST | ACK, FIN | ACK, 0]),
            port=rng.choice([1, 2, 3]),
        )
        for _ in range(150)
    ]


CASES |= {f"random {seed}": at_random(seed) for seed in range(6)}


def write_pcap(path, segments):
    with path.open("wb") as file:
        writer = dpkt.pcap.Writer(file)
        for number, given in enumerate(segments, 1):
            ends = [("10.0.0.1", given["port"]), ("10.0.0.2", 80)]
            (source, sport), (target, dport) = ends if given["side"] == 0 else ends[::-1]
            tcp = dpkt.tcp.TCP(
                sport=sport,
                dport=dport,
                seq=given["seq"],
                ack=given["ack"] or 0,
                flags=given["flags"],
                data=given["payload"],
            )
            ip = dpkt.ip.IP(
                src=socket.inet_aton(source), dst=socket.inet_aton(target), id=number, p=6, data=tcp
            )
            ip.len = len(bytes(ip))
            writer.writepkt(bytes(dpkt.ethernet.Ethernet(data=ip)), ts=number / 1000)


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    """All cases, each on ports of its own, in one capture: segments, {packet: tcp.stream}."""
    traffic = [
        {**given, "port": 100 * number + given["port"] % 100}
        for number, segments in enumerate(CASES.values(), 1)
        for given in segments
    ]
    path = tmp_path_factory.mktemp("tshark") / "cases.pcap"
    write_pcap(path, traffic)
    run = subprocess.run(
        ["tshark", "-r", str(path), "-T", "fields", "-e", "frame.number", "-e", "tcp.stream"],
        capture_output=True,
        text=True,
        check=True,
    )
    return traffic, dict(tuple(map(int, line.split("\t"))) for line in run.stdout.splitlines())


@pytest.mark.tshark
@pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not on PATH")
@pytest.mark.parametrize("most", [40, 65_536])
def test_numbers_are_those_of_tshark(numbered, most):
    traffic, expected = numbered[0], dict(numbered[1])
    # 40: enough for the ports of a case, so that only finished cases make room.
    out = Outcome(traffic, max_connections=most)
    out.check()
    found = {row["packet"]: row["stream"] for row in out.rows}
    # tshark begins a stream with any SYN; here one in an open connection must be answered.
    unanswered = [
        number
        for number in expected
        if traffic[number - 1]["flags"] & (SYN | ACK) == SYN and found[number] != expected[number]
    ]
    assert len(unanswered) == 2
    for number in unanswered:
        del expected[number]
        del found[number]
    assert found == expected


def test_lookup_finds_every_connection_among_many():
    rng = random.Random(5)
    ports = [rng.randrange(1, 60_000) for _ in range(3000)]
    out = Outcome([segment(rng.randrange(2), 1, b"x", port=port) for port in ports], [700, 1])
    numbers = {}
    for port in ports:
        numbers.setdefault(port, len(numbers))
    assert [row["stream"] for row in out.rows] == [numbers[port] for port in ports]


def test_lookup_survives_removal():
    rng = random.Random(6)
    ports = [rng.randrange(1, 400) for _ in range(3000)]
    out = Outcome([segment(0, 1, flags=SYN, port=port) for port in ports], max_connections=50)
    out.check()
    by_stream = {int(link["tcp_stream"]): int(link["port0"]) for link in out.connections.values()}
    assert [by_stream[row["stream"]] for row in out.rows] == ports
    assert len(out.connections) == len(out.opened) == len(set(out.opened))


def six(number, high):
    """Return a segment as a batch whose addresses have these upper halves."""
    batch = make_batch([(number, segment(0, 1, b"x"))])
    batch.rows["version"] = 6
    batch.rows["source_high"], batch.rows["destination_high"] = high
    return batch


def test_upper_halves_of_addresses_tell_connections_apart():
    stage = Reassembler(Options())
    ends = [(1, 2), (1, 3), (0, 0), (1, 0), (0, 2), (2, 1), (1, 2), (0, 0), (1, 3)]
    made = [stage.push(six(number, high)) for number, high in enumerate(ends, 1)]
    numbers = [int(b.connections["tcp_stream"][b.rows["direction"][0] >> 1]) for b in made]
    assert numbers == [0, 1, 2, 3, 4, 5, 0, 2, 1]


def test_both_directions_of_long_addresses_are_one_connection():
    stage = Reassembler(Options())
    there, back = six(1, (7, 8)), six(2, (7, 8))
    for end in ("high", "low", "port"):
        columns = [f"source_{end}", f"destination_{end}"]
        swapped = [back.rows[name].copy() for name in reversed(columns)]
        for name, values in zip(columns, swapped, strict=True):
            back.rows[name] = values
    assert stage.push(there).rows["direction"].tolist() == [0]
    assert stage.push(back).rows["direction"].tolist() == [1]


def test_state_grows_with_connections_and_keeps_what_it_has():
    ports = range(1, 1500)
    traffic = [segment(0, 1, b"ab", port=port) for port in ports]
    traffic += [segment(0, 3, b"c", port=port) for port in ports]
    out = Outcome(traffic, [1000, 1, 700])
    out.check()
    assert {bytes(out.stream(0, stream)) for stream in out.connections} == {b"abc"}
    assert {int(total["packets"]) for (_, side), total in out.directions.items() if not side} == {2}


def twice(*places, again=True, isn=500, flags=ACK):
    """Return (packet, offset, length) of what is said to have come twice of 9 bytes of side 1."""
    said = [
        segment(0, 101, ack=isn + 10, identity=40 + at, twice=(isn + 1 + first, count))
        for at, (first, count) in enumerate(places)
    ]
    data = segment(1, isn + 1, b"nine byte", ack=101)
    opening = [
        segment(0, 100, flags=SYN),
        segment(1, isn, ack=101, flags=SYN | ACK),
        segment(0, 101, ack=isn + 1),
    ]
    segments = [
        *opening,
        data,
        *([data | {"identity": 30, "flags": flags}] if again else []),
        *said,
    ]
    out = Outcome(segments, sizes=[1] * len(segments))
    out.check()
    rows = [row for row in out.rows if row["kind"] == TWICE]
    assert {(row["side"], row["wire"], row["header_bytes"], row["acked"]) for row in rows} <= {
        (1, 0, 0, -1)
    }
    return [(row["packet"], row["offset"], row["length"]) for row in rows]


def test_what_came_twice_is_a_row_of_its_sender():
    assert twice((0, 9), (3, 2)) == [(6, 0, 9), (7, 3, 2)]
    assert twice((0, 9), isn=2**32 - 4) == [(6, 0, 9)]  # numbers that wrap around


def test_a_fin_that_came_twice_with_the_bytes_before_it_is_none_of_them():
    # A sender that sends its last bytes again joins them with its FIN, which has a number too.
    assert twice((0, 10), (9, 1), (3, 7), flags=ACK | FIN) == [(6, 0, 9), (8, 3, 6)]
    assert twice((0, 10)) == []


def test_nothing_is_believed_that_came_twice_but_was_not_sent_twice():
    assert twice((0, 9), again=False) == []
    assert twice((5, 9), (9, 4), (-1, 3), (2**30, 5), (-(2**30), 2**30)) == []
