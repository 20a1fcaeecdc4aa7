"""Anonymized captures: lengths, times and costs as before, and nothing of the old names."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from oracle.tshark import fields

import analyzer
from analyzer.cli import main
from analyzer.share.anonymize.packets import checksum

ROOT = Path(__file__).parents[3]
CAPTURES = ROOT / "captures"

TEXTS = {
    *("host", "path", "client_ip", "server_ip", "key", "accept", "origin", "user_agent", "sni"),
    *("close_reason", "payload_preview", "refusal_preview", "file", "inner", "kind", "name", "id"),
    *("reply_to", "topic", "inner_items", "subprotocols_offered", "subprotocol", "server"),
    *("outcome_reason", "reply_us", "deflate_estimate_bytes", "dns_us", "overall_us"),
    *("client_logs", "server_logs"),
}
"""Columns of names, and those that depend on what payload says."""
TABLES = (
    *("connections", "handshakes", "frames", "messages", "pings", "ledger", "tls_sessions"),
    *("alternatives", "scaling"),
)


def test_the_checksum_of_rfc_1071() -> None:
    # Section 3: 0001 f203 f4f5 f6f7 sum up to ddf2.
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF ^ 0xDDF2
    assert checksum(b"\xff") == 0x00FF


def written(name: str, folder: Path, *options: str) -> Path:
    new = folder / "new.pcapng"
    assert main.main([str(CAPTURES / name), "--quiet", "--pcapng", str(new), *options]) == 0
    return new


@pytest.mark.parametrize(
    "name",
    [
        *("socket-io-room.pcap", "json-rpc-deflate.pcap", "lossy.pcap", "wss-tls12.pcap"),
        *("python-websockets-ipv6.pcap", "npm-ws-closes.pcap", "cooked-sll2.pcap", "mqtt-5.pcap"),
        *("tls13-resumed.pcap", "python-aiohttp-refusals.pcap", "npm-ws-fragments.pcap"),
        *("signalr-json-deflate.pcap", "socket-io-calls-polling.pcap", "calls-ajax.pcap"),
    ],
)
def test_a_second_analysis_finds_the_same(name: str, tmp_path: Path) -> None:
    before = analyzer.analyze(CAPTURES / name)
    after = analyzer.analyze(written(name, tmp_path, "--anonymize"))
    assert "capture-anonymized" in set(after.findings["id"])
    assert "compared-false" not in set(after.findings["id"])
    for table in TABLES:
        one, other = getattr(before, table), getattr(after, table)
        kept = [column for column in one.columns if column not in TEXTS]
        pd.testing.assert_frame_equal(one[kept], other[kept], obj=f"{table} of {name}")


def test_the_comparison_of_chosen_connections_is_kept(tmp_path: Path) -> None:
    """They are numbered anew: 1 and 2 of the original are 0 and 1 of the file."""
    old = CAPTURES / "mqtt-5.pcap"
    before = analyzer.analyze(old, where="connection >= 1")
    after = analyzer.analyze(
        written(old.name, tmp_path, "--anonymize", "--where", "connection >= 1")
    )
    assert set(after.findings["id"]) >= {"capture-anonymized", "compared-recorded"}
    numbers = after.alternatives["connection"].dropna().unique().tolist()
    assert numbers == after.connections["connection"].tolist() == [0, 1]
    one, other = (each.alternatives.drop(columns="connection") for each in (before, after))
    pd.testing.assert_frame_equal(one, other)


def test_packets_keep_their_times_and_lengths(tmp_path: Path) -> None:
    old = CAPTURES / "npm-ws-closes.pcap"
    new = written(old.name, tmp_path, "--anonymize")
    seen = ("frame.time_epoch", "frame.len", "tcp.srcport", "tcp.seq_raw", "tcp.flags")
    assert fields(new, "frame", *seen) == fields(old, "frame", *seen)


@pytest.mark.parametrize("name", ["socket-io-room.pcap", "python-websockets-ipv6.pcap"])
def test_checksums_are_right(name: str, tmp_path: Path) -> None:
    new = written(name, tmp_path, "--anonymize")
    command = ["tshark", "-r", str(new), "-o", "tcp.check_checksum:TRUE"]
    command += ["-o", "ip.check_checksum:TRUE", "-T", "fields"]
    command += ["-e", "tcp.checksum.status", "-e", "ip.checksum.status"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert {value for line in done.stdout.split() for value in line.split(",")} == {"1"}


def test_nothing_of_the_old_names_is_left(tmp_path: Path) -> None:
    old = CAPTURES / "json-rpc.pcap"
    new = written(old.name, tmp_path, "--anonymize")
    before, after = (
        " ".join(analyzer.analyze(path, alternatives=False).messages["payload_preview"])
        for path in (old, new)
    )
    words = ("nowhere", "slow", "fail")
    assert all(f'"{word}"' in before for word in words)
    assert not any(word in after for word in words)
    assert after.count('"jsonrpc":"2.0"') == before.count('"jsonrpc":"2.0"') > 0


def test_addresses_are_replaced(tmp_path: Path) -> None:
    old = CAPTURES / "veth-ipv6.pcap"
    new = written(old.name, tmp_path, "--anonymize")
    seen = ("eth.src", "eth.dst", "ipv6.src", "ipv6.dst")
    before = {value for row in fields(old, "tcp", *seen) for value in row}
    after = {value for row in fields(new, "tcp", *seen) for value in row}
    assert len(after) == len(before)
    assert not before & after


def test_what_cannot_be_read_below_ip_is_left_out(tmp_path: Path) -> None:
    new = written("vxlan.pcap", tmp_path, "--anonymize")
    assert fields(new, "frame", "frame.number") == []


def test_keys_are_not_given_away(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    command = [str(CAPTURES / "npm-ws-basic.pcap"), "--pcapng", str(tmp_path / "x")]
    assert main.main([*command, "--anonymize", "--embed-keys"]) == 2
    assert "gives away" in capsys.readouterr().err


def left_out(new: Path) -> str:
    found = analyzer.analyze(new, alternatives=False).findings
    (text,) = found.loc[found["id"] == "capture-anonymized", "text"]
    return str(text).partition("; left out: ")[2].rstrip(".")


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    """Each packet with TCP in a tunnel, as tshark counts them; none of a plain capture."""
    inside = fields(CAPTURES / "vxlan.pcap", "vxlan and tcp", "frame.number")
    assert left_out(written("vxlan.pcap", tmp_path, "--anonymize")) == (
        f"{len(inside)} packets in tunnels"
    )
    assert left_out(written("npm-ws-closes.pcap", tmp_path, "--anonymize")) == ""


def test_look_ups_that_are_left_out_are_counted(tmp_path: Path) -> None:
    case, new = ROOT / "tests" / "cases" / "dns_5s.pcap", tmp_path / "new.pcapng"
    assert main.main([str(case), "--quiet", "--pcapng", str(new), "--anonymize"]) == 0
    assert left_out(new) == f"{len(fields(case, 'dns', 'frame.number'))} name look-ups"


def in_fragments(capture: bytes) -> bytes:
    """Cut each IPv4 packet with at least 64 bytes into two (RFC 791 3.2), at the 32nd byte."""
    out, at = [capture[:24]], 24
    while at < len(capture):
        seconds, fraction, size, _ = struct.unpack_from("<4I", capture, at)
        packet = capture[at + 16 : at + 16 + size]
        link, ip, carried = packet[:14], bytearray(packet[14:34]), packet[34:]
        at += 16 + size
        parts = (
            [(0x2000, carried[:32]), (4, carried[32:])] if len(carried) >= 64 else [(0, carried)]
        )
        for where, part in parts:
            ip[2:4], ip[6:8], ip[10:12] = (20 + len(part)).to_bytes(2), where.to_bytes(2), bytes(2)
            ip[10:12] = checksum(bytes(ip)).to_bytes(2)
            made = link + bytes(ip) + part
            out.append(struct.pack("<4I", seconds, fraction, len(made), len(made)) + made)
    return b"".join(out)


def test_fragments_that_are_left_out_are_counted(tmp_path: Path) -> None:
    case, new = tmp_path / "fragments.pcap", tmp_path / "new.pcapng"
    case.write_bytes(in_fragments((CAPTURES / "npm-ws-closes.pcap").read_bytes()))
    parts = fields(case, "ip.flags.mf == 1 or ip.frag_offset > 0", "frame.number")
    assert parts
    assert main.main([str(case), "--quiet", "--pcapng", str(new), "--anonymize"]) == 0
    assert left_out(new) == f"{len(parts)} IP fragments"
