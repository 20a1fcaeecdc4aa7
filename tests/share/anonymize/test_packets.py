"""Anonymized captures: lengths, times and costs as before, and nothing of the old names."""

from __future__ import annotations

import struct
import subprocess
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
from oracle.tshark import fields

import analyzer
from analyzer.capture.source import open_capture
from analyzer.cli import main
from analyzer.options import Options
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
    *("alternatives", "scaling", "http", "http_groups", "series"),
)
CODED = {"socket-io-calls-polling.pcap": ("http", "http_groups")}
"""Bodies in gzip bring messages that noise does not have."""
INSIDE = ("calls", "topics", "fanout")


def test_the_checksum_of_rfc_1071() -> None:
    # Section 3: 0001 f203 f4f5 f6f7 sum up to ddf2.
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF ^ 0xDDF2
    assert checksum(b"\xff") == 0x00FF


def keys_of(name: str) -> list[str]:
    """The key log beside a capture, as options."""
    keys = (CAPTURES / name).with_suffix(".keys")
    return ["--keys", str(keys)] if keys.exists() else []


def written(name: str, folder: Path, *options: str) -> Path:
    new = folder / "new.pcapng"
    command = [str(CAPTURES / name), "--quiet", "--pcapng", str(new), *options]
    assert main.main([*command, *keys_of(name)]) == 0
    return new


@pytest.mark.parametrize(
    "name",
    [
        *("socket-io-room.pcap", "json-rpc-deflate.pcap", "lossy.pcap", "wss-tls12.pcap"),
        *("python-websockets-ipv6.pcap", "npm-ws-closes.pcap", "cooked-sll2.pcap", "mqtt-5.pcap"),
        *("tls13-resumed.pcap", "python-aiohttp-refusals.pcap", "npm-ws-fragments.pcap"),
        *("signalr-json-deflate.pcap", "socket-io-calls-polling.pcap", "calls-ajax.pcap"),
        *("http2-awkward.pcap", "http2-hypercorn-h2c.pcap", "chromium-nginx-http2.pcap"),
        *("tls10-tls11.pcap", "tls12-cbc-mac-then-encrypt.pcap", "tls12-renegotiation.pcap"),
        *("tls12-rsa-premaster.pcap", "tls13-early-data.pcap", "tls13-hello-retry.pcap"),
        *("tls13-key-update.pcap", "tls13-padding.pcap", "tls-failed.pcap", "java-wss.pcap"),
        *("wss-embedded-middle.pcapng", "sockjs-stomp-xhr-streaming.pcap"),
        *("../tests/cases/socks5.pcap", "../tests/cases/port_reuse_mid_stream.pcap"),
        *("../tests/cases/raw_html_after_101.pcap", "../tests/cases/socketio_stays_polling.pcap"),
    ],
)
def test_a_second_analysis_finds_the_same(name: str, tmp_path: Path) -> None:
    """Without keys: those of TLS records that were encrypted anew are in the new file."""
    before = analyzer.analyze(CAPTURES / name, keys=keys_of(name)[1:])
    after = analyzer.analyze(written(name, tmp_path, "--anonymize"))
    assert "capture-anonymized" in set(after.findings["id"])
    assert "compared-false" not in set(after.findings["id"])
    for table in TABLES:
        if table in CODED.get(name, ()):
            continue
        one, other = getattr(before, table), getattr(after, table)
        kept = [column for column in one.columns if column not in TEXTS]
        pd.testing.assert_frame_equal(one[kept], other[kept], obj=f"{table} of {name}")


@pytest.mark.parametrize(
    "name",
    [
        *("sip.pcap", "ddp.pcap", "centrifugo.pcap", "socket-io-polling.pcap"),
        *("sockjs-stomp-xhr-streaming.pcap", "phoenix.pcap"),
        *("wamp-json.pcap", "stomp-rabbitmq-12.pcap"),
    ],
)
def test_calls_and_deliveries_are_found_again(name: str, tmp_path: Path) -> None:
    before = analyzer.analyze(CAPTURES / name, alternatives=False)
    after = analyzer.analyze(written(name, tmp_path, "--anonymize"), alternatives=False)
    assert "inside-unparsed" not in set(after.findings["id"])
    for table in INSIDE:
        one, other = getattr(before, table), getattr(after, table)
        kept = [column for column in one.columns if column not in {*TEXTS, "topic"} - {"reply_us"}]
        # Topics are sorted by their names.
        one, other = (
            each[kept].sort_values(kept, ignore_index=True) if table == "topics" else each[kept]
            for each in (one, other)
        )
        pd.testing.assert_frame_equal(one, other, obj=f"{table} of {name}")


def test_frames_behind_lost_packets_are_found_again(tmp_path: Path) -> None:
    name = "faults/npm-ws-many-loss.pcap"
    before = analyzer.analyze(CAPTURES / name, alternatives=False)
    after = analyzer.analyze(written(name, tmp_path, "--anonymize"), alternatives=False)
    # One that begins in the middle of a packet behind a gap is not.
    assert len(after.messages) > 0.95 * len(before.messages)
    assert after.ledger["wire_bytes"].equals(before.ledger["wire_bytes"])


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


TUNNELS = sorted(
    path
    for path in (ROOT / "tests" / "cases").glob("link_*.pcap")
    if path.stem.removeprefix("link_") not in ("frelay", "nflog", "pktap", "wireshark_upper")
)


ADDRESSES = ("ip.addr", "ipv6.addr")


class Anonymized(NamedTuple):
    """A case anonymized. Rows are tshark's, one a packet: addresses, states of checksums."""

    file: Path
    rows: list[list[str]]
    old_rows: list[list[str]]


