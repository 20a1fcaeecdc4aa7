"""Rows and totals: ratios, break-even, percentiles, scaling; from lanes made by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import alternatives as oracle
from oracle.compared import CLIENT, HEADS, MS, SAID, SERVER, ended, heads, wire_row

from analyzer.alternatives.evidence import MEASURED, joined
from analyzer.alternatives.roles import Envelope, Pair
from analyzer.alternatives.rows import RowMaker
from analyzer.analysis import to_frame
from analyzer.columns import NULL
from analyzer.options import Options
from analyzer.tables.schema import ALTERNATIVES, SCALING


def measured(**values):
    row = np.zeros(1, MEASURED)
    for name, value in values.items():
        row[name] = value
    return row


OURS = measured(
    requests=1,
    packets=19,
    header_bytes=554,
    application_bytes=904,
    wire_bytes=2174,
    tcp_connections=1,
    steady_packets=8,
    steady_header_bytes=12,
    steady_application_bytes=362,
    steady_wire_bytes=890,
)
"""The example of docs/alternatives.md over WebSocket, see test_costs."""


def made(*some, **options):
    """Return (rows, totals, scaling) as DataFrames."""
    given = Options(**options)
    intervals = [round(each * 1e9) for each in given.poll_intervals_s]
    maker = RowMaker(given, intervals)
    out = [to_frame(table) for one in some for table in maker.rows(one)]
    rest = maker.totals()
    totals = [to_frame(table) for table in rest if table.table is ALTERNATIVES]
    scaling = [to_frame(table) for table in rest if table.table is SCALING]
    return out, totals, scaling


def row_of(frame, transport):
    (row,) = frame[frame["transport"] == transport].to_dict("records")
    return row


def test_ratios():
    (rows,), (totals,), _ = made(ended(measured=OURS))
    for frame in (rows, totals):
        poll = row_of(frame, "short-poll")
        assert poll["wire_bytes"] == 7911
        assert poll["ratio_wire"] == pytest.approx(7910.8 / 2174)
        assert poll["ratio_application"] == pytest.approx(5320.8 / 904)
        assert (poll["requests"], poll["empty_polls"], poll["packets"]) == (11, 8, 39)
        assert poll["requests_per_s"] == pytest.approx(1.1)
        assert poll["added_latency_ms_mean"] == 500
        assert poll["added_latency_ms_p95"] == pytest.approx(950, rel=0.02)
        ours = row_of(frame, "websocket")
        assert (ours["wire_bytes"], ours["source"]) == (2174, "measured")
        assert ours["ratio_wire"] == ours["ratio_application"] == 1
        assert np.isnan(ours["break_even_per_s"])
    polling = rows["transport"].astype(str).str.contains("poll")
    assert (rows["empty_polls"].notna() == polling).all()


def test_how_far_figures_spread_over_phases():
    """A 1 Hz feed polled each second: any delay from 0 to 1 s, by the phase alone."""
    feed = ended(said=[(SERVER, 1000 * n, 10) for n in range(20)], duration=20_500, measured=OURS)
    (rows,), (totals,), _ = made(feed)
    for frame in (rows, totals):
        poll = row_of(frame, "short-poll")
        assert poll["added_latency_ms_mean"] == 500
        assert poll["added_latency_ms_phase_p5"] == pytest.approx(50, abs=1)
        assert poll["added_latency_ms_phase_p95"] == pytest.approx(950, abs=1)
        # 20 or 21 polls fall into 20.5 s.
        assert (poll["requests_p5"], poll["requests_p95"]) == (20, 21)
        others = frame[~frame["transport"].astype(str).str.startswith("short-poll")]
        for name in ("requests_p5", "requests_p95", "added_latency_ms_phase_p5"):
            assert others[name].isna().all()


def test_clients_in_phases_of_their_own_spread_less():
    feed = ended(said=[(SERVER, 1000 * n, 10) for n in range(20)], duration=20_500, measured=OURS)
    _, (totals,), _ = made(*[feed] * 100)
    poll = row_of(totals, "short-poll")
    # The mean of 100 uniform delays: a standard deviation of 1 s / sqrt(12 * 100) = 28.9 ms.
    assert poll["added_latency_ms_phase_p95"] == pytest.approx(500 + 1.645 * 28.9, rel=0.01)
    assert poll["added_latency_ms_phase_p5"] == pytest.approx(500 - 1.645 * 28.9, rel=0.01)
    # Half of them have 21 polls: 2,050 in all, with a deviation of 0.5 * 10.
    assert poll["requests"] == 2050
    assert poll["requests_p95"] == pytest.approx(2050 + 1.645 * 5, abs=1)


def test_replies_do_not_wait():
    asked = [(sender, 100 * n + 30 * sender, 50) for n in range(20) for sender in (CLIENT, SERVER)]
    (rows,), (totals,), _ = made(ended(said=asked, measured=OURS))
    for frame in (rows, totals):
        assert row_of(frame, "request")["requests"] == 20
        poll = row_of(frame, "short-poll")
        assert (poll["requests"], poll["messages"], poll["payload_bytes"]) == (30, 40, 2000)
        assert poll["added_latency_ms_mean"] == poll["added_latency_ms_p95"] == 0
        assert np.isnan(poll["break_even_per_s"])


def test_no_websocket_bytes_no_ratio():
    (rows,), (totals,), _ = made(ended(measured=measured()))
    for frame in (rows, totals):
        assert frame["ratio_wire"].isna().all()
        assert frame["ratio_application"].isna().all()


def test_break_even_is_where_two_lines_meet():
    """Rate by rate: the same connection with n messages of 100 bytes, evenly spread."""
    (rows,), (totals,), _ = made(ended(said=SAID[:3], measured=OURS))
    poll, ours = row_of(rows, "short-poll"), row_of(rows, "websocket")
    rate = poll["break_even_per_s"]
    # A frame of 2 + 100 bytes in a packet with its ACK; a poll's answer longer by 100 + 1
    # bytes, and by a header and half an ACK for each MSS of these.
    ours_each, poll_each = 102 + 66 + 66, 101 * (1 + (66 + 33) / 1448)
    ours_base, poll_base = (
        ours["wire_bytes"] - 3 * ours_each,
        poll["wire_bytes"] - 3 * poll_each,
    )
    count = rate * 10
    # Bytes in the table are whole ones.
    assert ours_base + count * ours_each == pytest.approx(poll_base + count * poll_each, abs=1)
    assert rate > 0.3
    assert row_of(totals, "short-poll")["break_even_per_s"] == pytest.approx(rate)


def test_no_break_even_where_one_is_cheaper_at_every_rate():
    """An opening that is cheaper than a stream's, and frames that are smaller than chunks."""
    (rows,), (totals,), _ = made(ended(said=SAID[:3], measured=measured(wire_bytes=900)))
    assert np.isnan(row_of(rows, "stream")["break_even_per_s"])
    assert np.isnan(row_of(totals, "stream")["break_even_per_s"])


