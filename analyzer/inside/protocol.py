"""What every inner protocol is: how it is recognised, what reads it, what its items are to others.

Knows no protocol, and no JSON, so that connections that speak none load no decoder. Used by all
decoders, by inside.registry and inside.talk.
"""

from __future__ import annotations

from collections.abc import Callable
from re import Pattern
from typing import TYPE_CHECKING, Any, Final

from analyzer.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from analyzer.inside.item import Item

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

# The quick ways of inside._quick.
QUICK_SOCKET_IO: Final = 1
QUICK_JSON_RPC: Final = 2
QUICK_ANY_JSON: Final = 3

# What an item is to a topic.
PUBLISH: Final = 1
DELIVER: Final = 2
SUBSCRIBE: Final = 3
PUBLISH_MAYBE: Final = 4  # a publication only if the same payload is delivered to somebody
DELIVER_MAYBE: Final = 5  # a delivery only if it is that of a publication


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
        quick: its quick way (inside._quick), QUICK_SOCKET_IO to QUICK_ANY_JSON; 0: none.
    """

    inner: str = ""
    is_strict: bool = True
    is_stream: bool = False
    quick: int = 0

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

    def wrap(self, protocol: Protocol) -> None:
        """Learn of what protocol the messages are that it carries, if it carries any."""

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
