"""Lanes: what a schedule counts for one connection and one way of delivery.

A schedule puts the messages of a connection, in order of time, into the answers that other
transports would have brought them in. It keeps no message: each lane has counters, the answers'
sizes in classes (so that headers may be chosen later), and the delays in classes. Knows the
layout that the kernel `_schedule` reads and writes. Used by the kernel's owner, stage.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analyzer.columns import Rows, row_dtype
from analyzer.named_tuple import NamedTuple

Floats = npt.NDArray[np.float64]

# The lanes of a connection, in order; PHASES for each polling interval follow.
POSTS: Final = 0  # each message of the client, in a request of its own
PUSHES: Final = 1  # each message of the server, by itself
WRITES: Final = 2  # messages of the server that left in one packet, together
LONG_POLL: Final = 3
REPLIES: Final = 4  # messages of the server that answer one of the client, by its id
FOLLOWERS: Final = 5  # the first message of the server after one of the client
SHORT_POLL: Final = 6
"""The first lane of the first interval."""
PHASES: Final = 4
"""When a client polls within the interval is not in a WebSocket capture. Answers are put together
for so many phases, evenly spread; sizes are the mean over them."""

SIZE_CLASSES: Final = 16
"""An answer's size modulo the MSS, in so many classes: how many packets it takes with a head
before it is known to a sixteenth of a packet."""
DELAY_CLASSES: Final = 32
"""Delays lie between 0 and the interval (or the gap of a long poll)."""

LANE = row_dtype(
    [
        ("answers", "<i8"),  # that carry messages
        ("messages", "<i8"),
        ("payload_bytes", "<i8"),
        ("full_segments", "<i8"),  # of the MSS each, in the answers' payloads
        ("delay", "<f8"),  # ns, of all messages together: days of waits pass 2^63 in total
        ("expected", "<f8"),  # answers that carry messages, the mean over all phases
        ("prompt", "<i8"),  # answers that a request does not wait for
        ("timeouts", "<i8"),  # empty answers of long polls
        ("last_answer", "<i8"),  # ns since the origin; of short polls the number of the tick
        ("open_bytes", "<i8"),  # payload of the answer being filled
        ("open_messages", "<i8"),
    ]
)
"""One lane."""

CONVERSATION = row_dtype(
    [
        ("origin", "<i8"),  # ns: from when on messages can be delivered
        ("last_server", "<i8"),  # ns since the origin: the server's latest message
        ("last_push", "<i8"),  # the same, of those that are no replies
        ("last_packet", "<i8"),  # that carried the end of the server's latest message
        ("gap", "<i8"),  # ns: between a long poll's answer and the next request's arrival
        ("hold", "<i8"),  # ns: how long a long poll is held
        ("followed", "<i8"),  # client messages with a server message before the next of theirs
        ("unasked", "<i8"),  # server messages without a client message since the one before
        ("client_header_bytes", "<i8"),  # of the frames of unfragmented messages
        ("server_header_bytes", "<i8"),
        ("mss", "<i4"),
        ("size_class", "<i4"),  # bytes in a size class
        ("asked", "<i4"),  # 1: the latest message is the client's
        ("by_ids", "<i4"),  # 1: replies are known by their ids
    ]
)
"""What the lanes of one connection share."""


KINDS: Final = 16
"""Kinds of messages that are kept apart on a connection; of more the one that was silent for
longest is forgotten. A kind's next message supersedes the one before."""

KIND = row_dtype(
    [
        ("kind", "<i8"),
        ("time", "<i8"),  # ns since the origin, of its latest message
        ("length", "<i8"),  # of its payload
        ("used", "<i8"),  # 1: there is one
    ]
)
"""The latest message of one kind."""

LATEST = row_dtype([("messages", "<f8"), ("payload_bytes", "<f8"), ("delay", "<f8")])
"""What polls at one interval bring that fetch only the latest message of each kind: messages, their
payload, and ns of all waits; the mean over all phases."""


BUFFER = row_dtype(
    [
        ("origin", "<i8"),  # ns: from when on messages can be delivered
        ("latest", "<i8"),  # ns since the origin: the server's latest message
        ("first", "<i8"),  # ns since the origin: the first byte in the buffer
        ("filled", "<i8"),  # bytes in it
        ("messages", "<i8"),  # whose last byte is in it
        ("offsets", "<f8"),  # ns from `first` to these, all together
        ("offset_class", "<i8"),  # ns in a class of these
        ("delay_class", "<i8"),  # ns in a class of delays
        ("mss", "<i4"),
        ("size_class", "<i4"),  # bytes in a size class
    ]
)
"""The buffer of a proxy before one connection. How long a message waits in it has no upper limit,
so that classes become twice as wide as often as it takes."""


class Answers(NamedTuple):
    """The answers of a lane, or the mean of several; one element for each connection.

    Attributes:
        answers: that carry messages.
        messages: in them.
        payload_bytes: of these.
        full_segments: of the MSS each, in the answers' payloads.
        sizes: answers by size class, shape (connections, SIZE_CLASSES).
    """

    answers: Floats
    messages: Floats
    payload_bytes: Floats
    full_segments: Floats
    sizes: npt.NDArray[Any]

    @property
    def mean_messages(self) -> Floats:
        """Messages in an answer."""
        mean: Floats = self.messages / np.maximum(self.answers, 1)
        return mean

    @property
    def mean_payload(self) -> Floats:
        """Payload bytes of an answer."""
        mean: Floats = self.payload_bytes / np.maximum(self.answers, 1)
        return mean


def answers_of(lanes: Rows, sizes: npt.NDArray[np.int32], number: int) -> Answers:
    """Return what one lane of each connection counted.

    Args:
        lanes: LANE rows, shape (connections, lanes).
        sizes: shape (connections, lanes, SIZE_CLASSES).
        number: of the lane.
    """
    lane = lanes[:, number]
    return Answers(
        lane["answers"].astype(np.float64),
        lane["messages"].astype(np.float64),
        lane["payload_bytes"].astype(np.float64),
        lane["full_segments"].astype(np.float64),
        sizes[:, number],
    )


def polled(lanes: Rows, sizes: npt.NDArray[np.int32], place: int) -> Answers:
    """Return the answers of short polling, the mean over the phases of a client.

    Args:
        lanes: LANE rows, shape (connections, lanes).
        sizes: shape (connections, lanes, SIZE_CLASSES).
        place: of the interval.
    """
    phases = slice(SHORT_POLL + PHASES * place, SHORT_POLL + PHASES * (place + 1))
    tried = lanes[:, phases]
    # Exact over all phases; the few that were tried only say how large answers are.
    expected: Floats = tried["expected"][:, 0]
    scale = expected / np.maximum(tried["answers"].mean(axis=1), 1)
    return Answers(
        expected,
        tried["messages"].mean(axis=1),
        tried["payload_bytes"].mean(axis=1),
        tried["full_segments"].mean(axis=1),
        sizes[:, phases].mean(axis=1) * scale[:, None],
    )
