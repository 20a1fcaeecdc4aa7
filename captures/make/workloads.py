"""What is said in the captures of chat_transports.py: who, when, what, and to whom.

A workload is the same for each transport: its lines are planned from a fixed seed, in
seconds after the start, in bursts and with pauses, some longer than a poll is held.
"""

from __future__ import annotations

import bisect
import functools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass

from ends import prose

LEAD = 1.0
"""Seconds from the start to the first line, and from the last line to the end."""


@dataclass(frozen=True)
class Line:
    """One message, the same JSON text over every transport."""

    at: float
    """Planned, seconds after the start."""
    kind: str
    """ticker, notice (both pushed by the server) or line (of a member)."""
    text: str
    speaker: int | None
    """The member who sends it; None: the server."""
    to: tuple[int, ...]
    """The members who get it."""


@dataclass(frozen=True)
class Workload:
    """Times in seconds, sizes in bytes."""

    name: str
    seed: int
    port: int
    members: tuple[str, ...]
    end: float
    """When all clients stop, after the start."""
    interval: float
    """Of short polling, from start to start."""
    hold: float
    """Of long polling."""
    sizes: tuple[int, int]
    """Of messages, least and most."""
    member_share: float
    """Share of lines that members say."""
    burst: int
    """Most lines of a burst."""
    pauses: tuple[float, float]
    """Between bursts, least and most; every fifth is longer than a poll is held."""
    paths: dict[str, str]
    """By transport, and "say" for what members post."""
    browser: dict[str, str]
    """Header fields of every request but for Host, Origin, Referer and Cookie."""
    page: str
    cookie: str
    """With %s for what differs between the members."""
    gzip: bool = False
    """Answers and streams in gzip, and permessage-deflate over WebSocket."""

    def session(self, member: int) -> str:
        return f"{random.Random(f'{self.seed} {member}').getrandbits(96):024x}"

    def headers(self, host: str, member: int) -> dict[str, str]:
        site = f"http://{host}:{self.port}"
        cookie = self.cookie % self.session(member)
        return {**self.browser, "Origin": site, "Referer": site + self.page, "Cookie": cookie}

    @functools.cached_property
    def lines(self) -> tuple[Line, ...]:
        randomness = random.Random(self.seed)
        times = list(self._times(randomness))
        return tuple(self._line(randomness, number, at) for number, at in enumerate(times))

    def _times(self, randomness: random.Random) -> Iterator[float]:
        at, last, bursts = LEAD, self.end - LEAD, 0
        while at < last - 0.1:
            for _ in range(randomness.randint(1, self.burst)):
                if at < last - 0.1:
                    yield round(at, 4)
                at += randomness.uniform(0.008, 0.25)
            bursts += 1
            long = bursts % 5 == 0
            at += self.hold + 0.7 if long else randomness.uniform(*self.pauses)
        yield last

    def _line(self, randomness: random.Random, number: int, at: float) -> Line:
        everyone = tuple(range(len(self.members)))
        if randomness.random() < self.member_share:
            speaker = randomness.choice(everyone)
            head = {"type": "line", "n": number, "from": self.members[speaker]}
            return Line(at, "line", self._text(randomness, head), speaker, everyone)
        if randomness.random() < 0.65:
            head = {"type": "ticker", "n": number, "value": round(randomness.uniform(9, 99), 2)}
            return Line(at, "ticker", self._text(randomness, head), None, everyone)
        some = randomness.sample(everyone, randomness.randint(1, len(everyone) - 1))
        head = {"type": "notice", "n": number}
        return Line(at, "notice", self._text(randomness, head), None, tuple(sorted(some)))

    def _text(self, randomness: random.Random, head: dict[str, object]) -> str:
        """JSON of uneven size: small ones more often."""
        low, high = self.sizes
        wanted = low + (high - low) * randomness.random() ** 2
        text = prose(randomness, high)

        def line(length: int) -> str:
            whole = {**head, "text": text[:length]}
            return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))

        longer = bisect.bisect_right(range(high), wanted, key=lambda n: len(line(n).encode()))
        return line(max(0, longer - 1))


