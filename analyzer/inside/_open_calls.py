"""Open calls: those that wait for their answers on the quick way, without objects.

Knows conversations by slot, ids that are whole numbers, and labels. Must not know how messages
look. The first of the kernels of the quick way (see _quick).

A call is a row of numbers, found by its conversation, its caller and its id. `settle` makes the
rows of one conversation what decoders know, and moves them into its book.
"""

from __future__ import annotations

import os
from typing import Any

import cython
import numpy as np

from analyzer.inside.calls import Call, Moment
from analyzer.inside.protocol import HEARTBEAT

_NULL = cython.declare(cython.longlong, -(2**63))
_SOCKET_IO = cython.declare(cython.int, 1)
_ANY_JSON = cython.declare(cython.int, 3)

# Columns of calls that wait.
_KEY = cython.declare(cython.int, 0)  # 2 * lane + caller
_ID = cython.declare(cython.int, 1)
_NUMBER = cython.declare(cython.int, 2)  # -1 while it is not sure to be a call
_LABEL = cython.declare(cython.int, 3)
_MESSAGE = cython.declare(cython.int, 4)
_PACKET_FIRST = cython.declare(cython.int, 5)
_PACKET_LAST = cython.declare(cython.int, 6)
_TIME_FIRST = cython.declare(cython.int, 7)
_TIME_LAST = cython.declare(cython.int, 8)
_TURN = cython.declare(cython.int, 9)
_NEXT = cython.declare(cython.int, 10)  # in its chain of the hash table; of those free
_OLDER = cython.declare(cython.int, 11)  # in its lane
_NEWER = cython.declare(cython.int, 12)
_CALL_COLUMNS = cython.declare(cython.int, 13)

DONE_COLUMNS = (
    *("sequence", "connection", "label", "caller", "request", "reply"),
    *("request_packet", "reply_packet", "requested_at", "reply_ns", "number"),
)
"""Columns of calls that are over; all were answered well."""

# Columns of lanes.
_PROTOCOL = cython.declare(cython.int, 0)
_CONNECTION = cython.declare(cython.int, 1)
_TURNS = cython.declare(cython.int, 2)
_OLDEST = cython.declare(cython.int, 3)
_NEWEST = cython.declare(cython.int, 4)
_COUNT = cython.declare(cython.int, 5)
_MOST = cython.declare(cython.int, 6)
_BEAT = cython.declare(cython.int, 7)  # label of heartbeats
_OTHERS = cython.declare(cython.int, 8)  # calls that wait in the book
_LANE_COLUMNS = cython.declare(cython.int, 9)

_CALLS = cython.declare(cython.Py_ssize_t, 256)
_MASK = cython.declare(cython.ulonglong, 2**64 - 1)


def _more(array: Any, rows: int) -> Any:
    """Return a 2-D array with room for more rows."""
    wider = np.zeros((rows, array.shape[1]), np.int64)
    wider[: len(array)] = array
    return wider


