"""What is inside captures of TLS and HTTP/2, by sources that are not wsanalyze.

The bytes that tshark decrypts or takes out of DATA frames, read by the package websockets,
are the messages that the programs logged; the sessions of TLS are what their libraries said.
"""

from __future__ import annotations

import subprocess

import http2_frames
import pytest
import recording
from test_captures import CAPTURES, DIRECTIONS, MANIFEST, by_port, logged, messages_logged

import analyzer

IN_TLS = sorted(name for name, row in MANIFEST.items() if "log_decrypted" in row["expected"])
IN_HTTP2 = sorted(name for name, row in MANIFEST.items() if "data_frames" in row["expected"])
UPGRADED = [name for name in IN_TLS if name not in IN_HTTP2 and by_port(name, "open")]
WITH_SESSIONS = [name for name in IN_TLS if by_port(name, "tls")]
VERSIONS = {"TLSv1": "TLS 1.0", "TLSv1.1": "TLS 1.1", "TLSv1.2": "TLS 1.2", "TLSv1.3": "TLS 1.3"}


def keys_of(name: str) -> str:
    """The key log of a capture; those that hold it themselves are copies of wss-tls13."""
    own = (CAPTURES / name).with_suffix(".keys")
    return str(own if own.exists() else CAPTURES / "wss-tls13.keys")


def streams(name: str) -> dict[int, str]:
    """tshark's number of each connection, by client port."""
    syns = "tcp.flags.syn == 1 && tcp.flags.ack == 0"
    rows = recording.tshark_fields(CAPTURES / name, syns, "tcp.stream", "tcp.srcport")
    return {int(port): stream for stream, port in rows}


def decrypted(name: str, ports: list[int]) -> dict[int, dict[str, bytes]]:
    """By client port and sender, what tshark decrypts of some connections."""
    numbers = streams(name)
    command = ["tshark", "-n", "-q", "-r", str(CAPTURES / name)]
    command += ["-o", "tcp.reassemble_out_of_order:TRUE", "-o", f"tls.keylog_file:{keys_of(name)}"]
    for port in ports:
        command += ["-z", f"follow,tls,raw,{numbers[port]}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    by_stream: dict[str, tuple[bytearray, bytearray]] = {}
    number = ""
    for line in said.splitlines():
        word = line.strip()
        if line.startswith("Filter: tcp.stream eq "):
            number = line.rpartition(" ")[2]
            by_stream[number] = (bytearray(), bytearray())
        elif word and not word.strip("0123456789abcdef"):
            by_stream[number][line.startswith("\t")].extend(bytes.fromhex(word))
    found = {}
    for port in ports:
        sides = sorted(map(bytes, by_stream[numbers[port]]), key=lambda side: side[:5] != b"GET /")
        found[port] = dict(zip(DIRECTIONS, sides, strict=True))
    return found


@pytest.mark.tshark
@pytest.mark.parametrize("name", UPGRADED)
def test_what_tshark_decrypts_is_what_programs_logged(name):
    ports = list(by_port(name, "open"))
    found = {}
    for port, sides in decrypted(name, ports).items():
        for side, data in sides.items():
            # Other exchanges may come before the upgrade, and early data that was rejected.
            start = data.rfind(b"GET /") if side == "client" else data.find(b"HTTP/1.1 101")
            frames = http2_frames.frames(
                data[start:].partition(b"\r\n\r\n")[2], mask=side == "client"
            )
            if messages := http2_frames.messages(list(frames)):
                found[port, side] = messages
    assert found == messages_logged(name)


@pytest.mark.tshark
@pytest.mark.parametrize("name", IN_HTTP2)
def test_what_tshark_finds_in_data_is_what_programs_logged(name):
    path = CAPTURES / name
    if name in IN_TLS:
        options = recording.with_keys(path.with_suffix(".keys"))
    else:
        (port,) = {row[0] for row in recording.tshark_fields(path, "tcp.flags == 2", "tcp.dstport")}
        # Of what was upgraded to h2c, tshark knows it.
        options = () if "h2c" in name else recording.as_http2(int(port))
    found = http2_frames.compare(name, path, options, logged(name))
    expected = MANIFEST[name]["expected"]["data_frames"]
    assert {**found, "source": ""} == {**expected, "source": ""}


@pytest.mark.parametrize("name", WITH_SESSIONS)
def test_sessions_are_what_libraries_of_tls_say(name):
    keys = (keys_of(name),)
    sessions = analyzer.analyze(CAPTURES / name, keys=keys).tls_sessions.set_index("client_port")
    for port, (said,) in by_port(name, "tls").items():
        row = sessions.loc[port]
        assert row["version"] == VERSIONS[said["version"]]
        assert row["cipher_suite"] == said["cipher"]
        assert row["resumed"] == said["resumed"]
        if "sni" in said:
            assert row["sni"] == said["sni"]
