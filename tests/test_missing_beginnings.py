"""What is missing at a beginning blames nobody: heads cut by a snap length, hellos not captured."""

from pathlib import Path

import pytest
from oracle.captures import pcap
from oracle.mutations import packets_of
from oracle.whole import tables_of

ROOT = Path(__file__).parents[1]
CASES = ROOT / "tests" / "cases"
CAPTURES = ROOT / "captures"


def cut(path, length):
    link, packets = packets_of(path.read_bytes())
    packets = [(time, data[:length], size) for time, data, size in packets]
    return tables_of(pcap(packets, link_type=link, nanoseconds=True), payload="full")


def blamed(tables):
    found = tables["findings"]
    errors = found[(found["severity"] == "error") & found["direction"].notna()]
    return sorted(zip(errors["id"], errors["direction"].astype(str), strict=True))


@pytest.mark.parametrize("name", ["get-answered-101-foo", "bad-101-then-http"])
def test_a_cut_101_to_something_else_makes_no_frames_of_what_follows(name):
    # RFC 9110 7.8. Of the answer, its Upgrade field begins at byte 88 of the packet, and is
    # whole from byte 111 on at the latest.
    for length in (90, 100, 101, 103, 108, 112, 120, 128, 140):
        tables = cut(CASES / "outside" / f"{name}.pcap", length)
        assert blamed(tables) == [], length
        assert tables["handshakes"]["outcome"].iloc[0] == "cut"
        if length >= 112 and name == "get-answered-101-foo":
            assert tables["connections"].empty
            reason = tables["handshakes"]["outcome_reason"].iloc[0]
            assert reason == "The 101, cut, switches to another protocol: foo/2."


def test_two_writers_cut_by_a_snap_length():
    # Of the packet with both writes 99 bytes were sent: the two lengths account for the bytes that
    # were cut as well.
    whole = [*range(77, 99), 300]
    for length in whole:
        tables = cut(CASES / "torn_two_writers.pcap", length)
        assert blamed(tables) == [("websocket-torn-write", "client")], length
        texts = [bytes(each) for each in tables["messages"]["payload"] if each is not None]
        assert all(text.startswith(b'{"n":') for text in texts), length


def without_first(path, count):
    """Return a capture without the first `count` packets of the server of each connection."""
    link, packets = packets_of(path.read_bytes())
    clients, seen, kept = {}, {}, []
    for time, data, size in packets:
        ports = data[34:36], data[36:38]
        connection = tuple(sorted(ports))
        client = clients.setdefault(connection, ports[0])
        if ports[0] != client:
            seen[connection] = seen.get(connection, 0) + 1
            if seen[connection] <= count:
                continue
        kept.append((time, data, size))
    return pcap(kept, link_type=link, nanoseconds=True)


@pytest.mark.parametrize("count", [4, 5, 6, 8])
@pytest.mark.parametrize("name", ["http2-hypercorn-tls", "curl-https", "chromium-nginx-http2"])
def test_records_behind_a_hello_that_was_not_captured_are_no_http(name, count):
    keys = CAPTURES / f"{name}.keys"
    tables = tables_of(without_first(CAPTURES / f"{name}.pcap", count), keys=keys)
    assert blamed(tables) == []
    assert len(tables["tls_sessions"])
