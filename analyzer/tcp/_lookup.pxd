from analyzer.tcp._ordering cimport Ordering


cdef class Lookup(Ordering):
    cdef int _warm(self, Py_ssize_t begin, Py_ssize_t end) except? -1
    cdef Py_ssize_t _find(self, Py_ssize_t i, unsigned int wanted) except? -1
    cdef bint _is_between(self, Py_ssize_t i, Py_ssize_t s) except? -1
    cdef bint _has_halves(self, Py_ssize_t s, unsigned long long high0, unsigned long long high1) except? -1
    cdef int _name_ends(self, Py_ssize_t i, Py_ssize_t s) except? -1
    cdef int _map(self, Py_ssize_t s) except? -1
    cdef int _unmap(self, Py_ssize_t s) except? -1
    cdef int _grow_table(self) except? -1
