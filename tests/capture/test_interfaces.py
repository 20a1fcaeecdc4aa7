"""Interfaces: as netlink tells them, beside what the system's other tables say."""

import json
import socket
import subprocess
import sys

import pytest
from oracle import namespaces

from analyzer.capture import interfaces
from analyzer.capture.filters import ETHERNET, RAW_IP, SLL2

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="netlink is Linux's")


@linux
def test_names_and_order_are_the_systems():
    assert [each.name for each in interfaces.listed()] == [n for _, n in socket.if_nameindex()]
    lo = interfaces.named("lo")
    assert lo is not None
    assert (lo.loopback, lo.link_type, lo.kind) == (True, ETHERNET, "loopback")
    assert interfaces.named("no-such-one") is None
    assert interfaces.named("any") is interfaces.EVERY


@namespaces.needed
def test_kinds_states_and_addresses():
    with namespaces.namespace() as space:
        space.ip("link", "add", "d0", "type", "veth", "peer", "name", "d1")
        space.ip("addr", "add", "10.1.2.3/20", "dev", "d0")
        space.ip("link", "set", "d0", "up")
        space.ip("addr", "add", "fd00::7/64", "dev", "d0", "nodad")
        space.ip("tuntap", "add", "name", "t0", "mode", "tun")
        space.ip("link", "add", "b0", "type", "bridge")
        with space.entered():
            found = {each.name: each for each in interfaces.listed()}
        said = json.loads(subprocess.run(
            space.command("ip", "-j", "addr"), capture_output=True, check=True).stdout)  # fmt: skip
    assert list(found) == [each["ifname"] for each in said]
    for each in said:
        one = found[each["ifname"]]
        assert one.up == ("UP" in each["flags"])
        expected = [f"{a['local']}/{a['prefixlen']}" for a in each["addr_info"]]
        assert sorted(one.addresses) == sorted(expected)
    assert found["d0"].link_type == ETHERNET
    assert found["t0"].link_type == RAW_IP
    assert not found["t0"].up
    assert [name for name, each in found.items() if each.bridge] == ["b0"]


def test_unknown_hardware_is_captured_cooked():
    assert interfaces._interface(512, 1, {3: b"ppp0\0"}).link_type == SLL2
