cdef class Ghash:
    cdef public object _table
    cdef unsigned long long[::1] table
    cdef unsigned char[::1] data
    cdef unsigned long long y0
    cdef unsigned long long y1
    cdef int _key(self, unsigned long long h0, unsigned long long h1) noexcept
    cdef unsigned long long _rest(self, Py_ssize_t at, Py_ssize_t end) noexcept
    cdef int _hash(self, unsigned long long head0, unsigned long long head1, unsigned long long bits, Py_ssize_t start, Py_ssize_t size) noexcept
