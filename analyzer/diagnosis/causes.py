"""Every cause that can be said: a stable id, a severity, what it is, and advice.

Knows words alone. A rule makes a `Diagnosis` of a cause; only the stage turns these into rows.
Ids are stable: scripts filter on them, as on those of findings.
"""

from __future__ import annotations

from typing import Any

from analyzer.columns import NULL
from analyzer.findings import ERROR, NOTE, WARNING
from analyzer.lazy_dataclass import dataclass, field


@dataclass(frozen=True, slots=True)
class Cause:
    """One kind of diagnosis.

    Attributes:
        id: stable, in kebab case.
        severity: one of findings.SEVERITIES.
        text: what it is, for the documentation.
        advice: the setting or the code that is usually at fault.
    """

    id: str
    severity: str
    text: str
    advice: str


@dataclass(slots=True, kw_only=True)
class Diagnosis:
    """One cause as it shows in a capture.

    Attributes:
        cause: what it is.
        text: what happened, with its numbers.
        connections: how many connections, or attempts to open one, show it.
        connection: the first of them; NULL where none was opened.
        packet: the first to look at; NULL where there is no single one.
        seconds: time lost, in ns; NULL where none.
        bytes: wasted; NULL where none.
        ended: connections that it ended, or kept from opening: what it costs most.
        evidence: packets, connections and values, as JSON has them.
        advice: in place of the cause's, where the capture says more.
    """

    cause: Cause
    text: str
    connections: int = 0
    connection: int = NULL
    packet: int = NULL
    seconds: int = NULL
    bytes: int = NULL
    ended: int = 0
    evidence: dict[str, Any] = field(default_factory=dict)
    advice: str = ""

    @property
    def cost(self) -> tuple[int, int, int]:
        """By what diagnoses are ranked: connections ended, time lost, bytes wasted."""
        return self.ended, max(self.seconds, 0), max(self.bytes, 0)


CAUSES: dict[str, Cause] = {}


def _cause(id_: str, severity: str, text: str, advice: str) -> Cause:
    cause = CAUSES[id_] = Cause(id_, severity, text, advice)
    return cause


# --- how connections end
IDLE_TIMEOUT = _cause(
    "idle-timeout",
    WARNING,
    "Connections ended by the same side after the same silence.",
    "Raise the idle time-out of the server or of the proxy before it, or send pings more often "
    "than it: half of it is usual.",
)
LIFETIME_LIMIT = _cause(
    "lifetime-limit",
    NOTE,
    "Connections ended by the same side after the same total life, though they were not idle.",
    "Something limits how long a connection may last: a request time-out of a proxy or platform, "
    "or the expiry of a token. Raise it, or let clients reconnect before it.",
)
IDLE_ENTRY_LOST = _cause(
    "idle-entry-lost",
    WARNING,
    "A RST answers the first packet behind a long silence: a balancer, firewall or NAT forgot "
    "the connection.",
    "Something on the path drops idle connections without a word. Send pings more often than "
    "the shortest silence seen here, or raise its idle time.",
)
PEER_VANISHED = _cause(
    "peer-vanished",
    WARNING,
    "Data was never acknowledged: the peer, or the path to it, is gone.",
    "Send pings and close when no pong comes: without them a half-open connection stays until "
    "TCP gives up, a quarter of an hour by default. Look at the network of the side that vanished.",
)
PING_UNANSWERED = _cause(
    "ping-unanswered",
    WARNING,
    "A ping got no pong, and the connection was given up because of it.",
    "Acknowledged by TCP, the program hangs: look for blocking calls in its event loop, or a "
    "reader that does not read. Not acknowledged, look at the network.",
)
CLOSE_LOST = _cause(
    "close-lost",
    WARNING,
    "A Close that its receiver can hardly have read: it logs 1006.",
    "Whoever closes must read until the peer's Close or FIN comes: closing a socket with unread "
    "data sends a RST, which destroys what is under way.",
)
RESET_INJECTED = _cause(
    "reset-injected",
    WARNING,
    "A RST that its sender did not send.",
    "A box on the path ends connections: a firewall, an intrusion prevention system, a balancer. "
    "Look there, not at the programs.",
)
CLOSED_UNUSED = _cause(
    "closed-unused",
    WARNING,
    "The connection ended right behind the handshake, with no frame.",
    "Clients drop a handshake that they do not like without a Close: check Sec-WebSocket-Accept, "
    "the subprotocol chosen, the log of the client.",
)
RECONNECT_STORM = _cause(
    "reconnect-storm",
    WARNING,
    "One client comes again and again, and is thrown out each time.",
    "Let the client wait longer after each failure (exponential backoff with jitter), and stop "
    "on codes that another attempt cannot mend. Why it is thrown out is what to mend first.",
)

