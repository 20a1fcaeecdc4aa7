cdef class Distances:
    cdef unsigned char[::1] data
    cdef Py_ssize_t at
    cdef Py_ssize_t end
    cdef unsigned int held
    cdef int held_bits
    cdef int best
    cdef int[::1] lengths
    cdef int[::1] offsets
    cdef int[::1] literal_count
    cdef int[::1] literal_symbol
    cdef int[::1] distance_count
    cdef int[::1] distance_symbol
    cdef int[::1] distance_base
    cdef int[::1] distance_extra
    cdef int[::1] length_extra
    cdef int[::1] order
    cdef int _bits(self, int count)
    cdef int _stored(self)
    cdef int _fixed(self)
    cdef int _dynamic(self)
    cdef int _literals(self, int count)
    cdef int _distances(self, int begin, int count)
    cdef int _literal(self)
    cdef int _distance(self)
    cdef int _codes(self)
