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
from analyzer.inside.any_json import HEADS, kind_of, token_of

if cython.compiled:
    from cython.cimports.analyzer.inside._open_calls import OpenCalls
    from cython.cimports.analyzer.inside._publications import Publications
else:
    from analyzer.inside._open_calls import OpenCalls
    from analyzer.inside._publications import Publications

_NULL = cython.declare(cython.longlong, -(2**63))
_SOCKET_IO = cython.declare(cython.int, 1)
_ANY_JSON = cython.declare(cython.int, 3)
_MAX_DIGITS = cython.declare(cython.Py_ssize_t, 18)
"""Longer ids are none of a counter, and would not fit into 64 bits."""
_MAX_NAME = cython.declare(cython.Py_ssize_t, 250)
"""Decoders shorten longer ones."""
_MAX_NAMES = cython.declare(cython.Py_ssize_t, 256)
"""Names of one conversation that are known without the labels of all: few have more."""

_JSON_HEAD = HEADS.decode

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
class Quick(OpenCalls):
    """Reads the messages of a run that are plain.

    Args:
        numbers: of calls.
        labels: of the run.
        spreading: topics of the run.
    """

    def __init__(self, numbers: Any, labels: Any, spreading: Any) -> None:
        OpenCalls.__init__(self, numbers, labels)
        self.spreading = spreading
        self.publications: Publications = spreading.publications

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
        known = self._name(lane, payload[begin + 2 : end], "event")
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
        if payload[:1] != b"{":
            return 0
        try:
            head = self.decoders[lane].decode(payload)
        except Exception:
            # The decoder says what is wrong.
            return 0
        if bytes(head.jsonrpc) != b'"2.0"':
            return 0
        token: bytes = bytes(head.id)
        number: cython.longlong = -1
        if token:
            number = _whole(token)
            if number < 0:
                return 0
        method = head.method
        if method is None:
            if number < 0 or bytes(head.error) or not bytes(head.result):
                return 0
            return self._answer(lane, at, place, number)
        known = self._name(lane, method, "request" if number >= 0 else "notification")
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
        if payload[:1] != b"{":
            return 0
        try:
            head = _JSON_HEAD(payload)
        except Exception:
            return 0
        number: cython.longlong = -1
        token: bytes = token_of(head)
        if token:
            number = _whole(token)
            if number < 0:
                return 0
        decoder = self.decoders[lane]
        sender: cython.longlong = self.moments[0, at]
        theirs = decoder.asked[1 - sender]
        name = decoder.name(head)
        if name is None and token not in theirs:
            return 0  # it may be an object within that has the name
        known = self._name(lane, name, kind_of(name))
        if known is None:
            return 0
        label: cython.longlong = known[0]
        if number < 0:
            return label
        if token not in theirs:
            if not self._ask_maybe(lane, at, place, number, label):
                return 0
            decoder.ask(int(sender), token)
            return label
        key: cython.longlong = 2 * lane + 1 - sender
        entry: cython.longlong = self._find(key, number, self._bucket(key, number))
        if entry < 0 or bytes(head.error):
            return 0
        del theirs[token]
        # An answer without a name has that of its request.
        answer: cython.longlong = label if name is not None else self.calls[entry, _LABEL]
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

    # --- what all do

    @cython.cfunc
    def _name(self, lane: cython.Py_ssize_t, name: Any, kind: str) -> Any:
        """Return what is known of a name; None: there is no room for it.

        That is its label, itself, the key of its topic, that one's hash, and a list for the topic.
        """
        names: dict[Any, Any] = self.names[lane]
        key = name if kind == "event" else (name, kind)
        known = names.get(key)
        if known is None:
            text = name.decode("ascii") if isinstance(name, bytes) else name
            if text is not None and len(text) > _MAX_NAME:
                return None
            talk = self.talks[lane]
            label = talk.number(kind, text, "/" if kind == "event" else None)
            if label < 0:
                return None
            topic = (talk.server, talk.inner, text)
            known = (label, text, topic, hash(topic), [])
            if len(names) < _MAX_NAMES:
                names[key] = known
        return known


@cython.cfunc
def _whole(token: bytes) -> cython.longlong:
    """Return a whole number from 0 as JSON writes it; -1 if it is anything else."""
    size: cython.Py_ssize_t = len(token)
    data: cython.p_uchar = token
    value: cython.longlong = 0
    i: cython.Py_ssize_t
    if size > _MAX_DIGITS or (size > 1 and data[0] == 0x30):
        return -1
    for i in range(size):
        if data[i] < 0x30 or data[i] > 0x39:
            return -1
        value = value * 10 + data[i] - 0x30
    return value
