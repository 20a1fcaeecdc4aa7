cdef class Distances:
    cdef unsigned char[::1] data
    cdef Py_ssize_t at
    cdef Py_ssize_t end
    cdef unsigned int held
    cdef int held_bits
    cdef int best
    cdef int[::1] lengths
    cdef int[::1] offsets
    cdef int[:, ::1] counts
    cdef int[:, ::1] symbols
    cdef int[::1] distance_base
    cdef int[::1] distance_extra
    cdef int[::1] length_extra
    cdef int[::1] order
    cdef int _bits(self, int count)
    cdef int _stored(self)
    cdef int _fixed(self)
    cdef int _dynamic(self)
    cdef int _make(self, int table, int begin, int count)
    cdef int _symbol(self, int table)
    cdef int _codes(self)
