"""The quick way: events of Socket.IO, calls of JSON-RPC, other JSON, without much for each message.

Takes messages one after the other as long as they are plain: text, one item, an id that is a whole
number, of a conversation whose protocol is clear. At the first that is anything else it stops, and
the stage reads that one with the protocol's decoder, which has to see the calls that wait here.
What both ways say of a message is the same; tests compare them. Knows the packets of Socket.IO (a
digit of Engine.IO, a digit, digits of an id, an array) and members of JSON; must not know
rows of tables. Used by inside.stage.
"""

from __future__ import annotations

from typing import Any

import cython

from analyzer.inside._compact import compact
from analyzer.inside._members import MAX_DIGITS
from analyzer.inside._naming import MAX_NAME
from analyzer.inside.json_hints import IDS, KEYS

if cython.compiled:
    from cython.cimports.analyzer.inside._asked import Asked
    from cython.cimports.analyzer.inside._members import Members, whole
    from cython.cimports.analyzer.inside._naming import Names
    from cython.cimports.analyzer.inside._publications import Publications
else:
    from analyzer.inside._asked import Asked
    from analyzer.inside._members import Members, whole
    from analyzer.inside._naming import Names
    from analyzer.inside._publications import Publications

_NULL = cython.declare(cython.longlong, -(2**63))
_SOCKET_IO = cython.declare(cython.int, 1)
_ANY_JSON = cython.declare(cython.int, 3)
_MAX_DIGITS = cython.declare(cython.Py_ssize_t, MAX_DIGITS)
_MAX_NAME = cython.declare(cython.Py_ssize_t, MAX_NAME)
_EVENT = cython.declare(cython.int, 0)
_REQUEST = cython.declare(cython.int, 1)
_NOTIFICATION = cython.declare(cython.int, 2)

# Members of JSON-RPC, and of other JSON, by their places among those that are wanted.
_VERSION = cython.declare(cython.int, 0)
_METHOD = cython.declare(cython.int, 1)
_TOKEN = cython.declare(cython.int, 2)
_ERROR = cython.declare(cython.int, 3)
_RESULT = cython.declare(cython.int, 4)
_FIRST_ID = cython.declare(cython.int, len(KEYS))
_LAST_ID = cython.declare(cython.int, len(KEYS) + len(IDS))  # behind them is the error

# Columns of lanes, as in _open_calls.
_PROTOCOL = cython.declare(cython.int, 0)
_TURNS = cython.declare(cython.int, 2)
_OLDEST = cython.declare(cython.int, 3)
_COUNT = cython.declare(cython.int, 5)
_MOST = cython.declare(cython.int, 6)
_BEAT = cython.declare(cython.int, 7)
_OTHERS = cython.declare(cython.int, 8)
_LABEL = cython.declare(cython.int, 3)  # of calls that wait

_MEMBER = cython.declare(cython.int, 3)  # of publications, as in _publications


