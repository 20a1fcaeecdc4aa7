"""How a connection begins: PROXY protocol headers, and what is HTTP at all."""

from __future__ import annotations

import pytest
from oracle.upgrades import OK, PLAIN, SWITCH, UPGRADE, payload, run

# --- PROXY protocol (its specification, sections 2.1 and 2.2)

PROXY_1 = b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"
PROXY_2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12)


@pytest.mark.parametrize("header", [PROXY_1, PROXY_2, b"PROXY UNKNOWN\r\n"])
@pytest.mark.parametrize("cut", [0, 1, 5, 13])
def test_upgrade_behind_a_proxy_header(header, cut):
    whole = header + UPGRADE
    pieces = [(0, whole[:cut]), (0, whole[cut:])] if cut else [(0, header), (0, UPGRADE)]
    out = run([*pieces, (1, SWITCH)])
    assert [each.outcome for each in out.upgrades] == ["accepted"]
    assert out.http_bytes[:2].tolist() == [len(UPGRADE), len(SWITCH)]
    named = [] if header.startswith(b"PROXY U") else ["http-proxied"]
    assert [each.kind.id for each in out.findings] == named


def test_only_one_proxy_header_is_skipped():
    out = run([(0, PROXY_1 * 3000)])
    assert not out.handshakes
    assert out.http_bytes[0] == 0


def test_bytes_that_begin_like_a_method_wait_for_more():
    out = run([(0, PLAIN[:2]), (0, PLAIN[2:]), (1, OK)])
    assert [each.status for each in out.exchanges] == [200]


def test_what_is_not_http_is_handed_on_whole():
    out = run([(0, b"GE"), (1, b"220 hello"), (0, b"\x16\x03"), (0, b"more")])
    assert payload(out, 0) == b"GE\x16\x03more"
    assert payload(out, 1) == b"220 hello"
    assert out.http_bytes[:2].tolist() == [0, 0]
