"""Switching: a 101 to something else, or to nobody, older drafts, and what came too early."""

from __future__ import annotations

import pytest
from conversation import Conversation, Deflater, frame, response
from conversation import request as asked
from oracle.conversations import batch_of, rows_of
from oracle.upgrades import OK, PLAIN, SWITCH, UPGRADE, ids, payload, request, run, switching
from oracle.whole import assert_ties_out, said, tables_of

from analyzer.http.stage import HttpStage
from analyzer.options import Options

HIXIE_76 = (
    b"GET /demo HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\nUpgrade: WebSocket\r\n"
    b"Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\nOrigin: http://example.com\r\n\r\n^n:ds[4U"
)
"""draft-ietf-hybi-thewebsocketprotocol-00, 1.2."""
HIXIE_76_ANSWER = (
    b"HTTP/1.1 101 WebSocket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Origin: http://example.com\r\n"
    b"Sec-WebSocket-Location: ws://example.com/demo\r\n\r\n8jKS'y:G*Co,Wxa-"
)
HIXIE_75 = (
    b"GET /demo HTTP/1.1\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nHost: example.com\r\n"
    b"Origin: http://example.com\r\n\r\n"
)
"""draft-hixie-thewebsocketprotocol-75, 1.3."""
HIXIE_75_ANSWER = (
    b"HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\n"
    b"Connection: Upgrade\r\nWebSocket-Origin: http://example.com\r\n"
    b"WebSocket-Location: ws://example.com/demo\r\n\r\n"
)
REFUSAL = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("name", ["h2c", "websockets", "foo/2"])
def test_101_to_something_else_is_no_websocket(name):
    # RFC 9110 7.8: "A server MUST NOT switch to a protocol that was not indicated by the client".
    out = run([(0, UPGRADE), (1, switching(Upgrade=name) + b"\x81\x02hi")])
    assert not out.upgrades
    (handshake,) = out.handshakes
    assert handshake.outcome == "bad-response"
    assert name in handshake.outcome_reason
    assert ids(out) == ["handshake-bad-upgrade"]
    (finding,) = out.findings
    assert (finding.rfc, finding.direction) == ("RFC 9110 7.8", 1)


@pytest.mark.parametrize("name", ["websocket, foo/2", "websocket\r\nUpgrade: websocket"])
def test_101_with_several_names(name):
    # RFC 6455 4.1: the value must match "websocket"; both ends went on here nevertheless.
    out = run([(0, UPGRADE), (1, switching(Upgrade=name) + b"\x81\x02hi")])
    (handshake,) = out.upgrades
    assert handshake.outcome == "accepted"
    assert ids(out) == ["handshake-bad-upgrade"]
    assert out.findings[0].direction == 1
    assert payload(out, 1) == b"\x81\x02hi"


def test_http_goes_on_behind_a_101_to_something_else():
    steps = [(0, UPGRADE), (1, switching(Upgrade="websockets")), (0, UPGRADE), (1, SWITCH)]
    out = run([*steps, (1, b"\x81\x02hi"), (0, b"\x81\x80abcd")])
    (first,) = out.handshakes
    (second,) = out.upgrades
    assert (first.outcome, second.outcome) == ("bad-response", "accepted")
    assert (first.number, second.number) == (0, 1)
    assert (payload(out, 1), payload(out, 0)) == (b"\x81\x02hi", b"\x81\x80abcd")


def test_another_protocol_that_was_offered_too_is_no_fault():
    asked = UPGRADE.replace(b"Upgrade: websocket", b"Upgrade: websocket, foo/2")
    assert asked != UPGRADE
    out = run([(0, asked), (1, switching(Upgrade="foo/2")), (0, b"\0\1foo")])
    (handshake,) = out.handshakes
    assert handshake.outcome == "refused"
    assert not out.findings
    assert payload(out, 0) == b"\0\1foo"


def test_101_to_a_plain_get_was_not_asked_for():
    # RFC 9110 7.8; both ends went on with frames, so that these have their connection.
    out = run([(0, PLAIN), (1, SWITCH + b"\x81\x02hi")])
    (handshake,) = out.upgrades
    assert (handshake.outcome, handshake.path, handshake.status) == ("bad-response", "/a", 101)
    assert ids(out) == ["handshake-unasked-101"]
    assert out.findings[0].direction == 1
    assert payload(out, 1) == b"\x81\x02hi"


