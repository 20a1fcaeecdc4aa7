"""Simple capture filters, compiled without libpcap: from an expression to BPF instructions.

Knows the part of pcap-filter(7) that operators of web services type: protocols, ports, hosts
and networks, joined by and, or, not and parentheses. Must not know sockets. Called by filters,
which asks libpcap for everything else.

The program first finds out what a packet is (IPv4, IPv6, ARP or neither; after up to two VLAN
tags), and then runs the expression as it reads for that kind: whatever cannot hold there, such
as an IPv6 address in an IPv4 packet, is decided when compiling. A load beyond the packet's end
makes the kernel refuse the packet, as with libpcap's programs.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal

from analyzer.lazy_dataclass import dataclass, field
from analyzer.lazy_pattern import lazy_pattern

Instruction = tuple[int, int, int, int]
"""One of classic BPF: code, jump if true, jump if false, operand."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Direction = Literal["src", "dst", "either"]
Kind = Literal["ip", "ip6", "arp", "other"]

LD_W_ABS, LD_H_ABS, LD_B_ABS = 0x20, 0x28, 0x30
LD_H_IND, LDX_HEADER = 0x48, 0xB1
ALU_AND, JA, JEQ, JSET, RET = 0x54, 0x05, 0x15, 0x45, 0x06

MAX_JUMP: Final = 255
"""Conditional jumps have 8 bits."""

MAX_INSTRUCTIONS: Final = 4096
"""BPF_MAXINSNS of Linux (include/uapi/linux/bpf_common.h)."""

_PROTOCOLS: Final = {"tcp": 6, "udp": 17, "sctp": 132}
_FRAGMENT_HEADER: Final = 44  # RFC 8200 4.5
_ETHERTYPES: Final[dict[int, Kind]] = {0x0800: "ip", 0x86DD: "ip6", 0x0806: "arp", 0x8035: "arp"}
_TAGS: Final = (0x8100, 0x88A8, 0x9100)
_MAX_TAGS: Final = 2

_TOKEN = lazy_pattern(r"\s*(&&|\|\||[()!]|[^\s()!&|]+)")
_WORDS: Final = {"&&": "and", "||": "or", "!": "not"}
_ACCEPT, _REJECT = "accept", "reject"


