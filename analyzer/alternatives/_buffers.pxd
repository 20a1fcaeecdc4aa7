# The C structs of the rows in alternatives.lanes, field by field.
# Cython compares them with the arrays' dtypes at each call.

from analyzer.alternatives._schedule cimport Lane

ctypedef struct Buffer:
    long long origin
    long long latest
    long long first
    long long filled
    long long messages
    double offsets
    long long offset_class
    long long delay_class
    int mss
    int size_class

cdef class Buffers:
    cdef public object _arrays
    cdef Lane[::1] lanes
    cdef Buffer[::1] buffers
    cdef int[:, ::1] sizes
    cdef int[:, ::1] delays
    cdef int[:, ::1] waiting
    cdef long long room
    cdef long long wait
    cdef Py_ssize_t _count
    cdef int _take(self, Py_ssize_t c, long long time, long long size) except? -1
    cdef int _hold(self, Py_ssize_t c, long long offset) except? -1
    cdef int _pass_on(self, Py_ssize_t c, long long now) except? -1
    cdef int _write(self, Py_ssize_t c, long long body, long long now) except? -1
    cdef int _deliver(self, Py_ssize_t c, long long now) except? -1
    cdef int _delay(self, Py_ssize_t c, long long wait, int count) except? -1
