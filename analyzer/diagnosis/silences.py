"""Ends after a silence or at an age: idle time-outs, limits of lifetime, forgotten flows.

Only what several connections share proves a timer; docs/diagnosis.md explains how that is
distinguished from chance. Knows ended connections. Called by the stage through rules.RULES.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.diagnosis import causes
from analyzer.diagnosis.case import Case
from analyzer.diagnosis.causes import Diagnosis
from analyzer.diagnosis.evidence import lists, seconds, server_name, side_name, when
from analyzer.diagnosis.facts import CLIENT, SERVER, Ended, Facts
from analyzer.lazy_dataclass import dataclass
from analyzer.options import Options
from analyzer.wording import plural

_NORMAL = 1000
"""Close code of a purpose fulfilled (RFC 6455 7.4.1): a program that is done, not a timer."""

_TIMER_WORDS = ("idle", "timeout", "timed out", "time out", "time-out", "inactiv")

KNOWN_TIMEOUTS = (
    (55, "Heroku's router, 55 s"),
    (60, "nginx (proxy_read_timeout) and AWS ALB, 60 s"),
    (100, "Cloudflare, 100 s"),
    (240, "Azure's load balancers, 240 s"),
    (350, "AWS NLB, 350 s"),
    (3600, "HAProxy's timeout tunnel, 1 h in many examples"),
)
"""Defaults that are near a silence: seconds, and whose. Named only as such."""

_MOST_TIMERS = 8
"""Time-outs looked for on one side of one server."""

_NEAR = 0.03
"""How near to a default T must be to name it."""


@dataclass(frozen=True, slots=True)
class _Measure:
    """One way to measure how long a connection had been silent, or had lived."""

    name: str
    of: Callable[[Ended], int]
    side: int | None = None


def _both_idle(end: Ended) -> int:
    client, server = end.client_idle, end.server_idle
    return NULL if NULL in (client, server) else min(client, server)


_SILENCES = (
    _Measure("both sides", _both_idle),
    _Measure("the server", lambda end: end.server_idle, SERVER),
    _Measure("the client", lambda end: end.client_idle, CLIENT),
)
_LIFE = _Measure("life", lambda end: end.duration)


@dataclass(frozen=True, slots=True)
class _Cluster:
    """Ends of one group at about the same measure."""

    measure: str
    ends: list[Ended]
    values: list[int]
    of: int

    @property
    def median(self) -> int:
        """The value in the middle."""
        return sorted(self.values)[len(self.values) // 2]


def timers(case: Case) -> Iterator[Diagnosis]:
    """Yield one for each side of a server that ends connections after equal silences, or lives."""
    least = round(case.options.idle_timeout_min_s * 1e9)
    # A side that paused for a large part of its life was not busy either; or the capture's clock
    # stepped.
    paused = {
        end.number
        for end, facts in case.ends
        if facts.gap is not None and _BUSY * facts.gap[1] >= end.duration
    }
    for (_, side), group in _groups(case).items():
        found = _timers_of(group, least, case.options)
        yield from (_idle(cluster, side, len(group)) for cluster in found)
        left = _less(group, found)
        # What an idle time-out explains needs no other; a side that was silent for most of its life
        # may have met one.
        busy = [end for end in left if _was_busy(end) and end.number not in paused]
        aged = _best(busy, (_LIFE,), least, case.options)
        if aged is not None:
            yield _lifetime(aged, side, len(group))


def ended_by_timer(case: Case) -> set[int]:
    """Return the connections that an idle time-out ended: no other rule need explain them."""
    least = round(case.options.idle_timeout_min_s * 1e9)
    return {
        end.number
        for group in _groups(case).values()
        for cluster in _timers_of(group, least, case.options)
        for end in cluster.ends
    }


def _timers_of(group: Sequence[Ended], least: int, options: Options) -> list[_Cluster]:
    """Return the idle time-outs that ended connections of a group."""
    found: list[_Cluster] = []
    left = group
    for _ in range(_MOST_TIMERS):
        cluster = _best(left, _SILENCES, least, options)
        if cluster is None:
            break
        found.append(cluster)
        left = _less(left, [cluster])
    return _kept(found, group, options)


def _less(group: Sequence[Ended], clusters: Sequence[_Cluster]) -> list[Ended]:
    """Return the ends of a group that are in none of some clusters."""
    gone = {end.number for cluster in clusters for end in cluster.ends}
    return [end for end in group if end.number not in gone]


def _kept(clusters: Sequence[_Cluster], group: Sequence[Ended], options: Options) -> list[_Cluster]:
    """Return the clusters that may be timers.

    A timer ends all that are silent for T. Where others at the same path had been silent longer,
    half as many or more, and no other timer explains them, equal silences are chance: of a
    server that is drained, all lie near each other.
    """
    kept = list(clusters)
    while True:
        others = _less(group, kept)
        wrong = [each for each in kept if _is_refuted(each, others, options)]
        if not wrong:
            return kept
        kept = [each for each in kept if each not in wrong]


def _is_refuted(cluster: _Cluster, others: Sequence[Ended], options: Options) -> bool:
    measure = next(each for each in _SILENCES if each.name == cluster.measure)
    longest = max(cluster.values)
    paths = {_target(end) for end in cluster.ends}
    longer = sum(
        measure.of(end) > longest + _tolerance(longest, options) and _target(end) in paths
        for end in others
    )
    return 2 * longer >= len(cluster.ends)


def _target(end: Ended) -> str | None:
    return None if end.path is None else end.path.partition("?")[0]


def _idle(cluster: _Cluster, side: int, of: int) -> Diagnosis:
    ends, T = cluster.ends, cluster.median
    first = min(ends, key=lambda end: (end.end_packet, end.number))
    low, high = min(cluster.values), max(cluster.values)
    who = side_name(side)
    whose = "data either way" if cluster.measure == "both sides" else f"data from {cluster.measure}"
    near = _defaults(T)
    text = (
        f"{len(ends)} of {plural(of, 'connection')} that {who} of {server_name(ends[0])} ended: "
        f"each after {seconds(T)} without {whose}"
    )
    return Diagnosis(
        cause=causes.IDLE_TIMEOUT,
        text=text + ".",
        connections=len(ends),
        connection=first.number,
        packet=first.end_packet,
        ended=len(ends),
        evidence={
            **lists(ends),
            **when(first.closed_at, "first_closed_at"),
            "ended_by": who.split()[-1],
            "silent": cluster.measure,
            "T_s": T / 1e9,
            "shortest_s": low / 1e9,
            "longest_s": high / 1e9,
            "of": of,
        },
        advice=causes.IDLE_TIMEOUT.advice
        + (f" Defaults near {seconds(T)}: {near}." if near else ""),
    )


def _defaults(T: int) -> str:
    return "; ".join(name for at, name in KNOWN_TIMEOUTS if abs(T / 1e9 - at) <= _NEAR * at)


_BUSY = 4
"""A side that was silent for a quarter of its life at a stretch was not busy."""


def _was_busy(end: Ended) -> bool:
    idle = _both_idle(end)
    return idle != NULL and end.duration != NULL and _BUSY * idle < end.duration


def _lifetime(cluster: _Cluster, side: int, of: int) -> Diagnosis:
    ends = cluster.ends
    first = min(ends, key=lambda end: (end.end_packet, end.number))
    idle = max(_both_idle(end) for end in ends)
    return Diagnosis(
        cause=causes.LIFETIME_LIMIT,
        text=f"{len(ends)} of {plural(of, 'connection')} that {side_name(side)} of "
        f"{server_name(ends[0])} ended lived {seconds(cluster.median)} each; none was silent for "
        f"over {seconds(idle)} before.",
        connections=len(ends),
        connection=first.number,
        packet=first.end_packet,
        ended=len(ends),
        evidence={
            **lists(ends),
            **when(first.closed_at, "first_closed_at"),
            "ended_by": side_name(side).split()[-1],
            "T_s": cluster.median / 1e9,
            "shortest_s": min(cluster.values) / 1e9,
            "longest_s": max(cluster.values) / 1e9,
            "longest_silence_s": idle / 1e9,
            "of": of,
        },
    )


# --- which ends may be a timer's


def _groups(case: Case) -> dict[tuple[tuple[str, int], int], list[Ended]]:
    """Return ended connections by server and the side that ended them, those of timers alone."""
    groups: dict[tuple[tuple[str, int], int], list[Ended]] = defaultdict(list)
    for end, facts in case.ends:
        if end.closed_by in (CLIENT, SERVER) and _may_be_timer(end, facts):
            groups[end.server, end.closed_by].append(end)
    return groups


def _may_be_timer(end: Ended, facts: Facts) -> bool:
    """Return whether an end could be that of a timer, which knows nothing of purposes or pings."""
    if end.kind not in ("clean", "fin", "reset"):
        return False
    if end.close_code == _NORMAL and not _names_timer(end):
        return False
    # A Ping that stays unanswered, or data never acknowledged, is another cause.
    asked = facts.answered[end.closed_by]
    return not any(ping.side == end.closed_by and ping.frame > asked for ping in facts.unanswered)


def _names_timer(end: Ended) -> bool:
    reason = (end.close_reason or "").lower()
    return any(word in reason for word in _TIMER_WORDS)


# --- what several ends share


def _best(
    group: Sequence[Ended], measures: Sequence[_Measure], least: int, options: Options
) -> _Cluster | None:
    """Return the largest cluster that chance does not explain.

    Of equally large ones that with the longest time: a timer of the shorter would have fired
    earlier on the other side; of equal times the first measure.
    """
    found = [
        cluster
        for measure in measures
        if (cluster := _cluster(group, measure, least, options)) is not None
    ]
    largest = max((len(each.ends) for each in found), default=0)
    found = [each for each in found if len(each.ends) == largest]
    longest = max((each.median for each in found), default=0)
    near = [each for each in found if longest - each.median <= _tolerance(each.median, options)]
    return near[0] if near else None


def _cluster(
    group: Sequence[Ended], measure: _Measure, least: int, options: Options
) -> _Cluster | None:
    """Return the largest cluster of one measure, None where chance explains it."""
    measured = np.array([measure.of(end) for end in group], np.int64)
    places = np.flatnonzero(measured >= least)
    if len(places) < 2:
        return None
    numbers = np.array([end.number for end in group], np.int64)
    places = places[np.lexsort((numbers[places], measured[places]))]
    known = measured[places]
    # Both grow with the value: the first one that reaches so far begins the cluster of each.
    starts = np.searchsorted(known + _tolerances(known, options), known)
    sizes = np.arange(1, len(known) + 1) - starts
    stop = int(sizes.argmax())
    start, beyond = int(starts[stop]), stop + 1
    if sizes[stop] < 2:
        return None
    values: list[int] = known[start:beyond].tolist()
    ends = [group[place] for place in places[start:beyond].tolist()]
    spread = max(values) - min(values)
    if measure.side is not None and _spread_of_lives(ends) <= max(
        2 * spread, round(options.same_time_s * 1e9)
    ):
        # Silent since it began, or dead at its age: with the other side busy it is the latter.
        return None
    count = min(len(ends), _moments(ends, spread, options))
    if count < 2:
        return None
    of = _moments(group, spread, options)
    relative = spread / max(min(values), 1)
    paths = {_target(end) for end in ends}
    # Those at another path may have another timer, or none.
    others = [
        int(measured[place])
        for place in (*places[:start].tolist(), *places[beyond:].tolist())
        if _target(group[place]) in paths
    ]
    most = options.max_chance
    if _chance(count, of, relative, _RANGE) > most or _is_usual(count, values, others, most):
        return None
    return _Cluster(measure.name, ends, values, len(group))


def _tolerance(value: int, options: Options) -> int:
    """Return how far values of one timer may lie apart, both ways together."""
    return max(round(2 * options.same_time_share * value), round(2e9 * options.same_time_s))


def _tolerances(values: npt.NDArray[np.int64], options: Options) -> npt.NDArray[np.int64]:
    """Return `_tolerance` of each."""
    shares: npt.NDArray[np.int64] = np.rint(2 * options.same_time_share * values).astype(np.int64)
    shares.clip(round(2e9 * options.same_time_s), None, out=shares)
    return shares


def _spread_of_lives(ends: Sequence[Ended]) -> int:
    lives = [end.duration for end in ends if end.duration != NULL]
    return max(lives, default=0) - min(lives, default=0)


def _moments(ends: Sequence[Ended], spread: int, options: Options) -> int:
    """Return the number of independent moments at which connections ended.

    A server that stops ends all its connections at one moment; where it last sent to all of
    them at one moment too, their silences are equal, and no timer ran. So ends count apart only
    where they lie farther apart than the silences differ.
    """
    apart = max(3 * spread, round(options.same_moment_s * 1e9))
    times = np.sort([end.closed_at for end in ends if end.closed_at != NULL])
    count, at = 0, 0
    while at < len(times):
        count += 1
        at = int(np.searchsorted(times, times[at] + apart))
    return count


def _is_usual(count: int, values: Sequence[int], others: Sequence[int], most: float) -> bool:
    """Return whether equal values are likely where the others tell how close values lie here.

    Connections that end one after the other, of a server that is drained, had all been silent for
    about as long: their silences lie closer than over the whole range. Half as many others as
    there are in the group, and two at least, tell so: the nearest ones, whatever lies far away.

    Args:
        count: of independent values.
        values: that are about equal.
        others: of the same measure.
        most: chance that is not likely.
    """
    low, high = min(values), max(values)
    near = sorted(others, key=lambda value: max(low / value, value / high))
    relative = (high - low) / max(low, 1)
    for more, value in enumerate(near, 1):
        low, high = min(low, value), max(high, value)
        if more >= max(2, count / 2):
            chance = _chance(count, count + more, relative, math.log(high / low))
            if chance > most:
                return True
    return False


def _chance(count: int, of: int, spread: float, extent: float) -> float:
    """Return about how likely `count` of `of` values lie as close as this by chance.

    Of values spread evenly over a range of logarithms, by the first term of the scan
    statistic: of * C(of - 1, count - 1) * p ** (count - 1), p the window's share of the range;
    times of / 2, since the window was fitted to the values.

    Args:
        count: values within the window.
        of: all values.
        spread: the window, relative to the values.
        extent: of the range; that of 3 s to 400 s counts at most.
    """
    of = max(of, count)
    share = max(spread, _RESOLUTION) / min(extent, _RANGE)
    # In logarithms: hundreds of connections make numbers that no float holds.
    ways = math.lgamma(of) - math.lgamma(count) - math.lgamma(of - count + 1)
    odds = math.log(of) + math.log(of / 2) + ways + (count - 1) * math.log(share)
    return math.exp(min(odds, 0.0))


_RANGE = math.log(400 / 3)
_RESOLUTION = 0.0005
"""Timers are not more exact than this; values closer together prove nothing more."""


# --- forgotten flows


def entries_lost(case: Case) -> Iterator[Diagnosis]:
    """Yield one for each server whose flows were forgotten while they were silent."""
    groups: dict[tuple[str, int], list[tuple[Ended, int, int, int]]] = defaultdict(list)
    for end, facts in case.ends:
        if end.kind != "reset" or facts.gap is None or end.closed_by not in (CLIENT, SERVER):
            continue
        _, silence, time, packet, sender = facts.gap
        if sender == end.closed_by or end.closed_at - time > _ANSWER_NS:
            continue
        # The side that answers with RST was silent for at least as long.
        if end.idle(end.closed_by) >= silence:
            groups[end.server].append((end, silence, packet, time))
    for server, found in groups.items():
        shortest = min(found, key=lambda each: each[1])
        first = min(found, key=lambda each: each[2])
        ends = [end for end, *_ in found]
        yield Diagnosis(
            cause=causes.IDLE_ENTRY_LOST,
            text=f"{plural(len(ends), 'connection')} with {server_name(ends[0])} got a RST in "
            f"answer to the first data behind {seconds(shortest[1])} of silence or more.",
            connections=len(ends),
            connection=first[0].number,
            packet=first[2],
            ended=len(ends),
            evidence={
                **lists(ends),
                **when(first[3]),
                "first_data_packets": [packet for _, _, packet, _ in found][:10],
                "silences_s": [silence / 1e9 for _, silence, _, _ in found][:10],
                "server": f"{server[0]}:{server[1]}",
            },
        )


_ANSWER_NS = 5_000_000_000
"""A RST later than this after the data is no answer to it: round trips stay far below."""
