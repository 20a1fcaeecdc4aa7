from analyzer.tcp._doubts cimport Doubts


cdef class Assembler(Doubts):
    cdef int _present(self, Py_ssize_t i, int flags, int length) except? -1
    cdef int _take(self, Py_ssize_t i, Py_ssize_t s, Py_ssize_t d, int flags, int length) except? -1
    cdef int _count_copy(self, Py_ssize_t i, Py_ssize_t d, int length) except? -1
    cdef int _not_open(self, Py_ssize_t i, Py_ssize_t s, Py_ssize_t d, int flags, int length) except? -1
    cdef bint _is_unproven(self, Py_ssize_t s, Py_ssize_t d, int length) except? -1
    cdef int _readable(self, Py_ssize_t i, int length) except? -1
    cdef long long _acknowledge(self, Py_ssize_t i, Py_ssize_t o, int flags) except? -1
    cdef int _unheard(self, Py_ssize_t o, long long ack) except? -1
    cdef int _window_closed(self, Py_ssize_t d, int flags) except? -1
    cdef int _take_slowly(self, Py_ssize_t i, Py_ssize_t s, Py_ssize_t d, int flags, int length) except? -1
