"""Talks: one connection as a conversation: what it speaks, and what waits in it.

Lets a decoder read each message, pairs its items as calls and passes them to topics. Until the
protocol is clear, messages wait here. Knows items and decoders' common shape; must not know
any one protocol. Used by inside.stage.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np

from analyzer.columns import NULL
from analyzer.inside.calls import Book, Call, DoneCall, Moment, Numbers
from analyzer.inside.crossing import Server
from analyzer.inside.fanout import Spreading
from analyzer.inside.json_hints import trimmed
from analyzer.inside.labels import Detail, Label, Labels
from analyzer.inside.protocol import (
    CLIENT,
    PUBLISH,
    PUBLISH_MAYBE,
    SERVER,
    Decoder,
    Protocol,
    Setting,
)
from analyzer.inside.recognition import Recogniser
from analyzer.lazy_dataclass import dataclass, field
from analyzer.named_tuple import NamedTuple
from analyzer.options import Options
from analyzer.websocket.hearing import Said

if TYPE_CHECKING:
    from analyzer.inside.item import Item


UNDECIDED, SPEAKS, UNKNOWN, GIVEN_UP = range(4)

_TEXT: Final = 1  # opcode (RFC 6455 5.2)
_IN_A_ROW: Final = 3
"""Messages in a row that are not of the protocol, before it is given up as wrong."""


_WITHIN: Final = 32
"""Messages of a protocol that carries another, heartbeats too, before rows wait no longer."""


_AT_ONCE: Final = 32
"""Messages of which Python numbers are made at once."""

_MAX_NUMBERS: Final = 256
"""Labels that a conversation knows without asking for them: few have more."""


class Waiting(NamedTuple):
    """A message that waits for its protocol to become clear."""

    place: int
    payload: bytes | None
    is_text: bool
    moment: Moment


class Messages:
    """The messages of a batch, for those that are taken one by one.

    Attributes:
        texts: which are text.
        moments: int64, shape (fields of a Moment, messages).
    """

    def __init__(self, said: Said) -> None:
        self.moments = np.empty((len(Moment._fields), len(said.places)), np.int64)
        for column, name in zip(self.moments, Moment._fields, strict=True):
            column[:] = said.rows[name]
        self.texts = (said.rows["opcode"] == _TEXT).astype(np.uint8)
        self._said = said
        self._listed: list[tuple[int, int, int, list[int]]] = []
        self._begin = 0

    def at(self, place: int) -> tuple[int, Waiting, bool]:
        """Return the direction of a message, itself, and whether it is too long to be read."""
        if not 0 <= place - self._begin < len(self._listed):
            self._list(place)
        direction, row, text, moment = self._listed[place - self._begin]
        said = self._said
        message = Waiting(row, said.payloads[place], bool(text), Moment(*moment))
        return direction, message, place in said.too_long

    def _list(self, place: int) -> None:
        """Make Python numbers of some messages at once: most have others beside them."""
        self._begin, some = place, slice(place, place + _AT_ONCE)
        columns = (self._said.directions, self._said.places, self.texts)
        numbers = (column[some].tolist() for column in columns)
        self._listed = list(zip(*numbers, self.moments[:, some].T.tolist(), strict=True))


class Shared:
    """What all talks of a run have in common."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.labels = Labels(options.max_inside_names)
        self.numbers = Numbers()
        self.spreading = Spreading(options)


