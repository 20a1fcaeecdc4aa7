"""What a message and a ping waited for, as captured at their sender and at their receiver.

One script of a conversation over a path that takes 20 ms each way. Each packet leaves at a time of
the script; a capture at the end that sends it has it then, one at the other end 20 ms later, or
never. All values are worked out from the script by hand.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conversation import (
    ACK,
    PING,
    PONG,
    PSH,
    START_NS,
    SYN,
    TEXT,
    Packet,
    frame,
    ip_packet,
    pcap,
    request,
    response,
    tcp_segment,
)

import analyzer

MS = 1_000_000
WAY = 20
OTHER = {"client": "server", "server": "client"}
ENDS = [(end, sender) for end in ("sender", "receiver") for sender in ("server", "client")]
both = pytest.mark.parametrize(("end", "sender"), ENDS)


class Script:
    """Packets that leave one end at times in ms, as one capture point sees them."""

    def __init__(self, point: str) -> None:
        self.point = point
        self.next = {"client": 1000, "server": 50_000}
        self.seen: list[tuple[float, int, bytes]] = []

    def leaves(
        self,
        at: float,
        side: str,
        data: bytes = b"",
        flags: int = ACK,
        *,
        lost: bool = False,
        again: int = 0,
        missing: int = 0,
        window: int = 60_000,
    ) -> None:
        """Send one segment.

        Args:
            at: when it leaves its sender, in ms.
            side: its sender.
            data: payload.
            flags: of TCP.
            lost: whether it is lost on the way: only its own end sees it.
            again: sent again, from so many bytes before the next ones.
            missing: how many of the other side's last bytes it does not acknowledge.
            window: what it announces.
        """
        ips, ports = ("10.1.0.1", "10.1.0.2"), (40_000, 8080)
        if side == "server":
            ips, ports = ips[::-1], ports[::-1]
        acked = self.next[OTHER[side]] - missing if flags & ACK else 0
        options = b"\x02\x04\x05\xb4" if flags & SYN else b""
        start = self.next[side] - again
        body = tcp_segment(*ips, ports, start, acked, flags, data, options, window)
        if not again:
            self.next[side] += len(data) + bool(flags & SYN)
        if side == self.point or not lost:
            when = at if side == self.point else at + WAY
            self.seen.append((when, len(self.seen), ip_packet(*ips, 6, body, len(self.seen))))

    def pcap(self) -> bytes:
        """Return the capture, in order of its times."""
        rows = sorted(self.seen)
        made: bytes = pcap([Packet(START_NS + round(at * MS), data) for at, _, data in rows])
        return made


def script(point: str, sender: str) -> bytes:
    """Return the conversation as captured at one end; `sender` sends the messages that wait."""
    wire, receiver = Script(point), OTHER[sender]
    keys = {"client": b"\x01\x02\x03\x04", "server": None}

    def said(side: str, opcode: int, payload: bytes) -> bytes:
        made: bytes = frame(opcode, payload, key=keys[side])
        return made

    wire.leaves(0, "client", flags=SYN)
    wire.leaves(20, "server", flags=SYN | ACK)
    wire.leaves(40, "client")
    # The client thinks for 3 ms, the server works for 5.
    wire.leaves(43, "client", request(), ACK | PSH)
    wire.leaves(68, "server", response(), ACK | PSH)
    wire.leaves(88, "client")
    # 0 and 1: a message, and an answer 30 ms behind it.
    wire.leaves(100, sender, said(sender, TEXT, b"a question"), ACK | PSH)
    wire.leaves(120, receiver)
    wire.leaves(150, receiver, said(receiver, TEXT, b"an answer"), ACK | PSH)
    wire.leaves(170, sender)
    # A Ping: acknowledged 1 ms after it came, answered after 10.
    wire.leaves(300, sender, said(sender, PING, b"one"), ACK | PSH)
    wire.leaves(321, receiver)
    wire.leaves(330, receiver, said(receiver, PONG, b"one"), ACK | PSH)
    wire.leaves(350, sender)
    # 2: a header and its payload in two small writes. The ACK of the first is delayed by 40 ms,
    # and the second waits for it.
    data = said(sender, TEXT, b"held by Nagle's algorithm")
    head = 2 if sender == "server" else 6
    wire.leaves(500, sender, data[:head], ACK | PSH)
    wire.leaves(560, receiver)
    wire.leaves(580, sender, data[head:], ACK | PSH)
    wire.leaves(600, receiver)
    # 3: of two segments the first is lost, and sent again 201 ms later.
    data = said(sender, TEXT, b"l" * 1500)
    second = len(data) - 1000
    wire.leaves(800, sender, data[:1000], lost=True)
    wire.leaves(801, sender, data[1000:], ACK | PSH)
    wire.leaves(821, receiver, missing=len(data))
    wire.leaves(1001, sender, data[:1000], again=1000 + second)
    wire.leaves(1021, receiver)
    # 4 and 5: a message that fills the window, and one that waits until it opens.
    wire.leaves(1200, sender, said(sender, TEXT, b"w" * 1000), ACK | PSH)
    wire.leaves(1220, receiver, window=0)
    wire.leaves(1620, receiver)
    wire.leaves(1640, sender, said(sender, TEXT, b"held by the window"), ACK | PSH)
    wire.leaves(1660, receiver)
    # 6: the window closes in its middle.
    data = said(sender, TEXT, b"h" * 1000)
    wire.leaves(1800, sender, data[:500], ACK | PSH)
    wire.leaves(1820, receiver, window=0)
    wire.leaves(2120, receiver)
    wire.leaves(2140, sender, data[500:], ACK | PSH)
    wire.leaves(2160, receiver)
    # A Ping that came, but whose ACK is lost; the program hangs. And one that is lost itself.
    wire.leaves(2400, sender, said(sender, PING, b"two"), ACK | PSH)
    wire.leaves(2421, receiver, lost=True)
    wire.leaves(2500, sender, said(sender, PING, b"three"), ACK | PSH, lost=True)
    return wire.pcap()


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return what is found at an end, by the end and who sends."""

    @functools.cache
    def found(end: str, sender: str) -> analyzer.Analysis:
        point = sender if end == "sender" else OTHER[sender]
        path = Path(tmp_path_factory.mktemp("ends"), "end.pcap")
        path.write_bytes(script(point, sender))
        return analyzer.analyze(path, alternatives=False)

    return found


