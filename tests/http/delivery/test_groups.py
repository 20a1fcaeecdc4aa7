"""Groups: pollers told apart, bounded waiting, and cuts of the input that change nothing."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.polls import answer, chunk, chunked, get, kinds, lead, polls, post
from oracle.upgrades import ids

from analyzer.http.delivery import groups as module
from analyzer.http.exchanges import Exchange
from analyzer.http.head import Head
from analyzer.options import Options
from analyzer.tcp.bytestream import Connection


def groups(events, **how):
    """Number of requests by group."""
    return Counter(each.group for each in lead(events, **how).exchanges)


def every(interval, count, start=0.0):
    return [start + number * interval for number in range(count)]


# --- who is who


def test_pollers_that_look_alike_are_groups_of_their_own():
    events = []
    for slot in range(5):
        events += polls(every(1000, 4, 130 * slot), slot=slot)
    out = lead(events).exchanges
    assert {each.kind for each in out} == {"poll"}
    assert {(each.slot, each.group) for each in out} == {(slot, slot) for slot in range(5)}
    assert len({each.client_key for each in out}) == 1


def test_held_polls_that_look_alike_are_groups_of_their_own():
    events = []
    for slot in range(3):
        at = 10 * slot
        for wait in (700, 300, 900):
            events += polls([at], wait=wait, slot=slot, body=b"[1]")
            at += wait + 1
    out = lead(events).exchanges
    assert {each.kind for each in out} == {"long-poll"}
    assert {(each.slot, each.group) for each in out} == {(0, 0), (1, 1), (2, 2)}


def test_poller_that_connects_anew_is_one_group():
    events = []
    for slot, at in enumerate(every(1000, 5)):
        events += polls([at], slot=slot)
        events += [(at + 5, slot, 0, "fin"), (at + 6, slot, 1, "fin")]
    assert groups(events) == {0: 5}
    told = []
    for slot, at in enumerate(every(1000, 5)):
        told += polls([at], slot=slot, Connection="close")
    assert groups(told) == {0: 5}


def test_poller_that_changes_between_its_connections_is_one_group():
    # The long poll holds one connection, so the client posts over another, and goes on there.
    events = [(0, 0, 0, get("/wait", Cookie="a=1"))]
    at = 0
    for number in range(6):
        mine, other = number % 2, 1 - number % 2
        at += 400
        events += [(at, other, 0, post("/say", b"x", Cookie="a=1"))]
        events += [(at + 1, other, 1, answer(b"")), (at + 2, mine, 1, answer(b"[1]"))]
        events += [(at + 3, other, 0, get("/wait", Cookie="a=1"))]
    out = lead([*events, (at + 300, 0, 1, answer(b"[1]"))]).exchanges
    waits = [each for each in out if each.path == "/wait"]
    assert {(each.kind, each.group) for each in waits} == {("long-poll", 0)}
    posts = [each for each in out if each.path == "/say"]
    assert {(each.kind, each.group) for each in posts} == {("plain", -1)}
    assert {each.client_key for each in out} == {waits[0].client_key}


@pytest.mark.parametrize("field", ["Cookie", "Authorization", "User_Agent"])
def test_clients_behind_one_connection_are_told_apart(field):
    events = []
    for name, start in (("x", 0), ("y", 333), ("z", 700)):
        events += polls(every(1000, 4, start), slot=0, **{field: name})
    out = lead(events).exchanges
    assert {each.kind for each in out} == {"poll"}
    assert len({each.group for each in out}) == 3
    assert len({each.client_key for each in out}) == 3


def test_clients_that_a_proxy_spreads_over_connections():
    events, turn = [], 0
    for number in range(6):
        for client in range(4):
            at = 1000 * number + 200 * client
            events += polls([at], slot=turn % 3, Cookie=f"s={client}")
            turn += 1
    out = lead(events).exchanges
    sizes = Counter(each.group for each in out)
    assert {each.kind for each in out} == {"poll"}
    assert len({each.client_key for each in out}) == 4
    assert all(count >= 3 for count in sizes.values())


def test_engine_io_session_takes_up_the_request_that_opened_it():
    base = "/socket.io/?EIO=4&transport=polling"
    opened = answer(b'0{"sid":"S","upgrades":[]}', "text/plain")
    events = [(0, 0, 0, get(base + "&t=a")), (1, 0, 1, opened)]
    events += [(2, 1, 0, get(base + "&t=b&sid=S")), (9, 1, 1, answer(b"4hi", "text/plain"))]
    events += [(3, 0, 0, post(base + "&t=c&sid=S", b"4yo")), (4, 0, 1, answer(b"ok", "text/html"))]
    # Another client meanwhile.
    events += [(2, 2, 0, get(base + "&t=d")), (3, 2, 1, opened.replace(b'"S"', b'"T"'))]
    out = lead(events).exchanges
    assert [(each.kind, each.group, each.transport) for each in out] == [
        ("long-poll", 0, "engine.io"),
        ("long-poll", 0, "engine.io"),
        ("long-poll", 1, "engine.io"),
        ("plain", -1, "engine.io"),
    ]
    assert out[0].client_key == out[1].client_key == out[3].client_key != out[2].client_key


def test_streams_of_one_client_are_one_group():
    events = []
    for slot in range(3):
        at = 5000 * slot
        events += [(at, slot, 0, get("/e")), (at + 1, slot, 1, chunked("text/event-stream"))]
        events += [(at + 2, slot, 1, chunk(b"data: a\n\n")), (at + 3, slot, 1, chunk(b""))]
        events += [(at + 4, slot, 0, "fin")]
    assert groups(events) == {0: 3}
    assert set(kinds(events)) == {"sse"}


def test_groups_are_numbered_in_order_of_appearance():
    events = [*polls(every(700, 6, 50), "/b"), *polls(every(500, 9), "/a", slot=1)]
    out = lead(events).exchanges
    assert {each.path: each.group for each in out} == {"/a": 0, "/b": 1}


# --- a browser


def test_a_page_with_all_that_belongs_to_it_is_plain():
    browser = {"User_Agent": "Mozilla/5.0", "Cookie": "session=1"}
    rng = random.Random(3)
    events, at = [], 0.0
    for page in range(4):
        html = answer(b"<html>" * 50, "text/html; charset=utf-8")
        events += [(at, 0, 0, get(f"/page{page}", **browser)), (at + 300, 0, 1, html)]
        free = [at + 301] * 6
        for number in range(30):
            slot = min(range(6), key=free.__getitem__)
            path = ("/app.js", "/style.css", "/api/user", "/logo.png")[number % 4]
            begun = free[slot] + rng.uniform(0, 3)
            done = begun + rng.uniform(5, 120)
            response = answer(b"{}", "application/json", status=rng.choice(["200 OK", "304 No"]))
            response = response if b"304" not in response else b"HTTP/1.1 304 No\r\n\r\n"
            events += [
                (begun, slot, 0, get(f"{path}?v={page}", **browser)),
                (done, slot, 1, response),
            ]
            free[slot] = done
        at = max(free) + rng.uniform(1500, 9000)
    assert set(kinds(events)) == {"plain"}


# --- limits


def test_a_long_group_is_decided_before_its_end():
    events = polls(every(500, 30))
    out = lead(events, Options(max_group_exchanges=5))
    assert {(each.kind, each.group) for each in out.exchanges} == {("poll", 0)}
    assert not ids(out)


@pytest.mark.parametrize("limit", ["max_held_exchanges", "max_http_lanes"])
def test_too_many_groups_are_decided_early(limit):
    events = []
    for number in range(40):
        events += polls([10 * number], f"/item/{number}")
    out = lead(events, Options(**{limit: 8}))
    assert [each.kind for each in out.exchanges] == ["plain"] * 40
    assert "http-group-limit" in ids(out)


def test_nothing_is_kept_of_many_requests():
    from oracle.conversations import batch_of
    from oracle.polls import rows_at

    from analyzer.http.stage import HttpStage

    stage = HttpStage(Options(max_held_exchanges=50, max_http_lanes=20, max_http_clients=10))
    events = []
    for number in range(1000):
        events += polls([10 * number], f"/item/{number}", Cookie=f"c={number}")
    out = stage.push(batch_of(rows_at(events), 1))
    assert len(out.exchanges) >= 940
    kept = stage._results.groups
    assert len(kept._order) <= 20
    assert sum(map(len, kept._lanes.values())) <= 20
    assert len(kept._clients) <= 10
    assert len(kept._pools) <= 10


# --- batches


def mixed(seed):
    """Polls, long polls, streams and pages of several clients over several connections."""
    rng = random.Random(seed)
    events = []
    for slot in range(6):
        at = rng.uniform(0, 300)
        for number in range(rng.randrange(2, 7)):
            wait = rng.choice([2, 30, 400, 900])
            path = rng.choice(["/a", "/a", f"/b?after={number}", "/c"])
            body = rng.choice([b"[]", b"[1]", b'{"s":1}'])
            close = {"Connection": "close"} if rng.random() < 0.1 else {}
            if rng.random() < 0.2:
                events += [(at, slot, 0, get("/s")), (at + 1, slot, 1, chunked("text/plain"))]
                for piece in range(4):
                    events.append((at + 2 + 90 * piece, slot, 1, chunk(b"x\n")))
                events.append((at + 300, slot, 1, chunk(b"")))
                at += 301
            else:
                events += polls([at], path, wait=wait, slot=slot, body=body, **close)
                at += wait + rng.choice([1, 5, 250, 500])
    return events


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 10_000),
    st.lists(st.integers(1, 80), max_size=10),
    st.sampled_from([{}, {"max_held_exchanges": 5}, {"max_http_lanes": 3}]),
    st.sampled_from([{}, {"max_group_exchanges": 3}]),
)
def test_cuts_never_change_what_exchanges_are(seed, cuts, limits, more):
    events = mixed(seed)
    options = Options(**limits, **more)
    whole, parts = lead(events, options), lead(events, options, cuts=cuts)
    assert whole.exchanges == parts.exchanges
    assert whole.findings == parts.findings


@pytest.mark.parametrize(("later", "pollers"), [(30, 1), (500, 2)])
def test_connection_opened_before_the_answer_arrived_is_of_the_same_client(later, pollers):
    """A capture at the server sees an answer, then a SYN that left before it had arrived.

    Half a second later the first connection is idle: who opens another is another client.
    """
    events = polls(every(1000, 4), slot=0, Cookie="a=1")
    request = events[-1][0] + later + 40
    events += [(request, 1, 0, post("/say", b"x", Cookie="a=1")), (request + 1, 1, 1, answer(b""))]
    events += polls(every(1000, 4, 4000), slot=1, Cookie="a=1")
    out = lead(events, round_trip_ms=40).exchanges
    assert len({each.group for each in out if each.kind == "poll"}) == pollers


def test_exchanges_with_many_messages_count_for_more():
    body = b"[" + b",".join([b"1"] * 4096) + b"]"
    events = []
    for number in range(10):
        events += polls([10 * number], f"/item/{number}", body=body)
    # 64 messages are one more exchange: 65 of 100 with the first, 130 with the second.
    out = lead(events, Options(max_held_exchanges=100))
    assert "http-group-limit" in ids(out)
    assert not ids(lead(events, Options(max_held_exchanges=1000)))


def test_connections_that_nobody_answers_do_not_take_the_square_of_their_time():
    asked = [0]

    class Busy(module.Caller):
        __slots__ = ()

        def is_busy(self, other):
            asked[0] += 1
            return super().is_busy(other)

    many = module.Groups(Options())
    pools = {}  # they themselves too: one that is let go may leave its id to another
    tcp = Connection(*([0] * len(Connection._fields)))
    for number in range(2000):
        caller = Busy(tcp, 0)
        caller.busy = number + 1
        many._join_pool(caller, 1)
        pools[id(caller.pool)] = caller.pool
    # As many as a pool holds for each, and none of the full ones.
    assert asked[0] <= 2000 * 64
    assert len(pools) == -(-2000 // 64)


def test_lanes_that_are_forgotten_are_let_go():
    tcp = Connection(*([0] * len(Connection._fields)))
    caller, some = module.Caller(tcp, 0), module.Groups(Options(max_http_lanes=3))
    for number in range(20):
        head = Head("GET", f"/{number}", "1.1", 0, "", (), {}, (), 0, 40, ())
        some.begin(caller, Exchange(0, number, 0, method="GET", path=f"/{number}"), head)
    assert len(caller.lanes) == len(some._order) == 3
