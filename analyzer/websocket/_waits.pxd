from analyzer.websocket._silence cimport Silence


cdef class Waits(Silence):
    cdef int _alive(self, Py_ssize_t i, Py_ssize_t d) except? -1
    cdef int _window(self, Py_ssize_t i, Py_ssize_t d) except? -1
    cdef int _sent_on(self, Py_ssize_t i, Py_ssize_t d) except? -1
    cdef int _opened_unseen(self, Py_ssize_t o) except? -1
    cdef long long _closed_for(self, Py_ssize_t d, long long time) except? -1
    cdef int _begin_waits(self, Py_ssize_t d, Py_ssize_t m) except? -1
    cdef int _end_waits(self, Py_ssize_t d, Py_ssize_t m) except? -1
    cdef long long _held_back(self, Py_ssize_t d, long long time) except? -1
    cdef long long _at_once(self, Py_ssize_t d) except? -1
    cdef int _all_acked(self, Py_ssize_t i, Py_ssize_t d) except? -1
    cdef int _goes_on(self, Py_ssize_t i, Py_ssize_t d) except? -1
    cdef int _waited_to_send_again(self, Py_ssize_t i, Py_ssize_t d, Py_ssize_t m, long long low, long long high) except? -1
    cdef int _note_again(self, Py_ssize_t m, long long low, long long high, long long wait, long long time) except? -1
    cdef int _not_late(self, Py_ssize_t m, long long begin, long long end) except? -1
    cdef bint _may_come_twice(self, Py_ssize_t i, Py_ssize_t m) except? -1
