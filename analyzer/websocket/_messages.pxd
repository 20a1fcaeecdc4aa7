from analyzer.websocket._payload cimport Payload


cdef class Messages(Payload):
    cdef int _place(self, Py_ssize_t i, Py_ssize_t d) except? -1
    cdef int _begin_message(self, Py_ssize_t i, Py_ssize_t d) except? -1
    cdef int _fetch_place(self, Py_ssize_t m) except? -1
    cdef int _touch(self, Py_ssize_t i, Py_ssize_t d) except? -1
    cdef int _reach(self, Py_ssize_t i, Py_ssize_t d) except? -1
    cdef int _extend(self, Py_ssize_t d, Py_ssize_t m) except? -1
    cdef int _end_message(self, Py_ssize_t i, Py_ssize_t d, Py_ssize_t m, long long end) except? -1
    cdef int _give_up(self, Py_ssize_t d) except? -1
    cdef int _end_fragments(self, Py_ssize_t i, Py_ssize_t d, Py_ssize_t m) except? -1
