# The C structs of the rows in alternatives.lanes, field by field.
# Cython compares them with the arrays' dtypes at each call.

ctypedef struct Lane:
    long long answers
    long long messages
    long long payload_bytes
    long long full_segments
    double delay
    double expected
    long long prompt
    long long timeouts
    long long last_answer
    long long open_bytes
    long long open_messages

ctypedef struct Conversation:
    long long origin
    long long last_server
    long long last_push
    long long last_packet
    long long gap
    long long hold
    long long followed
    long long unasked
    long long client_header_bytes
    long long server_header_bytes
    int mss
    int size_class
    int asked
    int by_ids

ctypedef struct Kind:
    long long kind
    long long time
    long long length
    long long used

ctypedef struct Latest:
    double messages
    double payload_bytes
    double delay

cdef class Schedule:
    cdef public object _arrays
    cdef public object buffers
    cdef object _waits
    cdef Lane[::1] lanes
    cdef Conversation[::1] conversations
    cdef Kind[::1] kinds
    cdef Latest[::1] latest
    cdef int[:, ::1] sizes
    cdef int[:, ::1] delays
    cdef long long[::1] intervals
    cdef int width
    cdef Py_ssize_t _count
    cdef int _answer(self, Py_ssize_t c, Py_ssize_t lane, long long payload, long long messages) except? -1
    cdef int _delay(self, Py_ssize_t lane, Py_ssize_t row, long long wait, long long most) except? -1
    cdef int _push(self, Py_ssize_t c, long long time, long long size, bint joined, long long kind) except? -1
    cdef int _supersede(self, Py_ssize_t c, long long time, long long size, long long kind) except? -1
    cdef int _settle(self, Py_ssize_t c, Py_ssize_t place, long long until) except? -1
    cdef int _follow(self, Py_ssize_t c, long long size) except? -1
    cdef int _client(self, Py_ssize_t c, long long size) except? -1
    cdef int _write(self, Py_ssize_t c, long long size, long long first, long long last) except? -1
    cdef int _short_poll(self, Py_ssize_t c, Py_ssize_t lane, Py_ssize_t row, long long interval, int phase, long long time, long long before, long long size) except? -1
    cdef int _long_poll(self, Py_ssize_t c, long long time, long long size, bint joined) except? -1
