from analyzer.tcp._copies cimport CopyCheck


cdef class Delivery(CopyCheck):
    cdef long long _place(self, Py_ssize_t i, Py_ssize_t d) except? -1
    cdef int _deliver(self, Py_ssize_t d, long long length, long long into, long long start, long long captured, long long ready) except? -1
    cdef int _sent_again(self, Py_ssize_t d, long long place, long long length, long long into) except? -1
    cdef int _lose(self, Py_ssize_t d, long long upto) except? -1
    cdef int _came_twice(self, Py_ssize_t i, Py_ssize_t o) except? -1
    cdef int _held_row(self, Py_ssize_t d, object piece, int kind, long long start, long long ready) except? -1
    cdef int _drain(self, Py_ssize_t d, long long filled) except? -1
    cdef int _refuse(self, Py_ssize_t d, object piece) except? -1
    cdef int _refuse_held(self, Py_ssize_t d) except? -1
    cdef int _reach_fin(self, Py_ssize_t d, long long filled) except? -1
    cdef int _flush(self, Py_ssize_t d) except? -1
