# The class of _had.

cdef class Had:
    cdef readonly Py_ssize_t most
    cdef unsigned long long factor
    cdef long long[:, ::1] had
    cdef long long free_had
    cdef long long[::1] had_buckets
    cdef Py_ssize_t had_count
    cdef long long oldest
    cdef long long newest
    cdef Py_ssize_t _had_bucket(self, long long key, long long body, long long member)
    cdef long long _find_had(self, long long key, long long body, long long size, long long member)
    cdef int _note_had(self, long long entry, long long key, long long body, long long size, long long member, long long time)
    cdef int _grow_had(self)
    cdef int _to_newest(self, long long entry)
    cdef int _forget_had(self)
