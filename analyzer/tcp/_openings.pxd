from analyzer.tcp._lifecycle cimport Lifecycle


cdef class Openings(Lifecycle):
    cdef int _confirm(self, Py_ssize_t o, long long ack)
    cdef int _syn(self, Py_ssize_t i, Py_ssize_t s, Py_ssize_t d, int flags)
    cdef int _fin(self, Py_ssize_t s, Py_ssize_t d, long long at)
    cdef int _base(self, Py_ssize_t d, long long origin)
    cdef bint _is_strange(self, Py_ssize_t i, Py_ssize_t d)
    cdef bint _only_asked(self, Py_ssize_t s)
    cdef int _revive(self, Py_ssize_t s)
    cdef bint _is_refused(self, Py_ssize_t i, Py_ssize_t s, Py_ssize_t d, int flags)
    cdef int _foreign(self, Py_ssize_t s, Py_ssize_t d, object why)
    cdef int _go_on(self, Py_ssize_t s, Py_ssize_t d)
    cdef int _weigh_ttl(self, Py_ssize_t i, Py_ssize_t s, Py_ssize_t d)
    cdef int _reset(self, Py_ssize_t i, Py_ssize_t s, Py_ssize_t d, long long place, int length)
