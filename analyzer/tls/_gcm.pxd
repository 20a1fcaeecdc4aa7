from analyzer.tls._cutting cimport Record
from analyzer.tls._ghash cimport Ghash
from analyzer.tls.gcm cimport Entry, Group


cdef class GcmRun(Ghash):
    cdef public object _arrays
    cdef Record[::1] records
    cdef Group[::1] groups
    cdef Entry[::1] entries
    cdef int[::1] group_of
    cdef unsigned char[::1] stopped
    cdef unsigned char[::1] stream
    cdef unsigned char[::1] pads
    cdef Py_ssize_t _groups
    cdef Py_ssize_t _entries
    cdef bint _is_possible(self, Py_ssize_t r) except? -1
    cdef int _enter(self, Py_ssize_t r, Py_ssize_t g, Py_ssize_t blocks) except? -1
    cdef int _place(self) except? -1
    cdef int _counters(self, Py_ssize_t e) except? -1
    cdef int _prove(self, Py_ssize_t g) except? -1
    cdef bint _is_proven(self, Py_ssize_t e) except? -1
    cdef int _content(self, Py_ssize_t e) except? -2
    cdef int _accept(self) except? -1
    cdef int _decrypt(self, Py_ssize_t place, Py_ssize_t start, Py_ssize_t size) noexcept
