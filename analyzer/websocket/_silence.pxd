from analyzer.websocket._state cimport WalkState


cdef class Silence(WalkState):
    cdef int _heard(self, Py_ssize_t i, Py_ssize_t d)
    cdef int _frame_begins(self, Py_ssize_t i, Py_ssize_t d, Py_ssize_t p)
    cdef int _not_heard(self, Py_ssize_t d)
    cdef int _end_seen(self, Py_ssize_t d, long long packet, long long time, bint is_close)
    cdef int _not_ended(self, Py_ssize_t d)
    cdef int _watch(self, Py_ssize_t i, Py_ssize_t d, long long end)
    cdef int _control_acked(self, Py_ssize_t i, Py_ssize_t d)
    cdef int _ack(self, Py_ssize_t d, long long acked, long long packet, long long time)
