"""Legs of plain streams: matched by what they say, and by who asked whom when."""

import pytest

from analyzer.analysis import to_frame
from analyzer.columns import NULL, empty
from analyzer.http.exchanges import Exchange
from analyzer.options import Options
from analyzer.tables.stream_legs import StreamLegs
from analyzer.tcp.bytestream import CONNECTION, Connection

MS = 1_000_000
NONE = Connection._make(empty(CONNECTION, 1)[0].tolist())
CLIENT, PROXY, SERVER = (0, 1), (0, 2), (0, 3)


def leg(number, ends, asked, answered, times, digests=None, port=80, **more):
    """A stream from `ends[1]` to `ends[0]`; its messages of 20 bytes arrive at `times` (ms)."""
    (high0, low0), (high1, low1) = ends
    tcp = NONE._replace(tcp_stream=number, high0=high0, low0=low0, high1=high1, low1=low1)
    made = {
        "kind": "sse",
        "group": number,
        "tcp": tcp._replace(port0=5000 + number, port1=port),
        "request_first_time": asked * MS,
        "response_first_time": answered * MS,
        "deliveries": [(round(time * MS), 20) for time in times],
        "digests": list(range(1, len(times) + 1)) if digests is None else digests,
    }
    return Exchange(0, 0, 0, **{**made, **more})


TIMES = [100, 200, 300, 400, 500]


def near(times=(102, 202, 305, 402, 502), **more):
    return leg(0, (CLIENT, PROXY), 0, 50, times, **more)


def far(times=TIMES, **more):
    return leg(1, (PROXY, SERVER), 10, 40, times, **{"port": 8080, **more})


def hops(*legs, **options):
    made = StreamLegs(Options(**options))
    made.push(legs)
    rows = made.finish(7)
    return made, to_frame(rows[0]).to_dict("records") if rows else []


@pytest.mark.parametrize("legs", [(near(), far()), (far(), near())])
def test_both_legs(legs):
    made, (row,) = hops(*legs)
    assert (row["hop"], row["direction"], row["matched_by"]) == (7, "server", "payload")
    assert (row["tcp_stream_a"], row["tcp_stream_b"], row["messages"]) == (0, 1, 5)
    assert row["transit_us_median"] == pytest.approx(2000)
    assert row["transit_us_max"] == pytest.approx(5000)
    assert row["held_messages"] == 0
    assert made.left_out == {1}
    # 3 ms of one message, besides the 2 ms that each took.
    assert made.held == {0: 3 * MS}


def test_a_proxy_that_collects():
    made, (row,) = hops(near([502.0, 502.1, 502.2, 502.3, 502.4]), far())
    assert row["held_messages"] == 4
    assert row["held_us_max"] == pytest.approx(400_000)
    assert made.held[0] == pytest.approx((402 + 302.1 + 202.2 + 102.3 + 2.4 - 5 * 2.4) * MS)


@pytest.mark.parametrize(
    "legs",
    [
        # Another subscriber of the same server; or of one that is no client of the other's.
        (near(), leg(1, (PROXY, SERVER), 10, 40, TIMES, port=8080), near(group=5))[:1],
        (near(), leg(1, ((0, 9), PROXY), 10, 40, TIMES)),
        (near(), leg(1, ((0, 9), CLIENT), 10, 40, TIMES, port=8080)),
        # It was asked before, or answered after.
        (near(), far(request_first_time=-5 * MS)),
        (near(), far(response_first_time=60 * MS)),
        # It says something else, or too little, or before it came.
        (near(), far(digests=[9, 8, 7, 6, 5])),
        (near(times=(102, 202)), far(times=TIMES[:2])),
        (near(times=(90, 202, 305, 402, 502)), far()),
        (near(digests=[1, 1, 1, 1, 1]), far(digests=[1, 1, 1, 1, 1])),
        (near(kind="poll"), far()),
        (near(tcp=None), far()),
        (near(response_first_time=NULL), far()),
    ],
)
def test_no_legs(legs):
    made, rows = hops(*legs)
    assert rows == []
    assert made.left_out == set()


def test_a_leg_has_one_other():
    """Two clients of the proxy at once: each with its own leg behind, whatever the order."""
    others = [
        leg(2, ((0, 4), PROXY), 1, 55, [203, 303, 403, 503], digests=[2, 3, 4, 5]),
        leg(3, (PROXY, SERVER), 11, 41, [201, 301, 401, 501], digests=[2, 3, 4, 5], port=8080),
    ]
    _, rows = hops(near(), far(), *others)
    assert [(row["tcp_stream_a"], row["tcp_stream_b"]) for row in rows] == [(0, 1), (2, 3)]


def test_what_waits_is_bounded():
    made = StreamLegs(Options(max_stream_legs=1))
    made.push([far(), leg(8, ((0, 7), (0, 8)), 0, 5, TIMES, [6, 7, 8, 9, 5]), near()])
    assert made.finish(0) == []