@pytest.mark.parametrize(
    ("asked", "answer", "draft"),
    [(HIXIE_76, HIXIE_76_ANSWER, "hixie-76"), (HIXIE_75, HIXIE_75_ANSWER, "hixie-75")],
)
def test_older_drafts_are_named_and_nothing_else(asked, answer, draft):
    out = run([(0, asked), (1, answer), (0, b"\0hello\xff"), (1, b"\0world\xff")])
    assert not out.upgrades
    (handshake,) = out.handshakes
    assert handshake.outcome == "bad-response"
    assert ids(out) == ["websocket-old-draft"]
    assert out.findings[0].detail == draft


def test_request_without_a_key_is_no_draft_where_its_answer_is_none():
    # What hixie-75 asks, answered as no server of hixie-75 does.
    out = run([(0, HIXIE_75), (1, REFUSAL)])
    assert ids(out) == ["handshake-bad-version", "handshake-missing-key", "handshake-refused"]
    out = run([(0, HIXIE_75), (1, "fin")])
    assert ids(out) == ["handshake-reset", "handshake-bad-version", "handshake-missing-key"]
    out = run([(0, HIXIE_75), (1, b"\x15\3\1\0\2\2\x28" * 3 + b"\r\n\r\n")])
    assert "handshake-missing-key" in ids(out)


@pytest.mark.parametrize("cut", [False, True])
def test_early_data_before_a_refusal(cut):
    # RFC 6455 4.1: "the client MUST wait for a response from the server before sending any
    # further data."
    frame = b"\x81\x81abcd\x05"
    steps = [(0, UPGRADE), (0, frame[:3]), (0, frame[3:])] if cut else [(0, UPGRADE + frame)]
    out = run([*steps, (1, REFUSAL), (0, UPGRADE), (1, SWITCH)])
    assert ids(out)[:2] == ["handshake-refused", "handshake-early-data"]
    assert out.findings[1].detail == 7
    # HTTP goes on: the next attempt has its row.
    assert [each.outcome for each in (*out.handshakes, *out.upgrades)] == ["refused", "accepted"]


def test_next_request_behind_a_refusal_is_no_early_data():
    out = run([(0, UPGRADE + PLAIN), (1, REFUSAL), (1, REFUSAL)])
    assert ids(out) == ["handshake-refused"]
    assert [each.path for each in out.exchanges] == ["/a"]


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_how_it_is_cut_does_not_matter(size):
    steps = [(0, UPGRADE), (1, switching(Upgrade="foo")), (0, request(path="/b")), (1, SWITCH)]
    cut = [(side, data[at : at + size]) for side, data in steps for at in range(0, len(data), size)]
    whole, pieces = run([*steps, (1, b"\x81\x02hi")]), run([*cut, (1, b"\x81\x02hi")])
    for out in (whole, pieces):
        assert [each.outcome for each in out.handshakes] == ["bad-response"]
        assert [(each.outcome, each.path) for each in out.upgrades] == [("accepted", "/b")]
        assert payload(out, 1) == b"\x81\x02hi"
    assert ids(whole) == ids(pieces)


@pytest.mark.parametrize("rows_in_batch", [1, 7])
def test_batches_do_not_matter(rows_in_batch):
    steps = [(0, UPGRADE), (1, switching(Upgrade="foo")), (0, UPGRADE), (1, SWITCH)]
    rows = rows_of([*steps, (1, b"\x81\x02hi")])
    stage = HttpStage(Options())
    found, upgrades = [], []
    for at in range(0, len(rows), rows_in_batch):
        last = at + rows_in_batch >= len(rows)
        out = stage.push(batch_of(rows[at : at + rows_in_batch], 1, [0] if last else []))
        found += ids(out)
        upgrades += [each.outcome for each in out.upgrades]
    assert upgrades == ["accepted"]
    assert found == ["handshake-bad-upgrade", "handshake-key-reused"]


# --- a request that was lost


