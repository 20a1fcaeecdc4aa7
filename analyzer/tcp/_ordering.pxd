from analyzer.tcp._delivery cimport Delivery


cdef class Ordering(Delivery):
    cdef long long _reference(self, Py_ssize_t d) except? -1
    cdef int _payload(self, Py_ssize_t d, long long place, int length, long long start, int captured) except? -1
    cdef bint _is_stray(self, Py_ssize_t d, long long place, int length) except? -1
    cdef bint _count_again(self, Py_ssize_t d, long long place, long long old, long long end) except? -1
    cdef bint _has_room(self, Py_ssize_t d, long long captured) except? -1
    cdef int _give_up(self, Py_ssize_t d, long long place) except? -1
    cdef int _hold(self, Py_ssize_t d, long long place, long long end, long long into, long long start, long long captured) except? -1
    cdef int _judge(self, Py_ssize_t s) except? -1
