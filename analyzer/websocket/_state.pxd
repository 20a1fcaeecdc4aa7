from analyzer.tcp.bytestream cimport Chunk

# The C structs of the rows in websocket.frames, field by field. Cython compares them with the
# arrays' dtypes at each call.

ctypedef struct Walk:
    long long connection
    long long frame
    long long payload_bytes
    long long payload_left
    long long begin
    long long packet_first
    long long packet_last
    long long time_first
    long long time_last
    long long share
    long long ack_share
    long long tls_share
    long long http_share
    long long seen
    long long acked
    long long frames
    long long messages
    long long message_bytes
    long long ws_header_bytes
    long long ws_control_bytes
    long long transfer_bytes
    long long unparsed_bytes
    long long missing
    long long skipped
    long long first_data_time
    long long last_key
    long long key_step
    long long repeated_keys
    long long stepped_keys
    long long ready_packet
    long long heard_packet
    long long heard_time
    long long before_packet
    long long before_time
    long long end_packet
    long long end_time
    long long quiet_packet
    long long quiet_time
    long long life_packet
    long long life_time
    long long watched
    long long sent
    long long shut_since
    long long shut_total
    long long shut_from
    long long shut_until
    long long shut_seen
    long long round_trip
    long long ack_delay
    long long acked_time
    long long head_nagle
    int mode
    int message
    int head
    int tail
    int pending
    int have
    unsigned int key
    int phase
    int header_bytes
    int utf8_need
    int utf8_low
    int utf8_high
    int rsv_allowed
    int keep
    int mss
    unsigned char sender
    unsigned char opcode
    unsigned char bits
    unsigned char masked
    unsigned char closing
    unsigned char tolerant
    unsigned char deflate
    unsigned char compressed
    unsigned char framed
    unsigned char ended_by_close
    unsigned char quiet_known
    unsigned char bad_text
    unsigned char trusted
    long long zero_keys
    long long repeat_packet
    long long repeat_frame
    long long step_packet
    long long step_frame
    long long zero_packet
    long long zero_frame
    long long data_frame

ctypedef struct Frame:
    long long connection
    long long frame
    long long message
    long long payload_bytes
    long long masking_key
    long long packet_first
    long long packet_last
    long long time_first
    long long time_last
    int direction
    int header_bytes
    int close_code
    unsigned char sender
    unsigned char opcode
    unsigned char bits
    unsigned char masked

ctypedef struct Message:
    long long connection
    long long message
    long long payload_bytes
    long long transfer_bytes
    long long ws_header_bytes
    long long packet_header_bytes
    long long ack_bytes
    long long retransmitted_bytes
    long long tls_bytes
    long long http_bytes
    long long packet_first
    long long packet_last
    long long time_first
    long long time_last
    long long stall
    long long stall_until
    long long begin
    long long end
    long long before
    long long shut_before
    long long window
    long long nagle
    long long resent
    long long resent_until
    long long estimate
    unsigned long long digest
    unsigned long long word
    int frames
    int direction
    int preview_bytes
    int digested
    int next
    unsigned char sender
    unsigned char opcode
    unsigned char compressed
    unsigned char damaged
    unsigned char told

ctypedef struct Control:
    int row
    int start
    int length
    int complete
    long long end

ctypedef struct Ack:
    long long acked
    long long packet
    long long time
    int direction
    int place

ctypedef struct Fragment:
    long long start
    long long length
    long long packet
    long long frame
    int message
    int direction
    unsigned char last
    unsigned char compressed
    unsigned char text

ctypedef struct Oddity:
    long long packet
    long long frame
    long long detail
    int direction
    int kind


cdef class WalkState:
    cdef Chunk[::1] chunks
    cdef unsigned char[::1] data
    cdef Walk[::1] walks
    cdef long long[:, ::1] numbers
    cdef unsigned char[:, ::1] partial
    cdef unsigned char[:, ::1] control
    cdef unsigned char[:, ::1] vouched
    cdef Message[::1] pool
    cdef unsigned char[:, ::1] previews
    cdef int[::1] free
    cdef int[::1] done
    cdef Frame[::1] frames
    cdef Control[::1] controls
    cdef unsigned char[::1] control_bytes
    cdef Fragment[::1] fragments
    cdef Oddity[::1] oddities
    cdef Ack[::1] acks
    cdef unsigned char[::1] pattern
    cdef Walk[::1] blank
    cdef Py_ssize_t reserved
    cdef Py_ssize_t free_count
    cdef Py_ssize_t done_count
    cdef Py_ssize_t frame_count
    cdef Py_ssize_t control_count
    cdef Py_ssize_t control_used
    cdef Py_ssize_t fragment_count
    cdef Py_ssize_t oddity_count
    cdef Py_ssize_t ack_count
    cdef int preview_bytes
    cdef int max_pending
    cdef object seeker
    cdef object overlong
    cdef public dict overlong_rows
    cdef dict sent_again
    cdef object records
    cdef object chunk_rows
    cdef object _arrays
    cdef int _control_row(self, Py_ssize_t d, Py_ssize_t f, long long end)
    cdef int _fragment(self, Py_ssize_t i, Py_ssize_t d, long long p, long long n)
    cdef int _oddity(self, Py_ssize_t i, Py_ssize_t d, int kind, long long detail)
