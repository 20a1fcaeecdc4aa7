import random

from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.streams import ACK, FIN, HEADER, PSH, RST, SYN, Outcome, first_bytes, segment

from analyzer.tcp import bytestream as bs
from analyzer.tcp.lifecycle import State

A, B = 1000, 5000  # initial sequence numbers of client and server


def handshake(a=A, b=B, **more):
    return [
        segment(0, a, flags=SYN, **more),
        segment(1, b, ack=a + 1, flags=SYN | ACK, **more),
        segment(0, a + 1, ack=b + 1, **more),
    ]


def test_in_order_data_and_times():
    out = Outcome(
        [*handshake(), segment(0, A + 1, b"hello", ack=B + 1), segment(1, B + 1, ack=A + 6)]
    )
    out.check()
    assert bytes(out.stream(0)) == b"hello"
    assert out.kinds(0) == [bs.PURE, bs.PURE, bs.DATA]
    assert [row["acked"] for row in out.rows] == [-1, 0, 0, 0, 5]
    link = out.connections[0]
    assert (link["syn_time"], link["synack_time"], link["established_time"]) == (
        1_000_000,
        2_000_000,
        3_000_000,
    )
    assert link["state"] == State.ESTABLISHED
    assert link["end"] == bs.END_CAPTURE
    assert out.directions[0, 1]["pure_acks"] == 1
    assert out.directions[0, 0]["pure_ack_bytes"] == HEADER


def test_swapped_segments_wait_for_their_turn():
    out = Outcome(
        [*handshake(), segment(0, A + 4, b"lo!", ack=B + 1), segment(0, A + 1, b"hel", ack=B + 1)]
    )
    out.check()
    assert bytes(out.stream(0)) == b"hello!"
    first, second = (row for row in out.of(0) if row["kind"] == bs.DATA)
    assert (first["packet"], first["ready"]) == (5, 5_000_000)
    assert (second["packet"], second["time"], second["ready"]) == (4, 4_000_000, 5_000_000)
    assert out.directions[0, 0]["out_of_order"] == 1


def test_held_segment_brings_its_ack_at_once():
    out = Outcome(
        [*handshake(), segment(1, B + 1, b"data", ack=A + 1), segment(0, A + 4, b"lo!", ack=B + 5)]
    )
    out.check()
    row = out.of(0)[2]
    assert (row["kind"], row["acked"], row["wire"], row["header_bytes"]) == (bs.PURE, 4, 0, 0)


def test_retransmission_and_partial_overlap():
    out = Outcome(
        [
            *handshake(),
            segment(0, A + 1, b"abcd"),
            segment(0, A + 1, b"abcd"),
            segment(0, A + 3, b"cdef"),
        ]
    )
    out.check()
    assert bytes(out.stream(0)) == b"abcdef"
    total = out.directions[0, 0]
    assert (total["retransmissions"], total["retransmitted_bytes"]) == (2, 6)
    again, more = out.of(0)[-2:]
    assert (again["kind"], again["length"], again["into"], again["wire"]) == (3, 2, 0, HEADER + 4)
    assert (more["kind"], more["length"], more["into"], more["wire"]) == (0, 2, 2, 0)
    assert "tcp-overlap-differs" not in out.ids()
    assert "tcp-retransmissions" in out.ids()


def test_other_bytes_in_a_retransmission_are_a_finding():
    out = Outcome([*handshake(), segment(0, A + 1, b"abcd"), segment(0, A + 1, b"abXd")])
    assert ("tcp-overlap-differs", 0, 5, "2") in out.findings
    assert bytes(out.stream(0)) == b"abcd"


def test_overlap_policy_chooses_among_held_bytes():
    traffic = [
        *handshake(),
        segment(0, A + 2, b"XY"),
        segment(0, A + 2, b"pq"),
        segment(0, A + 1, b"a"),
    ]
    for policy, expected in (("first", b"aXY"), ("last", b"apq")):
        out = Outcome(traffic, overlap_policy=policy)
        out.check()
        assert bytes(out.stream(0)) == expected
        assert ("tcp-overlap-differs", 0, 5, "1") in out.findings


def test_snaplen_cut_leaves_a_gap_of_the_right_size():
    out = Outcome([*handshake(), segment(0, A + 1, b"abcdef", captured=2), segment(0, A + 7, b"z")])
    out.check()
    assert out.stream(0) == [97, 98, None, None, None, None, 122]
    assert out.directions[0, 0]["cut_bytes"] == 4


