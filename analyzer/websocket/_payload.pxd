from analyzer.websocket._costs cimport Costs


cpdef unsigned long long digest_of(bytes payload) noexcept

cdef class Payload(Costs):
    cdef int _payload(self, Py_ssize_t i, Py_ssize_t d, Py_ssize_t p, Py_ssize_t n) except? -1
    cdef int _stall(self, Py_ssize_t i, Py_ssize_t m) except? -1
    cdef int _preview(self, Py_ssize_t m, Py_ssize_t p, Py_ssize_t n) except? -1
    cdef int _digest(self, Py_ssize_t m, Py_ssize_t p, Py_ssize_t n) except? -1
    cdef int _end_digest(self, Py_ssize_t m) except? -1
    cdef int _keep_control(self, Py_ssize_t d, Py_ssize_t p, Py_ssize_t n) except? -1
    cdef int _utf8(self, Py_ssize_t d, Py_ssize_t p, Py_ssize_t end) except? -1