# --- what is late
NAGLE_DELAYED_ACK = _cause(
    "nagle-delayed-ack",
    WARNING,
    "Small segments held back until an ACK that was delayed: Nagle's algorithm (RFC 896).",
    "Set TCP_NODELAY at the sender, or write header and payload in one call.",
)
LATE_BY_LOSS = _cause(
    "late-by-loss",
    WARNING,
    "Messages held up by lost packets.",
    "The path loses packets; one lost packet holds up all messages behind it. Look at the link "
    "(wireless, overload, a policer), and send less at once.",
)
SLOW_READER = _cause(
    "slow-reader",
    WARNING,
    "Messages held up because their receiver's window was closed: its program did not read.",
    "Let the receiver read all the time and work elsewhere, or send it less. A sender without a "
    "limit on what it queues for such a client runs out of memory.",
)
SLOW_REPLY = _cause(
    "slow-reply",
    WARNING,
    "Replies that took far longer than usual.",
    "Look at what the slow calls have in common: a query, a lock, a service behind.",
)
SERVER_STALL = _cause(
    "server-stall",
    WARNING,
    "All clients of a server wait at once: its event loop is blocked, or the process is stopped.",
    "Look for blocking work in the event loop (file and database access, compression, JSON of "
    "megabytes), garbage collection, or a CPU limit that throttles the process.",
)

# --- how connections open
SLOW_HANDSHAKE = _cause(
    "slow-handshake",
    NOTE,
    "Opening handshakes that took long, and which part of them did.",
    "Look at the part that took it.",
)
PROXY_STRIPPED = _cause(
    "proxy-stripped",
    WARNING,
    "The upgrade request has a key, yet lacks Upgrade or Connection: a hop took them away.",
    "Both are hop-by-hop fields (RFC 9110 7.6.1): tell the proxy before the server to speak "
    "HTTP/1.1 to it and to send Upgrade and Connection on.",
)
REFUSED_WHY = _cause(
    "refused-why",
    WARNING,
    "Refused upgrades whose answer names the cause.",
    "The text is the server's own; the field Server names who wrote it: the program, or a proxy "
    "before it.",
)

# --- what the bytes are
NOT_FRAMES = _cause(
    "not-frames",
    ERROR,
    "Bytes behind the 101 that are no WebSocket frames.",
    "Something else writes to the upgraded connection: a second handler, an error page, a "
    "program that forgot to frame.",
)
TORN_WRITE = _cause(
    "torn-write",
    ERROR,
    "Frames torn apart: two writers interleaved, or a header whose payload never came.",
    "Let one task at a time write to a connection (a lock, or a queue), and send header and "
    "payload in one call.",
)
OLD_DRAFT = _cause(
    "old-draft",
    WARNING,
    "A draft older than RFC 6455.",
    "Update the client and the server: no browser has spoken it since 2012.",
)
WINDOW_EXCEEDED = _cause(
    "window-exceeded",
    ERROR,
    "A sender refers back farther than permessage-deflate agreed to.",
    "The sender's library ignores max_window_bits: update it, or do not negotiate the parameter.",
)

# --- what the capture holds
TWO_LEGS = _cause(
    "two-legs",
    NOTE,
    "Both legs of a proxy are in the capture: one conversation, two connections.",
    "Nothing is wrong. Totals of messages count one of the two; capture at one interface, or "
    "choose with --where.",
)
SEEN_TWICE = _cause(
    "seen-twice",
    NOTE,
    "Packets were captured twice.",
    "Capture at one interface (not at a bridge and its ports at once, nor with -i any).",
)
ONE_DIRECTION = _cause(
    "one-direction",
    WARNING,
    "One direction of connections was not captured.",
    "Capture where both directions pass: a mirror port often copies one, and routes may differ.",
)
WRONG_LINK_TYPE = _cause(
    "wrong-link-type",
    WARNING,
    "The capture names a link type that its packets contradict.",
    "Write the file again with the right type: editcap -T ether IN OUT.",
)
PROXY_BUFFERS = _cause(
    "proxy-buffers",
    WARNING,
    "A hop collects messages and lets them go together.",
    "Switch the hop's buffering off for this path.",
)

STREAM_HELD = _cause(
    "stream-held",
    NOTE,
    "Events of an HTTP stream wait for later ones before they come: a proxy that buffers, or the "
    "server itself.",
    "If the server sends each event at once, switch buffering off in the proxy before it "
    "(nginx: proxy_buffering off, or X-Accel-Buffering: no in the answer).",
)

# --- what is wasted
COMPRESSION_WASTED = _cause(
    "compression-wasted",
    NOTE,
    "permessage-deflate makes messages larger than they are.",
    "Do not compress small or compressed payload: set a threshold, or do not negotiate it.",
)
COMPRESSION_MISSED = _cause(
    "compression-missed",
    NOTE,
    "permessage-deflate was offered and not accepted, and would have saved much.",
    "Let the server accept permessage-deflate, if it has processor time and memory to spare.",
)
CHATTY = _cause(
    "chatty",
    NOTE,
    "Small messages whose headers outweigh them, close to each other.",
    "Put what is due at the same time into one message.",
)
