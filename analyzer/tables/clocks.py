"""The clocks of two points of capture: what one showed when the other showed something else.

A message that passes the client's point at a and the server's at b says that their clocks differ by
b - a less the time that it took; one that goes back says the same, plus that time. No message takes
less than no time, so the first bound the difference from above and the second from below; the
middle is right if the fastest way there and back took the same. Knows times alone. Used by
tables.paths.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from analyzer.lazy_dataclass import dataclass

DRIFT_FROM_NS = 60_000_000_000
"""Over less than a minute a usual crystal (50 ppm) drifts by less than paths jitter."""
_PARTS = 32
"""Parts of the time, of each of which the fastest message counts."""
_FEWEST = 8
"""Parts with messages of a direction from which a drift is taken."""

Point = tuple[int, int]
"""When a message passed the client's point, and the server's, each by its own clock (ns)."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """The server's point's clock less the client's point's.

    Attributes:
        offset: ns, at `origin`.
        uncertainty: ns; it is at most so far from the truth, if no clock jumped.
        drift: ns a second that the offset grows by.
        origin: ns, by the client's point's clock.
    """

    offset: int
    uncertainty: int
    drift: float = 0.0
    origin: int = 0

    def at(self, time: int) -> int:
        """Return the offset at a time by the client's point's clock."""
        return self.offset + round(self.drift * (time - self.origin) / 1e9)

    def there(self, time: int) -> int:
        """Return what the server's point's clock showed at a time by the other one."""
        return time + self.at(time)

    def back(self, time: int) -> int:
        """Return what the client's point's clock showed at a time by the other one."""
        since = time - self.offset - self.origin
        # Whole ns apart from the part that drifts: a float holds no time of today exactly.
        return time - self.offset - round(since * (self.drift / 1e9) / (1 + self.drift / 1e9))


def clocks(there: Sequence[Point], back: Sequence[Point]) -> Clocks | None:
    """Estimate the clocks' difference.

    Args:
        there: what passed the client's point first.
        back: what passed the server's point first.

    Returns:
        None without both; an uncertainty below 0 if no constant difference or drift explains
        all points, as where the order of the points of capture is the other one.
    """
    if not there or not back:
        return None
    origin = min(each[0] for each in (*there, *back))
    drift = _drift(there, back, origin)
    upper = min(b - a - drift * (a - origin) / 1e9 for a, b in there)
    lower = max(b - a - drift * (a - origin) / 1e9 for a, b in back)
    return Clocks(round((upper + lower) / 2), round((upper - lower) / 2), drift, origin)


def _drift(there: Sequence[Point], back: Sequence[Point], origin: int) -> float:
    """Return by how many ns the offset grows in a second; 0 where that is not certain.

    It is, where the fastest messages of both directions show the same slope, and it moves the
    offset by more than they scatter around it.
    """
    span = max(each[0] for each in (*there, *back)) - origin
    if span < DRIFT_FROM_NS:
        return 0.0
    lines = [_line(_fastest(some, origin, span, sign)) for some, sign in ((there, 1), (back, -1))]
    (one, one_scatter), (other, other_scatter) = lines
    slope = (one + other) / 2
    moved = abs(slope) * span / 1e9
    # Each slope is uncertain by about its scatter over the span.
    alike = abs(one - other) * span / 1e9 <= 3 * (one_scatter + other_scatter)
    return slope if alike and moved > 3 * (one_scatter + other_scatter) else 0.0


def _fastest(some: Sequence[Point], origin: int, span: int, sign: int) -> list[Point]:
    """Return time and difference of the fastest message of each part of the time."""
    found: dict[int, Point] = {}
    for a, b in some:
        part = (a - origin) * _PARTS // (span + 1)
        known = found.get(part)
        if known is None or sign * (b - a) < sign * known[1]:
            found[part] = a - origin, b - a
    return list(found.values())


def _line(points: Sequence[Point]) -> tuple[float, float]:
    """Return slope (ns a second) and scatter (ns) of points: medians, which a slow one spares.

    The slope is Theil's and Sen's: the median over all pairs.
    """
    if len(points) < _FEWEST:
        return 0.0, float("inf")
    slopes = [
        1e9 * (y - v) / (x - u)
        for place, (x, y) in enumerate(points)
        for u, v in points[:place]
        if x != u
    ]
    slope = median(slopes) if slopes else 0.0
    rests = [y - slope * x / 1e9 for x, y in points]
    middle = median(rests)
    return slope, max(median(abs(rest - middle) for rest in rests), 1_000.0)