@dataclass(frozen=True, slots=True)
class Version:
    """Packets of one version of IP."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class Protocol:
    """Packets of one protocol above IP."""

    number: int


@dataclass(frozen=True, slots=True)
class Port:
    """Packets from or to a port, of any of some protocols."""

    protocols: tuple[int, ...]
    direction: Direction
    port: int = 0


@dataclass(frozen=True, slots=True)
class Address:
    """Packets from or to a network; a host is one of a single address."""

    direction: Direction
    whole: bool  # a host: no prefix may be given
    network: Network = field(default_factory=lambda: ipaddress.ip_network("0.0.0.0/32"))


@dataclass(frozen=True, slots=True)
class Not:
    """What `inner` does not accept."""

    inner: Node


@dataclass(frozen=True, slots=True)
class Both:
    """What both accept, or with `either` what one of them does."""

    left: Node
    right: Node
    either: bool


Node = Version | Protocol | Port | Address | Not | Both


class _NotSimple(Exception):
    """The expression is none of this part of the language, or none at all."""


def compile_simple(expression: str, *, ethernet: bool, snap_bytes: int) -> list[Instruction] | None:
    """Return the program of an expression, or None where libpcap must be asked.

    Args:
        expression: as in pcap-filter(7). and, or have the same precedence, from left to right.
        ethernet: packets begin with an Ethernet header, else with that of IP.
        snap_bytes: bytes of a packet to accept.
    """
    try:
        return _program(_Parser(expression).parse(), ethernet=ethernet, snap_bytes=snap_bytes)
    except _NotSimple:
        return None


# --- the language --------------------------------------------------------------------


class _Parser:
    def __init__(self, expression: str) -> None:
        found = _TOKEN.findall(expression)
        if "".join(found) != "".join(expression.split()):
            raise _NotSimple
        self._tokens = [_WORDS.get(token, token) for token in found]
        self._at = 0
        # What a value without keywords refers to: "port 80 or 8080" is "port 80 or port 8080".
        self._last: Port | Address | None = None

    def parse(self) -> Node:
        node = self._expression()
        if self._at != len(self._tokens):
            raise _NotSimple
        return node

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, *words: str) -> str:
        """Return the next token if it is one of these, and step over it; else ""."""
        token = self._next()
        if token not in words:
            return ""
        self._at += 1
        return token

    def _expression(self) -> Node:
        node = self._term()
        while word := self._take("and", "or"):
            node = Both(node, self._term(), word == "or")
        return node

    def _term(self) -> Node:
        if self._take("not"):
            return Not(self._term())
        if self._take("("):
            node = self._expression()
            if not self._take(")"):
                raise _NotSimple
            return node
        return self._primitive()

    def _primitive(self) -> Node:
        if version := self._take("ip", "ip6"):
            self._last = None
            return Version("ip" if version == "ip" else "ip6")
        protocol = self._take(*_PROTOCOLS)
        direction: Direction = "either"
        if word := self._take("src", "dst"):
            direction = "src" if word == "src" else "dst"
        if self._take("port"):
            numbers = (_PROTOCOLS[protocol],) if protocol else tuple(_PROTOCOLS.values())
            self._last = Port(numbers, direction)
        elif protocol:
            if direction != "either" or self._next() in ("host", "net", "portrange"):
                raise _NotSimple
            self._last = None
            return Protocol(_PROTOCOLS[protocol])
        elif kind := self._take("host", "net"):
            self._last = Address(direction, kind == "host")
        elif direction != "either":
            self._last = Address(direction, True)
        return self._value()

    def _value(self) -> Node:
        """Return the last kind of primitive, with the value that comes now."""
        token = self._next()
        self._at += 1
        if isinstance(self._last, Port):
            # "0x50" and names of services are libpcap's.
            if not re.fullmatch(r"0|[1-9][0-9]{0,4}", token) or int(token) > 65_535:
                raise _NotSimple
            return replace(self._last, port=int(token))
        if self._last is None or self._last.whole == ("/" in token):
            raise _NotSimple  # "net 10" has a mask by its length: libpcap's as well
        try:
            return replace(self._last, network=ipaddress.ip_network(token))
        except ValueError as error:
            raise _NotSimple from error


# --- instructions --------------------------------------------------------------------


class _Section:
    """Instructions with labels; both ends of the program are in each section."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str, str, int]] = []
        self._places: dict[str, int] = {}
        self._made = 0

    def label(self) -> str:
        self._made += 1
        return str(self._made)

    def place(self, label: str) -> None:
        """The next instruction is where `label` leads to."""
        self._places[label] = len(self.lines)

    def load(self, code: int, operand: int) -> None:
        self.lines.append((code, "", "", operand))

    def test(self, operand: int, true: str, false: str, code: int = JEQ) -> None:
        self.lines.append((code, true, false, operand))

    def assembled(self) -> list[Instruction]:
        """Resolve labels."""
        made = []
        for place, (code, true, false, operand) in enumerate(self.lines):
            jumps = [self._places[to] - place - 1 if to else 0 for to in (true, false)]
            if max(jumps) > MAX_JUMP:
                return self._assembled_far()
            made.append((code, jumps[0], jumps[1], operand))
        return made

    def _assembled_far(self) -> list[Instruction]:
        """Resolve labels with two unconditional jumps, which have 32 bits, after each test."""
        places = [0]
        for _, true, _, _ in self.lines:
            places.append(places[-1] + (3 if true else 1))
        made: list[Instruction] = []
        for code, true, false, operand in self.lines:
            made.append((code, 0, 1 if true else 0, operand))
            for to in (true, false) if true else ():
                made.append((JA, 0, 0, places[self._places[to]] - len(made) - 1))
        return made


def _program(node: Node, *, ethernet: bool, snap_bytes: int) -> list[Instruction]:
    ends = _Ends(node, snap_bytes)
    if ethernet:
        program = list(_by_ethertype(ends, 0))
    else:
        # A packet without link layer: IP says by its first four bits which version it is.
        ip, ip6, other = ends.of("ip", 0), ends.of("ip6", 0), ends.of("other", 0)
        program = [(LD_B_ABS, 0, 0, 0), (ALU_AND, 0, 0, 0xF0)]
        program += _when((0x40,), ip) + _when((0x60,), ip6) + other
    if len(program) > MAX_INSTRUCTIONS:
        raise _NotSimple
    return program


def _by_ethertype(ends: _Ends, tags: int) -> Iterator[Instruction]:
    at = 12 + 4 * tags
    yield LD_H_ABS, 0, 0, at
    kinds: tuple[Kind, ...] = ("ip", "ip6", "arp")
    for kind in kinds:
        ethertypes = tuple(number for number, each in _ETHERTYPES.items() if each == kind)
        yield from _when(ethertypes, ends.of(kind, at + 2))
    if tags < _MAX_TAGS:
        yield from _when(_TAGS, list(_by_ethertype(ends, tags + 1)))
    yield from ends.of("other", at + 2)


def _when(values: tuple[int, ...], body: list[Instruction]) -> list[Instruction]:
    """Run `body`, which never falls through, if the accumulator is one of `values`."""
    count = len(values)
    tests = [(JEQ, count - place, 0, value) for place, value in enumerate(values)]
    return [*tests, (JA, 0, 0, len(body)), *body]


class _Ends:
    """The expression for each kind of packet, up to accepting or refusing it."""

    def __init__(self, node: Node, snap_bytes: int) -> None:
        self._node = node
        self._snap_bytes = snap_bytes

    def of(self, kind: Kind, at: int) -> list[Instruction]:
        """Return instructions for packets of a kind whose network header begins at `at`."""
        node = _folded(self._node, kind)
        if isinstance(node, bool):
            return [(RET, 0, 0, self._snap_bytes if node else 0)]
        section = _Section()
        _generate(node, section, kind, at, _ACCEPT, _REJECT)
        for label, operand in ((_ACCEPT, self._snap_bytes), (_REJECT, 0)):
            section.place(label)
            section.load(RET, operand)
        return section.assembled()


