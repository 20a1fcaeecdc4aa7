from analyzer.websocket._state cimport WalkState


cdef class Silence(WalkState):
    cdef int _heard(self, Py_ssize_t i, Py_ssize_t d) except? -1
    cdef int _frame_begins(self, Py_ssize_t i, Py_ssize_t d, Py_ssize_t p) except? -1
    cdef int _not_heard(self, Py_ssize_t d) except? -1
    cdef int _end_seen(self, Py_ssize_t d, long long packet, long long time, bint is_close) except? -1
    cdef int _not_ended(self, Py_ssize_t d) except? -1
    cdef int _watch(self, Py_ssize_t i, Py_ssize_t d, long long end) except? -1
    cdef int _control_acked(self, Py_ssize_t i, Py_ssize_t d) except? -1
    cdef int _ack(self, Py_ssize_t d, long long acked, long long packet, long long time) except? -1