def test_acknowledged_hole_is_lost_after_some_segments():
    lost = [*handshake(), segment(0, A + 4, b"lo!"), segment(1, B + 1, ack=A + 7)]
    more = [segment(1, B + 1, ack=A + 7) for _ in range(4)]
    out = Outcome([*lost, *more], lost_after_segments=3)
    out.check()
    assert out.stream(0) == [None, None, None, *b"lo!"]
    gap = next(row for row in out.of(0) if row["kind"] == bs.GAP_LOST)
    assert (gap["packet"], gap["header_bytes"], gap["wire"], gap["payload"]) == (8, 0, 0, 0)
    assert ("tcp-lost", 0, 8, "3") in out.findings


def test_hole_without_ack_waits_for_the_end():
    traffic = [*handshake(), segment(0, A + 4, b"lo!"), *[segment(1, B + 1, ack=A + 1)] * 30]
    out = Outcome([*traffic, segment(0, A + 1, b"hel")], lost_after_segments=3)
    assert bytes(out.stream(0)) == b"hello!"
    assert Outcome(traffic, lost_after_segments=3).stream(0) == [None, None, None, *b"lo!"]


def test_acks_prove_a_tail_that_was_not_captured():
    out = Outcome([*handshake(), segment(0, A + 1, b"abc"), segment(1, B + 1, ack=A + 104)])
    out.check()
    assert out.directions[0, 0]["lost_bytes"] == 100
    one = Outcome([*handshake(), segment(0, A + 1, b"abc"), segment(1, B + 1, ack=A + 5)])
    assert one.directions[0, 0]["lost_bytes"] == 0, "it may be the number of a FIN"


def test_duplicates_do_nothing_but_count():
    twice = segment(0, A + 1, b"abc", ack=B + 1, identity=77)
    out = Outcome([*handshake(), twice, segment(1, B + 1, ack=A + 4), {**twice, "time": 5_500_000}])
    out.check()
    assert bytes(out.stream(0)) == b"abc"
    total = out.directions[0, 0]
    assert (total["duplicate_bytes"], total["retransmissions"]) == (HEADER + 3, 0)
    late = Outcome([*handshake(), twice, {**twice, "time": 900_000_000}])
    assert late.directions[0, 0]["duplicate_bytes"] == 0
    assert late.directions[0, 0]["retransmissions"] == 1


def test_weak_identity_needs_closeness_and_content():
    ack = segment(1, B + 1, ack=A + 1, identity=9, strong=0, time=10_000_000)
    out = Outcome([*handshake(), ack, {**ack, "time": 10_000_001}])
    assert out.directions[0, 1]["duplicate_bytes"] == 0
    data = segment(1, B + 1, b"x", ack=A + 1, identity=9, strong=0, time=10_000_000)
    near = Outcome([*handshake(), data, {**data, "time": 10_090_000}])
    far = Outcome([*handshake(), data, {**data, "time": 10_110_000}])
    assert near.directions[0, 1]["duplicate_bytes"] == HEADER + 1
    assert far.directions[0, 1]["duplicate_bytes"] == 0


def close(a=A, b=B):
    return [
        segment(0, a + 1, ack=b + 1, flags=FIN | ACK),
        segment(1, b + 1, ack=a + 2, flags=FIN | ACK),
        segment(0, a + 2, ack=b + 2),
    ]


def test_fin_both_ways_closes_and_leaves_after_the_linger():
    late = segment(0, A + 2, ack=B + 2, time=20_000_000_000)
    other = segment(0, 1, b"x", port=50000, time=15_000_000_000)
    out = Outcome([*handshake(), *close(), other, late])
    assert out.kinds(0) == [bs.PURE, bs.PURE, bs.FIN, bs.PURE]
    link = out.connections[0]
    assert (link["fin_time"], link["fin_side"], link["closed_time"]) == (4_000_000, 0, 6_000_000)
    assert (link["state"], link["end"]) == (State.CLOSED, bs.END_CLOSED)
    assert out.ended == [0, 1]
    assert ("tcp-late", -1, 8, "tcp.stream 0") in out.findings
    assert out.directions[0, 0]["packets"] == 4
    assert [row["acked"] for row in out.of(1)][-1] == 0, "the FIN's number is not a byte"


def test_the_oldest_finished_connections_are_forgotten():
    """Their slots are used again; a packet that comes that late is a new tcp_stream."""
    others = [segment(0, 1, b"x", port=50_000 + n, time=(15 + n) * 1_000_000_000) for n in range(3)]
    late = segment(0, A + 2, ack=B + 2, time=30_000_000_000)
    kept = Outcome([*handshake(), *close(), *others, late])
    assert kept.opened == [0, 1, 2, 3]
    forgotten = Outcome([*handshake(), *close(), *others, late], max_finished_connections=0)
    assert forgotten.opened == [0, 1, 2, 3, 4]
    assert "tcp-late" in [found[0] for found in kept.findings]
    assert "tcp-late" not in [found[0] for found in forgotten.findings]


