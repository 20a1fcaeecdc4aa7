"""Messages of conversations whose protocol is not clear yet: they wait here, oldest first.

What says nothing to any protocol is taken by the run, without an object for each: tens of thousands
of connections may begin at once, and the first messages of each wait. The others are for the
recogniser, which learns what was taken before. Knows conversations by slot (sessions over plain
HTTP by their negative number); must not know protocols. Used by inside.stage.
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

from analyzer.inside.calls import Moment
from analyzer.inside.talk import Waiting

if cython.compiled:
    from cython.cimports.analyzer.inside._mute import Mute
else:
    from analyzer.inside._mute import Mute

# Columns of lanes.
_SLOT = cython.declare(cython.int, 0)
_TAKES = cython.declare(cython.int, 1)  # mute messages go without the recogniser
_TRIES = cython.declare(cython.int, 2)  # that are left, and looks
_LOOKS = cython.declare(cython.int, 3)
_LOOKED = cython.declare(cython.int, 4)  # what the recogniser does not know of yet
_SAID = cython.declare(cython.int, 5)  # by the client; behind it by the server
_FIRST = cython.declare(cython.int, 7)  # its entries
_LAST = cython.declare(cython.int, 8)
_COUNT = cython.declare(cython.int, 9)
_WEIGHT = cython.declare(cython.int, 10)
_OLDER = cython.declare(cython.int, 11)  # of the lanes in which something waits
_NEWER = cython.declare(cython.int, 12)
_PASSED = cython.declare(cython.int, 13)  # its rows no longer wait
_LANE_COLUMNS = cython.declare(cython.int, 14)

# Columns of entries.
_PLACE = cython.declare(cython.int, 0)
_TEXT = cython.declare(cython.int, 1)
_MOMENT = cython.declare(cython.int, 2)
_PACKET_LAST = cython.declare(cython.int, 3)  # among the columns of a Moment
_NEXT = cython.declare(cython.int, 8)
_COLUMNS = cython.declare(cython.int, 9)

_NONE = cython.declare(cython.longlong, -1)
_UNHEARD = cython.declare(cython.longlong, -2)
_SAYS_NOTHING = cython.declare(cython.Py_ssize_t, 2)  # as in inside.recognition


def _more(array: Any, rows: int) -> Any:
    """Return a 2-D array with room for more rows."""
    wider = np.zeros((rows, array.shape[1]), np.int64)
    wider[: len(array)] = array
    return wider


@cython.cclass
class Unclear:
    """Holds what waits of all conversations of a run.

    Args:
        most: messages that may wait (inside_wait_messages).
        most_bytes: of their payload (max_inside_wait_bytes).

    Attributes:
        count: messages that wait; held_bytes: of their payload.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self.most, self.most_bytes = most, most_bytes
        self.count = self.held_bytes = 0
        self.exhausted: list[int] = []
        self.slots = np.full(64, _NONE, np.int64)
        self.members: dict[int, int] = {}
        self.lanes = np.zeros((64, _LANE_COLUMNS), np.int64)
        self.mutes, self.free_lanes = [], []
        self.oldest = self.newest = -1
        self.entries = np.zeros((0, _COLUMNS), np.int64)
        self.payloads: list[Any] = []
        self.free_entry = -1
        self.told: set[str] = set()
        self.limits: list[tuple[str, int, int]] = []
        self.passed: list[int] = []

    # --- conversations

    def enter(self, slot: int, mute: Any, tries: int, looks: int) -> None:
        """Let the run take mute messages of a conversation.

        Args:
            slot: of its connection.
            mute: tells them from others.
            tries: of the recogniser, that are left.
            looks: the same with heartbeats.
        """
        lane: cython.longlong = self._lane_of(slot)
        self.mutes[lane] = mute
        self.lanes[lane, _TAKES] = 1
        self.lanes[lane, _TRIES] = tries
        self.lanes[lane, _LOOKS] = looks

    def goes(self, slot: int) -> bool:
        """Return whether `run` may take messages of a slot."""
        if slot >= len(self.slots):
            return False
        lane: cython.longlong = self.slots[slot]
        return bool(lane == _UNHEARD or (lane >= 0 and self.lanes[lane, _TAKES]))

    def learn(self, slot: int) -> tuple[int, int, int]:
        """Return what the recogniser must know, once: looks, and tries of each side.

        Until it enters again, the conversation's messages are all for the recogniser.
        """
        lane: cython.longlong = self._lane_of(slot)
        looked, *said = (int(self.lanes[lane, column]) for column in range(_LOOKED, _SAID + 2))
        for column in range(_LOOKED, _SAID + 2):
            self.lanes[lane, column] = 0
        self.lanes[lane, _TAKES] = 0
        return looked, said[0], said[1]

    def leave(self, slot: int, *, is_over: bool) -> None:
        """Forget a conversation and what waits of it; what it says until it is over, is skipped.

        Args:
            slot: of its connection, or number of a session.
            is_over: the connection has ended: the slot is free for another.
        """
        if slot >= len(self.slots):
            return
        lane: cython.longlong = self.slots[slot] if slot >= 0 else self.members.pop(slot, -1)
        if lane >= 0:
            if self.lanes[lane, _COUNT]:
                self._unlink(lane)
            self.mutes[lane] = None
            self.free_lanes.append(int(lane))
        if slot >= 0:
            self.slots[slot] = _NONE if is_over else _UNHEARD

    @cython.cfunc
    def _lane_of(self, slot: cython.longlong) -> cython.longlong:
        """Return the lane of a conversation; a new one where it has none."""
        lane: cython.longlong
        column: cython.int
        if slot >= len(self.slots):
            wider = np.full(max(2 * len(self.slots), int(slot) + 1), _NONE, np.int64)
            wider[: len(self.slots)] = self.slots
            self.slots = wider
        lane = self.slots[slot] if slot >= 0 else self.members.get(int(slot), -1)
        if lane >= 0:
            return lane
        if self.free_lanes:
            lane = self.free_lanes.pop()
        else:
            lane = len(self.mutes)
            self.mutes.append(None)
            if lane >= len(self.lanes):
                self.lanes = _more(np.asarray(self.lanes), 2 * int(lane))
        for column in range(_LANE_COLUMNS):
            self.lanes[lane, column] = 0
        self.lanes[lane, _SLOT] = slot
        self.lanes[lane, _FIRST] = self.lanes[lane, _LAST] = -1
        if slot >= 0:
            self.slots[slot] = lane
        else:
            self.members[int(slot)] = int(lane)
        return lane

    # --- messages

    def run(
        self,
        at: cython.Py_ssize_t,
        payloads: list[Any],
        places: cython.longlong[::1],
        slots: cython.longlong[::1],
        texts: cython.uchar[::1],
        moments: cython.longlong[:, ::1],
    ) -> cython.Py_ssize_t:
        """Take mute messages from `at` on; return the first that is not taken.

        One by which a conversation is exhausted is the last that is heard of it.

        Args:
            at: index of a message.
            payloads: of the batch's messages; None where it is not known.
            places: of their rows; negative where bytes were lost.
            slots: of their connections.
            texts: which are text.
            moments: shape (fields of a Moment, messages).
        """
        count: cython.Py_ssize_t = len(places)
        known: cython.Py_ssize_t = len(self.slots)
        lane: cython.longlong
        payload: bytes | None
        mute: Mute
        says: cython.int
        while at < count and slots[at] < known:
            lane = self.slots[slots[at]]
            if lane == _UNHEARD:
                at += 1
                continue
            if lane < 0 or places[at] < 0 or not self.lanes[lane, _TAKES]:
                break
            payload = payloads[at]
            if payload is None:
                break
            mute = self.mutes[lane]
            if not mute._is_mute(payload, texts[at]):
                break
            says = len(payload) > _SAYS_NOTHING
            self.lanes[lane, _LOOKED] += 1
            self.lanes[lane, _LOOKS] -= 1
            self.lanes[lane, _TRIES] -= says
            self.lanes[lane, _SAID + moments[0, at]] += says
            if self.lanes[lane, _TRIES] <= 0 or self.lanes[lane, _LOOKS] <= 0:
                slot = int(slots[at])
                self.leave(slot, is_over=False)
                self.exhausted.append(slot)
                self.passed.append(slot)
            else:
                self._wait(lane, places[at], payload, texts[at], moments, at)
            at += 1
        return at

    def wait(self, slot: int, message: Any) -> None:
        """Let a message wait."""
        moments = np.array(message.moment, np.int64).reshape(-1, 1)
        lane: cython.longlong = self._lane_of(slot)
        self._wait(lane, message.place, message.payload, message.is_text, moments, 0)

    def waiting(self, slot: int) -> list[Any]:
        """Return the messages of a conversation that wait."""
        lane: cython.longlong = self._lane_of(slot)
        entry: cython.longlong = self.lanes[lane, _FIRST]
        found = []
        while entry >= 0:
            cells = np.asarray(self.entries[entry]).tolist()
            moment = Moment(*cells[_MOMENT:_NEXT])
            found.append(Waiting(cells[_PLACE], self.payloads[entry], bool(cells[_TEXT]), moment))
            entry = self.entries[entry, _NEXT]
        return found

    def has_passed(self, slot: int) -> bool:
        """Return whether something of a conversation waited too long: its rows wait no longer."""
        lane: cython.longlong = self._lane_of(slot)
        return bool(self.lanes[lane, _PASSED])

    def take_passed(self) -> tuple[list[tuple[str, int, int]], list[int], list[int]]:
        """Return what waits no longer because too much waits, or the run exhausted it, once.

        Returns:
            Limits that were reached for the first time, each with a slot and a packet; slots;
            those of them that are exhausted.
        """
        found = self.limits, self.passed, self.exhausted
        self.limits, self.passed, self.exhausted = [], [], []
        return found

    @cython.cfunc
    def _wait(
        self,
        lane: cython.longlong,
        place: cython.longlong,
        payload: Any,
        is_text: cython.bint,
        moments: cython.longlong[:, ::1],
        at: cython.Py_ssize_t,
    ) -> cython.int:
        size: cython.Py_ssize_t = 0 if payload is None else len(payload)
        column: cython.int
        if self.free_entry < 0:
            self._grow()
        entry: cython.longlong = self.free_entry
        self.free_entry = self.entries[entry, _NEXT]
        self.entries[entry, _PLACE] = place
        self.entries[entry, _TEXT] = is_text
        for column in range(6):
            self.entries[entry, _MOMENT + column] = moments[column, at]
        self.entries[entry, _NEXT] = -1
        self.payloads[entry] = payload
        if self.lanes[lane, _COUNT]:
            self.entries[self.lanes[lane, _LAST], _NEXT] = entry
        else:
            self.lanes[lane, _FIRST] = entry
            self._link(lane)
        self.lanes[lane, _LAST] = entry
        self.lanes[lane, _COUNT] += 1
        self.lanes[lane, _WEIGHT] += size
        self.count += 1
        self.held_bytes += size
        while self.count > self.most or self.held_bytes > self.most_bytes:
            self._let_pass(moments[_PACKET_LAST, at])
        return 0

    @cython.cfunc
    def _let_pass(self, packet: cython.longlong) -> cython.int:
        """Forget what waits longest; what comes later may still be recognised."""
        slot = int(self.lanes[self.oldest, _SLOT])
        name = "inside_wait_messages" if self.count > self.most else "max_inside_wait_bytes"
        if name not in self.told:
            self.told.add(name)
            self.limits.append((name, slot, int(packet)))
        self.lanes[self.oldest, _PASSED] = 1
        self._unlink(self.oldest)
        self.passed.append(slot)
        return 0

    @cython.cfunc
    def _link(self, lane: cython.longlong) -> cython.int:
        """Put a lane behind all others in which something waits."""
        self.lanes[lane, _OLDER] = self.newest
        self.lanes[lane, _NEWER] = -1
        if self.newest >= 0:
            self.lanes[self.newest, _NEWER] = lane
        else:
            self.oldest = lane
        self.newest = lane
        return 0

    @cython.cfunc
    def _unlink(self, lane: cython.longlong) -> cython.int:
        """Forget what waits in a lane, and take it out of the order."""
        entry: cython.longlong = self.lanes[lane, _FIRST]
        while entry >= 0:
            following: cython.longlong = self.entries[entry, _NEXT]
            self.payloads[entry] = None
            self.entries[entry, _NEXT] = self.free_entry
            self.free_entry = entry
            entry = following
        older: cython.longlong = self.lanes[lane, _OLDER]
        newer: cython.longlong = self.lanes[lane, _NEWER]
        if older >= 0:
            self.lanes[older, _NEWER] = newer
        else:
            self.oldest = newer
        if newer >= 0:
            self.lanes[newer, _OLDER] = older
        else:
            self.newest = older
        self.count -= self.lanes[lane, _COUNT]
        self.held_bytes -= self.lanes[lane, _WEIGHT]
        self.lanes[lane, _FIRST] = self.lanes[lane, _LAST] = -1
        self.lanes[lane, _COUNT] = self.lanes[lane, _WEIGHT] = 0
        return 0

    @cython.cfunc
    def _grow(self) -> cython.int:
        """Make room for more entries."""
        have: cython.Py_ssize_t = len(self.payloads)
        room: cython.Py_ssize_t = 2 * have if have else 64
        self.entries = _more(np.asarray(self.entries), int(room))
        self.payloads += [None] * int(room - have)
        entry: cython.longlong
        for entry in range(have, room):
            self.entries[entry, _NEXT] = self.free_entry
            self.free_entry = entry
        return 0
