"""What the conversations of all connections find, collected for one batch.

Knows the http stage's output and the state that connections share. Used by
http.http1.conversation and http.stage.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analyzer.capture.records import RecordBatch
from analyzer.columns import NULL
from analyzer.findings import Finding, Kind
from analyzer.http._row_accounts import Link
from analyzer.http._row_path import RowPath
from analyzer.http.delivery.carried import Carrying
from analyzer.http.delivery.deliveries import Store
from analyzer.http.delivery.groups import Groups
from analyzer.http.delivery.keeping import Keeping
from analyzer.http.exchanges import Exchange, Handshake
from analyzer.http.handover import Handover
from analyzer.options import Options
from analyzer.tcp.bytestream import StreamBatch


class Results:
    """Output of the batch in work, and what is known across connections.

    Attributes:
        options: limits.
        http_bytes: int64 by direction.
        handed_on: bool by direction: its rows leave without a look.
        searched: bool by direction: handed on, but a head at the start of a row is
            taken for the start of HTTP.
        groups: what plain exchanges are to each other.
        store: how much of their bodies is kept.
        carrying: hands on what they say.
        keeping: what of them is kept for samples.
        path: takes the rows that are put in.
        links: connections of HTTP/2 by slot, as the short way knows them.
        streams: identifiers of the streams for which slots are borrowed.
        ended: borrowed slots whose streams have ended with the batch.
        tls_moved: as in HttpBatch.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.http_bytes: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self.handed_on = np.zeros(0, bool)
        self.searched = np.zeros(0, bool)
        self.groups = Groups(options)
        self.store = Store()
        self.carrying = Carrying()
        self.keeping = self.groups.keeping = Keeping(options)
        self.path = RowPath()
        self.links: dict[int, Link] = {}
        self.streams: dict[int, int] = {}
        self._keys: dict[str, int] = {}  # when it was answered
        self._handshakes = 0
        self.begin(StreamBatch(RecordBatch()))

    def begin(self, stream: StreamBatch) -> None:
        """Start a batch."""
        self.upgrades: list[Handshake] = []
        self.marks: list[tuple[int, int]] = []
        self.handshakes: list[Handshake] = []
        self.exchanges: list[Exchange] = []
        self.groups.released = self.exchanges
        self.clients: list[tuple[int, int]] = []
        self.ended: list[int] = []
        self.tls_moved: dict[int, tuple[int, int]] = {}
        self.findings: list[Finding] = []
        self.handover = Handover(stream, self.path)

    def reserve(self, directions: int) -> None:
        """Make room for `directions`."""
        more = directions - len(self.handed_on)
        if more > 0:
            more = max(more, len(self.handed_on))
            self.http_bytes = np.concatenate((self.http_bytes, np.zeros(more, np.int64)))
            self.handed_on = np.concatenate((self.handed_on, np.zeros(more, bool)))
            self.searched = np.concatenate((self.searched, np.zeros(more, bool)))

    def find(
        self,
        kind: Kind,
        slot: int,
        packet: int,
        detail: str | int = "",
        *,
        direction: int = -1,
        rfc: str = "",
    ) -> None:
        """Note an oddity, and the direction that is at fault; arguments as of Finding."""
        self.findings.append(Finding(kind, slot, packet, -1, detail, direction=direction, rfc=rfc))

    def leave(self, slot: int, *, search: bool) -> None:
        """Let the rows of a connection pass from now on, looking for HTTP or not."""
        # One by one: a slice costs as much as ten of these.
        self.handed_on[2 * slot] = self.handed_on[2 * slot + 1] = True
        self.searched[2 * slot] = self.searched[2 * slot + 1] = search

    def stay(self, slot: int) -> None:
        """Look at the rows of a slot from now on."""
        self.handed_on[2 * slot : 2 * slot + 2] = False
        self.searched[2 * slot : 2 * slot + 2] = False

    def next_handshake(self) -> int:
        """Return the number of the next attempt."""
        self._handshakes += 1
        return self._handshakes - 1

    def was_used(self, key: str, time: int) -> bool:
        """Return whether the key of a request sent at `time` (ns) was used before.

        RFC 6455 4.1: "The nonce MUST be selected randomly for each connection." The
        same key in a request that was sent before the handshake was answered is the same
        request, passed on by a proxy that was captured on both sides.
        """
        answered = self._keys.get(key, NULL)
        return answered != NULL and answered <= time

    def note_key(self, key: str) -> None:
        """Remember the key of a request."""
        self._keys.pop(key, None)
        self._keys[key] = NULL
        if len(self._keys) > self.options.max_remembered_keys:
            del self._keys[next(iter(self._keys))]

    def answered(self, key: str | None, time: int) -> None:
        """Note that the handshake with this key has its answer, which came at `time` (ns)."""
        if key in self._keys:
            self._keys[key] = time
