"""Sources of the Python API: what each gives, and what is refused."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path

import pytest

import analyzer
from analyzer.errors import CaptureAccessError, OptionError
from analyzer.sources import as_paths, nanoseconds, packets_of, paths_of

CAPTURES = Path(__file__).parents[1] / "captures"


def test_patterns_and_lists(tmp_path: Path) -> None:
    for name in ("a1", "a2", "b[1]"):
        (tmp_path / name).touch()
    assert paths_of(str(tmp_path / "a?")) == [tmp_path / "a1", tmp_path / "a2"]
    assert paths_of([str(tmp_path / "a1"), tmp_path / "b[1]"]) == [
        tmp_path / "a1",
        tmp_path / "b[1]",
    ]
    with pytest.raises(CaptureAccessError, match="no file fits"):
        paths_of(str(tmp_path / "c*"))


def test_times_keep_their_digits() -> None:
    assert nanoseconds(Decimal("1767323045.123456789")) == 1_767_323_045_123_456_789
    assert nanoseconds(5) == 5_000_000_000
    assert nanoseconds(1.5) == 1_500_000_000
    assert abs(nanoseconds(1_767_323_045.123456) - 1_767_323_045_123_456_000) < 500
    for wrong in ("x", None, float("nan")):
        with pytest.raises(OptionError, match="seconds"):
            nanoseconds(wrong)


def test_packets_of_scapy() -> None:
    scapy = pytest.importorskip("scapy.all")
    packet = scapy.Ether() / scapy.IP(dst="192.0.2.1") / scapy.TCP(dport=80)
    packet.time = Decimal("7.000000001")
    raw = scapy.IP(dst="192.0.2.1") / scapy.TCP(dport=80)
    raw.time = 8.0
    found = list(packets_of(scapy.PacketList([packet, raw])))
    assert found == [
        (7_000_000_001, bytes(packet), len(bytes(packet)), 1),
        (8_000_000_000, bytes(raw), len(bytes(raw)), 101),
    ]


def test_a_list_of_packets_that_scapy_read() -> None:
    scapy = pytest.importorskip("scapy.all")
    path = CAPTURES / "npm-ws-basic.pcap"
    made = analyzer.analyze(scapy.rdpcap(str(path)), alternatives=False)
    expected = analyzer.analyze(path, alternatives=False)
    assert made.messages["wire_bytes"].tolist() == expected.messages["wire_bytes"].tolist()
    assert made.messages["time_first"].tolist() == expected.messages["time_first"].tolist()


def test_a_file_in_memory_is_read_twice_for_where() -> None:
    data = io.BytesIO((CAPTURES / "npm-ws-closes.pcap").read_bytes())
    made = analyzer.analyze(data, where="connection == 1", alternatives=False)
    assert made.connections["connection"].tolist() == [1]


@pytest.mark.parametrize("wrong", [5, None, [1, 2], [(1.0, "text")], b"bytes"])
def test_what_is_no_source(wrong: object) -> None:
    with pytest.raises(OptionError), as_paths(wrong):
        pass
