cimport cython

from analyzer.packets._tunnels cimport Tunnels


cdef class TcpHeader(Tunnels):
    cdef long _tcp(self, Py_ssize_t row)
    @cython.final
    cdef long _addresses(self, Py_ssize_t row)
    @cython.final
    cdef unsigned long long _identity(self, long header, long long length)
    @cython.final
    cdef int _doubled(self, Py_ssize_t row, Py_ssize_t at, long size) except? -1
    cdef bint _options(self, Py_ssize_t row, Py_ssize_t at, Py_ssize_t end) except? -1
