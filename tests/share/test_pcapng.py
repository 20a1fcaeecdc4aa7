"""--pcapng: what tshark finds in the new file, beside what it finds in the old one."""

from __future__ import annotations

from pathlib import Path

import pytest
from oracle import captures
from oracle.tshark import fields

from analyzer.capture.pcapng_blocks import interface, packet, section
from analyzer.capture.records import Interface
from analyzer.capture.source import open_capture
from analyzer.cli import main

ROOT = Path(__file__).parents[2]
CAPTURES = ROOT / "captures"
FRAME = ("frame.time_epoch", "frame.len", "frame.cap_len", "frame.encap_type")


def packets(path: Path) -> list[captures.Packet]:
    return captures.packets_of(open_capture(path))


def run(*arguments: object) -> int:
    return main.main([*map(str, arguments), "--quiet"])


@pytest.mark.parametrize(
    "name",
    [
        *("captures/python-websockets-nano.pcap", "captures/lossy.pcap"),
        *("tests/cases/two_link_types.pcapng", "tests/cases/pcapng_ts_offset.pcapng"),
        "tests/cases/pcapng_ts_ms.pcapng",
    ],
)
def test_packets_come_in_order_with_their_times(name: str, tmp_path: Path) -> None:
    old, new = ROOT / name, tmp_path / "new.pcapng"
    assert run(old, "--pcapng", new) == 0
    assert fields(new, "frame", *FRAME) == fields(old, "frame", *FRAME)
    assert packets(new) == packets(old)


def test_where_keeps_packets_of_its_connections_alone(tmp_path: Path) -> None:
    old, new = CAPTURES / "npm-ws-closes.pcap", tmp_path / "new.pcapng"
    assert run(old, "--where", "connection == 2", "--pcapng", new) == 0
    frames = ("frame.time_epoch", "tcp.srcport", "tcp.dstport", "tcp.payload")
    expected = fields(old, "tcp.stream == 2", *frames)
    assert fields(new, "frame", *frames) == expected != []


def test_comments_name_what_was_found(tmp_path: Path) -> None:
    new = tmp_path / "new.pcapng"
    assert run(CAPTURES / "socket-io-room.pcap", "--pcapng", new) == 0
    said = [line for (line,) in fields(new, "frame.comment", "frame.comment")]
    assert any("message 0 of connection 0: " in line for line in said)
    assert any(line.startswith("call 0") or ",call 0" in line for line in said)
    texts = fields(new, 'frame.comment contains "client text"', "websocket.opcode")
    assert texts
    assert all("1" in opcodes for (opcodes,) in texts)


def test_interfaces_and_link_types_stay(tmp_path: Path) -> None:
    first, *rest = packets(CAPTURES / "npm-ws-basic.pcap")
    old, new = tmp_path / "old.pcapng", tmp_path / "new.pcapng"
    raw = Interface(101, 0, b"tun0")
    old.write_bytes(
        section()
        + interface(Interface(1, 2000, b"unused"))
        + interface(Interface(1, 262_144, b"eth0", b"left"))
        + packet(1, first.time, first.original, first.payload, [])
        + interface(raw)
        + b"".join(packet(2, p.time, p.original - 14, p.payload[14:], []) for p in rest)
    )
    assert run(old, "--pcapng", new) == 0
    names = ("frame.interface_name", "frame.interface_description", "frame.encap_type")
    assert fields(new, "frame", *names) == fields(old, "frame", *names)
    assert {row[0] for row in fields(new, "frame", *names)} == {"eth0", "tun0"}
    assert b"unused" not in new.read_bytes()


def test_embedded_keys_decrypt(tmp_path: Path) -> None:
    new = tmp_path / "new.pcapng"
    keys = CAPTURES / "wss-tls13.keys"
    old = CAPTURES / "wss-tls13.pcap"
    assert run(old, "--keys", keys, "--embed-keys", "--pcapng", new) == 0
    seen = ("frame.number", "frame.time_epoch", "websocket.opcode", "websocket.payload_length")
    expected = fields(old, "websocket", *seen, options=f"tls.keylog_file:{keys}")
    assert fields(new, "websocket", *seen) == expected != []
    assert run(old, "--keys", keys, "--pcapng", new) == 0
    assert fields(new, "websocket", "frame.number") == []


def test_interfaces_of_several_sections_and_files(tmp_path: Path) -> None:
    first, *rest = packets(CAPTURES / "npm-ws-basic.pcap")
    one, other, new = tmp_path / "one.pcapng", tmp_path / "two.pcap", tmp_path / "new.pcapng"
    one.write_bytes(
        section()
        + interface(Interface(1, 0, b"eth0"))
        + packet(0, first.time, first.original, first.payload, [])
        + section()
        + interface(Interface(101, 0, b"tun0"))
        + b"".join(packet(0, p.time, p.original - 14, p.payload[14:], []) for p in rest[:3])
    )
    data = [(p.time, p.payload, p.original) for p in rest[3:]]
    other.write_bytes(captures.pcap(data, nanoseconds=True))
    assert run(one, other, "--pcapng", new) == 0
    names = ("frame.interface_name", "frame.encap_type", "frame.len")
    expected = [["eth0", "1", str(first.original)]]
    expected += [["tun0", "7", str(p.original - 14)] for p in rest[:3]]
    assert fields(new, "frame", *names)[:4] == expected
    assert packets(new)[4:] == packets(other)


def test_other_packets_are_left_out(tmp_path: Path) -> None:
    old, new = CAPTURES / "vxlan.pcap", tmp_path / "new.pcapng"
    assert run(old, "--pcapng", new) == 0
    assert fields(new, "frame", *FRAME) == fields(old, "tcp", *FRAME)
    assert fields(old, "!tcp", "frame.number")


def test_standard_input_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("-", "--pcapng", tmp_path / "x") == 2
    assert "standard input" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_input_is_not_replaced(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes((CAPTURES / "npm-ws-basic.pcap").read_bytes())
    assert run(path, "--pcapng", path) == 2
    assert "would replace its input" in capsys.readouterr().err


def test_keys_need_a_file_to_go_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(CAPTURES / "npm-ws-basic.pcap", "--embed-keys") == 2
    assert "--pcapng" in capsys.readouterr().err


def test_look_ups_and_failed_connects_are_kept(tmp_path: Path) -> None:
    new = tmp_path / "new.pcapng"
    old = ROOT / "tests" / "cases" / "dns_5s.pcap"
    assert run(old, "--pcapng", new) == 0
    assert fields(new, "frame", *FRAME) == fields(old, "frame", *FRAME)