@dataclass(slots=True)
class Talk:
    """One connection, or one session of plain HTTP.

    Attributes:
        connection: its number; negative for a session of plain HTTP, of which none goes on
            over WebSocket (yet).
        slot: of the connection with which a session goes on over WebSocket; -1 without one.
        member: who speaks and hears in topics: its first number.
        session: group in http_groups; NULL where there is none, or it is not known.
        server: address and port of the server: topics are those of one server.
        state: UNDECIDED to GIVEN_UP.
        since: ns from which it is known to get all that is sent to it.
        failed: messages that were not of the protocol, one after the other.
        deaf: a session of which no answer, and no request for one, was captured (yet).
        outer: protocol that carries another, which is not clear yet; within: recognises it.
    """

    shared: Shared
    connection: int
    server: Server
    setting: Setting
    recogniser: Recogniser
    book: Book
    since: int = NULL
    state: int = UNDECIDED
    decoder: Decoder | None = None
    failed: int = 0
    session: int = NULL
    member: int = NULL
    slot: int = -1
    deaf: bool = False
    outer: Protocol | None = None
    within: Recogniser | None = None
    _begun: list[tuple[int, int] | None] = field(default_factory=lambda: [None, None])
    """Of each side, first packet and time of an item that its next message goes on with."""
    _numbers: dict[tuple[str | None, ...], int] = field(default_factory=dict)

    @classmethod
    def begin(
        cls,
        shared: Shared,
        connection: int,
        server: Server,
        setting: Setting,
        recogniser: Recogniser,
    ) -> Talk:
        """Begin a conversation; one whose subprotocol is known is decided."""
        book = Book(shared.numbers, shared.options.max_inside_calls)
        talk = cls(shared, connection, server, setting, recogniser, book)
        talk.member = connection
        if recogniser.named is not None:
            talk.speak(recogniser.named)
        return talk

    @property
    def inner(self) -> str | None:
        """The protocol's name, where it is clear."""
        return self.decoder.spoken if self.decoder is not None and self.state == SPEAKS else None

    def speak(self, protocol: Protocol) -> None:
        """Take a protocol for that of the connection."""
        self.decoder = protocol.make(self.setting)
        self.state = SPEAKS
        if self.setting.joined:
            self.decoder.lost(CLIENT)
            self.decoder.lost(SERVER)

    # --- messages

    def recognise(self, message: Waiting, before: Callable[[], list[Waiting]] = list) -> bool:
        """Look at a message of a connection whose protocol is not clear; True if it is now.

        Args:
            message: it.
            before: returns those of the connection that wait.
        """
        _, payload, is_text, moment = message
        assert payload is not None
        if self.outer is not None:
            return self._look_within([message], before)
        if is_text:
            payload = trimmed(payload)
        protocol = self.recogniser.see(payload, moment.sender, is_text)
        if protocol is not None:
            if protocol.unwrap is not None:
                self.wrap(protocol)
                return self._look_within([*before(), message], before)
            self.speak(protocol)
            return True
        if self.recogniser.exhausted:
            self.state = UNKNOWN
        return False

    def take_generic(self) -> bool:
        """Take any JSON for what is spoken, if nothing better will come; return whether it is."""
        protocol = self.recogniser.generic()
        if protocol is not None:
            self.speak(protocol)
        return protocol is not None

    def wrap(self, protocol: Protocol) -> None:
        """Take a protocol that carries another for that of the connection."""
        self.outer = protocol
        self.within = self.recogniser.again()

    def settle(self, found: Protocol | None = None) -> None:
        """Read what is carried as `found`; None: as messages without names."""
        assert self.outer is not None
        self.speak(self.outer)
        if found is not None and self.decoder is not None:
            self.decoder.wrap(found)

    def _look_within(self, messages: list[Waiting], before: Callable[[], list[Waiting]]) -> bool:
        """Look at what messages carry; True if it is decided what that is."""
        assert self.outer is not None
        assert self.outer.unwrap is not None
        assert self.within is not None
        for _, payload, _, moment in messages:
            carried = self.outer.unwrap(payload, moment.sender) if payload is not None else None
            for each in carried or ():
                found = self.within.see(each, moment.sender, True)
                if found is not None or self.within.exhausted:
                    self.settle(found)
                    return True
        if len(before()) >= _WITHIN:
            self.settle()
            return True
        return False

    def read(
        self, payload: bytes, is_text: bool, moment: Moment
    ) -> tuple[int, Detail | None] | None:
        """Read one message; return its label and detail, None if it is not of the protocol."""
        decoder = self.decoder
        assert decoder is not None
        self.book.hear(moment)
        if is_text and not decoder.is_stream:
            payload = trimmed(payload)
        items = decoder.take(payload, moment.sender, is_text)
        begun = self._begun[moment.sender]
        if begun is not None or decoder.is_within(moment.sender):
            self._note_begun(decoder, moment, has_items=bool(items))
        if items is None:
            if not decoder.is_strict:
                return 0, None
            self.failed += 1
            if self.failed >= _IN_A_ROW:
                self.state = GIVEN_UP
            return None
        self.failed = 0
        if not items:
            return self._label(None, 0, None, None)
        reply, when = NULL, moment
        if begun is not None:
            # The first item began in an earlier message: its bytes, and its time, begin there.
            first, time = begun
            when = moment._replace(packet_first=first, time_first=time)
        for item in items:
            if item.role:
                reply = self._pair(item, when, reply)
            if item.spread:
                self._spread(item, when)
            when = moment
        return self._label(items[0], len(items), items[0].id, items[0].reply_to, reply)

    def _note_begun(self, decoder: Decoder, moment: Moment, *, has_items: bool) -> None:
        """Note where the item began that is not whole yet, if there is one."""
        sender = moment.sender
        if not decoder.is_within(sender):
            self._begun[sender] = None
        elif has_items or self._begun[sender] is None:
            self._begun[sender] = (moment.packet_first, moment.time_first)

    def _pair(self, item: Item, moment: Moment, reply: int) -> int:
        call = self.book.take(item.role, item.key, item, moment)
        if item.also is not None:
            other = self.book.take(*item.also, item, moment)
            call = call or other
        return call.reply_ns if call is not None and reply == NULL else reply

    def _spread(self, item: Item, moment: Moment) -> None:
        where = (self.server, self.inner or "", self.member, self.since)
        topic = item.spread_topic if item.spread_topic is not None else item.topic
        is_sent = item.spread in (PUBLISH, PUBLISH_MAYBE)
        time = moment.time_first if is_sent else moment.time_last
        if time != NULL:
            # Over plain HTTP there is no message, and no connection that has it.
            stands = (NULL if moment.message == NULL else self.connection, moment.message)
            self.shared.spreading.take(item.spread, where, stands, topic, item.body, time)

    def _label(
        self,
        item: Item | None,
        count: int,
        id_: str | None,
        reply_to: str | None,
        reply: int = NULL,
    ) -> tuple[int, Detail | None]:
        assert self.decoder is not None
        key: tuple[str | None, ...]
        if item is None:
            key = (self.decoder.inner, None, None, None)
        else:
            key = (self.decoder.inner, item.kind, item.name, item.topic)
        number = self._numbers.get(key)
        if number is None:
            number = self.shared.labels.number(Label(*key))
            if number < 0:
                # Too many names: the rest is reported as a number only.
                label = Label(*key)
                number = self.shared.labels.number(Label(key[0]), force=True)
                return number, Detail(id_, reply_to, count, reply, label)
            if len(self._numbers) < _MAX_NUMBERS:
                self._numbers[key] = number
        if id_ is None and reply_to is None and reply == NULL and count < 2:
            return number, None
        return number, Detail(id_, reply_to, count, reply)

    def number(self, kind: str, name: str | None, topic: str | None) -> int:
        """Return the number of a label of this protocol; -1 where there is no room for it."""
        return self.shared.labels.number(Label(self.inner, kind, name, topic))

    def done(self, call: Call) -> DoneCall:
        """Return a call that is over, and where it was made."""
        inner = self.decoder.spoken if self.decoder is not None else ""
        ends = [each.message for each in (call.asked, call.answered) if each is not None]
        session = self.session if NULL in ends else NULL
        return DoneCall(self.connection if max(ends) != NULL else NULL, session, inner, call)

    def hears(self) -> None:
        """Note that answers are captured from now on; what was asked before may have had some."""
        self.deaf = False
        if self.book.open:
            self.unread(SERVER)

    def unread(self, sender: int) -> None:
        """Note a message that cannot be read, or that bytes of a side were lost."""
        self.book.turn += 1
        self.book.lost(sender)
        self._begun[sender] = None
        if self.decoder is not None:
            self.decoder.lost(sender)