@pytest.mark.parametrize("lost", ["request", "request and first"])
@pytest.mark.parametrize("size", [1, 700, 2**20])
def test_frames_behind_a_request_that_was_lost(lost, size):
    # 16 segments acknowledge it before its loss is certain: frames come meanwhile.
    agreed = "Sec-WebSocket-Extensions: permessage-deflate"
    one = Conversation().upgrade(agreed, chosen=[agreed])
    deflate = Deflater()
    texts = [b"the client says %d, the client says it" % number for number in range(30)]
    for number, text in enumerate(texts):
        one.client(frame(1, deflate(text), key=b"\1\2\3%c" % number, rsv=4))
        one.server(frame(1, b"ok %d" % number))
    one.close()
    gone = [3] if lost == "request" else [3, 7]
    one.packets = [each for at, each in enumerate(one.packets) if at not in gone]
    tables = tables_of(one.pcap(), payload="full", batch_bytes=size)
    found = tables["findings"]
    assert "error" not in set(found["severity"])
    assert tables["connections"]["close_kind"].tolist() == ["clean"]
    got = [payload for _, payload in said(tables)["client"]]
    if lost == "request":
        assert got == texts
    else:
        # All that follows refers to the first.
        assert got == [None] * 29
    assert len(said(tables)["server"]) == 30
    assert_ties_out(tables)


