"""Sessions from rows and from captures: whole, cut, out of their middle, and hostile."""

from __future__ import annotations

import random
import shutil
import ssl
from pathlib import Path

import pytest
from conversation import Conversation
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import tls, tls_ends, tshark
from oracle.stages import batches_of
from oracle.whole import assert_ties_out, tables_of

from analyzer.columns import NULL
from analyzer.findings import Finding
from analyzer.options import Options
from analyzer.tcp.bytestream import StreamBatch
from analyzer.tls.session import Session
from analyzer.tls.stage import TlsStage

CAPTURES = Path(__file__).parents[2] / "captures"


def run(
    batches: list[StreamBatch], **options: int
) -> tuple[list[Session], list[Finding], list[str | None]]:
    stage = TlsStage(Options(**options))  # type: ignore[arg-type]
    sessions, found, guesses = [], [], []
    for batch in batches:
        out = stage.push(batch)
        assert out.stream is batch
        sessions += [ended.session for ended in out.ended]
        guesses += [ended.guess for ended in out.ended]
        found += out.findings
    return sessions, found, guesses


def talk(turns, places=(), **options: int) -> tuple[Session, list[str]]:
    """Lead one connection through the stage; return its session and the ids of findings."""
    (session,), found, _ = run(batches_of([turns], places), **options)
    return session, [finding.kind.id for finding in found]


def bytewise(turns):
    """The same with every byte in a packet of its own."""
    return [(side, bytes([byte])) for side, what in turns for byte in what]


TURNS_1_2 = [*tls.hellos_1_2(tls.sni(b"a.example")), (0, tls.data()), (1, tls.data(70))]
TURNS_1_3 = [*tls.hellos_1_3(tls.sni(b"a.example")), (0, tls.data()), (1, tls.data(70))]


def test_tls_1_2():
    session, found = talk(TURNS_1_2)
    assert found == []
    assert session.client is not None
    assert session.client.server_name == "a.example"
    assert (session.version, session.group, session.resumed) == (0x0303, 0x0017, False)
    begun = session.started_at
    steps = (session.server_hello_time, session.client_finished_time, session.finished_time)
    assert [step - begun for step in (*steps, session.first_data_time)] == [
        *(1_000_000, 2_000_000, 3_000_000, 4_000_000),  # a packet each millisecond
    ]
    assert [side.records for side in session.sides] == [1, 1]
    for number, side in enumerate(session.sides):
        sent = sum(len(what) for who, what in TURNS_1_2 if who == number)
        assert sent == side.tls_bytes + side.record_bytes


def test_tls_1_3():
    session, found = talk(TURNS_1_3)
    assert found == []
    assert (session.version, session.group, session.resumed) == (0x0304, 0x001D, False)
    begun = session.started_at
    assert session.server_hello_time - begun == 1_000_000
    assert session.finished_time - begun == session.client_finished_time - begun == 2_000_000
    assert session.first_data_time - begun == 3_000_000
    assert [side.records for side in session.sides] == [2, 4]


def test_tls_1_3_without_middlebox_compatibility():
    chosen = tls.server_hello(tls.CHOSE_1_3, tls.SHARE, suite=0x1301)
    turns = [
        (0, tls.record(22, tls.client_hello(tls.versions(0x0304)), 0x0301)),
        (1, tls.record(22, chosen) + tls.data(60)),
        (0, tls.data(69)),
    ]
    session, _ = talk(turns)
    assert session.finished_time - session.started_at == 2_000_000


def test_hello_retry_request():
    """RFC 8446 2.1: the client says hello twice, the server's ChangeCipherSpec comes between."""
    asks = tls.server_hello(tls.CHOSE_1_3, tls.ASKS_SHARE, random=tls.RETRY_RANDOM, suite=0x1301)
    share = tls.extension(51, tls.numbers(0x0017) + tls.sized(bytes(65), 2))
    chosen = tls.server_hello(tls.CHOSE_1_3, share, suite=0x1301)
    hello = tls.record(22, tls.client_hello(tls.versions(0x0304)), 0x0301)
    turns = [
        (0, hello),
        (1, tls.record(22, asks) + tls.record(20, b"\1")),
        (0, tls.record(20, b"\1") + hello),
        (1, tls.record(22, chosen) + tls.data(90)),
        (0, tls.data(69)),
        (0, tls.data()),
    ]
    for each in (turns, bytewise(turns)):
        session, found = talk(each)
        assert (session.hello_retry, session.group, found) == (True, 0x0017, [])
    session, _ = talk(turns)
    assert session.server_hello_time - session.started_at == 3_000_000
    assert session.finished_time - session.started_at == 4_000_000
    session, _ = talk(turns[:2])
    assert (session.server_hello_time, session.group) == (NULL, 0x0017)


