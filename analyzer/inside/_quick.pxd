# The class of _quick.

from analyzer.inside._open_calls cimport OpenCalls


cdef class Quick(OpenCalls):
    cdef object spreading
    cdef dict waiting
    cdef object order
    cdef object note
    cdef Py_ssize_t trim_at
    cdef int _socket_io(self, Py_ssize_t lane, Py_ssize_t at, Py_ssize_t place, bytes payload)
    cdef int _spread(self, Py_ssize_t lane, Py_ssize_t at, tuple known, bytes body)
    cdef int _json_rpc(self, Py_ssize_t lane, Py_ssize_t at, Py_ssize_t place, bytes payload)
    cdef object _name(self, Py_ssize_t lane, object name, str kind)
