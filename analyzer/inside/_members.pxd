# The class of _members.

cdef class Members:
    cdef readonly tuple names
    cdef list words
    cdef long long[::1] first
    cdef long long[::1] following
    cdef long long[::1] starts
    cdef long long[::1] begins
    cdef long long[::1] ends
    cdef unsigned long long present
    cdef bint _read(self, bytes payload)
    cdef int _find(self, const unsigned char *data, Py_ssize_t begin, Py_ssize_t end)

cdef long long whole(const unsigned char *data, Py_ssize_t begin, Py_ssize_t end) noexcept
