from analyzer.tcp._lookup cimport Lookup


cdef class Lifecycle(Lookup):
    cdef Py_ssize_t _open(self, Py_ssize_t i)
    cdef int _make_room(self, Py_ssize_t i)
    cdef int _reckon_isn(self, Py_ssize_t i, Py_ssize_t d)
    cdef int _event(self, Py_ssize_t s, int event, int side)
    cdef int _close(self, Py_ssize_t s)
    cdef long long _due(self)
    cdef int _start_clock(self)
    cdef long long _next_due(self)
    cdef int _plan_sweep(self)
    cdef int _tick(self, long long now)
    cdef int _set_back(self, long long now)
    cdef int _sweep(self, long long before)
    cdef int _let_go(self)
    cdef int _end(self, Py_ssize_t s, int reason)
    cdef int _count(self, Py_ssize_t d)
    cdef int _summarise(self, Py_ssize_t d)
    cdef int _settle(self, Py_ssize_t s)
