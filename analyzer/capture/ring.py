"""The ring: packets of an interface from memory shared with the Linux kernel.

Knows AF_PACKET sockets and TPACKET_V3 (packet(7), Documentation/networking/packet_mmap).
Must not know what packets mean. Opened by live; blocks are walked by the kernel `_ring`.

The kernel fills one block after the other, and hands each over when it is full or
`live_block_ms` old. A block is copied once and given back at once; when none is free, the
kernel drops packets and counts them. A thread (draining) reads while the analysis is busy.
So a slow analysis costs packets, never memory beyond that thread's queue.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import socket
import struct
import sys

import numpy as np

from analyzer.capture import filters, interfaces
from analyzer.capture._ring import BlockWalk
from analyzer.capture.interfaces import ANY, Interface
from analyzer.capture.records import RECORD, RecordBatch
from analyzer.columns import Bytes
from analyzer.options import Options

_ETH_P_ALL = 3
_SOL_PACKET = 263
_ADD_MEMBERSHIP, _RX_RING, _STATISTICS = 1, 5, 6
_VERSION, _RESERVE, _IGNORE_OUTGOING = 10, 12, 23
_TPACKET_V3 = 2
_PROMISCUOUS = 1
_FRAME_BYTES = 2048  # says nothing in version 3, but must divide the block
_ROOM_BEFORE = 32  # for a VLAN tag and a cooked header
_USER = 1  # TP_STATUS_USER: the block is ours
_WORD = 4
_STATUS, _PACKETS, _LENGTH = 2, 3, 5  # words of a block's header
_LEAST_PACKET = 68


class Ring:
    """Captures on one interface, or on all of them.

    Args:
        interface: where; its index may change when it goes away and comes back.
        expression: capture filter.
        promiscuous: take packets for other hosts as well.
        options: size of the ring and its blocks.

    Attributes:
        interface: as it was when it was opened.
        up: whether packets can come.
        more: the last `read` left packets in the ring.

    Raises:
        OSError: No permission, no memory.
        OptionError: The filter cannot be compiled.
    """

    def __init__(
        self, interface: Interface, expression: str, *, promiscuous: bool, options: Options
    ) -> None:
        self.interface = interface
        self.up = True
        self.more = False
        self._promiscuous = promiscuous and interface.name != ANY
        self._limit = options.batch_bytes
        self._block_bytes = options.live_block_bytes
        self._blocks = max(2, options.live_buffer_bytes // options.live_block_bytes)
        self._next = 0
        self._received = self._dropped = 0
        cooked = interface.link_type == filters.SLL2
        self._walk = BlockWalk(interface.link_type, cooked, sys.byteorder == "big")
        loopback = interface.loopback or interface.name == ANY
        program = filters.compiled(expression, interface.link_type, once_on_loopback=loopback)
        # Protocol 0: nothing comes before the socket is bound, when all is set.
        kind = socket.SOCK_DGRAM if cooked else socket.SOCK_RAW
        self._socket = socket.socket(socket.AF_PACKET, kind, 0)
        try:
            filters.attach(self._socket, program)
            if interface.loopback:
                # Saves the kernel the copies; the filter leaves them out in any case.
                with contextlib.suppress(OSError):
                    self._socket.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
            self._memory = self._ring(options.live_block_ms)
            self._bytes: Bytes = np.frombuffer(self._memory, np.uint8)
            self._words = self._bytes.view(np.uint32)
            self._bind()
        except BaseException:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """Return what to poll."""
        return self._socket.fileno()

    def read(self, packets: int) -> RecordBatch:
        """Return what the kernel has handed over, up to a batch; never wait.

        Args:
            packets: number of the last packet before.
        """
        lengths, counts = self._ready()
        if not lengths:
            return RecordBatch()
        total = sum(lengths)
        # A quarter more, in which later stages put what they keep between batches.
        data = np.empty(total + total // 4 + mmap.PAGESIZE, np.uint8)
        rows = np.empty(sum(counts), RECORD)
        view = rows.view(np.recarray)
        used = count = 0
        for length in lengths:
            begin = self._next * self._block_bytes
            data[used : used + length] = self._bytes[begin : begin + length]
            # Given back at once: the copy is ours.
            self._words[begin // _WORD + _STATUS] = 0
            self._next = (self._next + 1) % self._blocks
            count = self._walk.walk(data, used, used + length, view, count, packets + count)
            used += length
        return RecordBatch(rows=rows[:count], data=data, used=used)

    def counters(self) -> tuple[int, int]:
        """Return packets that passed the filter so far, and how many of them were dropped."""
        # Reading sets the kernel's own to zero.
        answer = self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 12)
        received, dropped, _ = struct.unpack("=III", answer)
        self._received += received
        self._dropped += dropped
        return self._received, self._dropped

    def failed(self) -> None:
        """Note an error that poll reported: the interface went down or away."""
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error in (errno.ENETDOWN, errno.ENODEV, errno.ENXIO):
            self.up = False

    def retry(self) -> bool:
        """Bind again if the interface is back; return whether it is.

        An index belongs to one life of an interface. Binding needs no rights.
        """
        try:
            found = interfaces.named(self.interface.name)
            if found is None or not found.up or found.link_type != self.interface.link_type:
                return False
            self._bind()
        except OSError:
            return False
        return self.up

    def silence(self) -> None:
        """Let no further packet in."""
        filters.attach_nothing(self._socket)

    def close(self) -> None:
        """Give the ring back to the kernel."""
        self._socket.close()
        del self._words, self._bytes
        # A batch never points into the ring, so that nothing holds it.
        with contextlib.suppress(BufferError):
            self._memory.close()

    def _ready(self) -> tuple[list[int], list[int]]:
        """Return bytes and packets of the blocks to read now."""
        lengths: list[int] = []
        counts: list[int] = []
        total = 0
        self.more = False
        for i in range(self._blocks):
            word = (self._next + i) % self._blocks * self._block_bytes // _WORD
            if not self._words[word + _STATUS] & _USER:
                break
            if total >= self._limit:
                self.more = True
                break
            lengths.append(min(int(self._words[word + _LENGTH]), self._block_bytes))
            counts.append(min(int(self._words[word + _PACKETS]), lengths[-1] // _LEAST_PACKET))
            total += lengths[-1]
        return lengths, counts

    def _ring(self, block_ms: int) -> mmap.mmap:
        sock = self._socket
        sock.setsockopt(_SOL_PACKET, _VERSION, _TPACKET_V3)
        sock.setsockopt(_SOL_PACKET, _RESERVE, _ROOM_BEFORE)
        while True:
            frames = self._block_bytes // _FRAME_BYTES * self._blocks
            # struct tpacket_req3
            request = struct.pack(
                "=7I", self._block_bytes, self._blocks, _FRAME_BYTES, frames, block_ms, 0, 0
            )
            try:
                sock.setsockopt(_SOL_PACKET, _RX_RING, request)
                break
            except OSError as error:
                if error.errno != errno.ENOMEM or self._blocks <= 2:
                    raise
                self._blocks //= 2
        return mmap.mmap(
            sock.fileno(), self._block_bytes * self._blocks, mmap.MAP_SHARED,
            mmap.PROT_READ | mmap.PROT_WRITE,
        )  # fmt: skip

    def _bind(self) -> None:
        name = self.interface.name
        if name == ANY:
            _bind_to_all(self._socket)
        else:
            self._socket.bind((name, _ETH_P_ALL))
        self.up = True
        if self._promiscuous:
            index = socket.if_nametoindex(name)
            membership = struct.pack("=iHH8x", index, _PROMISCUOUS, 0)
            self._socket.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, membership)
        # The kernel reports an interface that is down as the socket's error.
        self.failed()


def _bind_to_all(sock: socket.socket) -> None:
    """Bind to no interface in particular, which Python's own bind() has no word for."""
    # struct sockaddr_ll
    address = struct.pack("=H", socket.AF_PACKET) + struct.pack(">H", _ETH_P_ALL)
    address += struct.pack("=iHBB8x", 0, 0, 0, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.bind(sock.fileno(), address, len(address)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
