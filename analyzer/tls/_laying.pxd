from analyzer.tls._cutting cimport RecordCut


cdef class RecordLay(RecordCut):
    cdef bint _is_stopped(self, Py_ssize_t i)
    cdef int _piece(self, Py_ssize_t o, Py_ssize_t k, Py_ssize_t r)
    cdef long long _open(self, Py_ssize_t o, Py_ssize_t r, long long at, long long span)
    cdef long long _shut(self, Py_ssize_t o, Py_ssize_t r, long long at, long long span)
    cdef int _turn(self, Py_ssize_t begin, Py_ssize_t end)
