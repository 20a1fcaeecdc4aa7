cimport cython


@cython.final
cdef class Table:
    cdef unsigned int[::1] results
    cdef unsigned int[::1] entries
    cdef int root
    cdef int[::1] counts
    cdef int[::1] offsets
    cdef unsigned short[::1] symbols
    cpdef int make(
        self, unsigned char[::1] lengths, unsigned short[::1] used, int begin, int end, int first, bint may_lack
    )
    cpdef unsigned int long(self, unsigned long long held)
    cdef int _counted(
        self, unsigned char[::1] lengths, unsigned short[::1] used, int begin, int end, bint may_lack
    )
    cdef int _sort(
        self, unsigned char[::1] lengths, unsigned short[::1] used, int begin, int end, int first
    )
    cdef int _filled(self)
