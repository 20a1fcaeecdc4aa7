"""The stage through the whole pipeline: which connections are compared, when, and over what time.

How messages become answers is tested in test_schedule, what these cost in test_costs.
"""

import gzip
import json
import random

import pandas as pd
import pytest
from conversation import START_NS, TEXT, Conversation, frame, pcap
from oracle.chats import MS, S, captured, chat, one, plain, rows
from oracle.whole import tables_of

import analyzer as wsanalyze

TRANSPORTS = [
    *("websocket", "request", "short-poll", "long-poll", "stream", "sse"),
    *("short-poll-h2", "long-poll-h2", "sse-h2", "short-poll-latest"),
]


def text_of(table):
    return [tuple(map(str, row)) for row in table.itertuples(index=False, name=None)]


SAID = [(500, "server", b"a" * 100), (700, "server", b"b" * 100), (4200, "server", b"c" * 100)]
SAID += [(5000, "client", b"d" * 50)]


def test_the_example_of_the_documentation_as_a_capture():
    """docs/alternatives.md, "An example by hand", which ends after 10 s."""
    data = captured(chat(said=SAID, end=9_999))
    poll = one(data, "short-poll")
    # 10 polls in 10 s, of which 2.2 bring news.
    assert (poll["requests"], poll["empty_polls"]) == (10 + 1, 8)
    assert poll["added_latency_ms_mean"] == pytest.approx(500)
    assert (poll["messages"], poll["payload_bytes"]) == (4, 350)
    held = one(data, "long-poll")
    # Three answers, one request that stays open, one POST; POSTs need a second connection.
    assert (held["requests"], held["empty_polls"], held["tcp_connections"]) == (3 + 1 + 1, 0, 2)
    assert held["added_latency_ms_mean"] == 0
    each = one(data, "request")
    assert each["requests"] == 4
    assert pd.isna(each["added_latency_ms_mean"])


def test_replies_by_their_ids_ride_in_responses():
    """Ten calls of JSON-RPC, each answered by its id behind a push that nobody asked for."""
    said = []
    for n in range(10):
        call = {"jsonrpc": "2.0", "id": n, "method": "add", "params": [n, n]}
        push = {"jsonrpc": "2.0", "method": "price", "params": {"n": n}}
        reply = {"jsonrpc": "2.0", "id": n, "result": 2 * n}
        said += [
            (500 + 100 * n, "client", json.dumps(call).encode()),
            (540 + 100 * n, "server", json.dumps(push).encode()),
            (570 + 100 * n, "server", json.dumps(reply).encode()),
        ]
    data = captured(chat(said=said, end=9_999))
    # A POST for each call, a GET for each push; without ids a GET for each reply as well.
    assert one(data, "request")["requests"] == 10 + 10
    assert one(data, "request", inside=False)["requests"] == 10 + 10 + 10
    poll = one(data, "short-poll")
    assert (poll["messages"], poll["requests"]) == (30, 10 + 10)
    # Half of the server's messages do not wait.
    assert poll["added_latency_ms_mean"] == pytest.approx(250)


def test_what_was_measured_is_what_the_other_tables_say():
    tables = tables_of(captured(chat(said=SAID, end=9_000)), alternatives=True)
    ours = tables["alternatives"].iloc[0]
    connection = tables["connections"].iloc[0]
    ledger = tables["ledger"]
    assert (ours["transport"], ours["source"]) == ("websocket", "measured")
    assert ours["wire_bytes"] == connection["wire_bytes"] == ledger["wire_bytes"].sum()
    assert ours["packets"] == ledger["packets"].sum()
    above = ["http_bytes", "ws_header_bytes", "ws_control_bytes", "transfer_bytes"]
    assert ours["application_bytes"] == ledger[above].to_numpy().sum()
    assert ours["header_bytes"] == ours["application_bytes"] - 350
    assert (ours["requests"], ours["tcp_connections"]) == (1, 1)
    assert ours["ratio_wire"] == ours["ratio_application"] == 1
    assert ours["added_latency_ms_mean"] == ours["added_latency_ms_p95"] == 0


def test_rows_and_their_order():
    found = rows(captured(chat(said=SAID, end=9_000), chat(40_001, 100, SAID)))
    assert found["transport"].tolist() == 2 * TRANSPORTS
    assert found["connection"].tolist() == 10 * [0] + 10 * [1]
    assert found["session"].isna().all()