def _folded(node: Node, kind: Kind) -> Node | bool:
    """Return what is left to find out of packets of a kind."""
    if isinstance(node, Not):
        inner = _folded(node.inner, kind)
        return not inner if isinstance(inner, bool) else Not(inner)
    if isinstance(node, Both):
        left, right = _folded(node.left, kind), _folded(node.right, kind)
        for one, other in ((left, right), (right, left)):
            if isinstance(one, bool):
                return one if one == node.either else other
        assert not isinstance(left, bool)
        assert not isinstance(right, bool)
        return Both(left, right, node.either)
    if isinstance(node, Version):
        return node.kind == kind
    if isinstance(node, Address):
        # ARP and RARP name IPv4 addresses too, and count for `host` and `net`.
        version: tuple[Kind, ...] = ("ip", "arp") if node.network.version == 4 else ("ip6",)
        return node if kind in version else False
    return node if kind in ("ip", "ip6") else False


def _generate(node: Node, out: _Section, kind: Kind, at: int, true: str, false: str) -> None:
    if isinstance(node, Not):
        _generate(node.inner, out, kind, at, false, true)
    elif isinstance(node, Both):
        middle = out.label()
        first = (true, middle) if node.either else (middle, false)
        _generate(node.left, out, kind, at, *first)
        out.place(middle)
        _generate(node.right, out, kind, at, true, false)
    elif isinstance(node, Protocol):
        _protocol(node.number, out, kind, at, true, false)
    elif isinstance(node, Port):
        _port(node, out, kind, at, true, false)
    elif isinstance(node, Address):
        _address(node, out, kind, at, true, false)


def _protocol(number: int, out: _Section, kind: Kind, at: int, true: str, false: str) -> None:
    out.load(LD_B_ABS, at + (9 if kind == "ip" else 6))
    if kind == "ip":
        out.test(number, true, false)
        return
    # libpcap looks past the fragment header, and past no other extension.
    other, fragment = out.label(), out.label()
    out.test(number, true, other)
    out.place(other)
    out.test(_FRAGMENT_HEADER, fragment, false)
    out.place(fragment)
    out.load(LD_B_ABS, at + 40)
    out.test(number, true, false)


def _port(node: Port, out: _Section, kind: Kind, at: int, true: str, false: str) -> None:
    out.load(LD_B_ABS, at + (9 if kind == "ip" else 6))
    found = out.label()
    _one_of(node.protocols, out, found, false)
    out.place(found)
    if kind == "ip":
        # Only the first fragment has ports (RFC 791 3.1: fragment offset, 13 bits).
        first = out.label()
        out.load(LD_H_ABS, at + 6)
        out.test(0x1FFF, false, first, JSET)
        out.place(first)
        out.load(LDX_HEADER, at)  # X = 4 * IHL
    code, ports = (LD_H_IND, at) if kind == "ip" else (LD_H_ABS, at + 40)
    either = out.label()
    if node.direction != "dst":
        out.load(code, ports)
        out.test(node.port, true, either if node.direction == "either" else false)
        out.place(either)
    if node.direction != "src":
        out.load(code, ports + 2)
        out.test(node.port, true, false)


def _one_of(values: tuple[int, ...], out: _Section, true: str, false: str) -> None:
    for value in values[:-1]:
        other = out.label()
        out.test(value, true, other)
        out.place(other)
    out.test(values[-1], true, false)


_SOURCE: Final[dict[Kind, int]] = {"ip": 12, "ip6": 8, "arp": 14}
_DESTINATION: Final[dict[Kind, int]] = {"ip": 16, "ip6": 24, "arp": 24}


def _address(node: Address, out: _Section, kind: Kind, at: int, true: str, false: str) -> None:
    either = out.label()
    if node.direction != "dst":
        otherwise = either if node.direction == "either" else false
        _within(node.network, out, at + _SOURCE[kind], true, otherwise)
        out.place(either)
    if node.direction != "src":
        _within(node.network, out, at + _DESTINATION[kind], true, false)


def _within(network: Network, out: _Section, at: int, true: str, false: str) -> None:
    """Compare an address with a network, 32 bits at a time."""
    address, mask = network.network_address.packed, network.netmask.packed
    words = [
        (place, int.from_bytes(address[place : place + 4]), int.from_bytes(mask[place : place + 4]))
        for place in range(0, len(address), 4)
    ]
    # A word without a mask may be anything; of 0.0.0.0/0 one is looked at, and is alike.
    words = [word for word in words if word[2]] or words[:1]
    for number, (place, value, bits) in enumerate(words):
        out.load(LD_W_ABS, at + place)
        if bits != 0xFFFFFFFF:
            out.load(ALU_AND, bits)
        if number == len(words) - 1:
            out.test(value, true, false)
        else:
            going_on = out.label()
            out.test(value, going_on, false)
            out.place(going_on)
