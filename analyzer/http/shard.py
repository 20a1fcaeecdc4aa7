"""The http stage of a shard: one of several processes, each of which reads its connections.

Finds what one process finds, as long as plain HTTP is in the first shard alone (http.affinity): a
plain exchange elsewhere makes the stage say that the capture cannot be split. Attempts have the
shard's own numbers; the notes say when each began, so that JoinedHttp, in the process that makes
tables, numbers them as one process does. Called by shards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.http.collector import Results
from analyzer.http.delivery.callers import Target
from analyzer.http.delivery.groups import Caller, Groups, Lane
from analyzer.http.exchanges import Exchange, Handshake, HttpBatch
from analyzer.http.head import Head
from analyzer.http.stage import HttpStage
from analyzer.options import Options
from analyzer.tcp.bytestream import StreamBatch

_LAST: Final = 2**62


class NotedHttp(NamedTuple):
    """The notes of one batch of a shard.

    Attributes:
        begun: int64, of each attempt that began, in order of the shard's numbers: twice the packet
            with which its request was whole, and one more where it ended with its connection.
        shares: plain HTTP was found where there is to be none: the capture cannot be split.
    """

    begun: npt.NDArray[np.int64]
    shares: bool


class GuardedGroups(Groups):
    """Groups of a shard that is to have no plain exchange.

    Attributes:
        shares: it had one.
    """

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.shares = False

    def begin(self, caller: Caller, exchange: Exchange, head: Head) -> tuple[Target, Lane | None]:
        """Take up a request, and note that there is one."""
        self.shares = True
        return super().begin(caller, exchange, head)

    def emit(self, lane: Lane | None, exchange: Exchange) -> None:
        """Take an exchange that is over, maybe one whose request was not captured."""
        self.shares = True
        super().emit(lane, exchange)


class ShardResults(Results):
    """What the conversations of a shard find.

    Attributes:
        until: the last packet of the batch, of all shards.
    """

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.until = 0
        self._begun: list[int] = []
        self._arrivals: npt.NDArray[np.int64] | None = None

    def begin(self, stream: StreamBatch) -> None:
        """Start a batch."""
        self._arrivals = None
        super().begin(stream)

    def next_handshake(self) -> int:
        """Return the number of the next attempt, and note when it began."""
        self._begun.append(self._key())
        return super().next_handshake()

    def _key(self) -> int:
        rows = self.handover.stream.rows
        at = self.handover.at
        if at >= len(rows):
            return 2 * self.until + 1
        if self._arrivals is None:
            # Bytes that waited are readable with the packet that they waited for.
            packets = np.maximum(rows["packet"], rows["done_packet"])
            self._arrivals = np.maximum.accumulate(packets)
        return 2 * int(self._arrivals[at])

    def take_begun(self) -> npt.NDArray[np.int64]:
        """Return the keys of attempts, once."""
        begun, self._begun = self._begun, []
        return np.array(begun, np.int64)


class ShardHttpStage(HttpStage):
    """Finds HTTP in the connections of a shard.

    Args:
        options: limits.
        shard: 0 for the first, where plain HTTP is.
    """

    def __init__(self, options: Options, shard: int) -> None:
        super().__init__(options)
        self._shard_results = ShardResults(options)
        self._results = self._shard_results
        self._guard = GuardedGroups(options) if shard else None
        if self._guard is not None:
            self._results.groups = self._guard

    def reach(self, packet: int) -> None:
        """Go on to a batch whose last packet, of all shards, has this number."""
        self._shard_results.until = packet

    def take_noted(self) -> NotedHttp:
        """Return the notes of the batch that was pushed, once."""
        shares = self._guard is not None and self._guard.shares
        return NotedHttp(self._shard_results.take_begun(), shares)


class JoinedHttp:
    """What the http stages of all shards know together.

    Args:
        options: limits.
        shards: how many.

    Attributes:
        shares: the capture cannot be split: plain HTTP, or a key that was used before, is in
            several shards.
    """

    def __init__(self, options: Options, shards: int) -> None:
        self._most = options.max_remembered_keys
        self._next = 0
        self._local = [0] * shards
        self._numbers: list[dict[int, int]] = [{} for _ in range(shards)]
        self._keys: dict[str, list[tuple[int, int, int]]] = {}
        self.shares = False

    def push(
        self,
        batches: Sequence[HttpBatch],
        noted: Sequence[NotedHttp],
        ended: Sequence[Mapping[int, int]],
        gone: Sequence[Sequence[Handshake]] = (),
    ) -> None:
        """Give the attempts in a batch of the capture the numbers that one process gives them.

        Args:
            batches: of each shard; attempts in it are changed.
            noted: notes of each.
            ended: for each, the order of connections that end with the batch, by slot.
            gone: for each, attempts of connections that end with it, as they came from the shard;
                they do not come again.
        """
        self.shares = self.shares or any(each.shares for each in noted)
        self._number(batches, noted, ended)
        for shard, batch in enumerate(batches):
            numbers = self._numbers[shard]
            last = [*batch.handshakes, *(gone[shard] if gone else ())]
            done = {each.number for each in last}
            for handshake in {id(each): each for each in (*batch.upgrades, *last)}.values():
                handshake.number = numbers[handshake.number]
            for number in done:
                del numbers[number]
            for handshake in _attempts(batch):
                self._see(shard, handshake)

    def _number(
        self,
        batches: Sequence[HttpBatch],
        noted: Sequence[NotedHttp],
        ended: Sequence[Mapping[int, int]],
    ) -> None:
        order: list[tuple[int, int, int, int]] = []
        for shard, each in enumerate(noted):
            if not len(each.begun):
                continue
            late = {
                one.number: ended[shard].get(one.slot, _LAST) for one in _attempts(batches[shard])
            }
            for number, key in enumerate(each.begun.tolist(), self._local[shard]):
                order.append((key, late.get(number, _LAST) if key & 1 else 0, shard, number))
            self._local[shard] += len(each.begun)
        for number, (_, _, shard, local) in enumerate(sorted(order), self._next):
            self._numbers[shard][local] = number
        self._next += len(order)

    def _see(self, shard: int, handshake: Handshake) -> None:
        """Look whether a key was answered in another shard before it was sent in this one.

        That is found where both are in one shard; of those in TLS the key is not known before.
        """
        key = handshake.key
        if key is None:
            return
        sent, answered = handshake.request_first_time, handshake.response_last_time
        seen = self._keys.pop(key, [])
        for other, other_sent, other_answered in seen:
            if other != shard and (NULL < other_answered <= sent or NULL < answered <= other_sent):
                self.shares = True
        self._keys[key] = [*seen[-7:], (shard, sent, answered)]
        if len(self._keys) > self._most:
            del self._keys[next(iter(self._keys))]


def _attempts(batch: HttpBatch) -> list[Handshake]:
    """Return the attempts of a batch, each once."""
    return [*batch.upgrades, *batch.handshakes]
