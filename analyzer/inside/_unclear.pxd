# The class of _unclear.

from analyzer.inside._mute cimport Mute


cdef class Unclear:
    cdef Py_ssize_t most
    cdef long long most_bytes
    cdef readonly Py_ssize_t count
    cdef readonly long long held_bytes
    cdef list exhausted
    cdef long long[::1] slots
    cdef dict members
    cdef long long[:, ::1] lanes
    cdef list mutes
    cdef list free_lanes
    cdef long long oldest
    cdef long long newest
    cdef long long[:, ::1] entries
    cdef list payloads
    cdef long long free_entry
    cdef set told
    cdef list limits
    cdef list passed
    cdef long long _lane_of(self, long long slot)
    cdef int _wait(self, long long lane, long long place, object payload, bint is_text, long long[:, ::1] moments, Py_ssize_t at)
    cdef int _let_pass(self, long long packet)
    cdef int _link(self, long long lane)
    cdef int _unlink(self, long long lane)
    cdef int _grow(self)
