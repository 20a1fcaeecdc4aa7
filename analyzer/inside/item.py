"""Items: what one message of an inner protocol says; and what every decoder is.

A message may hold several items (a batch of JSON-RPC, packets of MQTT), or none that begins
in it. Knows no protocol. Used by all decoders, and by inside.talk, which pairs items.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from re import Pattern
from typing import Any, Final

import msgspec

from analyzer.lazy_dataclass import dataclass

CLIENT: Final = 0
SERVER: Final = 1

HEARTBEAT: Final = "heartbeat"

LABEL_ONLY: Final = frozenset({"rfb", "ssh", "tls", "chisel"})
"""Protocols that are recognised, but whose messages are not read (inside.tunnels)."""

IN_PIECES: Final = frozenset({"engine.io", "socket.io", "mqtt", "stomp"})
"""Protocols of which an item may go on in further messages: attachments, parts of a packet."""

# What an item is to a call.
NO_CALL: Final = 0
ASK: Final = 1  # begins a call
ASK_MAYBE: Final = 2  # the same, if an answer comes
REPLY: Final = 3  # ends one well
REPLY_ERROR: Final = 4  # ends one with an error
STREAM: Final = 5  # one of several results before the end
CANCEL: Final = 6  # the caller wants no answer any more
STREAM_ERROR: Final = 7  # an error; the end comes by itself
FIRST: Final = 8  # a result, of which the first counts as the answer; the end comes by itself
FIRST_ERROR: Final = 9  # the same, with an error
CANCEL_END: Final = 10  # the caller ends it, and no answer comes any more
END: Final = 11  # ends one well behind its FIRST; the answer only if there was none
ASK_OPEN: Final = 12  # begins a call whose answer is up to the other side

# What an item is to a topic.
PUBLISH: Final = 1
DELIVER: Final = 2
SUBSCRIBE: Final = 3
PUBLISH_MAYBE: Final = 4  # a publication only if the same payload is delivered to somebody
DELIVER_MAYBE: Final = 5  # a delivery only if it is that of a publication


class Item(msgspec.Struct, gc=False):
    """One thing said.

    Attributes:
        kind: what it is, in the protocol's words; see docs/inside.md.
        name: method, event or topic; None where there is none, or it is that of the request.
        id: by which it may be answered.
        reply_to: id of what it answers.
        topic: what it is published to, or its namespace or channel.
        role: ASK to ASK_OPEN; NO_CALL.
        key: what a call and its answer have in common, in one connection.
        also: a second call that it is part of: role and key.
        spread: PUBLISH to DELIVER_MAYBE; 0 where it is neither.
        spread_topic: the topic of that, where it is not `topic`.
        body: what a publication and its deliveries have in common; None: not known.
    """

    kind: str
    name: str | None = None
    id: str | None = None
    reply_to: str | None = None
    topic: str | None = None
    role: int = NO_CALL
    key: Hashable = None
    also: tuple[int, Hashable] | None = None
    spread: int = 0
    spread_topic: str | None = None
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of a connection before its first message.

    Attributes:
        subprotocol: as agreed, in lower case; "" without one, or if it is not known.
        path: request target; "" if it is not known.
        max_bytes: that a decoder may keep of one direction (max_inside_bytes).
        joined: its beginning was not captured.
    """

    subprotocol: str = ""
    path: str = ""
    max_bytes: int = 1 << 18
    joined: bool = False


class Decoder:
    """Reads the messages of one connection in the order in which they were complete.

    Attributes:
        inner: the protocol's name; may become more exact with what is read.
        is_strict: a message that is not of the protocol is a fault.
        is_stream: items may be cut over text messages, so that one may begin with anything.
    """

    inner: str = ""
    is_strict: bool = True
    is_stream: bool = False

    @property
    def spoken(self) -> str:
        """The protocol of the conversation, whatever its last message was."""
        return self.inner

    def __init__(self, setting: Setting) -> None:
        """Begin a connection."""
        self.setting = setting

    def take(self, payload: bytes, sender: int, is_text: bool) -> list[Item] | None:
        """Read a message.

        Args:
            payload: all of it.
            sender: CLIENT or SERVER.
            is_text: by its opcode.

        Returns:
            The items that are told with it: one that is cut over messages with the message
            that completes it, or its head. None if it is not one of this protocol.
        """
        raise NotImplementedError

    def lost(self, sender: int) -> None:
        """Note that messages of a side were lost, or could not be read."""

    def is_within(self, sender: int) -> bool:
        """Return whether a side has begun an item that its next message goes on with."""
        return False

    @property
    def held_bytes(self) -> int:
        """Bytes kept of what is not whole."""
        return 0


Looks = Callable[[bytes, int, bool], bool]
"""Says whether one message (payload, sender, is_text) is clearly of a protocol."""


@dataclass(frozen=True, slots=True, eq=False)
class Protocol:
    """One protocol: how it is recognised, and what reads it.

    Attributes:
        inner: its name.
        make: makes a decoder for a connection.
        looks: distinguishes its messages from all others.
        begins: first bytes that such a message may have; empty: any. Others are not asked for it.
        needs: of these one at least is in such a message, or a backslash, with which JSON may
            write any character; empty: not known.
        subprotocols: names in Sec-WebSocket-Protocol that are enough, in lower case.
        path: of request targets; before messages in weight, but two must confirm it.
        needs_path: messages alone do not distinguish it from others.
        unwrap: returns the messages of another protocol in one of its own; None: it carries none.
        middle: takes the place of `looks` where a connection's beginning was not captured, and its
            path and subprotocol are not known; None: `looks` serves there too.
        fits: whether the protocol allows a message at all. One that it does not allow denies it
            there; None: any.
        names: words like `needs`: one is in each object that it looks for, or that is a heartbeat.
        beats: messages that are heartbeats, by which alone it is not recognised.
        is_beat: whether an object is one; None: none is.
    """

    inner: str
    make: Callable[[Setting], Decoder]
    looks: Looks
    subprotocols: Pattern[str] | None = None
    path: Pattern[str] | None = None
    needs_path: bool = False
    begins: bytes = b""
    needs: tuple[bytes, ...] = ()
    unwrap: Callable[[bytes, int], list[bytes] | None] | None = None
    middle: Looks | None = None
    fits: Looks | None = None
    names: tuple[bytes, ...] = ()
    beats: frozenset[bytes] = frozenset()
    is_beat: Looks | None = None

    def in_the_middle(self) -> Protocol:
        """Return it as it is recognised where the beginning was not captured."""
        if self.middle is None and self.fits is None:
            return self
        # Each message is asked whether it fits, whatever it begins with.
        looks = self.middle or self.looks
        return Protocol(self.inner, self.make, looks, unwrap=self.unwrap, fits=self.fits)


def short(text: str | None, most: int = 256) -> str | None:
    """Return a name or id from traffic, at most so long."""
    return text if text is None or len(text) <= most else text[:most] + "…"


def plain(value: Any) -> str | None:
    """Return an id that was read as a value; None if it is none that a protocol would use."""
    if isinstance(value, str):
        return short(value)
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        # str() of a huge number takes the square of its length, and may raise.
        return str(value) if -(2**127) < value < 2**127 else None
    return repr(value) if isinstance(value, float) else None