# --- batches


def crowd(chats=12):
    """Connections of all kinds, one after the other and side by side, with plain HTTP."""
    rng = random.Random(7)
    talks = []
    for number in range(chats):
        said, time = [], 0
        for _ in range(rng.randrange(12)):
            time += rng.choice([0, 1, 30, 400, 2000])
            side = rng.choice(["client", "server", "server"])
            said.append((time, side, bytes(rng.randrange(300))))
        end = rng.choice([None, time + 1, time + 12_345])
        talks.append(chat(41_000 + number, rng.randrange(20_000), said, end))
    talks.append(chat(42_000, 50, SAID, opened="nothing"))
    talks.append(chat(42_001, 60))
    # The port of a connection that was never closed, used again.
    talks += [chat(42_002, 0, SAID[:1]), chat(42_002, 15_000, SAID)]
    talks += [plain(42_003, 3_000), plain(42_004, 18_000, b"Cookie: " + b"c" * 500 + b"\r\n")]
    return captured(*talks)


CROWD = crowd()
FEW = captured(
    *(chat(43_000 + n, 40 * n, SAID[: n + 1], end=6_000) for n in range(3)), plain(43_010, 17_000)
)
OPTIONS = {"poll_intervals_s": (1.0, 0.3), "clients": (1000,)}
LIMITS = [{}, {"max_compared_connections": 3}, {"max_connections": 6}]


