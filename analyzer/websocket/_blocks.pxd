cimport cython
from analyzer.websocket._huffman cimport Table


@cython.final
cdef class Window:
    cdef unsigned char[::1] ring
    cdef Py_ssize_t at
    cdef readonly Py_ssize_t have
    cpdef int remember(self, bytes output)


@cython.final
cdef class Blocks:
    cdef const unsigned char *data
    cdef Py_ssize_t available
    cdef Py_ssize_t at
    cdef Py_ssize_t end
    cdef unsigned long long held
    cdef int held_bits
    cdef unsigned char[::1] out
    cdef Py_ssize_t size
    cdef Window window
    cdef unsigned char[::1] lengths
    cdef unsigned short[::1] used
    cdef unsigned char[::1] order
    cdef unsigned long long[::1] copies
    cdef public int fetched
    cdef Table codes
    cdef Table literals
    cdef Table distances
    cdef Table fixed_literals
    cdef Table fixed_distances
    cpdef Py_ssize_t inflate(self, bytes content, Py_ssize_t start, Py_ssize_t end, Window window)
    cpdef bytes output(self)
    cpdef bint is_ascii(self)
    cdef int _refill(self) noexcept
    cdef inline int _drop(self, int count) noexcept
    cdef int _block(self, int kind)
    cdef int _stored(self)
    cdef int _dynamic(self)
    cdef int _lengths(self, int count)
    cdef int _symbols(self, Table codes, Table distances)
    cdef int _copy(self, Py_ssize_t count)
    cdef int _copy_one(self, Py_ssize_t at, Py_ssize_t length, Py_ssize_t distance)