@cython.cclass
class Quick(Names):
    """Reads the messages of a run that are plain.

    Args:
        numbers: of calls.
        labels: of the run.
        spreading: topics of the run.
    """

    def __init__(self, numbers: Any, labels: Any, spreading: Any) -> None:
        Names.__init__(self, numbers, labels)
        self.spreading = spreading
        self.publications: Publications = spreading.publications
        self.calling = Members(("jsonrpc", "method", "id", "error", "result"))

    def run(
        self,
        at: cython.Py_ssize_t,
        payloads: list[Any],
        places: cython.longlong[::1],
        slots: cython.longlong[::1],
        texts: cython.uchar[::1],
        codes: cython.int[::1],
    ) -> cython.Py_ssize_t:
        """Read messages from `at` on; return the first that is not plain.

        Args:
            at: index of a message.
            payloads: of the batch's messages; None where it is not known.
            places: of their rows; negative where bytes were lost.
            slots: of their connections.
            texts: which are text.
            codes: labels, by place.
        """
        count: cython.Py_ssize_t = len(places)
        known: cython.Py_ssize_t = len(self.slots)
        code: cython.int
        lane: cython.Py_ssize_t
        self.next_number = self.numbers.next
        while at < count:
            if places[at] < 0 or slots[at] >= known or not texts[at]:
                break
            lane = self.slots[slots[at]]
            payload = payloads[at]
            if lane < 0 or payload is None:
                break
            if self.lanes[lane, _PROTOCOL] == _SOCKET_IO:
                code = self._socket_io(lane, at, places[at], payload)
            elif self.lanes[lane, _PROTOCOL] == _ANY_JSON:
                code = self._any_json(lane, at, places[at], payload)
            else:
                code = self._json_rpc(lane, at, places[at], payload)
            if code <= 0:
                break
            codes[places[at]] = code
            self.lanes[lane, _TURNS] += 1
            at += 1
        self.numbers.next = int(self.next_number)
        return at

    # --- Socket.IO

    @cython.cfunc
    def _socket_io(
        self,
        lane: cython.Py_ssize_t,
        at: cython.Py_ssize_t,
        place: cython.Py_ssize_t,
        payload: bytes,
    ) -> cython.int:
        """Read a heartbeat, an event or an ack; 0 if it is not plain."""
        size: cython.Py_ssize_t = len(payload)
        data: cython.p_uchar = payload
        if size == 1 and (data[0] == 0x32 or data[0] == 0x33):
            return int(self.lanes[lane, _BEAT])
        if size < 5 or data[0] != 0x34 or data[size - 1] != 0x5D:
            return 0
        if data[1] != 0x32 and data[1] != 0x33:
            return 0
        begin: cython.Py_ssize_t = 2
        number: cython.longlong = -1
        # A namespace comes before the digits: that is for the decoder.
        while begin < size and 0x30 <= data[begin] <= 0x39:
            if begin > _MAX_DIGITS or number == 0:
                return 0
            number = (0 if number < 0 else number) * 10 + data[begin] - 0x30
            begin += 1
        if begin + 1 >= size or data[begin] != 0x5B:
            return 0
        if data[1] == 0x33:
            return self._answer(lane, at, place, number) if number >= 0 else 0
        if data[begin + 1] != 0x22:
            return 0
        end: cython.Py_ssize_t = begin + 2
        while end < size and data[end] != 0x22:
            if data[end] == 0x5C or data[end] >= 0x80 or end - begin > _MAX_NAME:
                return 0
            end += 1
        if end >= size:
            return 0
        name: bytes = data[begin + 2 : end]
        known: tuple[Any, ...] | None = self._name(lane, _EVENT, name)
        if known is None:
            return 0
        label: cython.longlong = known[0]
        if number >= 0 and not self._ask(lane, at, place, number, label):
            return 0
        self._spread(lane, at, known, compact(payload[begin:]))
        return label

    @cython.cfunc
    def _spread(
        self, lane: cython.Py_ssize_t, at: cython.Py_ssize_t, known: tuple[Any, ...], body: bytes
    ) -> cython.int:
        """Note an event that may be a publication, or the delivery of one."""
        key: cython.longlong = known[3]
        mixed: cython.longlong = hash(body)
        size: cython.longlong = len(body)
        publications: Publications = self.publications
        talk = self.talks[lane]
        time: cython.longlong
        if self.moments[0, at]:
            time = self.moments[5, at]
            if time == _NULL or publications._find(key, mixed, size) < 0:
                return 0
            return self._deliver_event(talk, known, at, mixed, size)
        time = self.moments[4, at]
        if time != _NULL:
            member: cython.longlong = talk.member
            publications._remember(
                key, mixed, size, member, talk.connection, self.moments[1, at], time, False
            )
        return 0

    @cython.cfunc
    def _deliver_event(
        self,
        talk: Any,
        known: tuple[Any, ...],
        at: cython.Py_ssize_t,
        mixed: cython.longlong,
        size: cython.longlong,
    ) -> cython.int:
        """Note an event that may be the delivery of a publication."""
        publications: Publications = self.publications
        key: cython.longlong = known[3]
        time: cython.longlong = self.moments[5, at]
        member: cython.longlong = talk.member
        row: cython.longlong = publications._match(key, mixed, size, member, talk.since, time)
        if row < 0:
            return 0
        kept: list[Any] = known[4]
        if not kept:
            topic = self.spreading.topic(known[2])
            if topic is None:
                publications._is_first(row)
                return 0
            kept.append(topic)
        topic = kept[0]
        if talk.member not in topic.subscribers:
            self.spreading.subscribe(topic, talk.member)
        if publications._is_first(row):
            self.spreading.published(topic, int(publications.rows[row, _MEMBER]))
        publications._deliver(topic.number, row, talk.connection, self.moments[1, at], time)
        return 0

    # --- JSON-RPC

    @cython.cfunc
    def _json_rpc(
        self,
        lane: cython.Py_ssize_t,
        at: cython.Py_ssize_t,
        place: cython.Py_ssize_t,
        payload: bytes,
    ) -> cython.int:
        """Read a request, a notification or a response; 0 if it is not plain."""
        members: Members = self.calling
        data: cython.p_const_uchar = payload
        # The decoder says what is wrong.
        if not members._read(payload):
            return 0
        begin: cython.Py_ssize_t = members.begins[_VERSION]
        has: cython.ulonglong = members.present
        if not has >> _VERSION & 1 or members.ends[_VERSION] - begin != 5:
            return 0
        if not (data[begin] == 0x22 and data[begin + 1] == 0x32 and data[begin + 2] == 0x2E):
            return 0
        if data[begin + 3] != 0x30:
            return 0
        number: cython.longlong = -1
        if has >> _TOKEN & 1:
            number = whole(data, members.begins[_TOKEN], members.ends[_TOKEN])
            if number < 0:
                return 0
        begin = members.begins[_METHOD]
        if not has >> _METHOD & 1 or data[begin] == 0x6E:  # null
            if number < 0 or has >> _ERROR & 1 or not has >> _RESULT & 1:
                return 0
            return self._answer(lane, at, place, number)
        if data[begin] != 0x22:
            return 0
        method: bytes = data[begin + 1 : members.ends[_METHOD] - 1]
        known: tuple[Any, ...] | None = self._name(
            lane, _REQUEST if number >= 0 else _NOTIFICATION, method
        )
        if known is None:
            return 0
        label: cython.longlong = known[0]
        if number >= 0 and not self._ask(lane, at, place, number, label):
            return 0
        return label

    # --- other JSON

    @cython.cfunc
    def _any_json(
        self,
        lane: cython.Py_ssize_t,
        at: cython.Py_ssize_t,
        place: cython.Py_ssize_t,
        payload: bytes,
    ) -> cython.int:
        """Read an object as AnyJson does; 0 if it is not plain."""
        members: Members = self.naming
        data: cython.p_const_uchar = payload
        if not members._read(payload):
            return 0
        number: cython.longlong = -1
        i: cython.int
        for i in range(_FIRST_ID, _LAST_ID):
            if members.present >> i & 1:
                number = whole(data, members.begins[i], members.ends[i])
                if number < 0:
                    return 0
                break
        decoder = self.decoders[lane]
        sender: cython.longlong = self.moments[0, at]
        asked: tuple[Any, ...] = decoder.asked
        mine: Asked = asked[1 if sender else 0]
        theirs: Asked = asked[0 if sender else 1]
        is_answer: cython.bint = number >= 0 and theirs._has(number)
        known: tuple[Any, ...] | None = self._named(lane, payload, is_answer)
        if known is None:
            return 0
        label: cython.longlong = known[0]
        if number < 0:
            return label
        if not is_answer:
            if not self._ask_maybe(lane, at, place, number, label):
                return 0
            mine._add(number)
            return label
        key: cython.longlong = 2 * lane + 1 - sender
        entry: cython.longlong = self._find(key, number, self._bucket(key, number))
        if entry < 0 or members.present >> _LAST_ID & 1:
            return 0
        theirs._remove(number)
        # An answer without a name has that of its request.
        answer: cython.longlong = label if known[1] is not None else self.calls[entry, _LABEL]
        self._end_call(lane, at, place, entry)
        return answer

    @cython.cfunc
    def _ask_maybe(
        self,
        lane: cython.Py_ssize_t,
        at: cython.Py_ssize_t,
        place: cython.Py_ssize_t,
        number: cython.longlong,
        label: cython.longlong,
    ) -> cython.bint:
        """Begin what is a call if it is answered; False where its id is for the book."""
        key: cython.longlong = 2 * lane + self.moments[0, at]
        other: cython.longlong = key ^ 1
        if self.lanes[lane, _OTHERS] and (
            self._is_in_book(lane, key, number) or self._is_in_book(lane, other, number)
        ):
            return False
        if self._find(other, number, self._bucket(other, number)) >= 0:
            return False
        before: cython.longlong = self._find(key, number, self._bucket(key, number))
        if before >= 0:
            self._remove(before)  # its id is used again: no answer will come
        self._wait(lane, at, place, number, label)
        if self.lanes[lane, _COUNT] + self.lanes[lane, _OTHERS] > self.lanes[lane, _MOST]:
            self._forget_oldest(lane)
        return True

    @cython.cfunc
    def _forget_oldest(self, lane: cython.Py_ssize_t) -> cython.int:
        """Give up the oldest of a conversation's calls if too many wait; none is sure to be one."""
        book = self.talks[lane].book
        waiting: cython.longlong = self.lanes[lane, _COUNT] + len(book.open)
        if waiting <= self.lanes[lane, _MOST]:
            return 0  # the rest of what the book has are answers
        if book.open:
            # It had them before those that wait here.
            book.overflow()
            self.lanes[lane, _OTHERS] = len(book)
        else:
            self._remove(self.lanes[lane, _OLDEST])
        return 0