def test_a_dear_opening_meets_requests_one_by_one():
    """Where the fixed cost of WebSocket is larger and each message cheaper: below that rate
    one request for each message is cheaper, and the lines meet."""
    dear = measured(wire_bytes=5000, application_bytes=4000, packets=20)
    (rows,), _, _ = made(ended(said=SAID[:3], measured=dear))
    each = row_of(rows, "request")
    rate = each["break_even_per_s"]
    ours_each, each_each = 102 + 66 + 66, 300 + 152 + 100 + 3 * 66
    base = each["wire_bytes"] - 3 * each_each
    count = rate * 10
    assert 5000 + (count - 3) * ours_each == pytest.approx(base + count * each_each)


def test_no_break_even_without_time():
    (rows,), (totals,), _ = made(ended(duration=0, measured=OURS))
    assert rows["break_even_per_s"].isna().all()
    assert totals["break_even_per_s"].isna().all()


def test_a_message_of_the_client_alone():
    (rows,), (totals,), _ = made(ended(said=[(CLIENT, 100, 5)], measured=OURS))
    for frame in (rows, totals):
        assert frame["added_latency_ms_mean"].isna().all()
        assert frame["added_latency_ms_p95"].isna().all()
        assert (frame["messages"] == 1).all()


def test_no_delay_where_nobody_knows_when_to_ask():
    (rows,), (totals,), _ = made(ended(measured=OURS))
    for frame in (rows, totals):
        each = row_of(frame, "request")
        assert np.isnan(each["added_latency_ms_mean"])
        assert np.isnan(each["added_latency_ms_p95"])
        stream = row_of(frame, "stream")
        assert stream["added_latency_ms_mean"] == stream["added_latency_ms_p95"] == 0


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.integers(0, 60_000), min_size=1, max_size=60),
    st.sampled_from([100, 1000, 5000]),
    st.sampled_from([1, 40, 300]),
)
def test_percentiles_are_those_of_the_plain_delays(times, interval, gap):
    """To a class of an interval; where two delays stand at the 95th, between them."""
    said = [(SERVER, time, 10) for time in sorted(times)]
    one = ended(said=said, duration=61_000, intervals=(interval,), gap=gap, measured=OURS)
    (rows,), (totals,), _ = made(one, poll_intervals_s=(interval / 1000,))
    messages = [(1, time * MS, 10, n, n) for n, (_, time, _) in enumerate(said)]
    lanes = oracle.conversation(0, gap * MS, 30_000 * MS, messages, [interval * MS])
    polled = max(interval, gap) * MS
    for transport, delays, most in (
        # Whenever a message comes, over all phases it waits for any part of the interval alike.
        ("short-poll", [polled * n // 2000 for n in range(1, 2000, 2)], polled // MS),
        ("long-poll", lanes[3]["delays"], gap),
    ):
        delays = [*delays, *[0] * (len(said) - len(delays))]
        least, highest = (
            np.quantile(delays, 0.95, method=method) / MS for method in ("lower", "higher")
        )
        width = most / 32
        row, total = row_of(rows, transport), row_of(totals, transport)
        # Columns of ratios have six decimals.
        assert row["added_latency_ms_mean"] == pytest.approx(np.mean(delays) / MS, abs=1e-6)
        assert total["added_latency_ms_mean"] == pytest.approx(np.mean(delays) / MS, abs=1e-6)
        assert least - width <= row["added_latency_ms_p95"] <= highest + width + 0.001
        # Of totals to a twentieth, and that class.
        assert 0.95 * (least - width) <= total["added_latency_ms_p95"]
        assert total["added_latency_ms_p95"] <= 1.05 * (highest + width) + 0.001


def test_totals_are_sums_of_rows():
    some = [
        ended(measured=OURS),
        ended(said=SAID[:1], duration=7000, measured=OURS, heads=[heads(observed={"poll"})]),
        ended(said=[], duration=0, measured=OURS),
    ]
    rows, (totals,), _ = made(*some)
    together, (again,), _ = made(joined(some))
    assert str(again.to_dict()) == str(totals.to_dict())
    assert len(together) == 1
    for total in totals.to_dict("records"):
        each = [row_of(frame, total["transport"]) for frame in rows]
        for name in ("requests", "packets", "header_bytes", "application_bytes", "wire_bytes"):
            assert abs(total[name] - sum(row[name] for row in each)) <= 1
        for name in ("messages", "payload_bytes", "duration_s", "tcp_connections"):
            assert total[name] == sum(row[name] for row in each)
        assert total["requests_per_s"] == pytest.approx(total["requests"] / 17, rel=1e-3)
    # One of the three had no real exchanges.
    assert row_of(totals, "short-poll")["source"] == "modelled"
    assert row_of(totals, "websocket")["source"] == "measured"


def test_no_connection_no_total():
    assert made() == ([], [], [])


def test_durations_beyond_any_clock():
    forever = ended(measured=OURS)
    forever.duration[:] = 2**62
    _, (totals,), _ = made(*[forever] * 3, poll_intervals_s=(0.001,))
    assert (totals["duration_s"] == 2**62 / 1e9).all()
    assert (totals["wire_bytes"] >= 0).all()


# --- scaling: the published comparison

BARE = heads(poll=Pair(500, 371, (0, 0), (0, 0)), body=Envelope(0, 0, 0))
"""Heads of 871 bytes a poll, and nothing in a body but the message."""


@pytest.mark.parametrize(
    ("clients", "polling", "websocket"),
    [(1_000, 6.97, 0.016), (10_000, 69.7, 0.16), (100_000, 696.8, 1.6)],
)
@pytest.mark.parametrize("copies", [1, 3])
def test_the_published_table(clients, polling, websocket, copies):
    """871 bytes of heads a poll against 2 bytes a frame, a message a second."""
    said = [(SERVER, 500 + 1000 * n, 20) for n in range(60)]
    frames = measured(
        wire_bytes=60 * (22 + 132),
        steady_packets=2 * 60,
        steady_header_bytes=60 * 2,
        steady_application_bytes=60 * 22,
        steady_wire_bytes=60 * (22 + 132),
    )
    one = ended(said=said, duration=60_000, measured=frames, heads=[BARE])
    _, _, (scaling,) = made(*[one] * copies, clients=(clients,))
    poll, ours = row_of(scaling, "short-poll"), row_of(scaling, "websocket")
    assert poll["header_bits_per_s"] / 1e6 == pytest.approx(polling, abs=0.005 * polling / 6.97)
    assert poll["header_bits_per_s"] == pytest.approx(8 * 871 * clients)
    assert ours["header_bits_per_s"] / 1e6 == pytest.approx(websocket)
    assert ours["header_bits_per_s"] == 8 * 2 * clients
    assert poll["requests_per_s"] == pytest.approx(clients)
    assert ours["requests_per_s"] == 0
    # What really passes: three packets a poll of 66 bytes; a frame in a packet with its ACK.
    assert poll["packets_per_s"] == pytest.approx(3 * clients)
    # The last message comes half a second before the end: every other phase polls once more.
    messages = 60 * 20 / 60.5
    assert poll["wire_bits_per_s"] == pytest.approx(8 * (871 + messages + 3 * 66) * clients)
    assert ours["wire_bits_per_s"] == 8 * (22 + 132) * clients


def test_scaling_has_a_row_for_each_number_and_transport():
    _, (totals,), (scaling,) = made(ended(measured=OURS), clients=(10, 20))
    assert len(scaling) == 2 * len(totals)
    assert (scaling["scope"] == "connections").all()
    few, many = (scaling[scaling["clients"] == n].set_index("transport") for n in (10, 20))
    rates = [name for name in scaling if name.endswith("_per_s")]
    assert np.allclose(2 * few[rates], many[rates])


def test_connections_that_last_no_time_have_no_rate():
    brief = ended(said=[], duration=0, measured=OURS)
    _, _, (alone,) = made(brief, clients=(10,))
    assert alone["wire_bits_per_s"].isna().all()
    _, _, (mixed,) = made(brief, ended(measured=OURS), clients=(10,))
    _, _, (without,) = made(ended(measured=OURS), clients=(10,))
    assert str(mixed.to_dict()) == str(without.to_dict())


# --- sessions of plain HTTP


def session(kind="short-poll", **changes):
    some = np.zeros(1, np.int64)
    made = {
        "connection": some + NULL,
        "session": some,
        "kind": kind,
        "interval": some + (1000 * MS if kind == "short-poll" else NULL),
        "answered": some,
        "empty_polls": some + 9,
        "delay": some + 1500 * MS,
        "measured": measured(
            requests=12, packets=42, header_bytes=5423, application_bytes=5773, wire_bytes=8561
        ),
    }
    return ended(**{**made, **changes})


def test_a_session_of_polls():
    (rows,), (totals,), _ = made(session())
    polls = rows[rows["transport"] == "short-poll"]
    # What it did, and what it would have done at the intervals that were asked for.
    assert polls["source"].tolist() == ["measured", "modelled"]
    assert polls["wire_bytes"].tolist() == [8561, 7911]
    real = polls.iloc[0]
    assert (real["empty_polls"], real["interval_s"]) == (9, 1)
    assert real["added_latency_ms_mean"] == 500
    assert np.isnan(real["added_latency_ms_p95"])
    ours = row_of(rows, "websocket")
    assert (ours["source"], ours["wire_bytes"]) == ("modelled", 2174)
    assert real["ratio_wire"] == pytest.approx(8561 / 2174)
    assert np.isnan(real["break_even_per_s"])
    assert set(rows["scope"]) == {"session"}
    assert set(totals["scope"]) == {"sessions"}
    assert rows["connection"].isna().all()


def test_the_percentile_of_real_polls_is_not_known_in_totals_either():
    _, (totals,), _ = made(session())
    real = totals[totals["source"] == "measured"].iloc[0]
    assert real["added_latency_ms_mean"] == 500
    assert np.isnan(real["added_latency_ms_p95"])


@pytest.mark.parametrize("kind", ["long-poll", "stream", "sse"])
def test_other_sessions_stand_in_the_place_of_their_model(kind):
    (rows,), _, _ = made(session(kind))
    real = row_of(rows, kind)
    assert real["source"] == "measured"
    assert (rows["source"] == "measured").sum() == 1
    assert pd.isna(real["empty_polls"]) == (kind != "long-poll")


def test_connections_and_sessions_have_their_own_totals():
    _, totals, scaling = made(ended(measured=OURS), session(), clients=(5,))
    assert [set(frame["scope"]) for frame in totals] == [{"connections"}, {"sessions"}]
    assert [set(frame["scope"]) for frame in scaling] == [{"connections"}, {"sessions"}]


def test_hostile_packets():
    """An MSS of one byte, headers of nothing."""
    odd = wire_row(mss=1, client_header=0, server_header=0, client_ack=0, server_ack=0)
    (rows,), _, _ = made(ended(wire=odd, measured=OURS, heads=[HEADS]))
    assert (rows["packets"] > 0).all()
