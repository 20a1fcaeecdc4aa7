"""Tunnels: labels by the first bytes of both sides, and nothing more."""

import pytest
from oracle.spoken import heard, said, upgrade
from oracle.stages import BINARY, client, server

from analyzer.inside.protocol import LABEL_ONLY
from analyzer.inside.registry import TUNNELS as PROTOCOLS

HELLO = bytes.fromhex("1603010200010001fc0303")
PAIRS = {
    "rfb": (b"RFB 003.008\n", b"RFB 003.008\n"),
    "ssh": (b"SSH-2.0-OpenSSH_9.2\r\n", b"SSH-2.0-Go\r\n"),
    "tls": (bytes.fromhex("160303007a02000076"), HELLO),
}


def test_labels_alone_are_those_of_tunnels():
    assert {each.inner for each in PROTOCOLS} == LABEL_ONLY


@pytest.mark.parametrize("inner", PAIRS)
def test_labels(inner):
    first, second = PAIRS[inner]
    talk = [*upgrade(), server(BINARY, first), client(BINARY, second), server(BINARY, b"\1\2\3")]
    tables = heard([talk])
    assert said(tables, "inner", "kind", "inner_items") == [(inner, None, 0)] * 3
    assert tables["connections"]["inner"].tolist() == [inner]


def test_one_side_is_not_enough():
    talk = [*upgrade(), server(BINARY, b"RFB 003.008\n"), client(BINARY, b"hello")]
    assert said(heard([talk]), "inner") == [(None,), (None,)]


def test_chisel_by_its_subprotocol():
    tables = heard([[*upgrade("/", "chisel-v3"), client(BINARY, b"SSH-2.0-chisel-v3\r\n")]])
    assert said(tables, "inner") == [("chisel",)]
