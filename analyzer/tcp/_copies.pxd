from analyzer.tcp._rows cimport RowWriter


cdef class CopyCheck(RowWriter):
    cdef Py_ssize_t _recent_place(self, Py_ssize_t i, unsigned int hashed) except? -1
    cdef bint _is_copy(self, Py_ssize_t i, Py_ssize_t d) except? -1
    cdef int _shade(self, Py_ssize_t s, long long first, int flip) except? -1
    cdef int _count_shadow(self, Py_ssize_t i, Py_ssize_t d) except? -1
    cdef int _tell_shadows(self, Py_ssize_t s) except? -1
    cdef bint _is_same(self, Py_ssize_t i, Py_ssize_t d, Py_ssize_t n) except? -1
    cdef int _keep(self, Py_ssize_t d, long long place, long long start, long long count) except? -1
    cdef int _store(self, Py_ssize_t at, Py_ssize_t start, Py_ssize_t count) except? -1
    cdef int _compare(self, Py_ssize_t d, long long place, long long start, long long captured) except? -1
    cdef long long _difference(self, Py_ssize_t n, long long place, long long start, long long captured) except? -1
