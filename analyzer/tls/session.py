"""A TLS session: the lifecycle of each side's records, and what is known of the whole.

Knows the order of records in a handshake (RFC 5246 7.3, RFC 8446 2 and D.4). Must not know
bytes. Used by the kernel (the table), by tls.stage (which fills sessions) and by tables.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.lazy_dataclass import dataclass, field
from analyzer.tls.hello import ClientHello, ServerHello
from analyzer.tls.names import (
    TLS_1_2,
    TLS_1_3,
    alert_name,
    has_forward_secrecy,
    suite_name,
    version_name,
)

if TYPE_CHECKING:
    from analyzer.tls.inside import Unwrapped

CLIENT: Final = 0
SERVER: Final = 1


class State(IntEnum):
    """How far the records of one direction are."""

    START = 0  # nothing seen
    CLEAR = 1  # handshake in the clear
    CHANGED = 2  # ChangeCipherSpec sent
    SECURED = 3  # a handshake record after it: Finished, in TLS 1.2
    DATA = 4  # application data
    LOST = 5  # where the next record begins is not known
    OTHER = 6  # not TLS, or from its middle


class Event(IntEnum):
    """What the records of one direction do."""

    CHANGE_CIPHER_SPEC = 0  # in the order of the content types, from 20
    ALERT = 1
    HANDSHAKE = 2
    APPLICATION_DATA = 3
    HEARTBEAT = 4
    FAULT = 5  # what should be a header cannot be one
    GAP = 6  # bytes of a header were not captured
    FOUND = 7  # a segment begins with a header that can be one


_S, _E = State, Event


def _row(state: State, **changes: State) -> dict[tuple[State, Event], State]:
    """Return a row of the table: every event, those that change nothing too."""
    return {(state, event): changes.get(event.name, state) for event in Event}


TRANSITIONS: Final[dict[tuple[State, Event], State]] = {
    # A stream that begins with anything else is not TLS, or is seen from its middle on,
    # where no hello shows the version.
    **_row(
        _S.START,
        CHANGE_CIPHER_SPEC=_S.OTHER,
        ALERT=_S.CLEAR,
        HANDSHAKE=_S.CLEAR,
        APPLICATION_DATA=_S.OTHER,
        HEARTBEAT=_S.OTHER,
        FAULT=_S.OTHER,
        GAP=_S.OTHER,
    ),
    **_row(
        _S.CLEAR,
        CHANGE_CIPHER_SPEC=_S.CHANGED,
        APPLICATION_DATA=_S.DATA,
        FAULT=_S.LOST,
        GAP=_S.LOST,
    ),
    **_row(
        _S.CHANGED,
        HANDSHAKE=_S.SECURED,
        APPLICATION_DATA=_S.DATA,
        FAULT=_S.LOST,
        GAP=_S.LOST,
    ),
    # A second ChangeCipherSpec belongs to the second hello of TLS 1.3, or is encrypted.
    **_row(_S.SECURED, APPLICATION_DATA=_S.DATA, FAULT=_S.LOST, GAP=_S.LOST),
    # Handshake records here are renegotiation.
    **_row(_S.DATA, FAULT=_S.LOST, GAP=_S.LOST),
    **_row(_S.LOST, FOUND=_S.DATA),
    **_row(_S.OTHER),
}
"""The lifecycle of one direction, total over (state, event)."""


def transition_array() -> npt.NDArray[np.uint8]:
    """Return TRANSITIONS as the kernel takes it: [state, event] is the next state."""
    table = np.zeros((len(State), len(Event)), np.uint8)
    for (state, event), after in TRANSITIONS.items():
        table[state, event] = after
    return table


@dataclass(slots=True, repr=False)
class Side:
    """What one side sent. Times ns, NULL where not seen; packets 0."""

    state: State = State.START
    tls_bytes: int = 0
    """Record headers, and bodies of all records but application data, as captured."""
    records: int = 0
    """Of application data; in TLS 1.3 encrypted handshake messages and alerts look alike."""
    record_bytes: int = 0
    """Their lengths, without headers."""
    short_turns: int = 0
    """Of its turns but the first, those that begin with a record too short for a request."""
    pushes: int = 0
    """Its records that come a while after the one before, the other side silent in between."""
    begun_time: int = NULL
    changed_time: int = NULL
    finished_time: int = NULL
    first_time: int = NULL
    second_time: int = NULL
    last_time: int = NULL
    finished_packet: int = 0
    first_packet: int = 0
    alert_packet: int = 0
    hidden_packet: int = 0
    lost_packet: int = 0
    fault_packet: int = 0
    alert: int = 0
    heard_packet: int = 0
    heard_time: int = NULL
    record_packet: int = 0
    record_time: int = NULL
    before_packet: int = 0
    before_time: int = NULL
    end_packet: int = 0
    end_time: int = NULL
    quiet_packet: int = 0
    quiet_time: int = NULL
    type: int = 0
    """Of its last record, as far as its header was read."""
    length: int = 0
    left: int = 0
    have: int = 0
    last_alert: int = 0
    ended_it: int = 0


@dataclass(slots=True, repr=False)
class Session:
    """One TLS session, from its first hello on. Times ns, NULL where not seen."""

    slot: int
    client_side: int
    """Which side of the TCP connection sent the ClientHello, or did not send ServerHello."""
    client: ClientHello | None = None
    server: ServerHello | None = None
    hello_packet: int = 0
    """Packet with the end of the first hello that was read."""
    started_at: int = NULL
    """First byte of the ClientHello."""
    server_hello_time: int = NULL
    """Last byte of the ServerHello, not of a HelloRetryRequest."""
    server_packet: int = 0
    hello_retry: bool = False
    named_group: int | None = None
    """From ServerKeyExchange (TLS 1.2)."""
    faults: list[tuple[int, str]] = field(default_factory=list)
    """(packet, what) of messages that cannot be read."""
    sides: tuple[Side, Side] = field(default_factory=lambda: (Side(), Side()))
    """Client, server; filled in when the connection leaves."""
    inside: Unwrapped | None = None
    """What keys revealed, where there are any."""

    @property
    def is_decrypted(self) -> bool:
        """Whether application data of it was decrypted."""
        return self.inside is not None and self.inside.is_open

    @property
    def alpn(self) -> str | None:
        """The protocol that the server chose; in TLS 1.3 known only with keys."""
        if self.server is not None and self.server.alpn is not None:
            return self.server.alpn
        return None if self.inside is None else self.inside.decryptor.alpn

    @property
    def version(self) -> int | None:
        """The version that the server chose; None if it was not seen."""
        return None if self.server is None else self.server.version

    @property
    def group(self) -> int | None:
        """The group of the key exchange, if it has one and it was seen."""
        if self.server is not None and self.server.group is not None:
            return self.server.group
        return self.named_group

    @property
    def resumed(self) -> bool | None:
        """Whether keys of an earlier session were used again; None if not known.

        TLS 1.3: the server chose a pre-shared key (RFC 8446 4.2.11). Before: it echoed the
        client's session id (RFC 5246 7.4.1.3), or sent its Finished before the client's, as
        only an abbreviated handshake does (RFC 5077 3.1).
        """
        if self.server is None or self.version is None:
            return None
        if self.version >= TLS_1_3:
            return self.server.pre_shared_key
        asked = b"" if self.client is None else self.client.session_id
        if asked and asked == self.server.session_id:
            return True
        client, server = (side.finished_packet for side in self.sides)
        return server < client if client and server else None

    @property
    def client_finished_time(self) -> int:
        """End of the record that holds the client's Finished.

        TLS 1.2: its first handshake record after its ChangeCipherSpec. TLS 1.3: its first
        record of application data, unless it offered early data, which looks the same.
        """
        side = self.sides[CLIENT]
        if self.inside is not None and self.inside.finished[CLIENT] != NULL:
            return self.inside.finished[CLIENT]
        if self.version is None:
            return NULL
        if self.version < TLS_1_3:
            return side.finished_time
        return NULL if self._offers_early_data else side.first_time

    @property
    def finished_time(self) -> int:
        """End of the last Finished of the two."""
        mine = self.client_finished_time
        if self.inside is not None and NULL not in self.inside.finished:
            return max(self.inside.finished)
        if self.version is None or self.version >= TLS_1_3:
            return mine
        other = self.sides[SERVER].finished_time
        return NULL if NULL in (mine, other) else max(mine, other)

    @property
    def first_data_time(self) -> int:
        """End of the client's first record with application data.

        TLS 1.3: its second, since the first has its Finished.
        """
        side = self.sides[CLIENT]
        if self.inside is not None and self.inside.first_data[CLIENT] != NULL:
            return self.inside.first_data[CLIENT]
        if self.version is None:
            return NULL
        if self.version < TLS_1_3:
            return side.first_time
        return NULL if self._offers_early_data else side.second_time

    @property
    def _offers_early_data(self) -> bool:
        return self.client is None or self.client.early_data

    @property
    def data_records(self) -> tuple[int, int]:
        """Records of application data without the client's Finished of TLS 1.3, by side."""
        client, server = (side.records for side in self.sides)
        is_new = self.version is not None and self.version >= TLS_1_3
        return max(0, client - 1) if is_new else client, server

    @property
    def alert(self) -> str | None:
        """The first readable alert, else that there was an encrypted one; and whose."""
        names = ("client", "server")
        readable = [
            (side.alert_packet, f"{name}: {alert_name(side.alert)}")
            for name, side in zip(names, self.sides, strict=True)
            if side.alert_packet
        ]
        hidden = [
            (side.hidden_packet, f"{name}: encrypted")
            for name, side in zip(names, self.sides, strict=True)
            if side.hidden_packet
        ]
        found = min(readable or hidden, default=None)
        return None if found is None else found[1]

    @property
    def summary(self) -> str:
        """Version, suite, ALPN and resumption in words."""
        if self.server is None or self.version is None:
            return "no ServerHello"
        words = [version_name(self.version), suite_name(self.server.cipher_suite)]
        if self.alpn is not None:
            words.append(f"ALPN {self.alpn}")
        elif self.client is not None and self.client.alpn:
            words.append(f"ALPN offered: {', '.join(self.client.alpn)}")
        resumed = self.resumed
        if resumed is not None:
            words.append("resumed" if resumed else "not resumed")
        return ", ".join(words)

    @property
    def weakness(self) -> str | None:
        """The suite and version, if the version is older than TLS 1.2; else None."""
        if self.server is None or self.version is None or self.version >= TLS_1_2:
            return None
        return f"{version_name(self.version)} with {suite_name(self.server.cipher_suite)}"

    @property
    def without_forward_secrecy(self) -> str | None:
        """The suite's name, if a holder of the server's key can read the session later."""
        if self.server is None or self.version is None or self.version >= TLS_1_3:
            return None
        name = suite_name(self.server.cipher_suite)
        return None if has_forward_secrecy(self.server.cipher_suite) else name
