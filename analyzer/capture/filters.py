"""Capture filters: from an expression such as "tcp port 8080" to BPF instructions.

Knows who can compile: simple filters are compiled by filter_compiler, all others by libpcap,
which scapy or pcapy-ng load. Must not know sockets except for attaching a program. Used by ring
and sockets. scapy is GPL-2.0-only; here it is imported only for filters that are not simple.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Sequence

from analyzer.capture.filter_compiler import JEQ, LD_W_ABS, RET, Instruction, compile_simple
from analyzer.errors import OptionError

DEFAULT_FILTER = "tcp or udp port 53"
"""TCP, and the name look-ups before its connects."""
SNAP_BYTES = 262_144
"""Snap length: super-packets of offloading cards and of loopback have 64 KiB and more."""

ETHERNET, RAW_IP, SLL2 = 1, 101, 276
"""Link types (tcpdump.org/linktypes.html) that are captured."""

_DLT = {ETHERNET: 1, RAW_IP: 12, SLL2: 12}
"""What to compile for. Of a cooked socket the filter sees packets from the network header
on, which is raw IP to libpcap."""

_SO_ATTACH_FILTER = 26
_LD_PACKET_TYPE = (LD_W_ABS, 0, 0, 0xFFFFF000 + 4)  # SKF_AD_PKTTYPE
_LD_HARDWARE = (LD_W_ABS, 0, 0, 0xFFFFF000 + 28)  # SKF_AD_HATYPE
_OUTGOING, _LOOPBACK = 4, 772

_NEEDS = (
    "apt install libpcap0.8, or pip install pcapy-ng, which brings a libpcap; without"
    " one go: tcp, udp, [tcp|udp] [src|dst] port N, [src|dst] host ADDRESS, [src|dst] net"
    " ADDRESS/N, with and, or, not, ( )"
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
    program: list[Instruction] | None = [(RET, 0, 0, SNAP_BYTES)]
    if text:
        program = compile_simple(text, ethernet=link_type == ETHERNET, snap_bytes=SNAP_BYTES)
    if program is None:
        program = _by_library(text, _DLT[link_type])
    return [*(_not_outgoing_loopback() if once_on_loopback else ()), *map(_with_snap, program)]


def attach(sock: socket.socket, program: Sequence[Instruction]) -> None:
    """Make a packet socket receive only what `program` accepts.

    Raises:
        OSError: The kernel refuses it.
    """
    code = b"".join(struct.pack("=HBBI", *each) for each in program)
    memory = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: length, and the address after it aligned.
    head = struct.pack("@HP", len(program), ctypes.addressof(memory))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, head)


def attach_nothing(sock: socket.socket) -> None:
    """Let no further packet in; what waits stays."""
    attach(sock, [(RET, 0, 0, 0)])


def _with_snap(instruction: Instruction) -> Instruction:
    """Raise the snap length of libpcap's programs (65,535 by scapy) to ours."""
    code, _, _, operand = instruction
    return (RET, 0, 0, SNAP_BYTES) if code == RET and operand else instruction


def _not_outgoing_loopback() -> list[Instruction]:
    return [
        _LD_PACKET_TYPE,
        (JEQ, 0, 3, _OUTGOING),
        _LD_HARDWARE,
        (JEQ, 0, 1, _LOOPBACK),
        (RET, 0, 0, 0),
    ]


# --- by libpcap ----------------------------------------------------------------------


def _by_library(expression: str, dlt: int) -> list[Instruction]:
    for compile_ in (_by_scapy, _by_pcapy):
        try:
            return compile_(expression, dlt)
        except ImportError:
            continue
    raise OptionError(
        f"the filter {expression!r} cannot be compiled here: it needs libpcap",
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
