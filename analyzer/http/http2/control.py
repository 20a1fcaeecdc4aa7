"""The frames of an HTTP/2 connection that are about the connection: settings, windows, floods.

Knows RFC 9113 sections 5.2, 6.5, 6.8 and 6.9, and RFC 8441 section 3. Must not know heads. The
base of http.http2.session.
"""

from __future__ import annotations

from typing import Any, Final

from analyzer import findings
from analyzer.findings import Kind
from analyzer.http._row_accounts import Link
from analyzer.http.collector import Results
from analyzer.http.handover import ACKED, OFFSET, PACKET, SPAN, TIME, Row
from analyzer.http.http2 import frames
from analyzer.http.http2.flow import STALL_NS, Windows
from analyzer.http.http2.frames import FrameHeader, error_name, frame_name
from analyzer.http.http2.streams import Exchanges, Stream

_SECOND: Final = 1_000_000_000
MAX_LATER: Final = 256
"""Oddities of a connection that wait for the other side: more than a client has streams before a
server says anything. Of a capture of one direction nothing ever settles them."""


class Control:
    """What both ends announced about the connection.

    Args:
        results: where all goes.
        slot: of the TCP connection.
        client: side of the client.
        link: its accounts.
        whole: the session was seen from its first byte.

    Attributes:
        streams: by identifier, until they leave.
        most: largest payload of a frame, by the side that sends it.
        first: window of a new stream, by the side that sends.
        windows: of the connection; None where they are not known.
        enabled: the server takes extended CONNECT.
        lost_heads: by side, whether heads of it may have been lost.
    """

    def __init__(
        self, results: Results, slot: int, client: int, link: Link, *, whole: bool
    ) -> None:
        self.results = results
        self.slot = slot
        self.client = client
        self.link = link
        self.whole = whole
        self.streams: dict[int, Stream] = {}
        self.exchanges = Exchanges(results, slot, client)
        self.most = [frames.DEFAULT_FRAME_BYTES, frames.DEFAULT_FRAME_BYTES]
        self.first = [frames.DEFAULT_WINDOW, frames.DEFAULT_WINDOW]
        self.windows: Windows | None = None
        if whole:
            self.windows = Windows(link.own, (self.first[0], self.first[1]))
            link.watched = True
        self.enabled = False
        self.lost_heads = [False, False]
        self._enabled_at = (0, 0)  # packet of the setting, and its place in the stream
        self._later: list[tuple[Kind, Row, str, int]] = []
        self._reached = [-1, -1]  # how far each side's stream was read
        self._connect_setting = [0, 0]
        self._counts: dict[tuple[int, int], list[int]] = {}
        self._told: set[tuple[str, int]] = set()
        self._too_long: list[tuple[int, str, int] | None] = [None, None]  # by side

    def find(
        self, kind: Kind, packet: int, detail: str | int = "", side: int = -1, rfc: str = ""
    ) -> None:
        """Note an oddity, the first few of each kind.

        Args:
            kind: what it is.
            packet: where it shows.
            detail: of its sentence.
            side: the side at fault; -1 where neither is.
            rfc: of the rule, where it is another than the kind's.
        """
        direction = 2 * self.slot + side if side >= 0 else -1
        self.results.find(kind, self.slot, packet, detail, direction=direction, rfc=rfc)

    def find_once(self, kind: Kind, packet: int, detail: str, key: int = 0, side: int = -1) -> None:
        """Note an oddity, once for each `key`."""
        if (kind.id, key) not in self._told:
            self._told.add((kind.id, key))
            self.find(kind, packet, detail, side)

    # --- frames that are too long

    def doubt_length(self, side: int, packet: int, fault: str, length: int) -> None:
        """Note a header whose length is above the limit.

        A capture that is damaged, or cut between frames without a trace, makes such a header of
        any bytes, and of a sender that keeps to the rules. It is one where its frame ends as it
        says, or where its receiver objects: it "MUST send an error code of FRAME_SIZE_ERROR"
        (RFC 9113 4.2).
        """
        self._too_long[side] = (packet, fault, length)
        self.unwatch_windows()

    def settle_length(self, side: int, passed: int) -> None:
        """Say how many bytes behind such a header the next frame begins; -1: not known."""
        doubt, self._too_long[side] = self._too_long[side], None
        if doubt is None:
            return
        packet, fault, length = doubt
        if passed == length:
            self.find(findings.HTTP2_MALFORMED, packet, fault, side)
        else:
            who = "client" if side == self.client else "server"
            detail = f"of the {who}: {fault}, or the capture is damaged"
            self.find(findings.HTTP2_LOST, packet, detail)

    def object_to_length(self, side: int) -> None:
        """The receiver says that what a side sent is wrong."""
        doubt = self._too_long[side]
        if doubt is not None:
            self.settle_length(side, doubt[2])

    # --- what depends on the other side

    def find_later(self, kind: Kind, row: Row, detail: str, side: int) -> None:
        """Note an oddity that is one only if all was seen that the other side had sent.

        A hole in its stream shows later than what comes behind it, or never: until more of it
        was read, nobody is to blame; beyond MAX_LATER of them nobody is blamed. Nor is a sender
        whose row acknowledges what is only captured behind it: packets were swapped.
        """
        if len(self._later) < MAX_LATER:
            self._later.append((kind, row, detail, side))

    def hear(self, side: int, row: Row) -> None:
        """Take note that the bytes of a side can be read up to those of a row."""
        is_first, self._reached[side] = self._reached[side] < 0, row[OFFSET] + row[SPAN]
        if not self._later or is_first:
            return  # whether its settings are first, its first frame has to say
        waiting, self._later = self._later, []
        for each in waiting:
            kind, seen, _, at_fault = each
            if at_fault == side:
                self._later.append(each)
            elif row[PACKET] > seen[PACKET] and seen[ACKED] <= row[OFFSET]:
                self._find_now(each)
            elif kind is not findings.HTTP2_WINDOW_EXCEEDED:
                self._later.append(each)

    def settle_later(self) -> None:
        """Note what waits for the other side: the connection has ended without a hole."""
        waiting, self._later = self._later, []
        for each in waiting:
            reached = self._reached[1 - each[3]]
            # A FIN counts as a byte to those who acknowledge it.
            if reached >= 0 and each[1][ACKED] <= reached + 1:
                self._find_now(each)

    def _find_now(self, found: tuple[Kind, Row, str, int]) -> None:
        kind, row, detail, side = found
        packet = row[PACKET]
        at, place = self._enabled_at
        if kind is findings.HTTP2_WINDOW_EXCEEDED:
            self.find_once(kind, packet, detail, side, side)
        elif not (self.enabled and (at < packet or place < row[ACKED])):
            self.find(kind, packet, detail, side)

    def count(self, kind: int, side: int, row: Row) -> None:
        """Notice a flood: frames that cost their receiver more than their sender."""
        counted = self._counts.setdefault((side, kind), [row[TIME], 0])
        if row[TIME] - counted[0] > _SECOND:
            counted[:] = [row[TIME], 0]
        counted[1] += 1
        if counted[1] > self.results.options.max_http2_control_frames:
            who = "client" if side == self.client else "server"
            text = f"{counted[1]} {frame_name(kind)} frames of the {who} within a second"
            self.find_once(findings.HTTP2_FLOOD, row[PACKET], text, 2 * kind + side, side)

    def settle_settings(self, frame: Any, side: int, header: FrameHeader, row: Row) -> None:
        """Take a SETTINGS frame that ends in a row."""
        packet, time = row[PACKET], row[TIME]
        if header.flags & frames.ACK:
            return
        for number, value in frame.settings.items():
            if number == frames.ENABLE_CONNECT_PROTOCOL:
                self._take_connect_setting(value, side, row)
            elif number == frames.MAX_FRAME_SIZE:
                if frames.DEFAULT_FRAME_BYTES <= value < 2**24:
                    self.most[1 - side] = max(self.most[1 - side], value)
            elif number == frames.INITIAL_WINDOW_SIZE:
                if value > 2**31 - 1:
                    # RFC 9113 6.5.2: "MUST be treated as a connection error".
                    text = f"an initial window of {value}"
                    self.find(findings.HTTP2_MALFORMED, packet, text, side, "RFC 9113 6.5.2")
                    continue
                # RFC 9113 6.9.2: a receiver "MUST adjust the size of all stream flow-control
                # windows that it maintains by the difference".
                change, self.first[1 - side] = value - self.first[1 - side], value
                for stream in self.streams.values():
                    if stream.windows is not None:
                        stream.windows.open(1 - side, change, time)

    def settings_lost(self, side: int) -> None:
        """Settings of a side were not captured: it may have allowed anything."""
        if side != self.client:
            self.enabled = True
        self.unwatch_windows()

    def _take_connect_setting(self, value: int, side: int, row: Row) -> None:
        """Take SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 3).

        "The value of the parameter MUST be 0 or 1", and a sender MUST NOT send "a value of 0
        after previously sending a value of 1". As far as the client can know, a
        server that breaks this still accepts extended CONNECT.
        """
        kind, had = findings.HTTP2_CONNECT_SETTING, self._connect_setting[side]
        packet = row[PACKET]
        if value > 1:
            self.find(kind, packet, value, side)
        elif value == 0 and had:
            self.find(kind, packet, "0 after 1", side)
        self._connect_setting[side] = value or had
        if side != self.client and value:
            self.enabled, self._enabled_at = True, (packet, row[OFFSET])

    def go_away(self, frame: Any, side: int, packet: int) -> None:
        """Take a GOAWAY frame."""
        who = "client" if side == self.client else "server"
        text = f"the {who} ends the connection: {error_name(frame.error_code)}"
        if frame.additional_data:
            said = bytes(frame.additional_data[:60]).decode("latin-1")
            text += f", {said!r}"
        self.find(findings.HTTP2_GOAWAY, packet, text)
        if frame.error_code:
            self.object_to_length(1 - side)
        self.exchanges.no_more()

    # --- flow control

    def spend(self, stream: Stream | None, side: int, count: int, row: Row) -> None:
        """Take a DATA frame's payload out of the windows (RFC 9113 6.9.1)."""
        windows = self.windows
        if windows is None or count == 0:
            return
        allowed = windows.use(side, count, row[TIME])
        if stream is not None and stream.windows is not None:
            allowed = stream.windows.use(side, count, row[TIME]) and allowed
        if not allowed:
            who = "client" if side == self.client else "server"
            text = f"the {who} sent more than its window"
            if not any(kind is findings.HTTP2_WINDOW_EXCEEDED for kind, *_ in self._later):
                self.find_later(findings.HTTP2_WINDOW_EXCEEDED, row, text, side)

    def widen(
        self, frame: Any, side: int, header: FrameHeader, stream: Stream | None, row: Row
    ) -> None:
        """Take a WINDOW_UPDATE frame."""
        windows = self.windows if header.stream == 0 else stream.windows if stream else None
        if windows is None:
            return
        stalled = windows.open(1 - side, frame.window_increment, row[TIME])
        if stalled >= STALL_NS:
            who = "client" if side != self.client else "server"
            what = f"stream {header.stream}" if header.stream else "the connection"
            text = f"the {who} could send nothing on {what} for {stalled / 1e6:.0f} ms"
            self.find(findings.HTTP2_STALL, row[PACKET], text)

    def unwatch_windows(self) -> None:
        """Bytes were lost: nothing is known of the windows any more."""
        self._later = []
        self.no_more_windows()

    def no_more_windows(self) -> None:
        """A side has ended its stream, or bytes were lost: windows are not opened, or not seen."""
        self.windows = None
        self.link.watched = False
        for stream in self.streams.values():
            stream.windows = None
