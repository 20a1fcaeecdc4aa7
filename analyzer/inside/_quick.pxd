# The class of _quick.

from analyzer.inside._members cimport Members
from analyzer.inside._naming cimport Names
from analyzer.inside._publications cimport Publications


cdef class Quick(Names):
    cdef object spreading
    cdef Publications publications
    cdef Members calling
    cdef int _socket_io(self, Py_ssize_t lane, Py_ssize_t at, Py_ssize_t place, bytes payload)
    cdef int _spread(self, Py_ssize_t lane, Py_ssize_t at, tuple known, bytes body)
    cdef int _deliver_event(self, object talk, tuple known, Py_ssize_t at, long long mixed, long long size)
    cdef int _json_rpc(self, Py_ssize_t lane, Py_ssize_t at, Py_ssize_t place, bytes payload)
    cdef int _any_json(self, Py_ssize_t lane, Py_ssize_t at, Py_ssize_t place, bytes payload)
    cdef bint _ask_maybe(self, Py_ssize_t lane, Py_ssize_t at, Py_ssize_t place, long long number, long long label)
    cdef int _forget_oldest(self, Py_ssize_t lane)
