"""Polling: how a series of requests for the same delivers, detected from their times.

Knows exchanges of one group. Must not know how groups are made. Called by http.delivery.groups, and
by tables for the wait of messages. docs/numbers.md states the rules; change them
there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from analyzer.columns import NULL
from analyzer.http.delivery.deliveries import media_type
from analyzer.http.exchanges import Exchange

_MS: Final = 1_000_000

PAUSE_NS: Final = 50 * _MS
PAUSE_ROUND_TRIPS: Final = 1.5
"""Nothing for so long, and for so many round trips: a pause. A sender whose window is full
waits one round trip."""

HELD_NS: Final = 50 * _MS
TRIPS: Final = 1.5
"""An answer that takes less than the way there and back, so many times since that varies, and
50 ms, was not held open."""
_CLEARLY_HELD_NS: Final = 250 * _MS
"""Few services work so long at an answer, so that one of a series must."""
GAP_NS: Final = 25 * _MS
"""Time that a client takes between an answer and its next request "at once", besides the way
to it and back."""
_HELD_SHARE: Final = 0.6
_AT_ONCE_SHARE: Final = 0.8

_POLLS: Final = 3
_REGULAR_SHARE: Final = 0.8
_MIN_INTERVAL_NS: Final = 50 * _MS
"""Requests closer to each other are a loop."""
_TOLERANCE_NS: Final = 50 * _MS
_TOLERANCE_SHARE: Final = 0.25
_FEW: Final = 6
_FEW_SHARE: Final = 0.1
"""Few intervals must be more alike: a person who clicks twice a second or so is no poll."""
_TOLERANCE_MOST: Final = 0.4
_LEFT_OUT: Final = 3

_STREAM_NS: Final = 200 * _MS
_ONE_PAUSE_NS: Final = 1_000 * _MS
"""With one pause alone, which a lost segment can make too, a stream takes so long at least."""
_STREAM_PIECE: Final = 16 * 1024
"""Bytes from pause to pause; a download that is held up brings more."""
_PAUSED_SHARE: Final = 0.5
_NO_STREAMS: Final = ("text/html", "text/css", "application/xhtml+xml", "image/", "video/")
_NO_STREAMS_EITHER: Final = ("audio/", "font/", "application/javascript", "text/javascript")


def round_trip(exchange: Exchange) -> int:
    """Return the round trip of its TCP connection in ns; 0 where it was not seen."""
    tcp = exchange.tcp
    if tcp is None or tcp.syn_time == NULL or tcp.established_time == NULL:
        return 0
    return max(0, tcp.established_time - tcp.syn_time)


def server_trip(exchange: Exchange) -> int:
    """Return ns from where the capture was made to the server and back; 0 if not seen."""
    tcp = exchange.tcp
    if tcp is None or NULL in (tcp.syn_time, tcp.synack_time):
        return round_trip(exchange)
    return max(0, tcp.synack_time - tcp.syn_time)


def client_trip(exchange: Exchange) -> int:
    """Return ns from where the capture was made to the client and back; 0 if not seen."""
    tcp = exchange.tcp
    if tcp is None or NULL in (tcp.synack_time, tcp.established_time):
        return round_trip(exchange)
    return max(0, tcp.established_time - tcp.synack_time)


def hold(exchange: Exchange) -> int:
    """Return ns from the end of the request to the end of the answer."""
    return exchange.response_last_time - exchange.request_last_time


def is_held(exchange: Exchange) -> bool:
    """Return whether the answer was held open: it took far longer than the way."""
    return exchange.complete and hold(exchange) >= HELD_NS + TRIPS * server_trip(exchange)


def follows_at_once(last: Exchange, begun: int) -> bool:
    """Return whether a request at `begun` (ns) is all that a client does after an answer."""
    return begun - last.response_last_time <= GAP_NS + TRIPS * client_trip(last)


def is_event_stream(exchange: Exchange) -> bool:
    """Return whether the answer is server-sent events."""
    return media_type(exchange.content_type) == "text/event-stream"


def is_stream(exchange: Exchange) -> bool:
    """Return whether the response delivers piece by piece."""
    if not exchange.piecemeal or not exchange.pauses or exchange.status != 200:
        return False
    if media_type(exchange.content_type).startswith((*_NO_STREAMS, *_NO_STREAMS_EITHER)):
        return False
    taken = exchange.response_last_time - exchange.response_first_time
    if taken < (_STREAM_NS if exchange.pauses > 1 else _ONE_PAUSE_NS):
        return False
    pieces = exchange.pauses + 1
    return (
        exchange.response_body_bytes <= pieces * _STREAM_PIECE
        and exchange.paused >= _PAUSED_SHARE * taken
    )


def kind_of(exchanges: Sequence[Exchange], *, paged: bool) -> str:
    """Return poll, long-poll or plain: how a series of GET requests for the same delivers.

    Args:
        exchanges: in the order of their requests; answered or not.
        paged: their targets count pages.
    """
    if paged:
        return "plain"
    answered = [each for each in exchanges if _is_answered(each)]
    if 2 * len(answered) < len(exchanges):
        return "plain"
    if _is_long_poll(answered):
        return "long-poll"
    return "poll" if _is_poll(exchanges, answered) else "plain"


def _is_answered(exchange: Exchange) -> bool:
    # Part of something large (206) is a player that reads on; errors are no deliveries.
    status = exchange.status
    return exchange.complete and status is not None and status < 400 and status != 206


def _is_long_poll(answered: Sequence[Exchange]) -> bool:
    """Return whether answers are held open, and the next request follows at once.

    A loop over a slow service looks alike. What it lacks: an answer that takes longer than
    services do, and waits that differ, since what is waited for comes when it comes.
    """
    if len(answered) < 2 or any(
        media_type(each.content_type).startswith(_NO_STREAMS) for each in answered
    ):
        return False
    held = [each for each in answered if is_held(each)]
    trip = max(map(server_trip, answered))
    longest = max(map(hold, answered))
    if len(held) < 2 or longest < _CLEARLY_HELD_NS + TRIPS * trip:
        return False
    quickest = min(map(hold, answered))
    if not trip and longest < 4 * quickest and quickest < 4 * HELD_NS:
        # The connection's begin was not captured: all of it may be the way.
        return False
    at_once, idle = 0, 0
    for each, later in pairwise(answered):
        gap = later.request_first_time - each.response_last_time
        at_once += follows_at_once(each, later.request_first_time)
        idle += max(0, gap - client_trip(each))
    asked = sum(map(hold, answered)) + idle
    return (
        at_once >= _AT_ONCE_SHARE * (len(answered) - 1)
        and sum(map(hold, held)) >= _HELD_SHARE * asked
    )


def _is_poll(exchanges: Sequence[Exchange], answered: Sequence[Exchange]) -> bool:
    """Return whether requests come at a regular interval, and are answered at once."""
    starts = [each.request_first_time for each in exchanges if each.request_first_time != NULL]
    if len(starts) < _POLLS or len(answered) < _POLLS:
        return False
    intervals = [later - each for each, later in pairwise(starts)]
    # Loads a dozen modules, which a capture without polls does not need.
    from statistics import median

    interval = median(intervals)
    if interval < _MIN_INTERVAL_NS:
        return False
    share = _FEW_SHARE if len(intervals) < _FEW else _TOLERANCE_SHARE
    most = min(max(share * interval, _TOLERANCE_NS), _TOLERANCE_MOST * interval)
    regular = sum(_is_regular(each, interval, most) for each in intervals)
    quick = sum(2 * hold(each) <= interval for each in answered)
    return regular >= _REGULAR_SHARE * len(intervals) and quick >= _REGULAR_SHARE * len(answered)


def _is_regular(length: int, interval: float, most: float) -> bool:
    times = min(_LEFT_OUT, max(1, round(length / interval)))
    return abs(length - times * interval) <= most


def series_kind(exchanges: Iterable[Exchange], *, paged: bool) -> str:
    """Return how a group delivers: by a response that streams, if one does, else by polls."""
    series = list(exchanges)
    if len(series) == 1 and not series[0].piecemeal and not is_event_stream(series[0]):
        return "plain"
    for name, test in (("sse", is_event_stream), ("stream", is_stream)):
        if any(test(each) for each in series):
            return name
    return kind_of(series, paged=paged)