@cython.cclass
class OpenCalls:
    """The calls of a run that wait on the quick way, and what is known of their messages.

    Args:
        numbers: of calls.
        labels: of the run.
    """

    def __init__(self, numbers: Any, labels: Any) -> None:
        self.numbers = numbers
        self.labels = labels
        self.next_number = 0
        self.slots = np.full(64, -1, np.int64)
        self.lanes = np.zeros((64, _LANE_COLUMNS), np.int64)
        self.talks, self.decoders, self.names, self.free_lanes = [], [], [], []
        self.calls = np.zeros((_CALLS, _CALL_COLUMNS), np.int64)
        self.free_call = -1
        self._free_from(0, _CALLS)
        self.buckets = np.full(2 * _CALLS, -1, np.int64)
        self.factor = int.from_bytes(os.urandom(8), "little") | 1
        self.answers = np.full(64, -1, np.int64)
        self.done = np.zeros((256, 11), np.int64)
        self.done_count = 0
        self.sequence = 0
        self.moments = np.zeros((6, 0), np.int64)
        self.flags = np.zeros(0, np.int8)
        self.ids = np.zeros(0, np.int64)
        self.replies = np.zeros(0, np.int64)

    @cython.cfunc
    def _free_from(self, begin: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.int:
        i: cython.Py_ssize_t
        for i in range(begin, end):
            self.calls[i, _NEXT] = self.free_call
            self.free_call = i
        return 0

    # --- conversations

    def enter(self, slot: int, talk: Any, protocol: int, decoder: Any) -> None:
        """Let a conversation go the quick way.

        Args:
            slot: of its connection.
            talk: it.
            protocol: 1 for Socket.IO, 2 for JSON-RPC, 3 for other JSON.
            decoder: the conversation's for other JSON; None.
        """
        if slot >= len(self.slots):
            wider = np.full(max(2 * len(self.slots), slot + 1), -1, np.int64)
            wider[: len(self.slots)] = self.slots
            self.slots = wider
        if self.slots[slot] < 0:
            if self.free_lanes:
                lane = self.free_lanes.pop()
            else:
                lane = len(self.talks)
                self.talks.append(None)
                self.decoders.append(None)
                self.names.append(None)
                if lane >= len(self.lanes):
                    self.lanes = _more(np.asarray(self.lanes), 2 * lane)
            self.slots[slot] = lane
            self.names[lane] = ({}, {})
            self.lanes[lane, _OLDEST] = self.lanes[lane, _NEWEST] = -1
            self.lanes[lane, _COUNT] = 0
        lane = self.slots[slot]
        self.talks[lane] = talk
        self.decoders[lane] = decoder
        self.lanes[lane, _PROTOCOL] = protocol
        self.lanes[lane, _CONNECTION] = talk.connection
        book = talk.book
        self.lanes[lane, _TURNS] = book.turn
        self.lanes[lane, _MOST] = book.most
        self.lanes[lane, _OTHERS] = len(book)
        beat = talk.number(HEARTBEAT, None, None) if protocol == _SOCKET_IO else -1
        self.lanes[lane, _BEAT] = beat

    def goes(self, slot: int) -> bool:
        """Return whether messages of a slot go it."""
        return slot < len(self.slots) and self.slots[slot] >= 0

    def settle(self, slot: int) -> None:
        """Let the book of a slot's conversation have all that is known here."""
        if not self.goes(slot):
            return
        lane: cython.Py_ssize_t = self.slots[slot]
        talk = self.talks[lane]
        book = talk.book
        turns = int(self.lanes[lane, _TURNS])
        if turns > book.turn:
            # Some were read here.
            book.turn, talk.failed = turns, 0
        entry: cython.longlong = self.lanes[lane, _OLDEST]
        if entry < 0:
            return
        is_socket_io = self.lanes[lane, _PROTOCOL] == _SOCKET_IO
        is_any = self.lanes[lane, _PROTOCOL] == _ANY_JSON
        kind = "event" if is_socket_io else "json" if is_any else "request"
        while entry >= 0:
            row = [int(cell) for cell in self.calls[entry]]
            caller = row[_KEY] & 1
            told = str(row[_ID])
            key = ("/", told) if is_socket_io else told.encode()
            asked = Moment(caller, *row[_MESSAGE : _TIME_LAST + 1])
            name = self.labels.known[row[_LABEL]].name
            call = Call(row[_NUMBER], kind, name, caller, asked, row[_TURN])
            # Later than all that the book has: calls enter it only while none waits here.
            book.open[caller, key] = call
            following: cython.longlong = self.calls[entry, _NEWER]
            self._remove(entry)
            entry = following

    def leave(self, slot: int, *, is_over: bool = False) -> None:
        """Note that a conversation no longer has it; nothing more is said if it is over."""
        if not self.goes(slot):
            return
        lane: cython.Py_ssize_t = self.slots[slot]
        if is_over and self.lanes[lane, _PROTOCOL] == _ANY_JSON:
            # What was never answered is no call.
            while self.lanes[lane, _OLDEST] >= 0:
                self._remove(self.lanes[lane, _OLDEST])
        self.settle(slot)
        self.slots[slot] = -1
        self.talks[lane] = self.decoders[lane] = self.names[lane] = None
        self.free_lanes.append(lane)

    # --- batches

    def begin(self, moments: Any) -> None:
        """Take the columns of Moment for the messages of a batch: int64, (6, messages)."""
        self.moments = moments

    def reserve(self, places: int) -> None:
        """Make room for what is known of messages, by their places."""
        have = len(self.flags)
        if places <= have:
            return
        more = np.zeros(max(places, 2 * have, 256) - have, np.int64)
        self.flags = np.concatenate([self.flags, more.astype(np.int8)])
        self.ids = np.concatenate([self.ids, more])
        self.replies = np.concatenate([self.replies, more])

    def plain_of(self, places: Any) -> tuple[Any, Any, Any]:
        """Return what is known of messages besides their labels.

        Args:
            places: int64; none beyond what was reserved is known.

        Returns:
            int8: ASKS or ANSWERS of inside.labels, or 0; int64: ids; int64: ns from request to
            answer, or NULL.
        """
        room = len(self.flags)
        inside = np.where(places < room, places, 0)
        if not room:
            none = np.zeros(len(inside), np.int64)
            return none.astype(np.int8), none, none
        flags = np.where(places < room, np.asarray(self.flags)[inside], 0)
        return flags, np.asarray(self.ids)[inside], np.asarray(self.replies)[inside]

    def take_plain(self, places: Any) -> tuple[Any, Any, Any]:
        """Return the same for messages that leave, and forget it."""
        out = self.plain_of(places)
        flags = np.asarray(self.flags)
        if len(flags):
            flags[places[places < len(flags)]] = 0
        return out

    def take_done(self) -> Any:
        """Return the calls that are over, int64 by DONE_COLUMNS, once."""
        done = np.asarray(self.done)[: self.done_count].copy()
        self.done_count = 0
        return done

    def next_sequence(self) -> int:
        """Return a number that says when a call was over, among all."""
        self.sequence += 1
        return int(self.sequence)

    @cython.cfunc
    def _ask(
        self,
        lane: cython.Py_ssize_t,
        at: cython.Py_ssize_t,
        place: cython.Py_ssize_t,
        number: cython.longlong,
        label: cython.longlong,
    ) -> cython.bint:
        """Begin a call; False where its id is in use, or too many wait: that is for the book."""
        key: cython.longlong = 2 * lane + self.moments[0, at]
        waiting: cython.longlong = self.lanes[lane, _COUNT] + self.lanes[lane, _OTHERS]
        if waiting >= self.lanes[lane, _MOST]:
            return False
        if self.lanes[lane, _OTHERS] and self._is_in_book(lane, key, number):
            return False
        bucket: cython.Py_ssize_t = self._bucket(key, number)
        if self._find(key, number, bucket) >= 0:
            return False
        self._wait(lane, at, place, number, label)
        entry: cython.longlong = self.lanes[lane, _NEWEST]
        self.calls[entry, _NUMBER] = self.next_number
        self.next_number += 1
        return True

    @cython.cfunc
    def _wait(
        self,
        lane: cython.Py_ssize_t,
        at: cython.Py_ssize_t,
        place: cython.Py_ssize_t,
        number: cython.longlong,
        label: cython.longlong,
    ) -> cython.int:
        """Let a call without a number wait, as the newest of its conversation."""
        key: cython.longlong = 2 * lane + self.moments[0, at]
        if self.free_call < 0:
            have: cython.Py_ssize_t = len(self.calls)
            self.calls = _more(np.asarray(self.calls), 2 * have)
            self._free_from(have, 2 * have)
            self._spread_buckets()
        bucket: cython.Py_ssize_t = self._bucket(key, number)
        entry: cython.longlong = self.free_call
        self.free_call = self.calls[entry, _NEXT]
        self.calls[entry, _KEY] = key
        self.calls[entry, _ID] = number
        self.calls[entry, _NUMBER] = -1
        self.calls[entry, _LABEL] = label
        column: cython.int
        for column in range(5):
            self.calls[entry, _MESSAGE + column] = self.moments[1 + column, at]
        # The turn of this message, which counts when it is read.
        self.calls[entry, _TURN] = self.lanes[lane, _TURNS] + 1
        self.calls[entry, _NEXT] = self.buckets[bucket]
        self.buckets[bucket] = entry
        newest: cython.longlong = self.lanes[lane, _NEWEST]
        self.calls[entry, _OLDER] = newest
        self.calls[entry, _NEWER] = -1
        if newest >= 0:
            self.calls[newest, _NEWER] = entry
        else:
            self.lanes[lane, _OLDEST] = entry
        self.lanes[lane, _NEWEST] = entry
        self.lanes[lane, _COUNT] += 1
        self.flags[place] = 1  # ASKS
        self.ids[place] = number
        self.replies[place] = _NULL
        return 0

    @cython.cfunc
    def _answer(
        self,
        lane: cython.Py_ssize_t,
        at: cython.Py_ssize_t,
        place: cython.Py_ssize_t,
        number: cython.longlong,
    ) -> cython.int:
        """End a call; 0 if it does not wait here: the book may have it."""
        key: cython.longlong = 2 * lane + 1 - self.moments[0, at]
        entry: cython.longlong = self._find(key, number, self._bucket(key, number))
        if entry < 0:
            return 0
        label: cython.longlong = self.calls[entry, _LABEL]
        answer: cython.longlong = self.answers[label] if label < len(self.answers) else -1
        if answer < 0:
            answer = self._answer_label(lane, label)
            if answer < 0:
                return 0
        self._end_call(lane, at, place, entry)
        return answer

    @cython.cfunc
    def _end_call(
        self,
        lane: cython.Py_ssize_t,
        at: cython.Py_ssize_t,
        place: cython.Py_ssize_t,
        entry: cython.longlong,
    ) -> cython.int:
        """End a call that waits, with its answer."""
        if self.calls[entry, _NUMBER] < 0:
            self.calls[entry, _NUMBER] = self.next_number
            self.next_number += 1
        if self.done_count >= len(self.done):
            self.done = _more(np.asarray(self.done), 2 * self.done_count)
        i: cython.Py_ssize_t = self.done_count
        self.done_count += 1
        self.sequence += 1
        asked: cython.longlong = self.calls[entry, _TIME_FIRST]
        answered: cython.longlong = self.moments[5, at]
        known: cython.bint = asked != _NULL and answered != _NULL
        reply: cython.longlong = answered - asked if known else _NULL
        self.done[i, 0] = self.sequence
        self.done[i, 1] = self.lanes[lane, _CONNECTION]
        self.done[i, 2] = self.calls[entry, _LABEL]
        self.done[i, 3] = self.calls[entry, _KEY] & 1
        self.done[i, 4] = self.calls[entry, _MESSAGE]
        self.done[i, 5] = self.moments[1, at]
        self.done[i, 6] = self.calls[entry, _PACKET_FIRST]
        self.done[i, 7] = self.moments[3, at]
        self.done[i, 8] = asked
        self.done[i, 9] = reply
        self.done[i, 10] = self.calls[entry, _NUMBER]
        self.flags[place] = 2  # ANSWERS
        self.ids[place] = self.calls[entry, _ID]
        self.replies[place] = reply
        self._remove(entry)
        return 0

    @cython.cfunc
    def _answer_label(self, lane: cython.Py_ssize_t, label: cython.longlong) -> cython.longlong:
        """Return the label of the answers to requests of a label; -1: there is no room for it."""
        asked = self.labels.known[label]
        kind = "ack" if self.lanes[lane, _PROTOCOL] == _SOCKET_IO else "response"
        answer = self.talks[lane].number(kind, asked.name, asked.topic)
        if label >= len(self.answers):
            more = np.full(2 * int(label) + 1 - len(self.answers), -1, np.int64)
            self.answers = np.concatenate([self.answers, more])
        self.answers[label] = answer
        return answer

    # --- calls that wait

    @cython.cfunc
    def _is_in_book(
        self, lane: cython.Py_ssize_t, key: cython.longlong, number: cython.longlong
    ) -> cython.bint:
        """Return whether the book has a call that waits with this id."""
        told = str(int(number))
        is_socket_io = self.lanes[lane, _PROTOCOL] == _SOCKET_IO
        return self.talks[lane].book.has(
            int(key) & 1, ("/", told) if is_socket_io else told.encode()
        )

    @cython.cfunc
    def _bucket(self, key: cython.longlong, number: cython.longlong) -> cython.Py_ssize_t:
        """Return where a call is searched.

        The factor is random, so that no traffic can put all its ids into one bucket.
        """
        mixed: cython.ulonglong
        if cython.compiled:
            mixed = cython.cast(cython.ulonglong, number) * 64 + key
        else:
            mixed = (int(number) * 64 + int(key)) & _MASK
        mixed = (mixed * self.factor) & _MASK
        return (mixed >> 32) & (len(self.buckets) - 1)

    @cython.cfunc
    def _spread_buckets(self) -> cython.int:
        """Put the calls that wait into twice as many buckets."""
        before = np.asarray(self.buckets)
        self.buckets = np.full(2 * len(before), -1, np.int64)
        for entry in before.tolist():
            while entry >= 0:
                following = int(self.calls[entry, _NEXT])
                bucket: cython.Py_ssize_t = self._bucket(
                    self.calls[entry, _KEY], self.calls[entry, _ID]
                )
                self.calls[entry, _NEXT] = self.buckets[bucket]
                self.buckets[bucket] = entry
                entry = following
        return 0

    @cython.cfunc
    def _find(
        self, key: cython.longlong, number: cython.longlong, bucket: cython.Py_ssize_t
    ) -> cython.longlong:
        """Return the entry of a call; -1 without one."""
        entry: cython.longlong = self.buckets[bucket]
        while entry >= 0:
            if self.calls[entry, _KEY] == key and self.calls[entry, _ID] == number:
                break
            entry = self.calls[entry, _NEXT]
        return entry

    @cython.cfunc
    def _remove(self, entry: cython.longlong) -> cython.int:
        """Remove a call from those that wait."""
        key: cython.longlong = self.calls[entry, _KEY]
        lane: cython.Py_ssize_t = key >> 1
        bucket: cython.Py_ssize_t = self._bucket(key, self.calls[entry, _ID])
        before: cython.longlong = self.buckets[bucket]
        if before == entry:
            self.buckets[bucket] = self.calls[entry, _NEXT]
        else:
            while self.calls[before, _NEXT] != entry:
                before = self.calls[before, _NEXT]
            self.calls[before, _NEXT] = self.calls[entry, _NEXT]
        older: cython.longlong = self.calls[entry, _OLDER]
        newer: cython.longlong = self.calls[entry, _NEWER]
        if older >= 0:
            self.calls[older, _NEWER] = newer
        else:
            self.lanes[lane, _OLDEST] = newer
        if newer >= 0:
            self.calls[newer, _OLDER] = older
        else:
            self.lanes[lane, _NEWEST] = older
        self.lanes[lane, _COUNT] -= 1
        self.calls[entry, _NEXT] = self.free_call
        self.free_call = entry
        return 0
