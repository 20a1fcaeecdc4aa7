from analyzer.capture.records cimport Record
from analyzer.packets.segments cimport Segment


cdef class PacketState:
    cdef unsigned char[::1] data
    cdef Record[::1] records
    cdef Segment[::1] segments
    cdef long long[::1] counts
    cdef long long[::1] firsts
    cdef dict others
    cdef dict named  # keys of OTHER packets, and the first packet of each
    cdef list lookups  # DNS messages: see _tunnels
    cdef object last_named  # the key of the last OTHER packet
    cdef bint trying  # another link type than the file names
    cdef long trusted  # a link type that was settled
    cdef dict doubts  # by link type, what is thought of it
    cdef long max_depth
    # The packet under the walk.
    cdef Py_ssize_t at
    cdef Py_ssize_t captured_end
    cdef Py_ssize_t wire_end
    cdef long long original
    cdef long long packet
    cdef long long time
    cdef long depth
    cdef bint guessed  # inside a UDP tunnel: known by port and looks only
    cdef bint nested  # the link type is one that a pseudo-header named
    cdef bint padded  # radiotap: the 802.11 header is padded to 4 bytes
    cdef long link_type  # for the layer RARE_LINK
    cdef unsigned long long way  # hash over VLANs, tunnels' addresses and keys
    # Its innermost IP header.
    cdef Py_ssize_t ip_at
    cdef long ip_bytes
    cdef long version  # 0 before the first one
    cdef long long identification
    cdef long long flow
    # Its fragment, if it is one.
    cdef long fragment_offset
    cdef long fragment_more
    cdef long fragment_next
    cdef Py_ssize_t next_at  # the byte that names what follows the IP header
    cdef long _count(self, long outcome)
    cdef long _named(self, long kind, long long value)
    cdef long _short(self, Py_ssize_t size)
    cdef long _malformed(self)
    cdef long _through(self, unsigned long long key)
    cdef long _inner(self, long layer)


# What is read many times in each packet: functions here are compiled into each kernel
# that uses them; a method of a base class is a call through a pointer each time,
# and to pass `data` is to count its references. _packet.py has the
# same functions for the uncompiled kernels. Each byte is widened before it is shifted.

cdef inline long u8(PacketState packet, Py_ssize_t at) except -1:
    return packet.data[at]


cdef inline long be16(PacketState packet, Py_ssize_t at) except -1:
    cdef long a = packet.data[at]
    cdef long b = packet.data[at + 1]
    return a << 8 | b


cdef inline long le16(PacketState packet, Py_ssize_t at) except -1:
    cdef long a = packet.data[at]
    cdef long b = packet.data[at + 1]
    return b << 8 | a


cdef inline long long le32(PacketState packet, Py_ssize_t at) except -1:
    cdef long long a = le16(packet, at)
    cdef long long b = le16(packet, at + 2)
    return b << 16 | a


cdef inline long long be32(PacketState packet, Py_ssize_t at) except -1:
    cdef long long a = packet.data[at]
    cdef long long b = packet.data[at + 1]
    cdef long long c = packet.data[at + 2]
    cdef long long d = packet.data[at + 3]
    return a << 24 | b << 16 | c << 8 | d


cdef inline unsigned long long be64(PacketState packet, Py_ssize_t at) except? 1:
    cdef unsigned long long high = be32(packet, at)
    cdef unsigned long long low = be32(packet, at + 4)
    return high << 32 | low


cdef inline bint lacks(PacketState packet, Py_ssize_t size) noexcept:
    return packet.at + size > packet.captured_end


cdef inline void narrow(PacketState packet, Py_ssize_t end) noexcept:
    packet.wire_end = end
    if packet.captured_end > end:
        packet.captured_end = end


cdef inline unsigned long long mixed(unsigned long long state, unsigned long long word) noexcept:
    state = (state ^ word) * 0x9E3779B97F4A7C15ULL
    return state ^ (state >> 29)
