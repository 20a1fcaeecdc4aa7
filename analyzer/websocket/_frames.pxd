from analyzer.websocket._rules cimport Rules


cdef class FrameWalk(Rules):
    cdef int _warm(self, Py_ssize_t begin, Py_ssize_t end) except? -1
    cdef int _row(self, Py_ssize_t i) except? -1
    cdef int _data(self, Py_ssize_t i, Py_ssize_t d, Py_ssize_t p) except? -1
    cdef Py_ssize_t _header(self, Py_ssize_t i, Py_ssize_t d, Py_ssize_t p, Py_ssize_t end) except? -1
    cdef int _begin_frame(self, Py_ssize_t i, Py_ssize_t d) except? -1
    cdef int _end_frame(self, Py_ssize_t i, Py_ssize_t d, long long end) except? -1
    cdef int _gap(self, Py_ssize_t i, Py_ssize_t d) except? -1
    cdef int _forget_place(self, Py_ssize_t d)
    cdef int _lose(self, Py_ssize_t i, Py_ssize_t d) except? -1
    cdef int _ask(self, Py_ssize_t i, Py_ssize_t d, Py_ssize_t p)