def ms(values: pd.Series) -> list[float | None]:
    """Return microseconds as ms, None where null."""
    return [None if pd.isna(value) else value / 1000 for value in values]


def moments(values: pd.Series) -> list[float | None]:
    """Return times as ms since the first packet left, None where null."""
    start = pd.Timestamp(START_NS, tz="UTC")
    return [None if pd.isna(at) else (at - start) / pd.Timedelta("1ms") for at in values]


MESSAGES: dict[tuple[str, str], list[float | None]] = {
    # The answer: 30 ms behind what it answers at its writer, and a round trip more at the other.
    ("gap_us", "sender"): [None, 70, 330, 220, 399, 440, 160],
    ("gap_us", "receiver"): [None, 30, 370, 221, 199, 440, 160],
    # From the first part's leaving (or coming) to the second's: 40 ms of ACK, 40 of the path.
    ("nagle_us", "sender"): [0, 0, 80, 0, 0, 0, 0],
    ("nagle_us", "receiver"): [0, 0, 80, 0, 0, 0, 0],
    # The sender's capture has both copies, the receiver's the hole: 821 to 1021.
    ("resent_us", "sender"): [0, 0, 0, 201, 0, 0, 0],
    ("resent_us", "receiver"): [0] * 7,
    ("stall_us", "sender"): [0] * 7,
    ("stall_us", "receiver"): [0, 0, 0, 200, 0, 0, 0],
    # Closed from 1220 to 1620, and from 1820 to 2120: as long for the sender, 20 ms later.
    ("window_us", "sender"): [0, 0, 0, 0, 0, 400, 300],
    ("window_us", "receiver"): [0, 0, 0, 0, 0, 400, 300],
    ("delivery_us", "sender"): [0, 0, 80, 1, 0, 0, 340],
    ("delivery_us", "receiver"): [0, 0, 80, 200, 0, 0, 340],
}


@both
@pytest.mark.parametrize("column", sorted({name for name, _ in MESSAGES}))
def test_messages(seen: Any, column: str, end: str, sender: str) -> None:
    assert ms(seen(end, sender).messages[column]) == MESSAGES[column, end]


PINGS: dict[tuple[str, str], list[float | None]] = {
    ("sent_at", "sender"): [300, 2400, 2500],
    ("answered_at", "sender"): [350, None, None],
    ("acked_us", "sender"): [41, None, None],
    ("rtt_us", "sender"): [50, None, None],
    # The last Ping never came; the ACK of the one before left.
    ("sent_at", "receiver"): [320, 2420],
    ("answered_at", "receiver"): [330, None],
    ("acked_us", "receiver"): [1, 1],
    ("rtt_us", "receiver"): [10, None],
}


@both
@pytest.mark.parametrize("column", ["sent_at", "answered_at", "acked_us", "rtt_us"])
def test_pings(seen: Any, column: str, end: str, sender: str) -> None:
    values = seen(end, sender).pings[column]
    found = moments(values) if column.endswith("_at") else ms(values)
    assert found == PINGS[column, end]


@pytest.mark.parametrize(
    ("end", "asked_at", "upgrade", "total"), [("client", 43, 45, 88), ("server", 63, 5, 48)]
)
def test_handshake(seen: Any, end: str, asked_at: int, upgrade: int, total: int) -> None:
    (row,) = seen("sender", end).handshakes.to_dict("records")
    assert moments(pd.Series([row["request_at"]])) == [asked_at]
    # A round trip at either end; then the 3 ms in which the client thought.
    assert (row["tcp_us"], row["idle_us"]) == (40_000, 3_000)
    assert (row["upgrade_us"], row["total_us"]) == (upgrade * 1000, total * 1000)


@both
def test_diagnoses(seen: Any, end: str, sender: str) -> None:
    """Loss and the window are named at either end; one wait for an ACK is no habit."""
    assert set(seen(end, sender).diagnoses["id"]) == {"late-by-loss", "slow-reader"}
