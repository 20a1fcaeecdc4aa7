"""SOCKS before a handshake: lengths by the RFCs, any cut, refusals, and what only looks like it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle.upgrades import SWITCH, UPGRADE, payload, run

from analyzer.http.http1.socks import NEED_MORE, negotiation

HOST = b"app.example.test"
REQUEST_NAME = b"\5\1\0\3" + bytes([len(HOST)]) + HOST + b"\0\x50"
REQUEST_4 = b"\5\1\0\1\x0a\1\0\2\0\x50"
REQUEST_6 = b"\5\1\0\4" + bytes(16) + b"\0\x50"
REPLY = b"\5\0\0\1\x0a\2\0\x09\0\x50"
LOGIN = b"\1\4user\4pass"

# (client, proxy) turn by turn, as RFC 1928 and RFC 1929 have them.
OPEN_5 = [(0, b"\5\1\0"), (1, b"\5\0"), (0, REQUEST_NAME), (1, REPLY)]
LOGIN_5 = [(0, b"\5\2\0\2"), (1, b"\5\2"), (0, LOGIN), (1, b"\1\0"), (0, REQUEST_4), (1, REPLY)]
SIX_5 = [(0, b"\5\1\0"), (1, b"\5\0"), (0, REQUEST_6), (1, b"\5\0\0\4" + bytes(18))]
OPEN_4 = [(0, b"\4\1\0\x50\x0a\1\0\2user\0"), (1, b"\0\x5a" + bytes(6))]
OPEN_4A = [(0, b"\4\1\0\x50\0\0\0\1\0" + HOST + b"\0"), (1, b"\0\x5a" + bytes(6))]
ALL = [OPEN_5, LOGIN_5, SIX_5, OPEN_4, OPEN_4A]
NAMES = ["5", "5-login", "5-ipv6", "4", "4a"]


def sides(turns):
    return tuple(b"".join(what for side, what in turns if side == each) for each in (0, 1))


@pytest.mark.parametrize("turns", ALL, ids=NAMES)
def test_lengths(turns):
    client, proxy = sides(turns)
    assert negotiation(client, proxy) == (len(client), len(proxy))
    assert negotiation(client + b"GET /", proxy + b"HTTP") == (len(client), len(proxy))
    for cut in range(len(client)):
        assert negotiation(client[:cut], proxy) == NEED_MORE
    for cut in range(len(proxy)):
        assert negotiation(client, proxy[:cut]) == NEED_MORE


@pytest.mark.parametrize("turns", ALL, ids=NAMES)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_upgrade_through_a_proxy(turns, size):
    cut = [(side, what[at : at + size]) for side, what in turns for at in range(0, len(what), size)]
    out = run([*cut, (0, UPGRADE), (1, SWITCH), (0, b"\x81\x80\1\2\3\4")])
    assert [each.outcome for each in out.upgrades] == ["accepted"]
    assert out.http_bytes[:2].tolist() == [len(UPGRADE), len(SWITCH)]
    assert payload(out, 0) == b"\x81\x80\1\2\3\4"
    assert not out.findings


def test_a_request_in_the_segment_of_the_last_turn_is_read():
    """A client that does not wait for the reply is not SOCKS; a server that speaks at once is."""
    out = run([*OPEN_5[:-1], (1, REPLY + SWITCH), (0, UPGRADE)])
    assert out.http_bytes[1] == len(SWITCH)


@pytest.mark.parametrize(
    "turns",
    [
        [(0, b"\5\1\0"), (1, b"\5\xff")],  # no method is acceptable
        [(0, b"\5\1\0"), (1, b"\5\2")],  # one that was not offered
        [(0, b"\5\0"), (1, b"\5\0")],  # no methods at all
        [(0, b"\5\1\2"), (1, b"\5\2"), (0, LOGIN), (1, b"\1\1")],  # the login failed
        [(0, b"\5\1\0"), (1, b"\5\0"), (0, b"\5\2\0\1" + bytes(6))],  # BIND
        [(0, b"\5\1\0"), (1, b"\5\0"), (0, REQUEST_4), (1, b"\5\5\0\1" + bytes(6))],  # refused
        [(0, b"\4\2\0\x50\x0a\1\0\2\0")],  # BIND of SOCKS 4
        [(0, b"\4\1\0\x50\x0a\1\0\2\0"), (1, b"\0\x5b" + bytes(6))],  # refused
        [(0, b"\4\1\0\x50\x0a\1\0\2" + b"u" * 300)],  # a name without an end
        [(0, b"\5hello"), (1, b"world")],
        [(0, b"\4\0\0\0\1\0")],  # another binary protocol
    ],
)
def test_what_is_no_open_proxy_is_handed_on_whole(turns):
    client, proxy = sides(turns)
    assert negotiation(client, proxy) is None
    out = run([*turns, (0, b"more")])
    assert payload(out, 0) == client + b"more"
    assert payload(out, 1) == proxy
    assert not out.handshakes


@given(st.binary(max_size=600), st.binary(max_size=300), st.sampled_from([b"", b"\5", b"\4\1"]))
def test_any_bytes(client, proxy, first):
    found = negotiation(first + client, proxy)
    if found not in (None, NEED_MORE):
        assert 0 < found[0] <= len(first + client)
        assert 0 < found[1] <= len(proxy)