@pytest.mark.parametrize(
    ("data", "size", "limits"),
    [
        (FEW, 1, {"max_compared_connections": 2}),
        *((CROWD, size, limits) for size in (300, 2_000, 7 * 1024, 50_000) for limits in LIMITS),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else str(value),
)
def test_batches_change_nothing(data, size, limits):
    whole = tables_of(data, **OPTIONS, **limits, alternatives=True)
    parts = tables_of(data, **OPTIONS, **limits, batch_bytes=size, alternatives=True)
    for name in ("alternatives", "scaling"):
        assert len(whole[name])
        assert text_of(parts[name]) == text_of(whole[name]), name
    limits_of = [t["findings"][t["findings"]["id"] == "compared-limit"] for t in (whole, parts)]
    assert text_of(limits_of[0]) == text_of(limits_of[1])


def test_totals_are_sums():
    tables = tables_of(CROWD, **OPTIONS, alternatives=True)
    found = tables["alternatives"]
    found["interval_s"] = found["interval_s"].fillna(0)
    each, totals = (found[found["scope"] == scope] for scope in ("connection", "connections"))
    keys = ["transport", "interval_s"]
    assert len(totals) == len(each[keys].drop_duplicates()) == 13
    exact = ["messages", "payload_bytes"]
    rounded = ["requests", "packets", "header_bytes", "application_bytes", "wire_bytes"]
    sums = each.groupby(keys, observed=True)[exact + rounded].sum()
    for row in totals.to_dict("records"):
        some = sums.loc[(row["transport"], row["interval_s"])]
        assert some[exact].tolist() == [row[name] for name in exact]
        # Each row is rounded for itself.
        for name in rounded:
            assert abs(some[name] - row[name]) <= each["connection"].nunique() / 2
    assert totals["connection"].isna().all()


# --- connections of odd lives


def test_no_connection_no_row():
    tables = tables_of(captured(plain(40_000, 0)), clients=(10,), alternatives=True)
    assert not len(tables["alternatives"])
    assert not len(tables["scaling"])


def test_a_connection_without_messages():
    data = captured(chat(end=5_000))
    found = rows(data)
    assert (found["messages"] == 0).all()
    assert found["added_latency_ms_mean"].isna().all()
    assert found["added_latency_ms_p95"].isna().all()
    assert one(data, "request")["requests"] == 0
    assert one(data, "long-poll")["requests"] == 1
    assert one(data, "stream")["requests"] == 1
    assert one(data, "short-poll")["requests"] == one(data, "short-poll")["empty_polls"] == 5


def test_no_time_passes():
    """The capture ends with the 101."""
    talk = chat()
    del talk.packets[6:]
    found = rows(captured(talk), clients=(5,))
    assert (found["duration_s"] == 0).all()
    assert found["requests_per_s"].isna().all()
    assert found["break_even_per_s"].isna().all()
    assert one(captured(talk), "short-poll")["requests"] == 0
    scaling = tables_of(captured(talk), clients=(5,), alternatives=True)["scaling"]
    assert scaling["wire_bits_per_s"].isna().all()


def test_still_open_at_the_end_lasts_until_the_end():
    data = captured(chat(said=SAID), plain(50_000, 20_000))
    # The capture's last packet is the tenth of plain(), 0.9 ms behind its first.
    assert one(data, "websocket")["duration_s"] == pytest.approx(20.0009, abs=1e-9)
    assert one(data, "short-poll")["requests"] == 20 + 1


def test_a_long_poll_without_news_is_asked_again_until_the_end():
    data = captured(chat(said=[(1000, "server", b"x")]), plain(50_000, 100_000))
    # Answered at 1 s, then held from 1.0012 s on (a round trip of 0.2 ms and 1 ms): in vain
    # until 31, 61 and 91 s, and once more until the end.
    held = one(data, "long-poll")
    assert (held["empty_polls"], held["requests"]) == (3, 1 + 3 + 1)


def test_who_made_room_lasts_until_its_last_packet():
    data = captured(chat(said=SAID), chat(40_000, 60_000, SAID), plain(50_000, 90_000))
    first, second = rows(data)[lambda table: table["transport"] == "websocket"].to_dict("records")
    # Its last packet acknowledges the client's message at 5 s.
    assert first["duration_s"] == pytest.approx(5.0001, abs=1e-9)
    assert second["duration_s"] == pytest.approx(30.0009, abs=1e-9)


def test_without_a_handshake():
    data = captured(chat(said=SAID * 2, opened="nothing"))
    found = rows(data)
    assert found["transport"].tolist() == TRANSPORTS
    assert one(data, "websocket")["requests"] == 0
    assert (found["source"].tolist()) == ["measured"] + 9 * ["modelled"]
    # Heads of a browser, some hundred bytes a poll.
    poll = one(data, "short-poll")
    assert 200 < poll["header_bytes"] / poll["requests"] < 1000


@pytest.mark.parametrize("seen", ["client", "server"])
def test_one_direction(seen):
    talk = chat(said=SAID, end=6_000)
    port = 40_000 if seen == "client" else 8080
    talk.packets = [p for p in talk.packets if p.data[20:22] == port.to_bytes(2, "big")]
    found = rows(captured(talk))
    numbers = found[["requests", "packets", "header_bytes", "application_bytes", "wire_bytes"]]
    assert (numbers >= 0).all(axis=None)


def test_one_slot_after_the_other():
    """A connection that ended 10 s ago leaves its place to the next."""
    first = chat(said=SAID, end=6_000)
    second = chat(40_001, 100_000, SAID[:1], end=2_000)
    alone = rows(captured(second)).drop(columns="connection")
    both = rows(captured(first, plain(50_000, 60_000), second))
    after = both[both["connection"] == 1].drop(columns="connection")
    # The host has a real exchange now, so that it is not alone in that.
    same = [*("transport", "messages", "payload_bytes", "duration_s", "added_latency_ms_mean")]
    assert text_of(after[same]) == text_of(alone[same])
    assert text_of(after.iloc[:1]) == text_of(alone.iloc[:1])


# --- heads


def test_heads_of_real_exchanges_are_used_even_if_they_come_late():
    cookie = b"Cookie: " + b"c" * 500 + b"\r\n"
    chatted = chat(said=SAID, end=9_000)
    without = one(captured(chatted), "short-poll")
    late = one(captured(chatted, plain(50_000, 30_000, cookie)), "short-poll")
    assert (without["source"], late["source"]) == ("modelled", "observed")
    assert late["requests"] == without["requests"]
    assert late["header_bytes"] > without["header_bytes"] + 10 * 300


def test_an_analysis_does_not_know_of_the_one_before():
    """Heads of the same shape may have other sizes in HPACK, by the letters in them."""

    def data(letter):
        talk = Conversation()
        talk.open()
        lines = ["GET / HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade"]
        lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
        lines += [f"Cookie: {100 * letter}", "", ""]
        talk.client("\r\n".join(lines).encode())
        talk.server(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        )
        return talk.server(frame(TEXT, b"x")).close().pcap()

    short, long = one(data("a"), "sse-h2"), one(data("~"), "sse-h2")
    # RFC 7541 appendix B: "a" takes 5 bits, "~" 13; of 100, 63 bytes and 163.
    assert long["application_bytes"] - short["application_bytes"] == pytest.approx(100, abs=1)
    assert str(one(data("a"), "sse-h2")) == str(short)


# --- limits and selections


def test_more_connections_than_are_kept():
    talks = [chat(40_000 + n, 100 * n, SAID[:2], end=1_000) for n in range(7)]
    data = captured(*talks, plain(50_000, 20_000))
    found = rows(data, max_compared_connections=3)
    # Three and three leave when the next ends, with the heads of their own handshakes.
    assert found["connection"].value_counts().to_dict() == dict.fromkeys(range(7), 10)
    polls = found[found["transport"] == "short-poll"]
    assert polls["source"].tolist() == 6 * ["modelled"] + ["observed"]
    findings = tables_of(data, max_compared_connections=3, alternatives=True)["findings"]
    (text,) = findings.loc[findings["id"] == "compared-limit", "text"]
    assert "6 connections above max_compared_connections" in text
    enough = tables_of(data, max_compared_connections=7, alternatives=True)["findings"]
    assert "compared-limit" not in set(enough["id"])


@pytest.mark.parametrize("where", ["connection == 1", "connection != 0", "connection > 100"])
def test_where(tmp_path, where):
    """Totals are those of the selected connections alone."""
    talks = [chat(40_000 + n, 100 * n, SAID[: n + 1], end=6_000) for n in range(3)]
    path = tmp_path / "three.pcap"
    path.write_bytes(captured(*talks))
    whole = wsanalyze.analyze(path)
    some = wsanalyze.analyze(path, where=where, clients=(10,))
    chosen = set(whole.connections.query(where)["connection"])
    each = some.alternatives[some.alternatives["scope"] == "connection"]
    assert set(each["connection"]) == chosen
    totals = some.alternatives[some.alternatives["scope"] == "connections"]
    if not chosen:
        assert not len(totals)
        assert not len(some.scaling)
        return
    same = whole.alternatives[whole.alternatives["connection"].isin(chosen)]
    assert text_of(each) == text_of(same)
    ours = totals[totals["transport"] == "websocket"].iloc[0]
    assert ours["messages"] == sum(number + 1 for number in chosen)
    assert ours["wire_bytes"] == same.loc[same["transport"] == "websocket", "wire_bytes"].sum()


def test_where_the_selected_one_is_not_the_first_slot(tmp_path):
    """Connections that are not compared may lie above all slots that are."""
    path = tmp_path / "two.pcap"
    path.write_bytes(captured(chat(said=SAID), *(chat(40_001 + n, 10, SAID) for n in range(80))))
    found = wsanalyze.analyze(path, where="connection == 0").alternatives
    assert found["connection"].dropna().unique().tolist() == [0]


def test_intervals_given_twice_are_one():
    found = rows(captured(chat(said=SAID)), poll_intervals_s=(1, 1.0, 1.000_000_000_1, 2))
    polls = found[found["transport"] == "short-poll"]
    assert polls["interval_s"].tolist() == [1, 2]


# --- times that nobody has


def shifted(talk, by):
    for packet in talk.packets:
        packet.time_ns += by
    return talk


@pytest.mark.parametrize("start", [0, 2**32 * S - 3600 * S])
def test_at_the_ends_of_time(start):
    """1970, and the last hour of a pcap's clock in 2106."""
    talk = shifted(chat(said=SAID, end=6_000), start - START_NS + MS)
    poll = one(captured(talk), "short-poll")
    assert poll["added_latency_ms_mean"] == pytest.approx(500)
    assert poll["requests"] == 6 + 1


def test_connections_that_last_for_ever():
    """From 1970 to 2106, several of them: more than 2^63 ns in sum."""
    talks = []
    for number in range(4):
        talk = shifted(chat(40_000 + number, 0, SAID), MS - START_NS)
        talk.now = (2**32 - 2) * S
        talks.append(talk.server(frame(TEXT, b"late")))
    tables = tables_of(
        captured(*talks), clients=(10**8,), poll_intervals_s=(0.001,), alternatives=True
    )
    found = tables["alternatives"]
    numbers = found[["requests", "packets", "header_bytes", "application_bytes", "wire_bytes"]]
    assert (numbers >= 0).all(axis=None)
    assert (found["duration_s"] >= 0).all()
    poll = one(captured(*talks[:1]), "short-poll", "connection")
    assert poll["requests"] == pytest.approx(2**32, rel=1e-6)


def test_times_set_back():
    talk = chat(said=SAID)
    talk.now = START_NS - 3600 * S
    talk.server(frame(TEXT, b"before"))
    poll = one(captured_as_is(talk), "short-poll")
    assert poll["messages"] == 5
    # The message before the opening goes out with the one at 4.2 s: 0.5 and 0.7 s are apart by
    # a fifth of the interval, the others by more than one or by nothing.
    assert poll["requests"] - poll["empty_polls"] - 1 == 2
    assert poll["added_latency_ms_mean"] == pytest.approx(500)


def captured_as_is(talk):
    return pcap(talk.packets)


def polled(waits, body=b"[1]", head=b""):
    """A client that polls; before each request it waits so many ns."""
    talk = Conversation(client_port=40_100)
    talk.now = START_NS
    talk.open()
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n"
    for number, wait in enumerate(waits):
        talk.now += wait
        talk.client(b"GET /news HTTP/1.1\r\nHost: peer.example\r\n\r\n")
        # Else nothing were new.
        new = body.replace(b"{}", b"%d" % number)
        talk.server(answer % (head, len(new)) + new)
    return talk


def test_what_polls_took_beside_a_page_load_is_counted():
    """Each exchange is two segments and two ACKs; the last one has the closing's three as well."""
    talk = Conversation(client_port=40_100)
    talk.now = START_NS
    talk.open()
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4000\r\n\r\n"
    talk.client(b"GET / HTTP/1.1\r\nHost: peer.example\r\n\r\n").server(page + b"x" * 4000)
    before = len(talk.packets)
    for number in range(8):
        talk.now += S
        talk.client(b"GET /news HTTP/1.1\r\nHost: peer.example\r\n\r\n")
        body = b"[%d]" % number
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        talk.server(head % len(body) + body)
    talk.finish()
    found = rows(captured(talk), "session")
    (real,) = found[found["source"] == "measured"].to_dict("records")
    assert real["requests"] == 8
    assert real["packets"] == len(talk.packets) - before == 8 * 4 + 3
    # With the Ethernet header of 14 bytes that pcap() puts before each.
    assert real["wire_bytes"] == sum(14 + len(packet.data) for packet in talk.packets[before:])


def test_waits_that_pass_an_int64_in_sum():
    """A clock that jumps by 16 years while 100 messages wait: half of it each, 2.5e19 ns."""
    body = b"[" + b",".join([b"{}"] * 100) + b"]"
    waits = [S] * 20
    waits[10] += 500_000_000 * S
    found = rows(captured(polled(waits, body)), "session")
    (measured,) = found[found["source"] == "measured"].to_dict("records")
    assert measured["messages"] == 100 * 20
    # 19 answers bring messages that waited; those of the first are taken to wait as these.
    waited = (500_000_000 + 19) / 2 * 1e3 * 100 / 1900
    assert measured["added_latency_ms_mean"] == pytest.approx(waited, rel=1e-3)


def test_a_day_of_waiting_for_many():
    """110,000 messages that wait a day each: 9.5e18 ns, more than 2^63."""
    talk = chat()
    for _ in range(110):
        talk.server(frame(TEXT, b"x") * 1000)
    poll = one(captured(talk), "short-poll", poll_intervals_s=(86_400.0,))
    assert poll["messages"] == 110_000
    assert poll["added_latency_ms_mean"] == pytest.approx(86_400e3 / 2, rel=1e-3)


def test_totals_of_compressed_answers_are_sums_of_their_rows():
    """Bodies that are shorter than their messages have no less than no bytes of heads."""
    body = gzip.compress(json.dumps(["x" * 1000] * 20).encode(), mtime=0)
    talk = polled([S] * 5, body, b"Content-Encoding: gzip\r\n")
    tables = tables_of(captured(talk), clients=(10,), alternatives=True)
    found = tables["alternatives"]
    assert (found["header_bytes"] >= 0).all()
    single, total = (found[found["scope"] == scope] for scope in ("session", "sessions"))
    assert single["header_bytes"].tolist() == total["header_bytes"].tolist()
    assert (tables["scaling"]["header_bits_per_s"] >= 0).all()