def test_abbreviated_handshake_of_tls_1_2():
    hello = tls.client_hello(tls.extension(35, b"ticket"), session_id=b"id")
    turns = [
        (0, tls.record(22, hello)),
        (1, tls.record(22, tls.server_hello(session_id=b"id")) + tls.record(20, b"\1")),
        (1, tls.FINISHED),
        (0, tls.record(20, b"\1") + tls.FINISHED),
        (0, tls.data()),
    ]
    session, _ = talk(turns)
    assert session.resumed
    assert session.finished_time - session.started_at == 3_000_000
    assert session.group is None


@pytest.mark.parametrize("turns", [TURNS_1_2, TURNS_1_3])
def test_every_byte_in_its_packet(turns):
    whole, _ = talk(turns)
    single, found = talk(bytewise(turns))
    assert found == []
    assert (single.client, single.server, single.group) == (whole.client, whole.server, whole.group)
    assert [side.tls_bytes for side in single.sides] == [side.tls_bytes for side in whole.sides]


@given(st.booleans(), st.lists(st.integers(1, 600), max_size=6))
@settings(max_examples=40, deadline=None)
def test_batches_change_nothing(is_new, places):
    turns = TURNS_1_3 if is_new else TURNS_1_2
    rows = [(side, what[at : at + 5]) for side, what in turns for at in range(0, len(what), 5)]
    assert talk(rows, places) == talk(rows)


def test_only_one_direction_was_captured():
    client, _ = talk([turn for turn in TURNS_1_2 if turn[0] == 0])
    assert client.client is not None
    assert client.server is None
    server, _ = talk([turn for turn in TURNS_1_2 if turn[0] == 1])
    assert (server.client, server.version) == (None, 0x0303)
    assert (server.client_side, server.started_at) == (0, NULL)


def test_the_client_may_be_side_1():
    session, _ = talk([(1 - side, what) for side, what in TURNS_1_3])
    assert session.client_side == 1
    assert [side.records for side in session.sides] == [2, 4]


# --- no TLS, or not from its beginning

