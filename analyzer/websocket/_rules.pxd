from analyzer.websocket._messages cimport Messages


cdef class Rules(Messages):
    cdef long long _number(self, Py_ssize_t d, Py_ssize_t at, Py_ssize_t count)
    cdef bint _is_doubtful(self, Py_ssize_t d)
    cdef bint _ends_at_none(self, Py_ssize_t d, Py_ssize_t p, Py_ssize_t end)
    cdef bint _is_cut(self, Py_ssize_t i)
    cdef bint _looks_like_frames(self, Py_ssize_t d, Py_ssize_t p, Py_ssize_t end)
    cdef int _note_key(self, Py_ssize_t i, Py_ssize_t d, long long key)
    cdef int _check(self, Py_ssize_t i, Py_ssize_t d, long long length)