CHAT = Workload(
    name="chat",
    seed=20,
    port=9017,
    members=("anna", "bela", "Zoë"),
    end=26.0,
    interval=0.3,
    hold=2.0,
    sizes=(40, 400),
    member_share=0.4,
    burst=5,
    pauses=(0.2, 1.2),
    paths={
        "short-poll": "/chat/poll",
        "long-poll": "/chat/long-poll",
        "stream": "/chat/stream",
        "sse": "/chat/sse",
        "websocket": "/chat/ws",
        "say": "/chat/lines",
    },
    browser={
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/126.0.0.0 Safari/537.36",
        "Accept-Encoding": "gzip, deflate, br, zstd",
        "Accept-Language": "de-CH,de;q=0.9,en;q=0.8",
        "Cache-Control": "no-cache",
        "Sec-Fetch-Dest": "empty",
        "Sec-Fetch-Mode": "cors",
        "Sec-Fetch-Site": "same-origin",
    },
    page="/chat/",
    cookie="session=%s; consent=all; theme=dark",
)

FEED = Workload(
    name="feed",
    seed=77,
    port=9018,
    members=("north", "süd"),
    end=30.0,
    interval=0.5,
    hold=4.0,
    sizes=(100, 1500),
    member_share=0.12,
    burst=9,
    pauses=(0.2, 1.9),
    paths={
        "short-poll": "/api/v2/feed/items",
        "long-poll": "/api/v2/feed/wait",
        "stream": "/api/v2/feed/live",
        "stream-buffered": "/api/v2/feed/buffered",
        "sse": "/api/v2/feed/events",
        "websocket": "/api/v2/feed/socket",
        "say": "/api/v2/feed/remarks",
    },
    browser={
        "User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101"
        " Firefox/128.0",
        "Accept-Language": "en-GB,en;q=0.7,fr;q=0.3",
        "Accept-Encoding": "gzip, deflate, br, zstd",
        "DNT": "1",
        "Sec-GPC": "1",
        "Pragma": "no-cache",
        "Cache-Control": "no-cache",
        "Priority": "u=4",
    },
    page="/dashboard/plants/overview",
    cookie="sid=%s.f27c1de98ab04351b2c6; locale=en-GB; layout=wide; seen=2026-02-11T08:14:55Z",
)

BOARD = Workload(
    name="board",
    seed=1402,
    port=9020,
    members=("ida", "tom"),
    end=24.0,
    interval=0.4,
    hold=3.0,
    sizes=(300, 6000),
    member_share=0.25,
    burst=4,
    pauses=(0.3, 1.6),
    paths={
        "short-poll": "/board/news",
        "long-poll": "/board/next",
        "stream": "/board/live",
        "sse": "/board/events",
        "websocket": "/board/socket",
        "say": "/board/notes",
    },
    browser={
        "User-Agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15"
        " (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
        "Accept-Encoding": "gzip, deflate",
        "Accept-Language": "fr-CH",
        "Sec-Fetch-Dest": "empty",
        "Sec-Fetch-Mode": "cors",
        "Sec-Fetch-Site": "same-origin",
    },
    page="/board/",
    cookie="sid=%s; view=compact",
    gzip=True,
)

ROOM = Workload(
    name="room",
    seed=311,
    port=9021,
    members=("lia", "per", "uma"),
    end=25.0,
    interval=1.0,
    hold=10.0,
    sizes=(60, 700),
    member_share=0.35,
    burst=6,
    pauses=(0.4, 2.2),
    paths={},
    browser={},
    page="/",
    cookie="",
)
"""For engine_io.py, whose transports have paths of their own."""

PRESENCE = Workload(
    name="presence",
    seed=6174,
    port=9024,
    members=("amir", "bea", "chen", "dora"),
    end=28.0,
    interval=1.2,
    hold=5.0,
    sizes=(70, 240),
    member_share=0.3,
    burst=14,
    pauses=(0.8, 3.5),
    paths={
        "short-poll": "/presence/changes",
        "long-poll": "/presence/wait",
        "stream": "/presence/stream",
        "sse": "/presence/events",
        "websocket": "/presence/socket",
        "say": "/presence/me",
    },
    browser={},
    page="/",
    cookie="account=%s",
)
"""For presence.py, whose programs have headers of their own."""

LOBBY = Workload(
    name="lobby",
    seed=90_210,
    port=9034,
    members=("nia", "otto", "pia"),
    end=26.0,
    interval=0.8,
    hold=6.0,
    sizes=(60, 3800),
    member_share=0.45,
    burst=9,
    pauses=(0.5, 2.6),
    paths={
        "short-poll": "/lobby/lines",
        "long-poll": "/lobby/next",
        "stream": "/lobby/flow",
        "sse": "/lobby/events",
        "websocket": "/lobby/live",
        "say": "/lobby/say",
    },
    browser={},
    page="/",
    cookie="",
)
"""For lobby.py, whose programs have headers of their own."""

WORKLOADS = {workload.name: workload for workload in (CHAT, FEED, BOARD)}
