# The class of _asked.

cdef class Asked:
    cdef Py_ssize_t most
    cdef unsigned long long factor
    cdef long long[:, ::1] rows
    cdef long long[::1] buckets
    cdef long long free
    cdef long long oldest
    cdef long long newest
    cdef Py_ssize_t count
    cdef dict numbers
    cdef dict tokens
    cdef long long next_other
    cdef long long _number_of(self, bytes token)
    cdef Py_ssize_t _bucket(self, long long number)
    cdef long long _find(self, long long number)
    cdef bint _has(self, long long number)
    cdef int _add(self, long long number)
    cdef int _remove(self, long long number)
    cdef int _grow(self)
