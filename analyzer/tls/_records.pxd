from analyzer.tcp.bytestream cimport Chunk

# The C structs of the rows in tls.records, field by field. Cython compares them with the
# arrays' dtypes at each call.

ctypedef struct Walk:
    long long tls_bytes
    long long records
    long long record_bytes
    long long short_turns
    long long pushes
    long long begun_time
    long long changed_time
    long long finished_time
    long long first_time
    long long second_time
    long long last_time
    long long finished_packet
    long long first_packet
    long long alert_packet
    long long hidden_packet
    long long lost_packet
    long long fault_packet
    long long heard_packet
    long long heard_time
    long long record_packet
    long long record_time
    long long before_packet
    long long before_time
    long long end_packet
    long long end_time
    long long quiet_packet
    long long quiet_time
    int left
    int length
    int kept
    unsigned short version
    unsigned char state
    unsigned char type
    unsigned char have
    unsigned char done
    unsigned char alert
    unsigned char last_alert
    unsigned char ended_it
    unsigned char spoke

ctypedef struct Piece:
    long long packet
    long long time
    long long begun
    long long start
    int direction
    int length
    int behind

cdef class RecordWalk:
    cdef public object _arrays
    cdef public int _limit
    cdef Walk[::1] walks
    cdef Piece[::1] pieces
    cdef const Chunk[::1] rows
    cdef const unsigned char[::1] data
    cdef const unsigned char[:, ::1] transitions
    cdef Py_ssize_t _count
    cdef Py_ssize_t _room
    cdef Py_ssize_t _reserved
    cdef bint _is_tls(self, Py_ssize_t d)
    cdef bint _begins_within(self, Py_ssize_t d, Py_ssize_t i, Py_ssize_t at)
    cdef int _heard(self, Py_ssize_t d, Py_ssize_t i)
    cdef int _end_seen(self, Py_ssize_t d, Py_ssize_t i)
    cdef int _record_begins(self, Py_ssize_t d, Py_ssize_t i, Py_ssize_t at)
    cdef int _gap(self, Py_ssize_t d, Py_ssize_t i)
    cdef int _bytes(self, Py_ssize_t d, Py_ssize_t i)
    cdef bint _may_begin(self, Py_ssize_t at)
    cdef int _header_byte(self, Py_ssize_t d, int byte)
    cdef int _begin(self, Py_ssize_t d, Py_ssize_t i)
    cdef int _spoken(self, Py_ssize_t d, Py_ssize_t i, int length)
    cdef int _body(self, Py_ssize_t d, Py_ssize_t i, Py_ssize_t at, int count)
    cdef int _end(self, Py_ssize_t d, Py_ssize_t i)
    cdef int _alert(self, Py_ssize_t d, Py_ssize_t i, int last)
    cdef int _lose(self, Py_ssize_t d, Py_ssize_t i, int event)
    cdef int _piece(self, Py_ssize_t d, Py_ssize_t i, Py_ssize_t at, int count)
    cdef long long _arrival(self, Py_ssize_t i)
