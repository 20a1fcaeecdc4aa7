"""The inside stage: whole payloads of messages -> what they say, calls, topics.

Listens to the websocket stage (`hear`, once for the payloads of a batch, in the order in which
messages were complete), then takes its batch (`push`) and hands on the rows of messages with
what they say. Rows of a connection wait until its protocol is clear. Knows conversations; must
not know any one protocol, or tables. Called by pipeline.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from analyzer import findings
from analyzer.columns import NULL, Rows
from analyzer.findings import Finding, Kind
from analyzer.http.delivery.carried import ASTRAY, BEGUN, LOST, READ, Carried
from analyzer.http.exchanges import HttpBatch
from analyzer.inside._quick import Quick
from analyzer.inside._unclear import Unclear
from analyzer.inside.batch import InsideBatch
from analyzer.inside.beginnings import MUTE, NEW, TALKS, UNHEARD, Beginnings
from analyzer.inside.calls import DoneCall, Moment, PlainCalls
from analyzer.inside.fanout import Topic
from analyzer.inside.labels import Codes, Detail, Plain, Says, codes_at, take_codes
from analyzer.inside.protocol import QUICK_ANY_JSON
from analyzer.inside.sessions import Sessions, recogniser_of, server_of
from analyzer.inside.talk import (
    GIVEN_UP,
    SPEAKS,
    UNDECIDED,
    UNKNOWN,
    Messages,
    Shared,
    Talk,
    Waiting,
)
from analyzer.inside.waiting import Chosen, WaitingRows, joined
from analyzer.options import Options
from analyzer.websocket.connection import WebSocketConnection
from analyzer.websocket.frames import CLIENT, SERVER
from analyzer.websocket.hearing import Said
from analyzer.websocket.stage import WebSocketBatch

_PACKET_LAST = Moment._fields.index("packet_last")
_OVER_HTTP = -1
"""Place of what has no row: a message over plain HTTP."""
_FLUSH_BYTES = 8 << 20
"""Payload over plain HTTP that is kept until the messages of WebSocket before it are read: a
batch of a MiB can inflate to far more."""
_CARRIED_BYTES = 300
"""What each message over plain HTTP takes beside its payload: millions may be of one byte."""


class InsideStage:
    """Holds a Talk for each connection that is listened to.

    Args:
        options: limits.
        connections: open WebSocket connections by slot, as the websocket stage has them.
    """

    def __init__(self, options: Options, connections: Mapping[int, WebSocketConnection]) -> None:
        self._options = options
        self._connections = connections
        shared = self._shared = Shared(options)
        self._talks: dict[int, Talk] = {}
        self._beginnings = Beginnings(options)
        self._unclear = Unclear(options.inside_wait_messages, options.max_inside_wait_bytes)
        self._rows = WaitingRows()
        self._quick = Quick(shared.numbers, shared.labels, shared.spreading)
        self._codes: Codes = np.zeros(0, np.int32)
        self._details: dict[int, Detail] = {}
        self._calls: list[tuple[int, DoneCall]] = []
        self._findings: list[Finding] = []
        self._unheard: list[int] = []
        self._told: set[str] = set()
        self._http: HttpBatch | None = None
        self._sessions = Sessions(options, self._shared)
        self._carried: deque[Carried] = deque()
        self._carried_bytes = 0

    def begin(self, http: HttpBatch) -> None:
        """Take the batch of http, before the websocket stage walks it."""
        self._http = http

    @property
    def held_bytes(self) -> int:
        """Bytes of payload that wait, and of what decoders keep."""
        # A session that goes on over WebSocket has a slot: each talk counts once.
        talks = [*self._talks.values(), *(each for each in self._sessions if each.slot < 0)]
        decoders = (talk.decoder for talk in talks)
        return self._unclear.held_bytes + sum(
            each.held_bytes for each in decoders if each is not None
        )

    def take_unheard(self) -> list[int]:
        """Return slots of connections whose payload is not wanted any more, once."""
        unheard, self._unheard = self._unheard, []
        return unheard

    # --- messages

    def hear(self, said: Said) -> None:
        """Take messages that were complete."""
        places, slots = said.places, said.directions >> 1
        messages = Messages(said)
        texts, moments = messages.texts, messages.moments
        self._reserve(int(places.max(initial=-1)) + 1)
        self._quick.begin(moments)
        at, count, unclear = 0, len(places), self._unclear
        new = self._beginnings.new(slots)
        for slot in () if self._carried else new:
            self._open(slot)
        while at < count:
            if self._carried:
                if places[at] >= 0:
                    self._read_carried(int(moments[_PACKET_LAST, at]))
            elif self._quick.goes(slots[at]):
                at = self._quick.run(at, said.payloads, places, slots, texts, self._codes)
                if at >= count:
                    break
            if unclear.goes(slots[at]) and not self._carried:
                at = self._run_unclear(at, said.payloads, places, slots, texts, moments)
                if at >= count or not unclear.goes(slots[at]):
                    continue
            self._hear_one(*messages.at(at))
            at += 1

    def _hear_one(self, direction: int, message: Waiting, too_long: bool) -> None:
        """Take one message that does not go the quick way, or that bytes were lost."""
        slot, place = direction >> 1, message.place
        self._quick.settle(slot)
        talk = self._talks.get(slot) or self._talk(slot)
        if talk is None or talk.state > SPEAKS:
            return
        if message.payload is None or talk.state == UNDECIDED:
            if place < 0:
                self._lost(talk, slot, direction)
            else:
                self._unusual(talk, slot, message, too_long)
        else:
            result = talk.read(message.payload, message.is_text, message.moment)
            if result is None:
                self._failed(talk, slot, message.moment)
            else:
                self._say(slot, place, message.moment.message, *result)
                if talk.book.done:
                    self._take_calls(talk)
        if talk.state == SPEAKS:
            self._go_quick(talk, slot)

    def _go_quick(self, talk: Talk, slot: int) -> None:
        """Let a conversation go the quick way, if there is one for its protocol."""
        decoder = talk.decoder
        if not talk.book.is_whole:
            self._quick.leave(slot)
        elif decoder is not None and decoder.quick:
            learned = decoder if decoder.quick == QUICK_ANY_JSON else None
            self._quick.enter(slot, talk, decoder.quick, learned)

    def _reserve(self, places: int) -> None:
        self._quick.reserve(places)
        if places > len(self._codes):
            more = np.zeros(max(places, 2 * len(self._codes), 256), np.int32)
            more[: len(self._codes)] = self._codes
            self._codes = more

    def _open(self, slot: int) -> None:
        """Begin a conversation with the first of its messages."""
        connection = self._connections.get(slot)
        if connection is None or self._http is None:
            return
        mute = self._beginnings.of(connection.handshake).mute
        if mute is None:
            self._talk(slot)
            return
        self._beginnings[slot] = MUTE
        self._rows.wait(slot)
        self._unclear.enter(slot, *mute)

    def _talk(self, slot: int) -> Talk | None:
        """Return what a conversation needs that says something; None: nobody listens."""
        connection, state = self._connections.get(slot), self._beginnings[slot]
        if connection is None or self._http is None or state == UNHEARD:
            return None
        self._beginnings[slot] = TALKS
        setting = self._beginnings.of(connection.handshake).setting
        server = server_of(self._http.stream.connection(slot), connection.client_side)
        number = connection.connection
        begun = self._sessions.upgraded(server, setting.path)
        if begun is not None:
            begun.connection, begun.slot = number, slot
            self._talks[slot] = begun
            return begun
        talk = Talk.begin(self._shared, number, server, setting, recogniser_of(setting))
        talk.since = connection.opened_at
        self._talks[slot] = talk
        if talk.state == UNDECIDED and state == NEW:
            self._rows.wait(slot)
            self._let_run(talk, slot)
        return talk

    def _lost(self, talk: Talk, slot: int, direction: int) -> None:
        """Bytes of a direction were lost, and any number of messages with them."""
        connection = self._connections.get(slot)
        if connection is not None:
            sender = CLIENT if connection.direction(CLIENT) == direction else SERVER
            talk.unread(sender)

    def _unusual(self, talk: Talk, slot: int, message: Waiting, too_long: bool) -> None:
        """Take a message that cannot be read, or whose protocol is not clear."""
        moment = message.moment
        if talk.state == SPEAKS:
            talk.unread(moment.sender)
            if moment.sender == SERVER and moment.time_last != NULL:
                talk.since = moment.time_last
            if too_long:
                self._find(findings.INSIDE_MESSAGE_LIMIT, slot, moment.packet_last)
            return
        if message.payload is not None and self._recognise(talk, slot, message):
            self._settle(slot, talk, message)
        elif talk.state != UNDECIDED:
            self._give_up(talk, slot)
        else:
            self._unclear.wait(slot, message)
            self._pass()

    def _recognise(self, talk: Talk, slot: int, message: Waiting) -> bool:
        """Look at a message of a conversation whose protocol is not clear; True if it is now."""
        talk.recogniser.learn(*self._unclear.learn(slot))
        if talk.recognise(message, partial(self._unclear.waiting, slot)):
            return True
        self._let_run(talk, slot)
        return False

    def _let_run(self, talk: Talk, slot: int) -> None:
        """Let messages that say nothing wait without being shown to the recogniser."""
        mute = talk.recogniser.mute if slot >= 0 and talk.outer is None else None
        if mute is not None and talk.state == UNDECIDED:
            self._unclear.enter(slot, *mute)

    def _give_up(self, talk: Talk, slot: int) -> None:
        """It will never be clear what is spoken: let what waits leave."""
        talk.state = UNKNOWN
        self._unclear.leave(slot, is_over=slot < 0)
        self._rows.decide(slot)
        if slot >= 0:
            self._unheard.append(slot)

    def _run_unclear(self, at: int, *columns: Any) -> int:
        """Let messages wait that say nothing, from one on; return the first that may say more."""
        at = self._unclear.run(at, *columns)
        self._pass()
        return at

    def _pass(self) -> None:
        """Let the rows leave that wait longest; what comes later may still be recognised."""
        limits, passed, exhausted = self._unclear.take_passed()
        for name, slot, packet in limits:
            self._limit(name, slot, packet)
        for slot in passed:
            self._rows.decide(slot)
        for slot in exhausted:
            self._beginnings[slot] = UNHEARD
            talk = self._talks.get(slot)
            if talk is not None:
                talk.state = UNKNOWN
        self._unheard += exhausted

    def _settle(self, slot: int, talk: Talk, *last: Waiting) -> None:
        """The protocol is clear: read what waited, and what made it clear; let the rows leave."""
        waiting = self._unclear.waiting(slot)
        # Rows that did not wait may have left: others have their places.
        left = len(waiting) if self._unclear.has_passed(slot) else 0
        self._unclear.leave(slot, is_over=True)
        for at, message in enumerate((*waiting, *last)):
            place, payload, is_text, moment = message
            if talk.state != SPEAKS:
                break
            if payload is None:
                talk.unread(moment.sender)
                continue
            result = talk.read(payload, is_text, moment)
            if result is not None and at >= left:
                self._say(slot, place, moment.message, *result)
        self._take_calls(talk)
        self._rows.decide(slot)

    def _say(self, slot: int, place: int, message: int, code: int, detail: Detail | None) -> None:
        """Note what a message says whose row may wait already."""
        if place == _OVER_HTTP:
            return
        held = self._rows.find(slot, message)
        if held is not None:
            held.code, held.detail = code, detail
            return
        self._reserve(place + 1)
        if detail is not None:
            self._details[place] = detail
            code = -code - 1
        self._codes[place] = code

    def _failed(self, talk: Talk, slot: int, moment: Moment) -> None:
        """A message is not of its connection's protocol."""
        talk.book.lost(moment.sender)
        assert talk.decoder is not None
        inner = talk.decoder.inner
        self._find(findings.INSIDE_UNPARSED, slot, moment.packet_last, inner)
        if talk.state == GIVEN_UP:
            self._quick.leave(slot)
            self._find(findings.INSIDE_GIVEN_UP, slot, moment.packet_last, inner)
            talk.book.finish()
            self._take_calls(talk)
            self._unheard += [each for each in (slot,) if self._talks.get(each) is talk]

    def _take_calls(self, talk: Talk) -> None:
        done, talk.book.done = talk.book.done, []
        # Those that are over by the quick way are numbered with them.
        self._calls += [(self._quick.next_sequence(), talk.done(call)) for call in done]

    def _find(self, kind: Kind, slot: int, packet: int, detail: str = "") -> None:
        self._findings.append(Finding(kind, max(slot, -1), packet, -1, detail))

    def _limit(self, name: str, slot: int, packet: int) -> None:
        """Say once in a run that a limit was reached."""
        if name not in self._told:
            self._told.add(name)
            self._find(findings.INSIDE_LIMIT, slot, packet, name)

    # --- plain HTTP

    def carry(self, carried: Carried) -> None:
        """Take what came over plain HTTP; it is read in its turn."""
        self._carried.append(carried)
        self._carried_bytes += len(carried.payload) + _CARRIED_BYTES
        if self._carried_bytes > _FLUSH_BYTES:
            self._read_carried()

    def _read_carried(self, until: int | None = None) -> None:
        """Read what was complete with packet `until`; default all."""
        carried = self._carried
        while carried and (until is None or carried[0].packet_last <= until):
            one = carried.popleft()
            self._carried_bytes -= len(one.payload) + _CARRIED_BYTES
            if one.state == ASTRAY:
                self._sessions.astray(one)
                continue
            talk, gone = self._sessions.take(one)
            if gone is not None:
                self._end_session(gone)
            self._read_one(talk, one)

    def _read_one(self, talk: Talk, one: Carried) -> None:
        """Read one message over plain HTTP."""
        if talk.deaf and (one.state == BEGUN or one.sender == SERVER):
            talk.hears()
        if talk.state > SPEAKS or one.state not in (READ, LOST):
            return
        if talk.slot >= 0:
            # The connection that it goes on with may have calls under way.
            self._quick.leave(talk.slot)
        moment = Moment(
            one.sender, NULL, one.packet_first, one.packet_last, one.time_first, one.time_last
        )
        if one.state == LOST:
            talk.unread(one.sender)
            return
        too_long = len(one.payload) > self._options.max_inside_bytes
        if talk.state == UNDECIDED or too_long:
            payload = None if too_long else one.payload
            message = Waiting(_OVER_HTTP, payload, one.is_text, moment)
            slot = one.slot if talk.state == SPEAKS else talk.member
            self._unusual(talk, slot, message, too_long)
        elif talk.read(one.payload, one.is_text, moment) is None:
            self._failed(talk, one.slot, moment)
        if talk.book.done:
            self._take_calls(talk)

    def _end_session(self, talk: Talk) -> None:
        """Close a conversation over plain HTTP that has ended."""
        if talk.connection >= 0:
            # It goes on over WebSocket, and ends with that.
            return
        if talk.state == UNDECIDED:
            talk.settle()
            self._settle(talk.member, talk)
        if talk.deaf:
            talk.hears()
        talk.book.finish()
        self._take_calls(talk)

    # --- batches

    def push(self, batch: WebSocketBatch, *, last: bool = False) -> InsideBatch:
        """Take the batch whose messages were heard; return what leaves.

        Args:
            batch: of the websocket stage.
            last: the capture ends with it.
        """
        self._read_carried()
        out_inner: dict[int, str | None] = {}
        for ended in batch.ended:
            slot, state = ended.slot, self._beginnings.end(ended.slot)
            talk = self._talks.pop(slot, None)
            if talk is not None:
                self._quick.leave(slot, is_over=True)
                talk.slot = -1
                self._end(talk, ended, out_inner)
            elif state != NEW:
                out_inner[ended.connection] = None
                self._rows.decide(slot)
            self._unclear.leave(slot, is_over=True)
        for talk in self._sessions.finish() if last else ():
            self._end_session(talk)
        self._note_limits(batch)
        messages, previews, says = self._leave(batch)
        numbered, self._calls = self._calls, []
        calls = [call for _, call in numbered]
        numbers = np.array([number for number, _ in numbered], np.int64)
        plain = PlainCalls(self._quick.take_done(), numbers, self._shared.labels)
        found, self._findings = self._findings, []
        deliveries = self._shared.spreading.take_deliveries()
        return InsideBatch(
            batch, messages, previews, says, calls, plain, deliveries, [], out_inner, found
        )

    def finish(self) -> list[Topic]:
        """Return all topics: the capture has ended."""
        return self._shared.spreading.finish()

    def says_of(self, places: Sequence[int]) -> Says:
        """Return what messages say that have not left, as far as that is known."""
        codes, details = codes_at(self._codes, self._details, places)
        plain = Plain(*self._quick.plain_of(np.array(places, np.int64)))
        return Says(codes, details, self._shared.labels, plain)

    def _end(self, talk: Talk, ended: WebSocketConnection, inner: dict[int, str | None]) -> None:
        if talk.state == UNDECIDED:
            if talk.outer is not None:
                talk.settle()
            talk.recogniser.learn(*self._unclear.learn(ended.slot))
            if talk.outer is not None or talk.take_generic():
                self._settle(ended.slot, talk)
            # One message confirms nothing.
            self._rows.decide(ended.slot)
        talk.book.finish()
        self._take_calls(talk)
        inner[ended.connection] = talk.inner

    def _note_limits(self, batch: WebSocketBatch) -> None:
        shared = self._shared
        for name, is_reached in (
            ("max_inside_names", shared.labels.full),
            (shared.spreading.limited, shared.spreading.limited),
            ("max_inside_calls", shared.numbers.limited),
            ("max_inside_sessions", self._sessions.limited),
        ):
            if is_reached:
                self._limit(name, -1, 0)

    def _leave(self, batch: WebSocketBatch) -> tuple[Rows, Sequence[bytes | None], Says]:
        """Return the rows that leave, how they begin, and what they say."""
        rows, previews, places = batch.messages, batch.previews, batch.places
        labels = self._shared.labels
        kept, ready = self._rows.split(rows, previews)
        has_previews = len(previews) > 0 or any(each.preview is not None for each in ready)
        if kept is not None:
            rows, places = rows.take(kept), places.take(kept)
            previews = Chosen(previews, kept.tolist()) if has_previews else previews
        if len(self._codes):
            self._reserve(int(places.max(initial=-1)) + 1)
        codes, details = take_codes(self._codes, self._details, places)
        plain = Plain(*self._quick.take_plain(places)) if len(self._codes) else None
        if not ready:
            return rows, previews, Says(codes, details, labels, plain)
        # What waited goes first, so that the rows of a side stay in order.
        details = {at + len(ready): each for at, each in details.items()}
        for at, held in enumerate(ready):
            if held.detail is not None:
                details[at] = held.detail
        codes = np.concatenate([np.array([each.code for each in ready], np.int32), codes])
        if self._options.payload != "none":
            begun = [each.preview for each in ready]
            previews = Chosen(previews, range(len(rows)), begun)
        plain = None if plain is None else plain.behind(len(ready))
        return joined(rows, ready), previews, Says(codes, details, labels, plain)