def test_early_fin_waits_for_its_data():
    out = Outcome(
        [*handshake(), segment(0, A + 4, ack=B + 1, flags=FIN | ACK), segment(0, A + 1, b"abc")]
    )
    out.check()
    assert out.kinds(0) == [bs.PURE, bs.PURE, bs.PURE, bs.DATA, bs.FIN]
    assert out.of(0)[-1]["packet"] == 4
    assert out.of(0)[-1]["wire"] == 0


def test_data_behind_the_fin_is_counted_not_read():
    out = Outcome(
        [
            *handshake(),
            segment(0, A + 1, b"abc", flags=FIN | ACK, ack=B + 1),
            segment(0, A + 3, b"cde"),
        ]
    )
    out.check()
    assert bytes(out.stream(0)) == b"abc"
    assert ("tcp-data-after-fin", 0, 5, "2") in out.findings


def test_reset_with_payload_and_refusal():
    out = Outcome([*handshake(), segment(1, B + 1, b"why", flags=RST | ACK, ack=A + 1)])
    out.check()
    assert out.kinds(1) == [bs.PURE, bs.RETRANSMISSION, bs.RESET]
    assert out.connections[0]["reset_side"] == 1
    refused = Outcome([segment(0, A, flags=SYN), segment(1, 0, ack=A + 1, flags=RST | ACK)])
    assert refused.connections[0]["state"] == State.REFUSED
    assert refused.connections[0]["end"] == bs.END_CLOSED


def test_syn_retries_and_unanswered():
    out = Outcome([segment(0, A, flags=SYN, time=n * 10**9) for n in (1, 2, 4)])
    assert out.connections[0]["syn_retries"] == 2
    assert out.connections[0]["state"] == State.SYN_SENT
    assert out.connections[0]["synack_time"] == -(2**63)


def test_data_in_the_syn():
    out = Outcome([segment(0, A, b"fast", flags=SYN), segment(1, B, ack=A + 5, flags=SYN | ACK)])
    out.check()
    assert bytes(out.stream(0)) == b"fast"
    assert out.of(1)[0]["acked"] == 4


def test_side_0_is_who_sent_the_syn_even_if_its_answer_comes_first():
    out = Outcome([segment(1, B, ack=A + 1, flags=SYN | ACK), segment(0, A, flags=SYN)])
    assert out.connections[0]["port0"] == 40000
    assert out.connections[0]["sides_known"] == 1
    middle = Outcome([segment(1, B, b"x", ack=A + 1)])
    assert middle.connections[0]["port0"] == 80
    assert middle.connections[0]["sides_known"] == 0


def test_middle_of_a_connection_begins_at_its_first_byte():
    out = Outcome(
        [segment(0, 2**32 - 2, b"abcd", ack=7), segment(1, 7, b"r", ack=2), segment(0, 2, b"ef")]
    )
    out.check()
    assert bytes(out.stream(0)) == b"abcdef"
    assert out.of(1)[0]["acked"] == 4


def test_keep_alives_and_zero_windows():
    out = Outcome(
        [
            *handshake(),
            segment(0, A + 1, b"ab", ack=B + 1),
            segment(1, B + 1, ack=A + 3, window=0),
            segment(1, B + 1, ack=A + 3, window=0),
            segment(0, A + 2, b"b", ack=B + 1),
            segment(0, A + 2, ack=B + 1),
        ]
    )
    out.check()
    assert out.directions[0, 0]["keep_alives"] == 2
    assert out.directions[0, 0]["retransmitted_bytes"] == 1
    assert out.directions[0, 0]["retransmissions"] == 0
    assert ("tcp-zero-window", 0, 5, "1") in out.findings


def test_garbage_octet_of_a_keep_alive_is_no_overlap():
    # RFC 9293 3.8.4: a probe "may or may not contain one garbage octet".
    probe = segment(0, A + 2, b"\0", ack=B + 1)
    out = Outcome([*handshake(), segment(0, A + 1, b"ab", ack=B + 1), probe])
    assert bytes(out.stream(0)) == b"ab"
    assert out.directions[0, 0]["keep_alives"] == 1
    assert "tcp-overlap-differs" not in out.ids()


def test_timed_out_needs_silence():
    again = [segment(0, A + 1, b"abc", time=n * 10**9) for n in range(1, 5)]
    assert Outcome([*handshake(), *again]).connections[0]["timed_out"] == 1
    answer = segment(1, B + 1, ack=A + 4, time=6 * 10**9)
    assert Outcome([*handshake(), *again, answer]).connections[0]["timed_out"] == 0


