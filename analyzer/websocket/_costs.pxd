from analyzer.websocket._waits cimport Waits


cdef class Costs(Waits):
    cdef long long _share(self, long long header, long long at, long long payload) except? -1
    cdef long long _stands_for(self, Py_ssize_t i, long long count) except? -1
    cdef int _charge(self, Py_ssize_t i, Py_ssize_t d, long long begin, long long end) except? -1
    cdef int _grant(self, Py_ssize_t d) except? -1
    cdef int _acknowledge(self, Py_ssize_t i, Py_ssize_t d) except? -1
    cdef int _let_go(self, Py_ssize_t i, Py_ssize_t d) except? -1
    cdef int _let_go_in_turn(self, Py_ssize_t i, Py_ssize_t d) except? -1
    cdef int _make_room(self, Py_ssize_t d) except? -1
    cdef int _came_twice(self, Py_ssize_t i, Py_ssize_t d) except? -1
    cdef int _retransmission(self, Py_ssize_t i, Py_ssize_t d) except? -1
    cdef int _pop(self, Py_ssize_t d) except? -1
