"""What came before each message: its own sender's last one, or the peer's.

Knows numbers of messages. Used by chatter.py and stalls.py through traffic.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.diagnosis import _runs
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
        own, answers = np.empty(len(key), np.bool_), np.empty(len(key), np.bool_)
        before = np.empty(len(key), np.int64)
        self._last.reach(int(key.max()))
        _runs.follow(
            *(self._last.values, self._last.base, key),
            *(numbers(rows, "message"), numbers(rows, "packet_last")),
            *(own.view(np.uint8), answers.view(np.uint8), before),
        )
        return Run(key, own, answers, before)
