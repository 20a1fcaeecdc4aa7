from analyzer.tcp._lifecycle cimport Lifecycle


cdef class Assembler(Lifecycle):
    cdef int _segment(self, Py_ssize_t i, unsigned int hashed)
    cdef int _present(self, Py_ssize_t i, int flags, int length)
    cdef int _take(self, Py_ssize_t i, Py_ssize_t s, Py_ssize_t d, int flags, int length)
    cdef int _readable(self, Py_ssize_t i, int length)
    cdef long long _acknowledge(self, Py_ssize_t i, Py_ssize_t o, int flags)
    cdef int _window_closed(self, Py_ssize_t d, int flags)
    cdef int _take_slowly(self, Py_ssize_t i, Py_ssize_t s, Py_ssize_t d, int flags, int length)
