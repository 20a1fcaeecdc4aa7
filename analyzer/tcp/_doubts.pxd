from analyzer.tcp._openings cimport Openings


cdef class Doubts(Openings):
    cdef int _settle(self, Py_ssize_t s)
    cdef Py_ssize_t _again(self, Py_ssize_t i, Py_ssize_t s)
    cdef Py_ssize_t _anew(self, Py_ssize_t i, Py_ssize_t s, object waiting, unsigned int hashed)
    cdef bint _jumps(self, Py_ssize_t i, Py_ssize_t d, int flags)
    cdef bint _is_far(self, Py_ssize_t i, Py_ssize_t d, long long expected)
    cdef int _doubt(self, Py_ssize_t i, Py_ssize_t s)
    cdef Py_ssize_t _weigh_doubt(self, Py_ssize_t i, Py_ssize_t s, int flags)
    cdef Py_ssize_t _split(self, Py_ssize_t i, Py_ssize_t s, bint is_new)
    cdef int _segment(self, Py_ssize_t i, unsigned int hashed)
