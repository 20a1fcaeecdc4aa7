"""What a stream behind a proxy that buffers costs: the example of docs/alternatives.md, by hand."""

import pytest
from oracle.compared import MS, known

from analyzer.alternatives.costs import all_costs
from analyzer.columns import NULL


def sums(cost):
    names = ("requests", "application_bytes", "header_bytes", "packets", "wire_bytes")
    return tuple(float(cost.sums[name][0]) for name in names)


def test_a_stream_behind_a_proxy_that_buffers_number_by_number():
    """202 bytes: the second message fills them at 0.7 s; the third waits until the end at 10 s."""
    (cost,) = [
        cost
        for cost in all_costs(known(buffered=(202, NULL)), [1000 * MS])
        if cost.transport == "stream-buffered"
    ]
    client = 310 + 350 + 50
    # A line feed a message; a chunk for each write: two digits and two CRLF.
    server = 170 + 100 + 300 + 3 + 2 * 6
    app = client + server
    # GET, its answer and the ACK of that; the same of the POST; two writes with an ACK each.
    packets = 3 + 3 + 4 + 2 * 6
    assert sums(cost) == pytest.approx((2, app, app - 350, packets, app + packets * 66 + 4 * 8))
    assert cost.tcp_connections == 2
    assert cost.delay == (200 + 5800) * MS
    assert cost.delays.sum() == 2
    # A class is a power of two of ns that holds 5.8 s in 32 of them.
    assert cost.delay_range + 1 == 32 * 2**28
