"""Filters: the default beside libpcap's own, and what cannot be compiled."""

import inspect
import random
from pathlib import Path

import pytest
from oracle.bpf import accepted
from oracle.imports import without_libraries
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from analyzer.capture import filters
from analyzer.capture.source import open_capture
from analyzer.cli import live
from analyzer.errors import OptionError

CAPTURES = Path(__file__).parents[2] / "captures"
LINKS = [(filters.ETHERNET, 1), (filters.RAW_IP, 12), (filters.SLL2, 12)]


def frames():
    found = []
    for name in ("tomcat-chat.pcap", "veth-ipv6.pcap", "vxlan.pcap"):
        for batch in open_capture(CAPTURES / name):
            data = bytes(batch.data)
            found += [data[r["start"] : r["start"] + r["captured"]] for r in batch.rows[:40]]
    return found


def variants():
    """Real frames, and the same with bytes of their headers changed, cut, or of IPv6 fragments."""
    randomness = random.Random(7)
    for frame in frames():
        yield frame
        for _ in range(20):
            changed = bytearray(frame)
            for _ in range(randomness.randrange(1, 3)):
                changed[randomness.choice((12, 13, 14, 20, 23, 40, 54))] = randomness.choice(
                    (0, 6, 17, 44, 8, 0x86, 0xDD, 0x45, 0x60, 0x81)
                )
            yield bytes(changed[: randomness.choice((len(frame), 60, 24, 21, 13, 3))])


@pytest.mark.parametrize(("link_type", "dlt"), LINKS)
def test_the_default_is_what_libpcap_makes_of_tcp(link_type, dlt):
    pcapy = pytest.importorskip("pcapy", reason="the libpcap to compare with is pcapy-ng's")
    theirs = pcapy.compile(dlt, filters.SNAP_BYTES, "tcp", 1, 0).get_bpf()
    own = filters.compiled("tcp", link_type, once_on_loopback=False)
    results = set()
    for frame in variants():
        packet = frame if link_type == filters.ETHERNET else frame[14:]
        if link_type == filters.ETHERNET and packet[12:14] == b"\x81\x00":
            continue  # see the next test
        assert accepted(own, packet) == accepted(theirs, packet), packet[:60].hex()
        results.add(accepted(own, packet))
    assert results == {0, filters.SNAP_BYTES}


def test_the_default_looks_behind_tags():
    program = filters.compiled("tcp", filters.ETHERNET, once_on_loopback=False)
    for frame in frames():
        inside = accepted(program, frame)
        for tags in (b"\x81\x00\x00\x05", b"\x88\xa8\x00\x05\x81\x00\x00\x07"):
            assert accepted(program, frame[:12] + tags + frame[12:]) == inside
        assert accepted(program, frame[:12] + b"\x81\x00\x00\x05" * 3 + frame[12:]) == 0


@pytest.mark.parametrize("library", ["scapy", "pcapy"])
def test_libraries_compile_the_same(library, monkeypatch):
    pytest.importorskip(library)
    if library == "pcapy":
        monkeypatch.setattr(filters, "_by_scapy", missing)
    else:
        monkeypatch.setattr(filters, "_by_pcapy", missing)
    try:
        made = filters.compiled(
            "tcp and dst portrange 9010-9012", filters.RAW_IP, once_on_loopback=False
        )
    except OptionError:
        pytest.skip(f"{library} finds no libpcap")
    assert made[-2][0] == 0x06
    assert {operand for code, _, _, operand in made if code == 0x06} == {0, filters.SNAP_BYTES}
    with pytest.raises(OptionError, match="syntax error") as error:
        filters.compiled("tcp porrt", filters.ETHERNET, once_on_loopback=False)
    assert "pcap-filter" in error.value.hint


def missing(*_):
    raise ImportError


def test_without_libraries_simple_filters_are_left(monkeypatch):
    without_libraries(monkeypatch)
    for simple in (" tcp ", "tcp port 8080", "tcp or udp port 53", "not net 10.0.0.0/8"):
        assert filters.compiled(simple, filters.ETHERNET, once_on_loopback=True)
    assert filters.compiled("", 1, once_on_loopback=False) == [(6, 0, 0, filters.SNAP_BYTES)]
    with pytest.raises(OptionError, match="needs libpcap") as error:
        filters.compiled("tcp portrange 80-90", filters.ETHERNET, once_on_loopback=False)
    assert "apt install libpcap0.8" in error.value.hint
    assert "port N" in error.value.hint


def test_the_command_has_the_default_of_the_readers():
    assert inspect.signature(live.live).parameters["filter"].default == filters.DEFAULT_FILTER


@pytest.mark.parametrize("network", [IP(), IP(options=b"\x01" * 8), IPv6()])
def test_the_default_lets_look_ups_in(network):
    program = filters.compiled(filters.DEFAULT_FILTER, filters.ETHERNET, once_on_loopback=False)
    there, back, other = (
        bytes(Ether() / network / UDP(sport=one, dport=two) / b"x")
        for one, two in ((5000, 53), (53, 5000), (5000, 5353))
    )
    assert accepted(program, there) == accepted(program, back) == filters.SNAP_BYTES
    assert accepted(program, other) == 0
    assert accepted(program, bytes(Ether() / network / TCP())) == filters.SNAP_BYTES
