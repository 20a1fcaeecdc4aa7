"""Calls: requests and what came of them, within one connection or session.

A call begins with an item of role ASK and ends with the other side's REPLY of the same key.
Knows items; must not know protocols or tables. Used by inside.talk.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.inside.labels import Labels
from analyzer.inside.protocol import (
    ASK,
    ASK_MAYBE,
    ASK_OPEN,
    CANCEL,
    CANCEL_END,
    END,
    FIRST,
    FIRST_ERROR,
    REPLY,
    REPLY_ERROR,
    STREAM,
    STREAM_ERROR,
)
from analyzer.lazy_dataclass import dataclass
from analyzer.named_tuple import NamedTuple

if TYPE_CHECKING:
    from analyzer.inside.item import Item


OK, ERROR, CANCELLED, UNANSWERED, LOST = range(5)
_OPEN: Final = 2**63 - 1
_NOWHERE: Final = [-1]
"""As `Book.astray`, for connections of WebSocket: what they say is their own."""
OUTCOMES: Final = ("ok", "error", "cancelled", "unanswered", "lost")


class Moment(NamedTuple):
    """The message that an item is in.

    Attributes:
        sender: CLIENT or SERVER.
        message: number in its connection; NULL over plain HTTP.
        packet_first: with its first byte; packet_last: with which it was complete.
        time_first: ns of its first byte; time_last: of its completeness.
    """

    sender: int
    message: int
    packet_first: int
    packet_last: int
    time_first: int
    time_last: int


@dataclass(slots=True, eq=False)
class Call:
    """One call.

    Attributes:
        number: from 0 in the order of requests; -1 while it is not sure to be one.
        caller: CLIENT or SERVER.
        asked: where the request is; None where only the answer was seen.
        turn: how many messages its conversation had before it.
        items: results streamed before the end.
        refused: an error came among them.
        missed: bytes of the answering side were lost before the first result that is known.
        is_open: an answer is up to the other side: none is no sign of a limit.
    """

    number: int
    kind: str
    name: str | None
    caller: int
    asked: Moment
    turn: int
    items: int = 0
    cancelled: bool = False
    refused: bool = False
    missed: bool = False
    is_open: bool = False
    outcome: int = UNANSWERED
    answered: Moment | None = None

    @property
    def reply_ns(self) -> int:
        """From the request's first byte to the answer's last; NULL without an answer."""
        if self.answered is None or NULL in (self.asked.time_first, self.answered.time_last):
            return NULL
        return self.answered.time_last - self.asked.time_first


class DoneCall(NamedTuple):
    """A call that is over, and where it was made.

    Attributes:
        connection: of WebSocket, that asked or answered; NULL over plain HTTP alone.
        session: group in http_groups, where plain HTTP asked or answered; else NULL.
        inner: protocol.
    """

    connection: int
    session: int
    inner: str
    call: Call


@dataclass(frozen=True, slots=True)
class PlainCalls:
    """Calls that were over by the quick way.

    Attributes:
        rows: int64 by inside._quick.DONE_COLUMNS.
        others: numbers of the other calls of the batch among all, in order.
        labels: of the run.
    """

    rows: npt.NDArray[np.int64]
    others: npt.NDArray[np.int64]
    labels: Labels


class Numbers:
    """Numbers calls in the order of their requests.

    Attributes:
        limited: calls were given up because too many wait.
    """

    def __init__(self) -> None:
        self.next = 0
        self.limited = False

    def take(self) -> int:
        """Return the next number."""
        self.next += 1
        return self.next - 1


class Book:
    """The calls of one conversation that wait for answers.

    Attributes:
        numbers: of all calls of the run.
        most: that may wait.
        open: those that wait, by caller and key.
        turn: how many messages there were.
        astray: last packet with something that may be of this session, or of another one.
        early: answers whose requests are not known, by caller and key. What a side said behind a
            hole is read late, when it is clear that nothing fills it: maybe behind its answers.
        done: calls that are over; the caller empties it.
    """

    __slots__ = (
        "astray",
        "behind",
        "done",
        "early",
        "early_count",
        "gaps",
        "most",
        "numbers",
        "open",
        "turn",
    )

    def __init__(self, numbers: Numbers, most: int) -> None:
        self.numbers = numbers
        self.most = most
        # To find the oldest of a dict takes the longer, the more left it before.
        self.open: OrderedDict[tuple[int, Hashable], Call] = OrderedDict()
        self.gaps = [-1, -1]
        """Turn at which it was noted that bytes of each side were lost last."""
        self.behind = [-1, -1]
        """First packet of the message behind that hole; _OPEN as long as there is none."""
        self.astray = _NOWHERE
        self.turn = 0
        self.early: dict[tuple[int, Hashable], list[tuple[int, Moment]]] = {}
        self.early_count = 0
        self.done: list[Call] = []

    def __len__(self) -> int:
        return len(self.open) + len(self.early)

    def take(self, role: int, key: Hashable, item: Item, moment: Moment) -> Call | None:
        """Take an item's part in a call; return the call that it answers."""
        sender = moment.sender
        if role in (ASK, ASK_MAYBE, ASK_OPEN):
            self._ask(role, (sender, key), item, moment)
            return None
        if role in (CANCEL, CANCEL_END):
            self._cancel((sender, key), item, ends=role == CANCEL_END)
            return None
        place = (1 - sender, key)
        call = self.open.get(place)
        if call is None:
            if role in (REPLY, REPLY_ERROR):
                self._come_early(place, role, moment)
            return None
        if item.name is None:
            item.name = call.name
        if role in (STREAM, STREAM_ERROR, FIRST, FIRST_ERROR):
            call.items += 1
            call.refused = call.refused or role in (STREAM_ERROR, FIRST_ERROR)
            if role in (STREAM, STREAM_ERROR) or call.answered is not None:
                return None
            # Maybe the first was among what was lost.
            call.missed = call.missed or self._may_be_lost(call)
            if call.missed:
                return None
            call.answered = moment
            return call
        del self.open[place]
        if call.missed or (role == END and call.answered is None and self._may_be_lost(call)):
            self.give_up(call)
            return None
        was_answered = call.answered is not None
        self._answer(call, role, moment)
        return None if was_answered else call

    def _cancel(self, place: tuple[int, Hashable], item: Item, *, ends: bool) -> None:
        call = self.open.get(place)
        if call is None:
            return
        call.cancelled = True
        if item.name is None:
            item.name = call.name
        if ends:
            del self.open[place]
            self.give_up(call)

    def _answer(self, call: Call, role: int, moment: Moment) -> None:
        if call.number < 0:
            call.number = self.numbers.take()
        if call.answered is None:
            call.answered = moment
        failed = role == REPLY_ERROR or call.refused
        call.outcome = ERROR if failed else OK
        if call.cancelled and failed:
            call.outcome = CANCELLED
        self.done.append(call)

    def _ask(self, role: int, place: tuple[int, Hashable], item: Item, moment: Moment) -> None:
        before = self.open.pop(place, None)
        if before is not None:
            # Its id is used again: no answer to the first will come.
            self.give_up(before)
        elif role == ASK_MAYBE and (1 - place[0], place[1]) in self.open:
            # The other side's id, come back: an answer.
            return
        number = self.numbers.take() if role != ASK_MAYBE else -1
        call = Call(number, item.kind, item.name, moment.sender, moment, self.turn)
        call.is_open = role == ASK_OPEN
        if place in self.early and self._was_answered(place, call):
            return
        self.open[place] = call
        if len(self.open) > self.most:
            self.overflow()

    def _come_early(self, place: tuple[int, Hashable], role: int, moment: Moment) -> None:
        self.early.setdefault(place, []).append((role, moment))
        self.early_count += 1
        if self.early_count > self.most:
            self.early_count -= len(self.early.pop(next(iter(self.early))))

    def _was_answered(self, place: tuple[int, Hashable], call: Call) -> bool:
        """Settle a call whose answer was read before it, if there is one."""
        answers = self.early.pop(place)
        self.early_count -= len(answers)
        later = [each for each in answers if each[1].packet_first > call.asked.packet_last]
        if not later:
            return False
        (role, moment), *rest = later
        if rest:
            self.early[place] = rest
            self.early_count += len(rest)
        self._answer(call, role, moment)
        return True

    def overflow(self) -> None:
        """Give up the oldest call: too many wait."""
        _, oldest = self.open.popitem(last=False)
        if oldest.number >= 0 and not oldest.is_open:
            # Programs that answer nothing let such calls wait by the thousand.
            self.numbers.limited = True
        self.give_up(oldest)

    def give_up(self, call: Call) -> None:
        """Settle a call that gets no answer, or none any more."""
        if call.number < 0:
            return
        if call.cancelled:
            call.outcome = CANCELLED
        elif call.answered is not None:
            call.outcome = ERROR if call.refused else OK
        elif self._may_be_lost(call):
            call.outcome = LOST
        self.done.append(call)

    def has(self, caller: int, key: Hashable) -> bool:
        """Return whether a call waits, or its answer."""
        return (caller, key) in self.open or (caller, key) in self.early

    def answers(self, sender: int, key: Hashable) -> bool:
        """Return whether the other side waits for an answer with this key."""
        return (1 - sender, key) in self.open

    def lost(self, sender: int) -> None:
        """Note that something that a side sent was lost, or could not be read."""
        self.gaps[sender] = self.turn
        self.behind[sender] = _OPEN

    def hear(self, moment: Moment) -> None:
        """Count a message: what was lost of its side was before it."""
        self.turn += 1
        if self.behind[moment.sender] == _OPEN:
            self.behind[moment.sender] = moment.packet_first

    @property
    def is_whole(self) -> bool:
        """Whether each side was heard since something of it was lost."""
        return _OPEN not in self.behind

    def _may_be_lost(self, call: Call) -> bool:
        """Return whether bytes that may have held its answer were lost."""
        if call.asked.packet_last < self.astray[0]:
            return True
        side = 1 - call.caller
        # A hole is noted when it is clear that nothing fills it, maybe long after it.
        return self.gaps[side] >= call.turn and call.asked.packet_last < self.behind[side]

    def finish(self) -> None:
        """Settle what waits: no answer will come."""
        for call in self.open.values():
            self.give_up(call)
        self.open = OrderedDict()
