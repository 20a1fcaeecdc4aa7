# The classes of _noted.

from analyzer.inside._publications cimport Publications
from analyzer.inside._quick cimport Quick


cdef class Notes:
    cdef readonly long long now
    cdef public long long until
    cdef public bint is_late
    cdef public long long ending
    cdef long long[:, ::1] parts
    cdef readonly Py_ssize_t part_count
    cdef long long[:, ::1] asked
    cdef Py_ssize_t asked_count
    cdef long long[:, ::1] over
    cdef Py_ssize_t over_count
    cdef long long _key(self)
    cdef int _reach(self, long long packet)
    cdef int _ask(self)
    cdef int _end(self)
    cdef int _part(self, long long kind, long long member, long long connection, long long since, long long topic, long long body, long long size, long long message, long long time)


cdef class NotingQuick(Quick):
    cdef Notes notes
    cdef object noting


cdef class Retaken:
    cdef object spreading
    cdef Publications publications
    cdef long long[:, ::1] rows
    cdef int _take(self, Py_ssize_t at, object about, long long key)
