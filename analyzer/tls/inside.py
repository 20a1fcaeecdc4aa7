"""What keys reveal about a session: when its steps ended, what was read, what was lost.

Filled in by tls.unwrapping; used by tls.session, tls.stage and tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.columns import NULL
from analyzer.lazy_dataclass import dataclass, field
from analyzer.tls.records import HANDSHAKE

if TYPE_CHECKING:
    from analyzer.tls.decryption import Decryptor

_CLIENT_HELLO: Final = 1
_SERVER_HELLO: Final = 2


@dataclass(slots=True)
class Unwrapped:
    """One session while it is being decrypted; sides are the session's (client, server).

    Attributes:
        client_side: side of the TCP connection that is the client.
        decryptor: opens its records.
        finished: ns, end of the record with the first Finished; NULL if not seen.
        finished_packets: their packets; 0 if not seen.
        first_data: ns, end of the first record of application data; NULL.
        records: of application data that were opened.
        content: bytes in them.
        framing: bytes of these records besides their content.
    """

    client_side: int
    decryptor: Decryptor
    finished: list[int] = field(default_factory=lambda: [NULL, NULL])
    finished_packets: list[int] = field(default_factory=lambda: [0, 0])
    first_data: list[int] = field(default_factory=lambda: [NULL, NULL])
    records: list[int] = field(default_factory=lambda: [0, 0])
    content: list[int] = field(default_factory=lambda: [0, 0])
    framing: list[int] = field(default_factory=lambda: [0, 0])
    lost_packets: list[int] = field(default_factory=lambda: [0, 0])

    @property
    def is_open(self) -> bool:
        """Whether anything of it was decrypted."""
        return any(self.records)

    @property
    def known(self) -> tuple[bool, bool, bool]:
        """Whether both hellos are there, and whether an answer to early data is awaited."""
        made = self.decryptor
        return made.client is not None, made.server is not None, made.asks

    def may_be_told(self, side: int) -> bool:
        """Return whether a side's keys may be known by what the other side has yet to say.

        That is its hello, or the server's answer to early data. Where the server's own records
        cannot be read, its answer never will be.
        """
        has_client, has_server, asks = self.known
        return has_client != has_server or (asks and side == self.client_side)


def client_side_of(side: int, kind: int, body: bytes) -> int:
    """Return which side of a connection is the client, by its first record and who sent that."""
    if kind == HANDSHAKE and body[:1] == bytes((_CLIENT_HELLO,)):
        return side
    return 1 - side if kind == HANDSHAKE and body[:1] == bytes((_SERVER_HELLO,)) else 0