def test_held_limit_gives_up_the_first_hole():
    early = [segment(0, A + 1 + 10 * n, b"x" * 5) for n in range(1, 9)]
    out = Outcome([*handshake(), *early], max_held_bytes=1200)
    out.check()
    assert "tcp-held-limit" in out.ids()
    assert out.directions[0, 0]["stream_bytes"] == 40
    assert out.directions[0, 0]["lost_bytes"] == 10 + 7 * 5


def test_far_jump_is_no_gap():
    out = Outcome([*handshake(), segment(0, A + 1 + 2**29, b"garbage"), segment(0, A + 1, b"abc")])
    out.check()
    assert bytes(out.stream(0)) == b"abc"
    assert out.directions[0, 0]["lost_bytes"] == 0
    assert "tcp-out-of-window" in out.ids()


def test_reuse_of_ports_is_a_new_connection():
    out = Outcome([*handshake(), segment(0, A + 4, b"x"), *handshake(a=9000, b=700)])
    out.check()
    assert out.opened == [0, 1]
    assert out.connections[0]["end"] == bs.END_REUSED
    assert out.stream(0) == [None, None, None, 120]


def test_connection_limit_lets_the_idle_go():
    syns = [segment(0, A, flags=SYN, port=port) for port in range(1, 6)]
    busy = segment(0, A + 1, b"x", port=1)
    out = Outcome([*syns[:3], busy, *syns[3:]], max_connections=3)
    assert len(out.connections) == 5
    assert [s for s in out.connections if out.connections[s]["end"] == bs.END_EVICTED] == [0, 1]
    assert out.ids().count("tcp-connection-limit") == 2


NULL = -(2**63)


def test_bytes_behind_a_lost_hole_waited_for_nothing():
    lost = [
        *handshake(),
        segment(0, A + 4, b"lo!"),
        segment(0, A + 7, b"."),
        segment(1, B + 1, ack=A + 8),
    ]
    out = Outcome([*lost, *[segment(1, B + 1, ack=A + 8) for _ in range(4)]], lost_after_segments=3)
    first, second = (row for row in out.of(0) if row["kind"] == bs.DATA)
    assert (first["packet"], first["time"], first["ready"]) == (4, 4_000_000, 4_000_000)
    assert (second["packet"], second["time"], second["ready"]) == (5, 5_000_000, 5_000_000)
    ended = Outcome([*handshake(), segment(0, A + 4, b"lo!", ack=B + 1, flags=FIN | ACK)])
    data, fin = ended.of(0)[-2:]
    assert (data["kind"], data["ready"]) == (bs.DATA, 4_000_000)
    assert (fin["kind"], fin["ready"]) == (bs.FIN, 4_000_000)


def test_bytes_behind_a_hole_given_up_waited_for_nothing():
    early = [segment(0, A + 1 + 10 * n, b"x" * 5) for n in range(1, 9)]
    out = Outcome([*handshake(), *early], max_held_bytes=1200)
    rows = [row for row in out.of(0) if row["kind"] == bs.DATA]
    assert [row["ready"] for row in rows] == [row["time"] for row in rows]


def test_first_other_byte_is_found_in_any_recent_piece():
    pieces = [segment(0, A + 1 + 2 * n, b"ab") for n in range(6)]
    out = Outcome([*handshake(), *pieces, segment(0, A + 1, b"abaXabaXabab")])
    assert ("tcp-overlap-differs", 0, 10, "3") in out.findings


def test_packets_without_time_end_nothing():
    timeless = [{**given, "time": NULL} for given in [*handshake(), *close()]]
    late = [segment(0, 1, b"x", port=50000, time=10**18 + n * 10**9) for n in (0, 9, 11)]
    out = Outcome([*timeless, *late])
    out.check()
    # The wait for late packets begins with the first time that is known.
    assert out.ended == [0, 1]
    waited = Outcome([*timeless, *late[:2], segment(0, A + 2, ack=B + 2, time=NULL)])
    assert waited.directions[0, 0]["packets"] == 5
    assert "tcp-late" not in waited.ids()
    assert "tcp-late" in Outcome([*timeless, *late, timeless[-1]]).ids()


def test_syn_retries_count_without_times():
    out = Outcome([segment(0, A, flags=SYN, time=NULL) for _ in range(3)])
    assert (out.connections[0]["syn_retries"], out.connections[0]["syn_time"]) == (2, NULL)


def test_first_fin_is_known_without_times():
    timeless = [{**given, "time": NULL} for given in [*handshake(), *close()]]
    assert Outcome(timeless).connections[0]["fin_side"] == 0


