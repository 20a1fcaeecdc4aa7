"""Other ways to capture than the ring: scapy's raw socket, and pcapy-ng.

Knows how both are asked for bytes without dissecting them. Must not know what packets mean.
Opened by live where they are asked for, or where there is no ring. scapy is GPL-2.0-only and
imported only here and in filters.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import struct
from typing import Any

import numpy as np

from analyzer.capture import filters, interfaces
from analyzer.capture.interfaces import ANY, Interface
from analyzer.capture.records import RECORD, RecordBatch
from analyzer.errors import CaptureAccessError, OptionError
from analyzer.options import Options

_SOL_PACKET, _AUXDATA, _STATISTICS = 263, 8, 6
_SO_TIMESTAMPNS = 35
_SO_RCVBUFFORCE = 33
_VLAN_VALID, _TPID_VALID = 1 << 4, 1 << 6
_ETH_P_ALL = 3
_AT_ONCE = 4096
"""Packets of one batch: each is a call, 2 microseconds."""

_BLOCK_TIMES = 2
"""libpcap makes 256 blocks of the buffer, half as many as the ring has: with twice the time for
each, it bridges as long a stall."""

_LINK_TYPES = {12: 101, 14: 101}
"""DLT_ values that differ from their LINKTYPE_."""


class _Gathered:
    """Packets one by one, as a batch."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._rows: list[tuple[int, int, int, int]] = []

    def add(self, time: int, packet: bytes, original: int) -> None:
        self._rows.append((time, len(self.data), len(packet), original))
        self.data += packet

    def __len__(self) -> int:
        return len(self._rows)

    def batch(self, packets: int, link_type: int) -> RecordBatch:
        used = len(self.data)
        data = np.empty(used + used // 4 + 4096, np.uint8)
        data[:used] = np.frombuffer(self.data, np.uint8)
        rows = np.empty(len(self._rows), RECORD)
        if self._rows:
            columns = np.array(self._rows, np.int64)
            for place, name in enumerate(("time", "start", "captured", "original")):
                rows[name] = columns[:, place]
        rows["packet"] = np.arange(packets + 1, packets + 1 + len(rows))
        rows["link_type"] = link_type
        return RecordBatch(rows=rows, data=data, used=used)


class ScapySocket:
    """Captures by scapy's L2 listen socket: raw bytes, nothing dissected. Linux.

    Args: as of ring.Ring.

    Raises:
        OSError: No permission.
        OptionError: scapy is not installed, or the filter cannot be compiled.
    """

    def __init__(
        self, interface: Interface, expression: str, *, promiscuous: bool, options: Options
    ) -> None:
        try:
            import scapy.arch.linux as linux
            from scapy.config import conf
        except ImportError as error:
            raise _not_there("scapy") from error
        if interface.name == ANY or interface.link_type == filters.SLL2:
            raise OptionError(f"{interface.name} is captured on by the ring alone")
        program = filters.compiled(
            expression, interface.link_type, once_on_loopback=interface.loopback
        )
        self.interface, self.up, self.more = interface, True, False
        self._limit = options.batch_bytes
        self._received = self._dropped = 0
        # It warns of loopback, whose link type it does not know.
        logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
        conf.bufsize = options.live_buffer_bytes
        listen: Any = linux.L2ListenSocket
        self._scapy = listen(iface=interface.name, promisc=promiscuous, nofilter=1)
        self._socket: socket.socket = self._scapy.ins
        self._socket.setblocking(False)
        filters.attach(self._socket, program)
        # net.core.rmem_max bounds what scapy could ask for.
        with contextlib.suppress(OSError):
            self._socket.setsockopt(
                socket.SOL_SOCKET, _SO_RCVBUFFORCE, options.live_buffer_bytes // 2
            )
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._drain()

    def fileno(self) -> int:
        """Return what to poll."""
        return self._socket.fileno()

    def read(self, packets: int) -> RecordBatch:
        """Return what has come, up to a batch; never wait."""
        found = _Gathered()
        self.more = True
        while len(found) < _AT_ONCE and len(found.data) < self._limit:
            try:
                packet, side, flags, _ = self._socket.recvmsg(filters.SNAP_BYTES, 256)
            except BlockingIOError:
                self.more = False
                break
            except OSError as error:
                self._note(error.errno)
                self.more = False
                break
            del flags
            found.add(*_with_side_data(packet, side))
        return found.batch(packets, self.interface.link_type)

    def counters(self) -> tuple[int, int]:
        """Return packets that passed the filter so far, and how many of them were dropped."""
        answer = self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 8)
        received, dropped = struct.unpack("=II", answer)
        self._received += received
        self._dropped += dropped
        return self._received, self._dropped

    def failed(self) -> None:
        """Note an error that poll reported."""
        self._note(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    def retry(self) -> bool:
        """Bind again if the interface is back; return whether it is."""
        try:
            found = interfaces.named(self.interface.name)
            if found is None or not found.up:
                return False
            self._socket.bind((self.interface.name, _ETH_P_ALL))
            self.up = True
            self.failed()
        except OSError:
            return False
        return self.up

    def silence(self) -> None:
        """Let no further packet in."""
        filters.attach_nothing(self._socket)

    def close(self) -> None:
        """Close the socket."""
        self._scapy.close()

    def _note(self, error: int | None) -> None:
        if error in (errno.ENETDOWN, errno.ENODEV, errno.ENXIO):
            self.up = False

    def _drain(self) -> None:
        """Throw away what came before the filter was there."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(1)


def _with_side_data(packet: bytes, side: list[tuple[int, int, bytes]]) -> tuple[int, bytes, int]:
    """Return time, packet with its VLAN tag put back, and its original length."""
    time, original = 0, len(packet)
    for level, kind, data in side:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(data) >= 16:
            seconds, rest = struct.unpack_from("=qq", data)
            time = seconds * 1_000_000_000 + rest
        elif level == _SOL_PACKET and kind == _AUXDATA:
            # struct tpacket_auxdata
            status, length, _, _, _, tag, tpid = struct.unpack_from("=IIIHHHH", data)
            original = max(length, len(packet))
            if status & _VLAN_VALID and len(packet) >= 12:
                ethertype = tpid if status & _TPID_VALID else 0x8100
                packet = packet[:12] + struct.pack("!HH", ethertype, tag) + packet[12:]
                original += 4
    return time, packet, original


class PcapySocket:
    """Captures by pcapy-ng, which brings libpcap: Linux and macOS; times in microseconds.

    Args: as of ring.Ring.

    Raises:
        CaptureAccessError: There is no such interface, or no right.
        OptionError: pcapy-ng is not installed, or the filter cannot be compiled.
    """

    def __init__(
        self, interface: Interface, expression: str, *, promiscuous: bool, options: Options
    ) -> None:
        try:
            import pcapy
        except ImportError as error:
            raise _not_there("pcapy-ng") from error
        self.interface, self.up, self.more = interface, True, False
        self._error = pcapy.PcapError
        self._limit = options.batch_bytes
        try:
            self._pcap: Any = pcapy.create(interface.name)
            self._pcap.set_snaplen(filters.SNAP_BYTES)
            self._pcap.set_promisc(int(promiscuous))
            self._pcap.set_timeout(_BLOCK_TIMES * options.live_block_ms)
            self._pcap.set_buffer_size(options.live_buffer_bytes)
            self._pcap.activate()
        except pcapy.PcapError as error:
            raise _refused(interface.name, str(error)) from error
        try:
            self._pcap.setfilter(expression)
        except (pcapy.PcapError, pcapy.BPFError) as error:
            raise OptionError(f"the filter {expression!r} cannot be compiled: {error}") from error
        # Else a silent interface would hold it forever.
        self._pcap.setnonblock(1)
        found = self._pcap.datalink()
        self._link_type = _LINK_TYPES.get(found, found)

    def fileno(self) -> int:
        """Return what to poll."""
        return int(self._pcap.getfd())

    def read(self, packets: int) -> RecordBatch:
        """Return what has come, up to a batch; never wait."""
        found = _Gathered()

        def take(head: Any, packet: bytes) -> None:
            seconds, microseconds = head.getts()
            time = seconds * 1_000_000_000 + microseconds * 1000
            found.add(time, packet, max(head.getlen(), len(packet)))

        try:
            while len(found) < _AT_ONCE and len(found.data) < self._limit:
                before = len(found)
                self._pcap.dispatch(_AT_ONCE, take)
                if len(found) == before:
                    break
        except self._error:
            self.up = False
        self.more = len(found) >= _AT_ONCE
        return found.batch(packets, self._link_type)

    def counters(self) -> tuple[int, int]:
        """Return packets that passed the filter so far, and how many of them were dropped."""
        try:
            received, dropped, _ = self._pcap.stats()
        except self._error:
            return 0, 0
        return received, dropped

    def failed(self) -> None:
        """Note an error that poll reported: the next read shows which."""

    def retry(self) -> bool:
        """Return False: libpcap must open it again, for which the rights are gone."""
        return False

    def silence(self) -> None:
        """Let no further packet in."""
        with contextlib.suppress(self._error):
            self._pcap.setfilter("less 0")

    def close(self) -> None:
        """Close libpcap's handle."""
        self._pcap.close()


def others() -> list[Interface]:
    """Return the interfaces where there is no netlink to list them, as libpcap names them.

    Raises:
        OptionError: pcapy-ng is not installed.
    """
    try:
        import pcapy
    except ImportError as error:
        raise _not_there("pcapy-ng") from error
    return [Interface(name, kind="") for name in pcapy.findalldevs()]


def _refused(name: str, reason: str) -> CaptureAccessError | PermissionError:
    if "permission" in reason.lower() or "not permitted" in reason.lower():
        return PermissionError(errno.EPERM, reason)
    return CaptureAccessError(f"{name} cannot be captured on: {reason}")


def _not_there(name: str) -> OptionError:
    return OptionError(f"{name} is not installed", hint=f"pip install {name}")
