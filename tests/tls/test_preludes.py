"""TLS behind a PROXY protocol header, or behind a proxy that was asked for a tunnel."""

import shutil

import pytest
from conversation import Conversation, frame, request, response
from oracle import tls_ends
from oracle.whole import assert_ties_out, said, tables_of

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")

VERSION_1 = b"PROXY TCP4 203.0.113.7 198.51.100.1 40000 443\r\n"
ADDRESSES = b"\xcb\x00\x71\x07\xc6\x33\x64\x01\x9c\x40\x01\xbb"
VERSION_2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + ADDRESSES
LONGER = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x2f" + ADDRESSES + b"\x20\0\x20" + bytes(32)
SOCKS = [("client", b"\5\1\0"), ("server", b"\5\0"), ("client", b"\5\1\0\3\x05a.org\x01\xbb")]
SOCKS += [("server", b"\5\0\0\1\0\0\0\0\0\0")]
ASKED = b"CONNECT a.org:443 HTTP/1.1\r\nHost: a.org:443\r\n\r\n"
REFUSED = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 4\r\n\r\nwho?"
OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"
BEFORE = {
    "version 1": [("client", VERSION_1)],
    "version 2": [("client", VERSION_2)],
    "version 2 with more": [("client", LONGER)],
    "bytewise": [("client", bytes([byte])) for byte in VERSION_2],
    "CONNECT": [("client", ASKED), ("server", OPENED)],
    "CONNECT twice": [
        *[("client", ASKED), ("server", REFUSED)],
        *[("client", ASKED.replace(b"\r\n\r\n", b"\r\nProxy-Authorization: Basic eA==\r\n\r\n"))],
        ("server", OPENED),
    ],
    "SOCKS": SOCKS,
}


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    """Turns of a WebSocket over TLS, and the file with its secrets."""
    folder = tmp_path_factory.mktemp("tls")
    client, server = tls_ends.contexts(folder)
    client.keylog_filename = str(folder / "keys")
    pair = tls_ends.Pair(client, server)
    pair.write(0, request(path="/chat"))
    pair.write(1, response())
    for number in range(3):
        pair.write(0, frame(1, b"ask %d" % number, key=b"\1\2\3%d" % number))
        pair.write(1, frame(1, b"say %d" % number))
    return pair.turns, folder / "keys"


def conversation(before, turns, *, glued=False):
    one = Conversation().open()
    for place, (side, data) in enumerate(turns):
        if place == 0 and glued:
            data = before[-1][1] + data
            before = before[:-1]
        if place == 0:
            for who, what in before:
                one.send(who, what)
        one.send(("client", "server")[side], data)
    return one.finish()


@pytest.mark.parametrize("glued", [False, True])
@pytest.mark.parametrize("what", BEFORE)
def test_tls_is_read_behind_it(talk, what, glued):
    turns, keys = talk
    if glued and BEFORE[what][-1][0] == "server":
        pytest.skip("nothing of the client's is glued to the server's answer")
    data = conversation(BEFORE[what], turns, glued=glued).pcap()
    whole = tables_of(data, keys=keys, payload="full")
    assert [len(tables := whole["connections"]), tables["scheme"][0]] == [1, "wss"]
    assert said(whole)["client"] == [("text", b"ask %d" % number) for number in range(3)]
    assert said(whole)["server"] == [("text", b"say %d" % number) for number in range(3)]
    assert_ties_out(whole)
    found = whole["findings"]
    assert "error" not in set(found["severity"])
    proxied = found[found["id"] == "http-proxied"]["text"].tolist()
    assert bool(proxied) == what.startswith(("version", "bytewise"))
    assert all("203.0.113.7:40000" in text for text in proxied)
    for size in (1, 700) if what == "version 2" else (700,):
        again = tables_of(data, keys=keys, payload="full", batch_bytes=size)
        for name in ("connections", "messages", "ledger", "findings", "tls_sessions", "handshakes"):
            assert again[name].equals(whole[name]), name


@pytest.mark.parametrize("what", BEFORE)
def test_without_keys_its_handshake_is_seen(talk, what):
    tables = tables_of(conversation(BEFORE[what], talk[0]).pcap())
    (session,) = tables["tls_sessions"].itertuples()
    assert session.sni == "peer.example"
    assert session.client_records > 2
    assert_ties_out(tables)


@pytest.mark.parametrize("start", [b"P", b"PROXY ", b"PROXY TCP4 ", b"\r\n", VERSION_2[:-1], b"\5"])
def test_what_only_begins_like_one_is_none(start):
    one = Conversation().open().client(start).client(b"nothing of the kind").finish()
    tables = tables_of(one.pcap())
    assert not tables.count("tls_sessions")
    assert_ties_out(tables)
