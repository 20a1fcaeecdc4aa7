"""Names of the messages that go the quick way, and what is known of each.

A name that comes again, as it was written, is found again without making it anew. Knows members
of JSON and labels. Must not know calls. The second of the kernels of the quick way (see _quick).
"""

from __future__ import annotations

from typing import Any

import cython

from analyzer.inside.json_hints import CHANGES, CHANNELS, IDS, KEYS, kind_of

if cython.compiled:
    from cython.cimports.analyzer.inside._members import Members
    from cython.cimports.analyzer.inside._open_calls import OpenCalls
else:
    from analyzer.inside._members import Members
    from analyzer.inside._open_calls import OpenCalls

MAX_NAME = 250
"""Decoders shorten longer ones."""
_MAX_NAME = cython.declare(cython.Py_ssize_t, MAX_NAME)
_MAX_NAMES = cython.declare(cython.Py_ssize_t, 256)
"""Names of one conversation that are known without the labels of all: few have more."""

_KINDS = ("event", "request", "notification")
_CHANGE = cython.declare(cython.int, -1)
"""In the place of a label: the name is that of a change, and the channel has one as well."""


_FIRST_CHANNEL = cython.declare(cython.int, KEYS.index(CHANNELS[0]))
_LAST_CHANNEL = cython.declare(cython.int, KEYS.index(CHANNELS[0]) + len(CHANNELS))
_FIRST_ID = cython.declare(cython.int, len(KEYS))


@cython.cclass
class Names(OpenCalls):
    """The names of a run's conversations.

    Args:
        numbers: of calls.
        labels: of the run.
    """

    def __init__(self, numbers: Any, labels: Any) -> None:
        OpenCalls.__init__(self, numbers, labels)
        self.naming = Members((*KEYS, *IDS, "error"))

    @cython.cfunc
    def _name(
        self, lane: cython.Py_ssize_t, kind: cython.int, name: bytes
    ) -> tuple[Any, ...] | None:
        """Return what is known of a name as it is written; None: it is not plain."""
        names: dict[Any, Any] = self.names[lane][kind & 1]
        known: tuple[Any, ...] | None = names.get(name)
        if known is not None:
            return known
        if b"\\" in name:
            return None
        try:
            text = name.decode()
        except UnicodeDecodeError:
            return None
        known = self._make(lane, names, name, _KINDS[kind], text)
        return known

    @cython.cfunc
    def _make(
        self, lane: cython.Py_ssize_t, names: dict[Any, Any], key: Any, kind: str, text: Any
    ) -> tuple[Any, ...] | None:
        """Return what is known of a name from now on; None: there is no room for it.

        That is its label, itself, the key of its topic, that one's hash, and a list for the topic.
        """
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

    # --- other JSON

    @cython.cfunc
    def _named(
        self, lane: cython.Py_ssize_t, payload: bytes, is_answer: cython.bint
    ) -> tuple[Any, ...] | None:
        """Return what is known of the name of an object that was read; None: it is not plain.

        Only text can be a name. The first member that has text has the name of most messages,
        and the same text has it again; what is new is for the decoder.
        """
        data: cython.p_const_uchar = payload
        members: Members = self.naming
        names: dict[Any, Any] = self.names[lane][0]
        first: cython.int = self._text_from(0, _FIRST_ID, data)
        if first < 0:
            # It may be an object within that has the name.
            return self._known(lane, None) if is_answer else None
        text: bytes = data[members.starts[first] : members.ends[first]]
        known: tuple[Any, ...] | None = names.get(text)
        if known is None:
            known = self._new_name(lane, payload, first, is_answer)
            return known
        label: cython.longlong = known[0]
        if label != _CHANGE:
            return known
        # The channel, if there is one, says of what.
        first = self._text_from(_FIRST_CHANNEL, _LAST_CHANNEL, data)
        if first < 0:
            known = known[1]
        else:
            text += data[members.starts[first] : members.ends[first]]
            known = names.get(text)
        if known is None:
            known = self._new_name(lane, payload, first, is_answer)
        return known

    @cython.cfunc
    def _text_from(
        self, begin: cython.int, end: cython.int, data: cython.p_const_uchar
    ) -> cython.int:
        """Return the first of some members that has text; -1: none."""
        members: Members = self.naming
        i: cython.int
        for i in range(begin, end):
            if members.present >> i & 1 and data[members.begins[i]] == 0x22:
                return i
        return -1

    @cython.cfunc
    def _new_name(
        self,
        lane: cython.Py_ssize_t,
        payload: bytes,
        first: cython.int,
        is_answer: cython.bint,
    ) -> tuple[Any, ...] | None:
        """Return what is known of a name as the decoder finds it, and note it if it will be so."""
        decoder = self.decoders[lane]
        members: Members = self.naming
        name = decoder.name_in(payload)
        if name is None and not is_answer:
            return None
        known: tuple[Any, ...] | None = self._known(lane, name)
        names: dict[Any, Any] = self.names[lane][0]
        if known is None or len(names) >= _MAX_NAMES:
            return known
        first = self._text_from(0, _FIRST_ID, payload)
        text: bytes = payload[members.starts[first] : members.ends[first]]
        value: bytes = payload[members.begins[first] : members.ends[first]]
        written = decoder.known(members.names[first], value)
        if written is not None and written not in CHANGES:
            names[text] = known
        elif written is not None:
            first = self._text_from(_FIRST_CHANNEL, _LAST_CHANNEL, payload)
            if first < 0:
                names[text] = (_CHANGE, known)
                return known
            names.setdefault(text, (_CHANGE, None))
            value = payload[members.begins[first] : members.ends[first]]
            if decoder.known(members.names[first], value) is not None:
                names[text + payload[members.starts[first] : members.ends[first]]] = known
        return known

    @cython.cfunc
    def _known(self, lane: cython.Py_ssize_t, name: Any) -> tuple[Any, ...] | None:
        """Return what is known of a name of other JSON; None: there is no room for it."""
        names: dict[Any, Any] = self.names[lane][1]
        known: tuple[Any, ...] | None = names.get(name)
        if known is None:
            known = self._make(lane, names, name, kind_of(name), name)
        return known
