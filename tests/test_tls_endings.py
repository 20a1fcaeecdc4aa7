"""How wss connections end, with keys and without: real records of OpenSSL at known times.

An upgrade, a message of each side 1 s apart, then silence, then an end that one side chose. What
the capture says is compared with what was done.
"""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conversation import ACK, FIN, RST, START_NS, TEXT, Conversation, frame, request, response
from oracle.tls_ends import Pair, contexts

import analyzer

S = 1_000_000_000
SIDES = ("client", "server")
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]

pytestmark = [
    pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"]),
    pytest.mark.parametrize("who", [0, 1], ids=SIDES),
]


class Talk:
    """A wss connection that is open, each packet at a time of its own.

    Attributes:
        wire: the packets so far; an end adds its own.
        spoken: by side, when its last bytes were sent, in ns.
    """

    def __init__(self, folder: Path, version: ssl.TLSVersion) -> None:
        client, server = contexts(folder)
        client.minimum_version = client.maximum_version = version
        self.keys = folder / "session.keys"
        client.keylog_filename = str(self.keys)
        self.pair = Pair(client, server)
        self.wire = Conversation(server_port=443).open()
        self.spoken = [0, 0]
        self._sent = 0
        self.carry()
        self.write(0, request())
        self.write(1, response())
        for side, key in ((0, b"abcd"), (1, None)):
            self.wire.now += S
            self.write(side, frame(TEXT, b"a line of text", key=key))

    def write(self, side: int, data: bytes) -> None:
        self.pair.write(side, data)
        self.carry()

    def carry(self) -> None:
        """Put what the ends wrote into packets."""
        for side, data in self.pair.turns[self._sent :]:
            self.spoken[side] = self.wire.now
            self.wire.send(SIDES[side], data)
        self._sent = len(self.pair.turns)

    def notify(self, side: int) -> None:
        """Let a side send its close_notify."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.pair.ends[side].unwrap()
        spoken = list(self.spoken)
        self.pair.carry()
        self.carry()
        self.spoken = spoken


@dataclass
class Found:
    """A row of tls_sessions, read without keys, and one of connections, read with them."""

    session: dict[str, Any]
    connection: dict[str, Any]


def row(table: pd.DataFrame) -> dict[str, Any]:
    """Return the only row, None where null."""
    (only,) = table.to_dict("records")
    return {str(name): None if pd.isna(value) else value for name, value in only.items()}


def found(talk: Talk, folder: Path) -> Found:
    path = folder / "end.pcap"
    path.write_bytes(talk.wire.pcap(nanoseconds=True))
    blind = analyzer.analyze(path, alternatives=False)
    assert not len(blind.connections)
    read = analyzer.analyze(path, alternatives=False, keys=str(talk.keys))
    return Found(row(blind.tls_sessions), row(read.connections))


def assert_ended(talk: Talk, said: Found, who: int, at: int, packet: int) -> None:
    """Both rows say who ended it and when, and how long each side had been silent."""
    session, connection = said.session, said.connection
    assert session["ended_at"] == pd.Timestamp(at, tz="UTC")
    assert session["ended_by"] == connection["closed_by"] == SIDES[who]
    assert connection["end_packet"] == packet
    for side, name in enumerate(SIDES):
        silent = pytest.approx((at - talk.spoken[side]) / S, abs=1e-6)
        assert session[f"{name}_idle_s"] == silent
        assert connection[f"{name}_idle_s"] == silent
    # Nobody sent Close: RFC 6455 7.1.5.
    assert (connection["client_logs"], connection["server_logs"]) == (1006, 1006)
    assert connection["close_code"] is None


@pytest.mark.parametrize("silence", [0, 7])
def test_by_close_notify_and_fin(
    tmp_path: Path, version: ssl.TLSVersion, who: int, silence: int
) -> None:
    talk = Talk(tmp_path, version)
    talk.wire.now += silence * S
    at, packet = talk.wire.now, len(talk.wire.packets) + 1
    talk.notify(who)
    talk.wire.finish(SIDES[who])
    assert_ended(talk, found(talk, tmp_path), who, at, packet)


@pytest.mark.parametrize("silence", [0, 7])
@pytest.mark.parametrize("flags", [FIN | ACK, RST | ACK], ids=["fin", "rst"])
def test_by_tcp_alone(
    tmp_path: Path, version: ssl.TLSVersion, who: int, flags: int, silence: int
) -> None:
    talk = Talk(tmp_path, version)
    talk.wire.now += silence * S
    at, packet = talk.wire.now, len(talk.wire.packets) + 1
    talk.wire.segment(SIDES[who], flags=flags)
    if flags & FIN:
        talk.wire.segment(SIDES[1 - who], flags=FIN | ACK)
        talk.wire.segment(SIDES[who])
    said = found(talk, tmp_path)
    assert_ended(talk, said, who, at, packet)
    assert said.connection["close_kind"] == ("fin" if flags & FIN else "reset")


def test_by_close_notify_while_tcp_stays_open(
    tmp_path: Path, version: ssl.TLSVersion, who: int
) -> None:
    """TLS 1.3 hides what a record is: without keys, and without an end of TCP, nobody can tell."""
    talk = Talk(tmp_path, version)
    talk.wire.now += 5 * S
    at, packet = talk.wire.now, len(talk.wire.packets) + 1
    talk.notify(who)
    said = found(talk, tmp_path)
    if version == ssl.TLSVersion.TLSv1_2:
        assert said.session["ended_at"] == pd.Timestamp(at, tz="UTC")
        assert said.session["ended_by"] == SIDES[who]
    else:
        names = ("ended_at", "ended_by", "duration_s", "client_idle_s", "server_idle_s")
        assert [said.session[name] for name in names] == [None] * 5
    assert said.connection["end_packet"] == packet


def test_by_the_fin_of_the_other_side_long_after_close_notify(
    tmp_path: Path, version: ssl.TLSVersion, who: int
) -> None:
    """With keys it is the close_notify; without, in TLS 1.3, only the FIN 30 s later is sure."""
    talk = Talk(tmp_path, version)
    at, packet = talk.wire.now, len(talk.wire.packets) + 1
    talk.notify(who)
    talk.wire.now += 30 * S
    fin = talk.wire.now
    talk.wire.finish(SIDES[1 - who])
    said = found(talk, tmp_path)
    sure = version == ssl.TLSVersion.TLSv1_2
    assert said.session["ended_at"] == pd.Timestamp(at if sure else fin, tz="UTC")
    assert said.session["ended_by"] == SIDES[who if sure else 1 - who]
    assert said.connection["end_packet"] == packet
    assert said.connection["closed_by"] == SIDES[who]


def test_not_at_all(tmp_path: Path, version: ssl.TLSVersion, who: int) -> None:
    talk = Talk(tmp_path, version)
    talk.wire.now += 40 * S
    talk.wire.segment(SIDES[who])
    said = found(talk, tmp_path)
    names = ("ended_at", "ended_by", "duration_s", "client_idle_s", "server_idle_s")
    assert [said.session[name] for name in names] == [None] * 5
    names = ("closed_by", "end_packet", "client_idle_s", "client_logs", "server_logs")
    assert [said.connection[name] for name in names] == [None] * 5
    assert said.session["started_at"] > pd.Timestamp(START_NS, tz="UTC")
