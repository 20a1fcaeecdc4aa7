"""TLS written byte by byte after RFC 8446 and RFC 5246, and a plain walk over its records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from analyzer.columns import NULL
from analyzer.tcp.bytestream import DATA, GAP_CUT
from analyzer.tls.records import Answer, RecordHeader, parse_header
from analyzer.tls.session import TRANSITIONS, Event, State

CLIENT_RANDOM = bytes(range(32))
SERVER_RANDOM = bytes(range(32, 64))
RETRY_RANDOM = bytes.fromhex("CF21AD74E59A6111BE1D8C021E65B891C2A211167ABB8C5E079E09E2C8A8339C")
CCS, ALERT, HANDSHAKE, DATA_RECORD = 20, 21, 22, 23


def sized(content: bytes, size: int) -> bytes:
    """A vector: its length in `size` bytes, and its content (RFC 8446 3.4)."""
    return len(content).to_bytes(size, "big") + content


def record(kind: int, body: bytes, version: int = 0x0303) -> bytes:
    return bytes([kind]) + version.to_bytes(2, "big") + sized(body, 2)


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + sized(body, 3)


def extension(number: int, body: bytes) -> bytes:
    return number.to_bytes(2, "big") + sized(body, 2)


def numbers(*values: int) -> bytes:
    return b"".join(value.to_bytes(2, "big") for value in values)


def sni(name: bytes) -> bytes:
    return extension(0, sized(b"\0" + sized(name, 2), 2))


def alpn(*names: bytes) -> bytes:
    return extension(16, sized(b"".join(sized(name, 1) for name in names), 2))


def versions(*offered: int) -> bytes:
    return extension(43, sized(numbers(*offered), 1))


def client_hello(
    *extensions: bytes,
    session_id: bytes = b"",
    version: int = 0x0303,
    suites: Sequence[int] = (0x1301, 0xC02F),
) -> bytes:
    """A ClientHello as a message (RFC 8446 4.1.2)."""
    body = version.to_bytes(2, "big") + CLIENT_RANDOM + sized(session_id, 1)
    body += sized(numbers(*suites), 2) + b"\1\0"
    return message(1, body + (sized(b"".join(extensions), 2) if extensions else b""))


def server_hello(
    *extensions: bytes,
    suite: int = 0xC02F,
    session_id: bytes = b"",
    version: int = 0x0303,
    random: bytes = SERVER_RANDOM,
) -> bytes:
    """A ServerHello as a message (RFC 8446 4.1.3)."""
    body = version.to_bytes(2, "big") + random + sized(session_id, 1) + numbers(suite) + b"\0"
    return message(2, body + (sized(b"".join(extensions), 2) if extensions else b""))


CHOSE_1_3 = extension(43, numbers(0x0304))
SHARE = extension(51, numbers(0x001D) + sized(bytes(32), 2))
ASKS_SHARE = extension(51, numbers(0x0017))
FINISHED = record(HANDSHAKE, bytes(40))
"""Encrypted: 40 bytes that are no message."""


def data(size: int = 50) -> bytes:
    return record(DATA_RECORD, bytes(size))


def hellos_1_2(*client: bytes, server: Iterable[bytes] = (), suite: int = 0xC02F) -> list[Any]:
    """A full handshake of TLS 1.2 (RFC 5246 7.3) as turns, with ECDHE over secp256r1."""
    exchange = b"\3\0\x17" + sized(b"\4" * 65, 1) + numbers(0x0804) + sized(bytes(256), 2)
    flight = server_hello(*server, suite=suite) + message(11, sized(bytes(900), 3))
    flight += message(12, exchange) + message(14, b"")
    return [
        (0, record(HANDSHAKE, client_hello(*client), 0x0301)),
        (1, record(HANDSHAKE, flight)),
        (0, record(HANDSHAKE, message(16, bytes(66))) + record(CCS, b"\1") + FINISHED),
        (1, record(HANDSHAKE, message(4, bytes(180))) + record(CCS, b"\1") + FINISHED),
    ]


def hellos_1_3(*client: bytes, server: Iterable[bytes] = ()) -> list[Any]:
    """A handshake of TLS 1.3 with middlebox compatibility (RFC 8446 2 and D.4) as turns."""
    offers = (versions(0x0304, 0x0303), *client)
    chosen = server_hello(CHOSE_1_3, SHARE, *server, suite=0x1302)
    return [
        (0, record(HANDSHAKE, client_hello(*offers), 0x0301)),
        (1, record(HANDSHAKE, chosen) + record(CCS, b"\1") + data(30) + data(900) + data(69)),
        (0, record(CCS, b"\1") + data(69)),
    ]


Row = tuple[int, int, int, int, bytes]
"""kind, packet, time, length, content (b"" of a gap)."""


COUNTED = (
    *("tls_bytes", "records", "record_bytes", "finished_packet", "first_packet"),
    *("alert_packet", "hidden_packet", "lost_packet", "fault_packet", "alert"),
)
TIMED = ("changed_time", "finished_time", "first_time", "second_time", "last_time")


class _Plain:
    """Where one direction is, and what was seen of it."""

    def __init__(self) -> None:
        self.seen = dict.fromkeys(COUNTED, 0) | dict.fromkeys(TIMED, NULL)
        self.state = State.START
        self.header = b""
        self.left = 0
        self.known = RecordHeader(0, (0, 0), 0)

    def lose(self, event: Event, packet: int) -> None:
        self.state, self.header, self.left = TRANSITIONS[self.state, event], b"", 0
        self.seen["lost_packet"] = self.seen["lost_packet"] or packet
        if event == Event.FAULT:
            self.seen["fault_packet"] = self.seen["fault_packet"] or packet

    def ended(self, packet: int, time: int, last: int | None) -> None:
        seen, known = self.seen, self.known
        if known.type == DATA_RECORD and seen["records"] <= 2:
            seen["first_time" if seen["records"] == 1 else "second_time"] = time
            if seen["records"] == 1:
                seen["first_packet"] = packet
        if known.type == HANDSHAKE and self.state == State.SECURED and not seen["finished_packet"]:
            seen["finished_packet"], seen["finished_time"] = packet, time
        if known.type == CCS and seen["changed_time"] == NULL:
            seen["changed_time"] = time
        if known.type == ALERT and last is not None:
            name = "alert_packet" if known.length == 2 else "hidden_packet"
            if not seen[name]:
                seen[name] = packet
                seen["alert"] = last if known.length == 2 else seen["alert"]

    def byte(self, byte: int | None, packet: int, time: int) -> bool:
        """Take a byte, None of a gap; return False if the rest of the row is of no use."""
        if self.left:
            self.left -= 1
            self.seen["tls_bytes"] += byte is not None and self.known.type != DATA_RECORD
            if not self.left:
                self.ended(packet, time, byte)
            return True
        if byte is None:
            self.lose(Event.GAP, packet)
            return False
        self.header += bytes([byte])
        answer = parse_header(self.header, clear=self.state in (State.START, State.CLEAR))
        if answer is Answer.MALFORMED:
            self.lose(Event.FAULT, packet)
            return False
        return True if isinstance(answer, Answer) else self.begin(answer, packet, time)

    def begin(self, known: RecordHeader, packet: int, time: int) -> bool:
        self.known, self.header = known, b""
        self.state = TRANSITIONS[self.state, Event(known.type - 20)]
        if self.state == State.OTHER:
            return False
        self.seen["tls_bytes"] += 5
        if known.type == DATA_RECORD:
            self.seen["records"] += 1
            self.seen["record_bytes"] += known.length
            self.seen["last_time"] = time
        self.left = known.length
        if not self.left:
            self.ended(packet, time, None)
        return True


def plain_walk(rows: Iterable[Row]) -> dict[str, int]:
    """Walk over the records of one direction byte by byte, as the kernel must."""
    plain = _Plain()
    for kind, packet, time, length, content in rows:
        if kind > GAP_CUT or not length or plain.state == State.OTHER:
            continue
        if plain.state == State.LOST:
            found = parse_header(content[:5]) if kind == DATA else None
            if not isinstance(found, RecordHeader) or found.version[1] not in (1, 2, 3):
                continue
            if not found.length:
                continue
            plain.state = TRANSITIONS[plain.state, Event.FOUND]
        for place in range(length):
            if not plain.byte(content[place] if kind == DATA else None, packet, time):
                break
    return plain.seen | {"state": int(plain.state)}
