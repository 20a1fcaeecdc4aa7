# The class of _affinity.

from analyzer.packets.segments cimport Segment


cdef class Ends:
    cdef int shards_count
    cdef unsigned long long key0
    cdef unsigned long long key1
    cdef unsigned long long key2
    cdef unsigned long long[::1] hashes
    cdef unsigned char[::1] chosen
    cdef unsigned char[::1] begun
    cdef long long[::1] buckets
    cdef readonly Py_ssize_t count
    cdef Py_ssize_t _find(self, unsigned long long hashed)
    cdef int _spread(self)
