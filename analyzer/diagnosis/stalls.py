"""Servers that stopped answering all clients for a while, and then answered all at once.

What distinguishes a blocked server from one slow call: several connections wait; they began to wait
at different moments and get their answers together; the server sends nothing to anybody meanwhile,
and answers at once as a rule. Knows rows of `messages`, `pings` and `calls`. Called by the stage
through rules.RULES.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL, distinct
from analyzer.diagnosis import _runs, causes
from analyzer.diagnosis.causes import Diagnosis
from analyzer.diagnosis.evidence import MOST, packets, when
from analyzer.diagnosis.facts import CLIENT, SERVER, codes, numbers
from analyzer.diagnosis.keyed import Keyed, Numbers
from analyzer.diagnosis.runs import Run, keys_of
from analyzer.lazy_dataclass import dataclass
from analyzer.named_tuple import NamedTuple
from analyzer.options import Options
from analyzer.tables.late import held_up
from analyzer.tables.schema import TableRows
from analyzer.wording import address, clock, duration, plural

Server = tuple[str, int]

_QUICK = 4
"""What is answered within stall_s divided by this is answered at once."""
_FIFTH = 5


class Sends(NamedTuple):
    """Messages of servers, in order of time: when (ns), on which connection, and whether it asked.

    A connection asked if its last message before is the client's.
    """

    times: Numbers
    owner: Numbers
    asked: npt.NDArray[np.bool_]

    def taken(self, places: slice | npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Sends:
        """Return the messages at `places`: a slice, numbers, or a mask."""
        return Sends(self.times[places], self.owner[places], self.asked[places])


class Wait(NamedTuple):
    """A client that waited for the server: when, in ns, and the packet with the answer."""

    end: int
    begin: int
    connection: int
    packet: int


@dataclass(frozen=True, slots=True)
class Stall:
    """A time in which a server did not answer any client.

    Attributes:
        server: its address and port.
        begin: ns; since then it had work, and sent nothing.
        end: its first answer.
        waits: of each connection the longest, in order of their ends.
    """

    server: Server
    begin: int
    end: int
    waits: tuple[Wait, ...]

    @property
    def length(self) -> int:
        """How long, in ns."""
        return self.end - self.begin

    @property
    def waited(self) -> int:
        """How long all connections waited, together."""
        return sum(wait.end - wait.begin for wait in self.waits)


class Stalls:
    """Gathers answers that took long, and when servers sent anything.

    Args:
        options: limits and thresholds.

    Attributes:
        cut: answers that were forgotten before they could be judged.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._bar = round(options.stall_s * 1e9)
        self._waits: deque[Numbers] = deque()  # rows of Wait
        self._wait_count = 0
        self._sends: list[Sends] = []
        self._send_count = 0
        self._known_from = NULL
        self._lost: dict[tuple[int, int], None] = {}
        self._habits = Keyed(2, keys_of(options), 0)
        self._servers: dict[int, Server] = {}
        self._alike: dict[Server, Server] = {}
        self._stalls: list[Stall] = []
        self.cut = 0

    # --- what comes in

    def add_handshakes(self, rows: TableRows) -> None:
        """Take rows of `handshakes`: which server a connection has."""
        owner = numbers(rows, "connection")
        places = np.flatnonzero(owner != NULL).tolist()
        ips, ports = rows.values["server_ip"], numbers(rows, "server_port")
        for place in places:
            server = str(ips[place]), int(ports[place])
            # Many connections lead to few servers.
            self._servers[int(owner[place])] = self._alike.setdefault(server, server)
        while len(self._servers) > self._options.max_diagnosed_connections:
            del self._servers[next(iter(self._servers))]
        if len(self._alike) > self._options.max_diagnosed_connections:
            self._alike.clear()

    def add_messages(self, rows: TableRows, run: Run) -> None:
        """Take rows of `messages`."""
        wait = numbers(rows, "gap_us")
        answers = self._note_habits(run, wait)
        held = held_up(rows)
        first = numbers(rows, "time_first")
        slow = np.flatnonzero(wait >= self._bar // 2)
        # Loss, a closed window or a delayed ACK is another cause.
        slow = slow[answers[slow] & (held[slow] < self._bar // _QUICK)]
        packet = numbers(rows, "packet_first")[slow]
        self._add(first[slow] - wait[slow], first[slow], run.key[slow] // 2, packet)
        # So is loss of what was asked: its end is where the wait for the answer begins.
        lost = np.flatnonzero(held >= self._bar // _QUICK)
        lost = lost[run.key[lost] % 2 == CLIENT]
        last = numbers(rows, "time_last")[lost]
        self._lost |= dict.fromkeys(zip((run.key[lost] // 2).tolist(), last.tolist(), strict=True))
        while len(self._lost) > self._options.max_stall_waits:
            del self._lost[next(iter(self._lost))]
        sent = np.flatnonzero((run.key & 1 == SERVER) & (first != NULL))
        self._sent(Sends(first[sent], run.key[sent] // 2, run.answers[sent]))

    def add_pings(self, rows: TableRows) -> None:
        """Take rows of `pings`: a library answers them from the same loop (RFC 6455 5.5.2)."""
        sent, answered = numbers(rows, "sent_at"), numbers(rows, "answered_at")
        slow = (codes(rows, "direction") == CLIENT) & (sent != NULL) & (answered != NULL)
        slow &= answered - sent >= self._bar // 2
        some = np.flatnonzero(slow)
        none = np.full(len(some), NULL, np.int64)
        self._add(sent[some], answered[some], numbers(rows, "connection")[some], none)

    def add_calls(self, rows: TableRows) -> None:
        """Take rows of `calls`."""
        asked, wait = numbers(rows, "requested_at"), numbers(rows, "reply_us")
        owner = numbers(rows, "connection")
        slow = (codes(rows, "caller") == CLIENT) & (asked != NULL) & (owner != NULL)
        some = np.flatnonzero(slow & (wait >= self._bar // 2))
        packet = numbers(rows, "reply_packet")[some]
        self._add(asked[some], asked[some] + wait[some], owner[some], packet)

    def _add(self, begin: Numbers, end: Numbers, owner: Numbers, packet: Numbers) -> None:
        if not len(end):
            return
        self._waits.append(np.stack([end, begin, owner, packet], axis=1))
        self._wait_count += len(end)
        over = max(self._wait_count - self._options.max_stall_waits, 0)
        self.cut += over
        self._wait_count -= over
        while self._waits and over >= len(self._waits[0]):
            over -= len(self._waits.popleft())
        if over:
            self._waits[0] = self._waits[0][over:]

    def _kept_waits(self) -> list[Wait]:
        """Return the waits that are kept, in order."""
        return [*map(Wait._make, (row for rows in self._waits for row in rows.tolist()))]

    def _note_habits(self, run: Run, wait: Numbers) -> npt.NDArray[np.bool_]:
        """Count how quickly servers answer; return which messages are answers of theirs."""
        chosen = np.empty(len(wait), np.bool_)
        marks = chosen.view(np.uint8)
        highest = _runs.answered(run.key, run.answers.view(np.uint8), wait, marks)
        if highest >= 0:
            self._habits.reach(highest)
            habits, quick = self._habits, self._bar // _QUICK
            _runs.note_habits(habits.values, habits.base, run.key, marks, wait, quick)
        return chosen

    def _sent(self, sends: Sends) -> None:
        """Take what servers sent; full at the same message however batches are cut."""
        while len(sends.times):
            room = self._options.max_stall_sends - self._send_count
            some = sends.taken(slice(room))
            self._sends.append(some)
            self._send_count += len(some.times)
            sends = sends.taken(slice(room, None))
            if self._send_count >= self._options.max_stall_sends:
                self._judge_half()

    # --- judging

    def _judge_half(self) -> None:
        """Judge what is older than half of the times that are kept, and forget it."""
        sends = self._all_sends()
        middle = int(np.median(sends.times))
        waits = self._kept_waits()
        old = [wait for wait in waits if wait.end < middle]
        self._stalls += self._found(old, self._servers, sends)
        longest = sorted(self._stalls, key=lambda each: (-each.length, each.end, each.server))
        self._stalls = longest[: self._options.max_diagnosed_attempts]
        young = [wait for wait in waits if wait.end >= middle]
        self._waits = deque([np.array(young, np.int64).reshape(-1, len(Wait._fields))])
        self._wait_count = len(young)
        kept = sends.times >= middle
        if kept.all():  # All at one moment: nothing is older.
            kept[: len(kept) // 2] = False
        self._sends = [sends.taken(kept)]
        self._send_count = int(kept.sum())
        self._known_from = middle

    def _all_sends(self) -> Sends:
        if not self._sends:
            return Sends(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.bool_))
        return Sends(*(np.concatenate(parts) for parts in zip(*self._sends, strict=True)))

    def _found(
        self, waits: Iterable[Wait], servers: Mapping[int, Server], sends: Sends
    ) -> Iterator[Stall]:
        groups: dict[Server, list[Wait]] = defaultdict(list)
        for wait in waits:
            server = servers.get(wait.connection)
            if server is not None and (wait.connection, wait.begin) not in self._lost:
                groups[server].append(wait)
        least = self._options.stall_connections
        for server, some in sorted(groups.items()):
            if len({wait.connection for wait in some}) < least:
                continue
            own = _sends_of(server, servers, sends)
            for together in self._together(sorted(some), own.times):
                stall = self._stall(server, together, own)
                if stall is not None:
                    yield stall

    def _together(self, waits: Sequence[Wait], sends: Numbers) -> Iterator[list[Wait]]:
        """Yield waits that end together after a silence of the server's."""
        apart = round(self._options.stall_together_s * 1e9)
        # Found in arrays, since few servers are ever silent for so long while they are asked.
        ends = np.array([wait.end for wait in waits], np.int64)
        before = np.searchsorted(sends, ends, "left")
        silent = np.ones(len(ends), np.bool_)
        some = before > 0
        silent[some] = ends[some] - sends[before[some] - 1] >= self._bar
        at = 0
        while at < len(waits):
            if not silent[at]:
                at += 1
                continue
            first = waits[at]
            longest: dict[int, Wait] = {}
            bar = max(apart, (first.end - first.begin) // _FIFTH)
            while at < len(waits) and waits[at].end - first.end <= bar:
                wait = waits[at]
                bar = max(bar, (wait.end - wait.begin) // _FIFTH)
                kept = longest.get(wait.connection)
                if kept is None or wait.begin < kept.begin:
                    longest[wait.connection] = wait
                at += 1
            yield sorted(longest.values())

    def _stall(self, server: Server, waits: Sequence[Wait], sends: Sends) -> Stall | None:
        """Return the stall that ends with some answers; None if they prove none."""
        end = waits[0].end
        waiting = [wait for wait in waits if end - wait.begin >= self._bar // 2]
        if len(waiting) < self._options.stall_connections:
            return None
        begins = [wait.begin for wait in waiting]
        spread = max(begins) - min(begins)
        ends = waiting[-1].end - waiting[0].end
        before = int(np.searchsorted(sends.times, end, "left"))
        sent = int(sends.times[before - 1]) if before else NULL
        since = max(min(begins), self._known_from, sent)
        # Waits that begin together and end together may just belong to equal requests.
        apart = round(self._options.stall_together_s * 1e9)
        if end - since < self._bar or spread < max(2 * ends, apart):
            return None
        if _is_for_all(waiting, sends, before, end + max(ends, apart)):
            return None
        return Stall(server, since, end, tuple(waiting))

    # --- what comes out

    def diagnoses(self, ended: Mapping[int, Server]) -> Iterator[Diagnosis]:
        """Yield one for each server that stalled.

        Args:
            ended: servers of connections whose rows left.
        """
        servers = {**self._servers, **ended}
        stalls = [*self._stalls, *self._found(self._kept_waits(), servers, self._all_sends())]
        groups: dict[Server, list[Stall]] = defaultdict(list)
        for stall in stalls:
            groups[stall.server].append(stall)
        for server, some in sorted(groups.items()):
            if self._answers_at_once(server, servers):
                yield _diagnosis(some)

    def _answers_at_once(self, server: Server, servers: Mapping[int, Server]) -> bool:
        keys = [2 * number + SERVER for number, its in servers.items() if its == server]
        places = np.array(keys, np.int64) - self._habits.base
        places = places[(places >= 0) & (places < self._habits.values.shape[1])]
        answers, quick = self._habits.values[:, places].sum(axis=1).tolist()
        # Without any, pings or calls alone waited: what answers them needs no habit.
        return bool(quick >= self._options.stall_prompt_share * answers)


def _sends_of(server: Server, servers: Mapping[int, Server], sends: Sends) -> Sends:
    """Return what a server sent, in order of time."""
    known = distinct(sends.owner)
    its = [number for number in known.tolist() if servers.get(number) == server]
    own = np.flatnonzero(np.isin(sends.owner, np.array(its, np.int64)))
    own = own[np.argsort(sends.times[own], kind="stable")]
    return sends.taken(own)


def _is_for_all(waits: Sequence[Wait], sends: Sends, first: int, until: int) -> bool:
    """Say whether what ends waits is news that go to all, such as the state at each tick.

    Then clients get them that asked nothing, or had just asked. Answers behind a stall go to those
    who waited: of clients whose questions are spread over it, few ask in its last moments.

    Args:
        waits: that may be of a stall.
        sends: of the server.
        first: place of the first of them that ends a wait.
        until: ns; later ones have nothing to do with it.
    """
    last = int(np.searchsorted(sends.times, until, "right"))
    owner, places = np.unique(sends.owner[first:last], return_index=True)
    others = ~np.isin(owner, np.array([wait.connection for wait in waits], np.int64))
    unasked = others & ~sends.asked[first:last][places]
    return bool(2 * unasked.sum() >= len(waits) or others.sum() > len(waits))


def _diagnosis(stalls: Sequence[Stall]) -> Diagnosis:
    worst = min(stalls, key=lambda each: (-each.length, each.end))
    waited = sum(stall.waited for stall in stalls)
    connections = sorted({wait.connection for stall in stalls for wait in stall.waits})
    first = min(stalls, key=lambda each: each.end)
    text = f"The server {address(*worst.server)} answered nobody for "
    packet = next((wait.packet for wait in worst.waits if wait.packet != NULL), NULL)
    until = clock(worst.end) if packet == NULL else f"packet {packet}"
    if len(stalls) > 1:
        shortest = min(stall.length for stall in stalls)
        text += f"{duration(shortest)} to {duration(worst.length)}, {len(stalls)} times, the worst "
        text += f"until {until}: "
    else:
        text += f"{duration(worst.length)}, until {until}: "
    text += f"{plural(len(worst.waits), 'connection')} waited and had their answers together."
    shown = [first, worst, *sorted(stalls, key=lambda each: -each.length)]
    return Diagnosis(
        cause=causes.SERVER_STALL,
        text=text,
        connections=len(connections),
        connection=connections[0],
        packet=packet,
        seconds=waited,
        evidence={
            "packets": packets(wait.packet for stall in shown[:4] for wait in stall.waits[:4]),
            "connections": connections[:MOST],
            **when(first.begin),
            "stalls": len(stalls),
            "worst_s": worst.length / 1e9,
            "began": [stall.begin / 1e9 for stall in shown[2 : 2 + MOST]],
            "lasted_s": [stall.length / 1e9 for stall in shown[2 : 2 + MOST]],
            "server": address(*worst.server),
        },
    )