def test_times_at_the_ends_of_their_range_are_far_apart():
    twice = segment(0, A + 1, b"abc", ack=B + 1, identity=77)
    times = (-(2**63) + 1, 2**63 - 1, 0)
    out = Outcome([*handshake(), *[{**twice, "time": time} for time in times], *close()])
    out.check()
    assert out.directions[0, 0]["duplicate_bytes"] == 0
    assert out.directions[0, 0]["retransmissions"] == 2


def test_closing_at_the_end_of_time_waits():
    last = [{**given, "time": 2**63 - 2} for given in [*handshake(), *close()]]
    out = Outcome([*last, segment(0, A + 2, ack=B + 2, time=2**63 - 2)])
    out.check()
    assert "tcp-late" not in out.ids()


# --- properties


@st.composite
def shuffled_stream(draw):
    """Both directions cut, sent again with other cuts, permuted, dropped, snaplen-cut."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    isns = [draw(st.sampled_from([1000, 2**32 - 20, 2**31 - 5])) for _ in range(2)]
    traffic = []
    for side in (0, 1):
        size = rng.randrange(120)
        content = bytes(rng.randrange(256) for _ in range(size))
        cuts = []
        for _ in range(rng.randrange(1, 3)):
            at = 0
            while at < size:
                n = rng.randrange(1, 15)
                cuts.append((at, content[at : at + n]))
                at += n
        cuts = [c for c in cuts if rng.random() > 0.08]
        window = rng.choice([0, 3, 30])
        order = sorted(range(len(cuts)), key=lambda i: i + rng.uniform(0, window))
        for i in order:
            at, payload = cuts[i]
            captured = rng.randrange(len(payload) + 1) if rng.random() < 0.1 else None
            seq, ack = isns[side] + 1 + at, isns[1 - side] + 1
            traffic.append((rng.random(), segment(side, seq, payload, ack=ack, captured=captured)))
    ordered = [s for side in (0, 1) for _, s in traffic if s["side"] == side]
    merged = []
    queues = [[s for s in ordered if s["side"] == side] for side in (0, 1)]
    while any(queues):
        merged.append(rng.choice([q for q in queues if q]).pop(0))
    return isns, [*handshake(*isns), *merged]


@settings(deadline=None, max_examples=100)
@given(shuffled_stream())
def test_streams_equal_the_bytes_first_seen(made):
    isns, traffic = made
    out = Outcome(traffic)
    out.check()
    for side in (0, 1):
        sent = [s for s in traffic if s["side"] == side]
        seen = first_bytes([s for s in sent if s["payload"]], isns[side] + 1)
        end = max(seen, default=-1) + 1
        assert out.stream(side) == [seen.get(i) for i in range(end)]
        total = out.directions[0, side]
        assert total["stream_bytes"] == len(seen)
        assert total["lost_bytes"] == end - len(seen)
        assert total["retransmitted_bytes"] == sum(len(s["payload"]) for s in sent) - len(seen)


hostile = st.lists(
    st.builds(
        segment,
        st.integers(0, 1),
        st.one_of(st.integers(A - 3, A + 30), st.integers(0, 2**32 - 1)),
        st.binary(max_size=12),
        ack=st.one_of(st.integers(A - 3, A + 30), st.integers(0, 2**32 - 1)),
        flags=st.one_of(st.sampled_from([ACK, PSH | ACK]), st.integers(0, 63)),
        port=st.integers(1, 4),
        captured=st.just(None),
        identity=st.integers(0, 5),
        strong=st.integers(0, 1),
        time=st.one_of(st.none(), st.sampled_from([0, -(2**63), 2 * 10**10, 2**63 - 1, 1 - 2**63])),
        window=st.integers(0, 1),
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=150)
@given(
    hostile,
    st.lists(st.integers(0, 5), max_size=8),
    st.sampled_from(["first", "last"]),
    st.sampled_from([2, 100]),
    st.sampled_from([900, 10**6]),
)
def test_anything_goes_and_cuts_never_matter(traffic, sizes, policy, most, held):
    options = {
        "overlap_policy": policy,
        "max_connections": most,
        "max_held_bytes": held,
        "lost_after_segments": 3,
    }
    whole = Outcome(traffic, **options)
    whole.check()
    cut = Outcome(traffic, sizes, **options)
    assert cut.rows == whole.rows
    assert cut.findings == whole.findings
    assert (cut.opened, cut.ended) == (whole.opened, whole.ended)
    assert cut.directions == whole.directions
    for stream, link in whole.connections.items():
        assert cut.connections[stream] == link
