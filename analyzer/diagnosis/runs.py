"""What came before each message: its own sender's last one, or the peer's.

Knows numbers of messages. Used by chatter.py and stalls.py through traffic.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.diagnosis.facts import codes, numbers
from analyzer.diagnosis.keyed import Keyed, Numbers
from analyzer.lazy_dataclass import dataclass
from analyzer.options import Options
from analyzer.tables.schema import TableRows

_SPAN, _LEAST = 8, 1024


def keys_of(options: Options) -> int:
    """Return how far keys of which something is remembered may spread, two for each connection.

    They belong to eight times as many connections as are diagnosed, so that ones that last are
    known while others come and go. 8 bytes for each number kept: with fewer of them, the memory
    of a live run is flat before it has seen 262,144 connections.
    """
    return 2 * max(_SPAN * options.max_diagnosed_connections, _LEAST)


@dataclass(frozen=True, slots=True)
class Run:
    """Rows of `messages` of one batch, in the order of the table.

    Attributes:
        key: of each, 2 * connection + side.
        own: the message before it in the connection is of the same sender.
        answers: it is of the peer.
        packet_before: last packet of its sender's message before; NULL for the first.
    """

    key: Numbers
    own: npt.NDArray[np.bool_]
    answers: npt.NDArray[np.bool_]
    packet_before: Numbers


class Runs:
    """Remembers the last message of each side of each connection.

    Rows of one side come in order; those of both sides need not, since a row leaves when its
    message is acknowledged. The number says what is between two of one side.
    """

    def __init__(self, options: Options) -> None:
        self._last = Keyed(2, keys_of(options), NULL)

    def follow(self, rows: TableRows) -> Run:
        """Take rows of `messages`, at least one, and say what came before each."""
        key = 2 * numbers(rows, "connection") + codes(rows, "direction")
        number, packet = numbers(rows, "message"), numbers(rows, "packet_last")
        order = grouped(key)
        # Of each key the rows stand together now: what came before is one place to the left.
        together = key[order]
        changes = np.flatnonzero(together[1:] != together[:-1])
        starts = order[np.append(0, changes + 1)]
        ends = order[np.append(changes, len(order) - 1)]
        number_before, packet_before = np.empty_like(number), np.empty_like(packet)
        number_before[order[1:]] = number[order[:-1]]
        packet_before[order[1:]] = packet[order[:-1]]
        places = self._last.places(key[starts])
        known = places >= 0
        number_before[starts] = packet_before[starts] = NULL
        seen = self._last.values[:, places[known]]
        number_before[starts[known]], packet_before[starts[known]] = seen
        self._last.values[:, places[known]] = number[ends[known]], packet[ends[known]]
        own = (number_before != NULL) & (number == number_before + 1)
        return Run(key, own, ~own & (number > 0), packet_before)


def grouped(key: Numbers) -> npt.NDArray[np.intp]:
    """Return the places of keys, equal ones together and in their order.

    NumPy sorts integers of 16 bits by radix, four times as fast as wider ones. The keys of a
    batch seldom spread further, since connections are numbered as they open.
    """
    least = int(key.min())
    if int(key.max()) - least <= np.iinfo(np.uint16).max:
        return np.argsort((key - least).astype(np.uint16), kind="stable")
    return np.argsort(key, kind="stable")
