"""Network interfaces: which there are, what their packets look like, their addresses.

Knows Linux's netlink (rtnetlink(7)), which needs no rights and no library. Must not know
captures. Used by ring and sockets, and by the verb `interfaces`. Elsewhere pcapy-ng or scapy
name them (sockets.others).
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterator
from dataclasses import replace

from analyzer.capture.filters import ETHERNET, RAW_IP, SLL2
from analyzer.lazy_dataclass import dataclass

ANY = "any"

_NETLINK_ROUTE = 0
_GETLINK, _NEWLINK, _GETADDR, _NEWADDR = 18, 16, 22, 20
_DONE, _ERROR = 3, 2
_REQUEST, _DUMP = 0x001, 0x300
_IFLA_IFNAME, _IFLA_OPERSTATE, _IFLA_LINKINFO = 3, 16, 18
_IFLA_INFO_KIND = 1
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_IFF_UP, _IFF_LOOPBACK = 0x1, 0x8
_STATES = {2: "down", 3: "lower layer down", 5: "dormant"}

_LINK_TYPES = {
    1: (ETHERNET, "Ethernet"),
    772: (ETHERNET, "loopback"),
    65534: (RAW_IP, "raw IP"),  # ARPHRD_NONE: tun, wireguard
    519: (RAW_IP, "raw IP"),  # ARPHRD_RAWIP: modems
    768: (RAW_IP, "raw IP"),  # ARPHRD_TUNNEL: ipip
    769: (RAW_IP, "raw IP"),  # ARPHRD_TUNNEL6
    776: (RAW_IP, "raw IP"),  # ARPHRD_SIT
}
"""ARPHRD_ type (if_arp.h) -> link type, and its name. Packets of others are captured from
the network layer on, with a cooked header."""


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface.

    Attributes:
        name: as the system has it.
        up: whether it is switched on.
        link_type: LINKTYPE_ value of its packets as they are captured.
        kind: one word for its link layer.
        addresses: with their prefix lengths.
        loopback: what it sends it receives.
        bridge: it is a bridge (Docker's, a hypervisor's): what passes between its ports reaches it
            only while somebody captures on it promiscuously.
        note: why nothing may come, or "".
    """

    name: str
    up: bool = True
    link_type: int = ETHERNET
    kind: str = "Ethernet"
    addresses: tuple[str, ...] = ()
    loopback: bool = False
    note: str = ""
    bridge: bool = False


EVERY = Interface(ANY, True, SLL2, "cooked", (), False, "all interfaces at once")
"""What `-i any` captures on."""


def listed() -> list[Interface]:
    """Return all interfaces in the system's order.

    Raises:
        OSError: There is no netlink: not Linux.
    """
    found: dict[int, Interface] = {}
    for body in _dump(_GETLINK, _NEWLINK, struct.pack("=BxHiII", 0, 0, 0, 0, 0)):
        hardware, index, flags = struct.unpack_from("=2xHiI", body)
        attributes = dict(_attributes(body, 16))
        found[index] = _interface(hardware, flags, attributes)
    for body in _dump(_GETADDR, _NEWADDR, struct.pack("=BBBBi", 0, 0, 0, 0, 0)):
        prefix, index = struct.unpack_from("=xB2xi", body)
        attributes = dict(_attributes(body, 8))
        # Of a point-to-point interface IFA_ADDRESS is the other end.
        address = attributes.get(_IFA_LOCAL) or attributes.get(_IFA_ADDRESS)
        if address and index in found:
            text = f"{ipaddress.ip_address(address)}/{prefix}"
            found[index] = replace(found[index], addresses=(*found[index].addresses, text))
    return list(found.values())


def named(name: str) -> Interface | None:
    """Return the interface of a name; None if there is none.

    Raises:
        OSError: There is no netlink: not Linux.
    """
    if name == ANY:
        return EVERY
    return next((each for each in listed() if each.name == name), None)


def _interface(hardware: int, flags: int, attributes: dict[int, bytes]) -> Interface:
    link_type, kind = _LINK_TYPES.get(hardware, (SLL2, f"other ({hardware}), cooked"))
    up = bool(flags & _IFF_UP)
    state = attributes.get(_IFLA_OPERSTATE, b"\0")[0]
    note = _STATES.get(state, "") if up else ""
    about = dict(_attributes(attributes.get(_IFLA_LINKINFO, b""), 0))
    return Interface(
        name=attributes.get(_IFLA_IFNAME, b"").rstrip(b"\0").decode(errors="replace"),
        up=up,
        link_type=link_type,
        kind=kind,
        loopback=bool(flags & _IFF_LOOPBACK),
        note=f"no link: {note}" if note else "",
        bridge=about.get(_IFLA_INFO_KIND, b"").rstrip(b"\0") == b"bridge",
    )


def _dump(request: int, answer: int, body: bytes) -> Iterator[bytes]:
    """Ask the kernel for all of a kind; yield the bodies of its messages."""
    if not hasattr(socket, "AF_NETLINK"):
        raise OSError("interfaces are listed by netlink, which only Linux has")
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_ROUTE) as sock:
        sock.send(struct.pack("=IHHII", 16 + len(body), request, _REQUEST | _DUMP, 1, 0) + body)
        while True:
            data = sock.recv(1 << 18)
            at = 0
            while at + 16 <= len(data):
                length, kind = struct.unpack_from("=IH", data, at)
                if kind in (_DONE, _ERROR) or length < 16:
                    return
                if kind == answer:
                    yield data[at + 16 : at + length]
                at += length + 3 & ~3


def _attributes(body: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Yield type and value of each attribute (struct rtattr)."""
    while at + 4 <= len(body):
        length, kind = struct.unpack_from("=HH", body, at)
        if length < 4:
            return
        yield kind & 0x3FFF, body[at + 4 : at + length]
        at += length + 3 & ~3
