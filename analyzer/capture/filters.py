"""Capture filters: from an expression such as "tcp port 8080" to BPF instructions.

Knows who can compile: the default is made here by hand, all others by libpcap, which scapy
or pcapy-ng reach. Must not know sockets but for handing them a program. Used by ring and
sockets. scapy is GPL-2.0-only and is imported here alone, and only for other filters than
the default.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Sequence

from analyzer.errors import OptionError

DEFAULT_FILTER = "tcp or udp port 53"
"""TCP, and the name look-ups before its connects."""
ONLY_TCP = "tcp"
SNAP_BYTES = 262_144
"""Snap length: super-packets of offloading cards and of loopback have 64 KiB and more."""

ETHERNET, RAW_IP, SLL2 = 1, 101, 276
"""Link types (tcpdump.org/linktypes.html) that are captured."""

Instruction = tuple[int, int, int, int]
"""One of classic BPF: code, jump if true, jump if false, operand."""

_DLT = {ETHERNET: 1, RAW_IP: 12, SLL2: 12}
"""What to compile for. Of a cooked socket the filter sees packets from the network header
on, which is raw IP to libpcap."""

_SO_ATTACH_FILTER = 26
_LD_W_ABS, _LD_H_ABS, _LD_B_ABS = 0x20, 0x28, 0x30
_ALU_AND, _JEQ, _JSET, _RET = 0x54, 0x15, 0x45, 0x06
_LDX_IP_HEADER, _LD_H_IND = 0xB1, 0x48  # 4 * (the low 4 bits of a byte); from there on
_LD_PACKET_TYPE = (_LD_W_ABS, 0, 0, 0xFFFFF000 + 4)  # SKF_AD_PKTTYPE
_LD_HARDWARE = (_LD_W_ABS, 0, 0, 0xFFFFF000 + 28)  # SKF_AD_HATYPE
_OUTGOING, _LOOPBACK = 4, 772
_ACCEPT, _REJECT = "accept", "reject"
_IPV4, _IPV6, _TAGS = 0x0800, 0x86DD, (0x8100, 0x88A8, 0x9100)
_TCP, _UDP, _FRAGMENT = 6, 17, 44
_DNS_PORT, _FRAGMENT_OFFSET = 53, 0x1FFF

_NEEDS = (
    "pip install 'wsanalyze[live]' (scapy, which takes the system's libpcap) or 'wsanalyze[pcapy]'"
)


def compiled(expression: str, link_type: int, *, once_on_loopback: bool) -> list[Instruction]:
    """Return the program of a filter expression (pcap-filter(7)).

    Args:
        expression: "" is no filter.
        link_type: ETHERNET, RAW_IP or SLL2.
        once_on_loopback: leave out what loopback sends, which it receives as well.

    Raises:
        OptionError: It is no such expression, or nothing is there to compile it.
    """
    text = " ".join(expression.split())
    if text in (DEFAULT_FILTER, ONLY_TCP):
        program = by_hand(link_type, names=text == DEFAULT_FILTER)
    elif text:
        program = _by_library(text, _DLT[link_type])
    else:
        program = [(_RET, 0, 0, SNAP_BYTES)]
    return [*(_not_outgoing_loopback() if once_on_loopback else ()), *map(_with_snap, program)]


def attach(sock: socket.socket, program: Sequence[Instruction]) -> None:
    """Make a packet socket receive only what `program` accepts.

    Raises:
        OSError: The kernel refuses it.
    """
    code = b"".join(struct.pack("=HBBI", *each) for each in program)
    memory = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: length, and the address behind it aligned.
    head = struct.pack("@HP", len(program), ctypes.addressof(memory))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, head)


def attach_nothing(sock: socket.socket) -> None:
    """Let no further packet in; what waits stays."""
    attach(sock, [(_RET, 0, 0, 0)])


def _with_snap(instruction: Instruction) -> Instruction:
    """Raise the snap length of libpcap's programs (65,535 by scapy) to ours."""
    code, _, _, operand = instruction
    return (_RET, 0, 0, SNAP_BYTES) if code == _RET and operand else instruction


def _not_outgoing_loopback() -> list[Instruction]:
    return [
        _LD_PACKET_TYPE,
        (_JEQ, 0, 3, _OUTGOING),
        _LD_HARDWARE,
        (_JEQ, 0, 1, _LOOPBACK),
        (_RET, 0, 0, 0),
    ]


# --- by hand -------------------------------------------------------------------------

_Line = tuple[str, int, int, str, str]
"""Label, code, operand, where to go if true, if false ("": the next line)."""


def by_hand(link_type: int, *, names: bool) -> list[Instruction]:
    """Return the filter "tcp" as libpcap makes it, and behind up to two VLAN tags too.

    Args:
        link_type: ETHERNET, RAW_IP or SLL2.
        names: let "udp port 53" in as well.
    """
    lines: list[_Line] = []
    if link_type == ETHERNET:
        for tags in range(3):
            lines += _ether(tags, names=names)
    else:
        lines += [
            ("", _LD_B_ABS, 0, "", ""),
            ("", _ALU_AND, 0xF0, "", ""),
            ("", _JEQ, 0x40, "v4-0", ""),
            ("", _JEQ, 0x60, "v6-0", _REJECT),
            *_network("0", 0, names=names),
        ]
    lines += [(_ACCEPT, _RET, SNAP_BYTES, "", ""), (_REJECT, _RET, 0, "", "")]
    return _assembled(lines)