def test_a_tunnel_whose_opening_was_lost_is_no_answer_to_connect():
    one = Conversation().open().client(b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n")
    one.server(b"HTTP/1.1 200 OK\r\n\r\n").client(asked()).server(response())
    for number in range(9):
        one.client(frame(1, b"hi %d, and more of it" % number, key=b"abc%d" % number))
        one.server(frame(1, b"ok %d, and more of it" % number))
    one.close()
    place = next(at for at, each in enumerate(one.packets) if b"200 OK" in each.data)
    del one.packets[place]
    tables = tables_of(one.pcap(), payload="full")
    assert "error" not in set(tables["findings"]["severity"])
    assert tables["handshakes"]["outcome"].tolist() == ["accepted"]
    assert [len(said(tables)[side]) for side in ("client", "server")] == [9, 9]
    assert_ties_out(tables)


OTHER = "AAAAAAAAAAAAAAAAAAAAAA=="


def behind_a_lost_answer(*gone: bytes, first: bytes) -> Conversation:
    """An attempt, one whose key is another on the same connection, and frames; packets gone."""
    one = Conversation().open().client(first)
    one.server(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
    one.client(asked(key=OTHER)).server(response(key=OTHER))
    for number in range(9):
        one.client(frame(1, b"hi %d, and more of it" % number, key=b"abc%d" % number))
        one.server(frame(1, b"ok %d, and more of it" % number))
    one.close()
    one.packets = [each for each in one.packets if not any(part in each.data for part in gone)]
    return one


@pytest.mark.parametrize("size", [700, 2**20])
@pytest.mark.parametrize(
    "first", [asked(), asked().replace(b"GET", b"POST"), asked(key=OTHER, path="/old")]
)
@pytest.mark.parametrize("gone", [[b"401 Unauth"], [b"401 Unauth", b"GET / "]])
def test_a_101_behind_a_lost_refusal_answers_the_request_that_its_accept_fits(gone, first, size):
    one = behind_a_lost_answer(*gone, first=first.replace(b" / ", b" /first "))
    tables = tables_of(one.pcap(), payload="full", batch_bytes=size)
    errors = set(tables["findings"][tables["findings"]["severity"] == "error"]["id"])
    assert errors <= ({"handshake-bad-method"} if first.startswith(b"POST") else set())
    # Nobody can tell one request from the other where the key is the same and one is missing.
    is_told = len(gone) == 1 or OTHER.encode() not in first
    outcomes = tables["handshakes"]["outcome"].tolist()
    assert outcomes == (["cut", "accepted"] if is_told else ["accepted"])
    assert [len(said(tables)[side]) for side in ("client", "server")] == [9, 9]
    assert_ties_out(tables)


def test_a_wrong_accept_stays_one_where_nothing_was_lost():
    one = Conversation().open().client(asked()).server(response(key=OTHER))
    one.client(frame(1, b"hello", key=b"abcd")).close()
    found = tables_of(one.pcap())["findings"]
    assert "handshake-bad-accept" in set(found["id"])


@pytest.mark.parametrize("gone", [1, 2])
def test_the_rest_of_a_101_behind_a_hole_is_no_frame(gone):
    one = Conversation().open().client(asked())
    answer = response()
    pieces = [answer[at : at + 8] for at in range(0, len(answer), 8)]
    for piece in pieces:
        one.server(piece)
    for number in range(9):
        one.server(frame(1, b"ok %d, and more of it" % number))
    first = next(at for at, each in enumerate(one.packets) if each.data.endswith(pieces[4]))
    one.packets = [each for at, each in enumerate(one.packets) if not first <= at < first + gone]
    tables = tables_of(one.pcap(), payload="full")
    assert "error" not in set(tables["findings"]["severity"])
    assert len(said(tables)["server"]) == 9


@pytest.mark.parametrize("size", [1, 700, 2**20])
def test_what_came_before_an_upgrade_in_the_middle_of_a_capture_is_no_frame(size):
    # The capture begins within what a client and its SOCKS proxy settle.
    one = Conversation().client(b"\1\4user\4pass").server(b"\1\0")
    one.client(b"\5\1\0\1\x7f\0\0\1\0\x50").server(b"\5\0\0\1\0\0\0\0\0\0")
    one.client(asked()).server(response())
    for number in range(4):
        one.client(frame(1, b"hi %d, and more of it" % number, key=b"abc%d" % number))
        one.server(frame(1, b"ok %d, and more of it" % number))
    one.close()
    tables = tables_of(one.pcap(), payload="full", batch_bytes=size)
    assert "error" not in set(tables["findings"]["severity"])
    assert tables["handshakes"]["outcome"].tolist() == ["accepted"]
    assert [len(said(tables)[side]) for side in ("client", "server")] == [4, 4]
    assert_ties_out(tables)


def run_rows(rows):
    return HttpStage(Options()).push(batch_of(rows, 1, [0]), last=True)


def requests(*lines: bytes) -> list[bytes]:
    return [b"GET %b HTTP/1.1\r\nHost: h\r\n\r\n" % line for line in lines]


def test_a_101_behind_a_hole_on_both_sides_answers_the_request_that_it_acknowledges():
    # aiohttp: four requests on a connection. Of the second, request and answer were lost, and of
    # the first the answer's end; what the client sent behind its hole is sorted in late.
    first, second, third = requests(b"/one", b"/two", b"/three")
    steps = [(0, first), (1, 50), (0, len(second)), (1, 70)]
    steps += [(0, third), (1, OK), (0, UPGRADE), (1, SWITCH), (0, b"\x81\x80abcd")]
    rows = rows_of(steps)
    late = [each for each in rows if not each[0][6] & 1][1:]
    others = [each for each in rows if each not in late]
    for order in (rows, [*others, *late]):
        out = run_rows(order)
        (handshake,) = out.upgrades
        assert (handshake.outcome, handshake.path) == ("accepted", "/chat")
        assert [(each.path, each.status) for each in out.exchanges] == [
            ("/one", None),
            ("/three", 200),
        ]
        assert payload(out, 0) == b"\x81\x80abcd"


def test_a_refusal_behind_a_hole_is_that_of_the_last_attempt():
    steps = [(0, UPGRADE), (1, 60), (0, UPGRADE), (1, REFUSAL)]
    out = run(steps)
    assert [(each.outcome, each.status) for each in out.handshakes] == [
        ("cut", None),
        ("refused", 404),
    ]


def test_answers_to_pipelined_requests_stay_in_order_behind_a_hole():
    # RFC 9112 9.3.2: both were sent before anything came back.
    first, second = requests(b"/one", b"/two")
    rows = rows_of([(0, first), (0, second), (1, 60), (1, OK)])
    out = run_rows(rows)
    assert [(each.path, each.status) for each in out.exchanges] == [("/one", 200), ("/two", None)]


@pytest.mark.parametrize("is_lost", [False, True])
def test_both_legs_of_a_tunnel_have_one_key_though_its_200_was_lost(is_lost):
    before = Conversation(server_port=3128).open()
    before.client(b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n")
    behind = Conversation("10.1.0.2", "10.1.0.3", start_ns=before.now).open()
    before.now = behind.now
    before.server(b"HTTP/1.1 200 OK\r\n\r\n").client(asked())
    behind.now = before.now
    behind.client(asked()).server(response())
    before.now = behind.now
    before.server(response())
    for _ in range(9):
        before.client(frame(1, b"hello there", key=b"abcd"))
    packets = [*before.packets, *behind.packets]
    if is_lost:
        packets = [each for each in packets if b"200 OK" not in each.data]
    before.packets = sorted(packets, key=lambda each: each.time_ns)
    tables = tables_of(before.pcap())
    assert "handshake-key-reused" not in set(tables["findings"]["id"])
    assert tables["handshakes"]["outcome"].tolist() == ["accepted"] * 2
