"""What keys reveal about a session: when its steps ended, what was read, what was lost.

Filled in by tls.unwrapping; used by tls.session, tls.stage and tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.columns import NULL
from analyzer.lazy_dataclass import dataclass, field

if TYPE_CHECKING:
    from analyzer.tls.decryption import Decryptor


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
