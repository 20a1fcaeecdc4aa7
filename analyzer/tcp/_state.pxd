from analyzer.packets.segments cimport Segment
from analyzer.tcp.bytestream cimport Chunk, Connection, Direction

# The C structs of the rows in tcp.connections, field by field. Cython compares them with the
# arrays' dtypes at each call.

ctypedef struct Entry:
    unsigned int hash
    int slot

ctypedef struct Slot:
    unsigned long long low0
    unsigned long long low1
    long long segments
    long long last_packet
    long long last_time
    unsigned int hash
    unsigned short port0
    unsigned short port1
    unsigned char version
    unsigned char high
    unsigned char state
    unsigned char left
    unsigned char closing
    unsigned char touched
    unsigned char waiting
    unsigned char numbered
    signed char syns
    unsigned char doubt
    unsigned short window0
    unsigned short window1

ctypedef struct Track:
    long long next
    long long acked
    long long fin
    long long held_from
    long long edge
    unsigned short name
    unsigned char repeats
    unsigned char ttl
    unsigned char heard
    unsigned char confirmed
    unsigned short spare
    long long piece
    unsigned int origin
    unsigned char unanswered
    unsigned char based
    unsigned char zero_window
    unsigned char fin_done

ctypedef struct Count:
    long long packets
    long long link_bytes
    long long ip_bytes
    long long tcp_bytes
    long long stream_bytes
    long long pure_acks
    long long pure_ack_bytes
    long long duplicate_bytes

ctypedef struct Rare:
    long long top
    long long fin_packet
    long long fin_time
    long long fin_acked
    long long mark
    long long first_sent_again
    long long first_lost
    long long first_zero
    long long stray_next
    long long isn
    int stray
    unsigned char fin_flags
    signed char scale
    unsigned char ttl_copy
    unsigned char foreign
    unsigned char unheard
    unsigned char alive
    long long other_base
    long long reset_packet
    long long reserved
    long long reset_at
    long long reset_heard
    long long reset_next

ctypedef struct Recent:
    unsigned long long key
    long long time
    long long previous
    long long count
    long long owner

ctypedef struct Piece:
    long long offset
    long long position
    long long previous
    long long length


cdef class AssemblerState:
    cdef Segment[::1] segments
    cdef unsigned char[::1] data
    cdef Chunk[::1] chunks
    cdef Entry[::1] table
    cdef Slot[::1] slots
    cdef Track[::1] tracks
    cdef Count[::1] counts
    cdef Rare[::1] rares
    cdef Connection[::1] links
    cdef Direction[::1] sums
    cdef Recent[::1] recents
    cdef Piece[::1] pieces
    cdef long long[::1] index
    cdef unsigned char[::1] arena
    cdef unsigned char[::1] transitions
    cdef unsigned int[::1] hashes
    cdef Py_ssize_t[::1] guesses
    cdef Slot[::1] blank_slot
    cdef Track[::1] blank_track
    cdef Count[::1] blank_count
    cdef Rare[::1] blank_rare
    cdef Connection[::1] blank_link
    cdef Direction[::1] blank_sum
    # the current packet, or the held one whose rows are being written
    cdef long long packet
    cdef long long time
    cdef long long row_acked
    cdef int row_flags
    cdef int header
    cdef int link
    cdef int ip
    cdef int payload
    cdef int wire
    cdef int window
    cdef bint news
    # the pass
    cdef Py_ssize_t row_count
    cdef Py_ssize_t capacity
    cdef Py_ssize_t side
    cdef unsigned int hashed
    cdef long long clock
    cdef long long due
    cdef long long sweep_at
    cdef long long idle_count
    cdef long long evicted_count
    cdef long long head
    cdef long long recent_head
    cdef long long piece_head
    cdef long long streams
    cdef Py_ssize_t mapped
    cdef Py_ssize_t fresh
    cdef long long held_total
    cdef long long copies
    cdef long long first_copy
    cdef long long seen
    cdef dict shadows  # by slot: see _copies
    cdef Py_ssize_t shaded  # segments remembered by them
    cdef bint settling  # what waited is no other connection: it changes nothing
    cdef bint replaying
    cdef long long split_stream  # tcp_stream of the next connection; -1: a new one
    cdef int split_side
    # limits
    cdef Py_ssize_t max_connections
    cdef Py_ssize_t max_finished
    cdef long long max_held
    cdef long long max_held_total
    cdef long long lost_after
    cdef long long copy_window
    cdef long long remembered
    cdef long long linger
    cdef long long max_idle
    cdef bint keep_first
    cdef unsigned long long key0
    cdef unsigned long long key1
    cdef unsigned long long key2
    # Python objects of the rare paths
    cdef object records
    cdef object segment_rows
    cdef object arrays
    cdef object held
    cdef object free
    cdef object retired
    cdef object open_streams
    cdef object left_streams
    cdef object closing
    cdef object ahead
    cdef dict doubtful
    cdef object opened
    cdef object ended
    cdef object found
    cdef int _flags(self, Py_ssize_t i) noexcept
    cdef Py_ssize_t _new_slot(self)
    cdef int _blank(self, Py_ssize_t s)