NOTHING = {
    "from the middle": [(0, tls.data()), (1, tls.data())],
    "begins with 0x16": [(0, b"\x16" + bytes(200)), (1, b"\x16 and so on")],
    "a header and noise": [(0, tls.record(22, random.Random(1).randbytes(300)))],
    "a hello that lies": [(0, tls.record(22, b"\1\0\0\x20" + bytes(300)))],
    "SSLv2": [(0, b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10" + bytes(40))],
    "HTTP": [(0, b"GET / HTTP/1.1\r\n\r\n"), (1, b"HTTP/1.1 200 OK\r\n\r\n")],
    "a gap first": [(0, 100), (0, tls.record(22, tls.client_hello()))],
    "an alert alone": [(0, tls.record(21, b"\2\x28"))],
}


@pytest.mark.parametrize("name", NOTHING)
def test_no_session(name):
    assert run(batches_of([NOTHING[name]])) == ([], [], [])


def test_ssl_2_hello_that_is_answered_in_tls():
    """RFC 5246 E.2: only the answer's records can be read."""
    session, _ = talk([*NOTHING["SSLv2"], *[turn for turn in TURNS_1_2 if turn[0] == 1]])
    assert (session.client, session.version) == (None, 0x0303)
    assert session.sides[0].tls_bytes == 0


@given(st.lists(st.tuples(st.integers(0, 1), st.binary(min_size=1, max_size=60)), max_size=12))
def test_any_bytes_behind_a_hello(turns):
    run(batches_of([[(0, tls.record(22, tls.client_hello())), *turns]]))


@given(st.data())
def test_some_bytes_changed(data):
    turns = []
    for side, what in TURNS_1_2:
        changed = bytearray(what)
        for _ in range(data.draw(st.integers(0, 2))):
            place = data.draw(st.integers(0, len(changed) - 1))
            changed[place] = data.draw(st.integers(0, 255))
        turns.append((side, bytes(changed)))
    run(batches_of([turns]))


# --- findings


def test_plain_text_behind_tls():
    session, found = talk([*TURNS_1_2, (0, b"QUIT\r\n"), (0, tls.data())])
    assert found == ["tls-malformed"]
    assert session.sides[0].records == 2  # found again where a segment began


def test_lost_records():
    _, found = talk([*TURNS_1_2, (0, tls.data()[:9]), (0, 500), (0, b"no header"), (0, tls.data())])
    assert found == ["tls-records-lost"]


def test_a_handshake_that_fails():
    turns = [(0, tls.record(22, tls.client_hello())), (1, tls.record(21, b"\2\x46"))]
    (session,), found, _ = run(batches_of([turns]))
    assert session.alert == "server: protocol_version"
    assert [each.text for each in found] == [
        "An alert ended the handshake: server: protocol_version."
    ]


def test_the_alert_that_closes_a_connection_is_no_failure():
    _, found = talk([*TURNS_1_2, (0, tls.record(21, bytes(26))), (1, tls.record(21, bytes(26)))])
    assert found == []


def test_a_broken_server_hello():
    lies = tls.message(2, tls.server_hello()[4:] + b"\0\xff")
    turns = [(0, tls.record(22, tls.client_hello())), (1, tls.record(22, lies))]
    session, found = talk(turns)
    assert (session.server, found) == (None, ["tls-malformed"])


def test_two_client_hellos():
    hello = tls.record(22, tls.client_hello())
    session, found = talk([(0, hello), (1, hello)])
    assert (session.client_side, found) == (0, ["tls-malformed"])


@pytest.mark.parametrize(
    ("version", "suite", "ids"),
    [
        (0x0303, 0xC02F, []),
        (0x0303, 0x009C, ["tls-no-forward-secrecy"]),
        (0x0302, 0xC013, ["tls-old-version"]),
        (0x0301, 0x002F, ["tls-old-version", "tls-no-forward-secrecy"]),
    ],
)
def test_weak_versions_and_suites(version, suite, ids):
    hello = tls.record(22, tls.client_hello())
    answer = tls.record(22, tls.server_hello(version=version, suite=suite))
    (_,), found, _ = run(batches_of([[(0, hello), (1, answer)]]))
    assert [each.kind.id for each in found] == ids


def test_the_guess_is_a_finding():
    only = tls.alpn(b"http/1.1")
    said = [(0, tls.data()), (1, tls.data(70))]
    turns = [*tls.hellos_1_3(only), *said * 3]
    _, found = talk(turns)
    assert found == ["tls-no-keys"]
    # One request and its answer are plain HTTPS as well.
    _, found = talk([*tls.hellos_1_3(only), *said])
    assert found == []
    _, found = talk([*tls.hellos_1_3(tls.alpn(b"h2", b"http/1.1")), *turns[3:]])
    assert found == []


# --- floods


def test_a_hello_longer_than_its_limit():
    hello = tls.record(22, tls.client_hello(tls.extension(21, bytes(500))))
    for each in ([(0, hello)], bytewise([(0, hello)])):
        sessions, found, _ = run(batches_of([each]), max_hello_bytes=500)
        assert sessions == []
        assert [finding.kind.id for finding in found] == ["tls-hello-limit"]
    talk([(0, hello)], max_hello_bytes=len(hello))


@pytest.mark.parametrize("places", [(), range(0, 10_000, 7)])
def test_a_flood_of_handshake_messages(places):
    """Requests for hello (RFC 5246 7.4.1.1), in which no hello follows."""
    flood = [(1, tls.record(22, tls.message(2, bytes(90))[:60]))]
    flood += [(1, tls.record(22, bytes(1))) for _ in range(3000)]
    sessions, found, _ = run(batches_of([flood], places), max_hello_bytes=2000)
    assert (sessions, found) == ([], [])  # the first message is none


def test_unfinished_hellos_of_many_connections():
    begun = tls.record(22, tls.client_hello(tls.extension(21, bytes(900))))[:800]
    rest = tls.record(22, tls.client_hello(tls.extension(21, bytes(900))))[800:]
    talks = [[(0, begun), (0, rest)] for _ in range(10)]
    sessions, found, _ = run(batches_of(talks), max_hello_bytes_total=4000)
    # Five of 795 bytes fit; the five that came first were given up.
    assert sorted(session.slot for session in sessions) == [5, 6, 7, 8, 9]
    assert [finding.slot for finding in found] == [0, 1, 2, 3, 4]
    assert {finding.kind.id for finding in found} == {"tls-hello-limit"}


# --- captures


def told_by_tshark(path: Path) -> dict[int, dict[str, object]]:
    """What tshark reads of each TCP connection."""
    told: dict[int, dict[str, object]] = {}
    names = ("tcp.stream", "frame.time_epoch", "tls.handshake.type", "tls.record.content_type")
    more = ("tls.handshake.extensions_server_name", "tls.handshake.extensions_alpn_str")
    number = ("tls.handshake.ciphersuite", "tcp.srcport", "tls.record.opaque_type")
    fields = (*names, *more, *number)
    for row in tshark.fields(path, "tls", *fields):
        stream, time, types, kinds, name, alpn, suites, port, opaque = row
        one = told.setdefault(int(stream), {"records": [0, 0]})
        nanoseconds = int(time.replace(".", ""))
        handshakes = types.split(",")
        if "1" in handshakes:
            one |= {"begun": nanoseconds, "sni": name, "offered": alpn}
        if "2" in handshakes:
            one |= {"hello": nanoseconds, "suite": suites, "alpn": alpn}
        side = int(port == "9443")
        order = [*filter(None, kinds.split(",")), *filter(None, opaque.split(","))]
        if "23" in order:
            one.setdefault(f"first {side}", nanoseconds)
            one["records"][side] += order.count("23")  # type: ignore[index]
        if "20" in order and "23" not in order:
            one.setdefault(f"changed {side}", nanoseconds)
    return told


@pytest.mark.tshark
@pytest.mark.parametrize("name", ["wss-tls12.pcap", "wss-tls13.pcap"])
def test_captures_as_tshark_reads_them(name):
    path = CAPTURES / name
    told = told_by_tshark(path)
    rows = tables_of(path.read_bytes())["tls_sessions"]
    assert list(rows["tcp_stream"]) == sorted(told)
    suites = {"0xc02f": "AES_128_GCM_SHA256", "0xcca8": "CHACHA20_POLY1305_SHA256"}
    suites |= {"0xc028": "AES_256_CBC_SHA384", "0x1302": "AES_256_GCM_SHA384"}
    for row in rows.itertuples():
        one = told[row.tcp_stream]
        assert (row.sni, row.alpn_offered) == (one["sni"], one["offered"])
        assert row.cipher_suite.endswith(suites[str(one["suite"])])
        assert row.started_at.value == one["begun"]
        steps = [one["hello"], one.get("changed 0", one["first 0"])]
        assert [row.server_hello_us, row.client_finished_us] == [
            (step - one["begun"]) / 1000  # type: ignore[operator]
            for step in steps
        ]
        assert [row.client_records, row.server_records] == one["records"]
        is_new = row.version == "TLS 1.3"
        last = one["first 0"] if is_new else one["changed 1"]
        assert row.tls_us == (last - one["begun"]) / 1000  # type: ignore[operator]
        assert (row.resumed, row.hello_retry, row.group) == (False, False, "x25519")
        assert row.websocket_guess


@pytest.mark.parametrize("name", ["wss-tls12.pcap", "wss-tls13.pcap"])
@pytest.mark.parametrize("size", [1, 7 * 1024])
def test_batches_of_a_capture_change_nothing(name, size):
    data = (CAPTURES / name).read_bytes()
    whole, cut = tables_of(data), tables_of(data, batch_bytes=size)
    for table in ("tls_sessions", "handshakes", "ledger", "findings"):
        rows = [sorted(map(str, each[table].itertuples(index=False))) for each in (whole, cut)]
        assert rows[0] == rows[1]
        assert rows[0]


def conversation(turns, *, opened: bool = True, port: int = 443) -> Conversation:
    one = Conversation(server_port=port)
    if opened:
        one.open()
    for side, what in turns:
        one.send(("client", "server")[side], what)
    return one


def test_sessions_of_a_whole_capture():
    only = tls.alpn(b"http/1.1")
    turns = [*tls.hellos_1_2(only, server=[only]), *[(0, tls.data(100)), (1, tls.data(70))] * 3]
    turns += [(0, tls.data(40)), (1, tls.data(40))]  # too short for a request
    tables = tables_of(conversation(turns).pcap(nanoseconds=True))
    assert_ties_out(tables)
    (row,) = tables["tls_sessions"].itertuples()
    assert (row.alpn, row.group, row.server_port) == ("http/1.1", "secp256r1", 443)
    (shake,) = tables["handshakes"].itertuples()
    assert (shake.outcome, shake.scheme, shake.tls_us) == ("encrypted", "wss", row.tls_us)
    ledger = tables["ledger"].set_index("direction")
    assert ledger.loc["client", "unparsed_bytes"] == 340
    assert ledger.loc["server", "unparsed_bytes"] == 250
    assert (
        ledger.loc["client", "tls_bytes"]
        == sum(len(what) for side, what in turns if side == 0) - 340
    )


@pytest.mark.parametrize("snaplen", [60, 80, 100, 200, 600])
def test_captures_cut_by_a_snap_length_tie_out(snaplen):
    turns = [*TURNS_1_2, *[(number % 2, tls.data(300)) for number in range(20)]]
    tables = tables_of(conversation(turns).pcap(snaplen=snaplen))
    assert_ties_out(tables)


@pytest.mark.parametrize("lost", range(3, 20))
def test_captures_with_a_lost_packet_tie_out(lost):
    one = conversation([*TURNS_1_2, *[(number % 2, tls.data(300)) for number in range(8)]])
    del one.packets[lost]
    assert_ties_out(tables_of(one.finish().pcap()))


# --- OpenSSL

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


@needs_openssl
@pytest.mark.parametrize(
    "ciphers",
    [
        *("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-SHA384", "ECDHE-RSA-AES256-SHA"),
        *("AES128-GCM-SHA256", "AES256-SHA", "ECDHE-RSA-CHACHA20-POLY1305"),
    ],
)
def test_suites_of_tls_1_2_as_openssl_agrees_on_them(tmp_path, ciphers):
    client, server = tls_ends.contexts(tmp_path)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    server.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    turns, end = tls_ends.talk(client, server)
    session, found = talk(turns)
    assert session.server is not None
    (suite,) = [each for each in client.get_ciphers() if each["name"] == end.cipher()[0]]
    assert session.server.cipher_suite == suite["id"] & 0xFFFF
    assert found == ([] if "DHE" in ciphers else ["tls-no-forward-secrecy"])
    assert [side.records for side in session.sides] == [3, 3]
    assert session.resumed is False
    assert (session.group is not None) == ciphers.startswith("ECDHE")


@needs_openssl
def test_hello_retry_of_openssl(tmp_path):
    """The client sends a key for x25519, and the server wants another group."""
    client, server = tls_ends.contexts(tmp_path)
    server.set_ecdh_curve("secp384r1")
    turns, end = tls_ends.talk(client, server)
    assert end.version() == "TLSv1.3"
    session, found = talk(turns)
    assert (session.hello_retry, session.group, found) == (True, 0x0018, [])
    assert session.finished_time > session.server_hello_time > session.started_at
    # Finished, and three lines.
    assert session.sides[0].records == 4


@needs_openssl
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_resumption_of_openssl(tmp_path, version):
    client, server = tls_ends.contexts(tmp_path)
    client.maximum_version = client.minimum_version = version
    first, end = tls_ends.talk(client, server)
    assert talk(first)[0].resumed is False
    again, end = tls_ends.talk(client, server, session=end.session)
    assert end.session_reused
    session, found = talk(again)
    assert (session.resumed, found) == (True, [])
    assert session.finished_time > session.started_at


@needs_openssl
def test_alpn_of_openssl(tmp_path):
    client, server = tls_ends.contexts(tmp_path)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_alpn_protocols(["h2", "http/1.1"])
    server.set_alpn_protocols(["http/1.1"])
    turns, end = tls_ends.talk(client, server)
    session, _ = talk(turns)
    assert session.client is not None
    assert session.client.alpn == ("h2", "http/1.1")
    assert session.client.server_name == "peer.example"
    assert session.server is not None
    assert session.server.alpn == end.selected_alpn_protocol() == "http/1.1"