@pytest.fixture(scope="module")
def anonymized(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Anonymized]:
    """Return all cases of links and tunnels, anonymized.

    All files are one for tshark, which takes a third of a second to start.
    """
    folder = tmp_path_factory.mktemp("links")
    new = {path: folder / f"{path.stem}.pcapng" for path in TUNNELS}
    for path, made in new.items():
        assert main.main([str(path), "--quiet", "--pcapng", str(made), "--anonymize"]) == 0
    files = [*TUNNELS, *new.values()]
    subprocess.run(["mergecap", "-a", "-w", folder / "all.pcapng", *files], check=True)
    command = [
        "tshark",
        "-n",
        "-r",
        str(folder / "all.pcapng"),
        "-T",
        "fields",
        "-E",
        "separator=|",
    ]
    for layer in ("tcp", "ip", "udp"):
        command += ["-o", f"{layer}.check_checksum:TRUE"]
    for name in (*ADDRESSES, *(f"{layer}.checksum.status" for layer in ("tcp", "ip", "udp"))):
        command += ["-e", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = iter([line.split("|") for line in done.stdout.splitlines()])
    counts = {
        path: sum(len(batch.rows) for batch in open_capture(path, Options())) for path in files
    }
    found = {path: list(islice(rows, count)) for path, count in counts.items()}
    assert list(rows) == []
    return {path: Anonymized(made, found[made], found[path]) for path, made in new.items()}


@pytest.mark.parametrize("path", TUNNELS, ids=lambda path: path.stem)
def test_links_and_tunnels(path: Path, anonymized: dict[Path, Anonymized]) -> None:
    """All is found again, no old address is left, and tshark finds no wrong checksum."""
    made = anonymized[path]
    before, after = analyzer.analyze(path), analyzer.analyze(made.file)
    for table in TABLES:
        one, other = getattr(before, table), getattr(after, table)
        kept = [column for column in one.columns if column not in TEXTS]
        pd.testing.assert_frame_equal(one[kept], other[kept], obj=f"{table} of {path.name}")
    new_addresses = {each for row in made.rows for each in _parts(row[: len(ADDRESSES)])}
    old_addresses = {each for row in made.old_rows for each in _parts(row[: len(ADDRESSES)])}
    # Nothing tells tshark that MPLS carries a pseudowire.
    assert old_addresses or path.stem == "link_tun_mpls_pw"
    assert not {each for each in old_addresses if not each.startswith(STAYS)} & new_addresses
    statuses = {each for row in made.rows for each in _parts(row[len(ADDRESSES) :])}
    # 1: good; 2: not checked, as GRE has none; 3: no checksum, as UDP of tunnels has.
    assert statuses <= {"1", "2", "3"}


STAYS = ("127.", "::1")
"""How addresses begin that name nobody."""


def _parts(row: list[str]) -> list[str]:
    return [each for value in row for each in value.split(",") if each]


def test_what_is_not_understood_below_ip_is_left_out(tmp_path: Path) -> None:
    case, new = ROOT / "tests" / "cases" / "link_pktap.pcap", tmp_path / "new.pcapng"
    assert main.main([str(case), "--quiet", "--pcapng", str(new), "--anonymize"]) == 0
    assert fields(new, "frame", "frame.number") == []
    count = len(fields(case, "tcp", "frame.number"))
    assert left_out(new) == f"{count} packets with other headers below IP"


def test_tshark_decrypts_what_was_encrypted_anew(tmp_path: Path) -> None:
    old, new = CAPTURES / "wss-tls13.pcap", written("wss-tls13.pcap", tmp_path, "--anonymize")
    keys = old.with_suffix(".keys")
    seen = ("frame.number", "websocket.opcode", "websocket.payload_length")
    expected = fields(old, "websocket", *seen, options=f"tls.keylog_file:{keys}")
    assert fields(new, "websocket", *seen) == expected != []
    data = new.read_bytes()
    secrets = {line.split()[2] for line in keys.read_bytes().splitlines() if line[:1] != b"#"}
    assert not any(secret in data for secret in secrets)
    said = {value for (value,) in fields(new, "http.request", "http.request.full_uri")}
    assert not said & {
        value
        for (value,) in fields(
            old, "http.request", "http.request.full_uri", options=f"tls.keylog_file:{keys}"
        )
    }


@pytest.mark.parametrize("name", ["http2-hypercorn.pcap", "chromium-nginx-http2.pcap"])
def test_nothing_of_heads_of_http2_is_left(name: str, tmp_path: Path) -> None:
    """Neither paths nor hosts; what two requests have in common, they have still."""
    new = written(name, tmp_path, "--anonymize")
    before = analyzer.analyze(CAPTURES / name, keys=keys_of(name)[1:]).handshakes
    after = analyzer.analyze(new).handshakes
    for column in ("path", "host"):
        one, other = before[column].dropna(), after[column].dropna()
        assert len(one) == len(other) > 0
        assert one.nunique() == other.nunique()
        assert not {each for each in one if len(each) > 2} & set(other)


def test_keys_are_not_given_away(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    command = [str(CAPTURES / "npm-ws-basic.pcap"), "--pcapng", str(tmp_path / "x")]
    assert main.main([*command, "--anonymize", "--embed-keys"]) == 2
    assert "gives away" in capsys.readouterr().err


def left_out(new: Path) -> str:
    found = analyzer.analyze(new, alternatives=False).findings
    (text,) = found.loc[found["id"] == "capture-anonymized", "text"]
    return str(text).partition("; left out: ")[2].rstrip(".")


def test_nothing_is_left_out_of_a_plain_capture(tmp_path: Path) -> None:
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