def _ether(tags: int, *, names: bool) -> list[_Line]:
    at = 12 + 4 * tags
    further = f"ether-{tags + 1}" if tags < 2 else _REJECT
    return [
        (f"ether-{tags}", _LD_H_ABS, at, "", ""),
        ("", _JEQ, _IPV4, f"v4-{tags}", ""),
        ("", _JEQ, _IPV6, f"v6-{tags}", ""),
        *(("", _JEQ, tag, further, "") for tag in _TAGS[:-1]),
        ("", _JEQ, _TAGS[-1], further, _REJECT),
        *_network(str(tags), at + 2, names=names),
    ]


def _network(name: str, at: int, *, names: bool) -> list[_Line]:
    other = f"udp4-{name}" if names else _REJECT
    lines: list[_Line] = [
        (f"v4-{name}", _LD_B_ABS, at + 9, "", ""),
        ("", _JEQ, _TCP, _ACCEPT, other),
        (f"v6-{name}", _LD_B_ABS, at + 6, "", ""),
        ("", _JEQ, _TCP, _ACCEPT, ""),
        *([("", _JEQ, _UDP, f"udp6-{name}", "")] if names else []),
        ("", _JEQ, _FRAGMENT, "", _REJECT),
        ("", _LD_B_ABS, at + 40, "", ""),
        ("", _JEQ, _TCP, _ACCEPT, _REJECT),
    ]
    return lines + (_dns(name, at) if names else [])


def _dns(name: str, at: int) -> list[_Line]:
    """Accept UDP from or to port 53; of fragments the first alone has ports."""
    return [
        (f"udp4-{name}", _JEQ, _UDP, "", _REJECT),
        ("", _LD_H_ABS, at + 6, "", ""),
        ("", _JSET, _FRAGMENT_OFFSET, _REJECT, ""),
        ("", _LDX_IP_HEADER, at, "", ""),
        ("", _LD_H_IND, at, "", ""),
        ("", _JEQ, _DNS_PORT, _ACCEPT, ""),
        ("", _LD_H_IND, at + 2, "", ""),
        ("", _JEQ, _DNS_PORT, _ACCEPT, _REJECT),
        (f"udp6-{name}", _LD_H_ABS, at + 40, "", ""),
        ("", _JEQ, _DNS_PORT, _ACCEPT, ""),
        ("", _LD_H_ABS, at + 42, "", ""),
        ("", _JEQ, _DNS_PORT, _ACCEPT, _REJECT),
    ]


def _assembled(lines: Sequence[_Line]) -> list[Instruction]:
    places = {label: place for place, (label, *_) in enumerate(lines) if label}

    def jump(place: int, label: str) -> int:
        return places[label] - place - 1 if label else 0

    return [
        (code, jump(place, true), jump(place, false), operand)
        for place, (_, code, operand, true, false) in enumerate(lines)
    ]


# --- by libpcap ----------------------------------------------------------------------


def _by_library(expression: str, dlt: int) -> list[Instruction]:
    for compile_ in (_by_scapy, _by_pcapy):
        try:
            return compile_(expression, dlt)
        except ImportError:
            continue
    raise OptionError(
        f"the filter {expression!r} cannot be compiled here; {DEFAULT_FILTER!r} needs no library",
        hint=_NEEDS,
    )


def _by_scapy(expression: str, dlt: int) -> list[Instruction]:
    """Compile by scapy, which finds the system's libpcap.

    Raises:
        ImportError: There is no scapy, or no libpcap.
        OptionError: It is no expression.
    """
    from scapy.arch.common import compile_filter
    from scapy.error import Scapy_Exception

    try:
        made = compile_filter(expression, linktype=dlt)
    except Scapy_Exception as error:
        raise _bad(expression, error) from error
    return [
        (each.code, each.jt, each.jf, each.k)
        for each in (made.bf_insns[i] for i in range(made.bf_len))
    ]


def _by_pcapy(expression: str, dlt: int) -> list[Instruction]:
    """Compile by pcapy-ng, which brings a libpcap with it.

    Raises:
        ImportError: There is no pcapy-ng.
        OptionError: It is no expression.
    """
    import pcapy

    try:
        program = pcapy.compile(dlt, SNAP_BYTES, expression, 1, 0)
        return [(code, true, false, operand) for code, true, false, operand in program.get_bpf()]
    except (pcapy.PcapError, pcapy.BPFError) as error:
        raise _bad(expression, error) from error


def _bad(expression: str, error: Exception) -> OptionError:
    reason = str(error).strip() or "syntax error"
    if reason.startswith("Failed to compile") and reason.endswith(")"):
        reason = reason.rpartition("(")[2].rstrip(")")
    return OptionError(
        f"the filter {expression!r} cannot be compiled: {reason}",
        hint="the language is that of tcpdump, see pcap-filter(7)",
    )
