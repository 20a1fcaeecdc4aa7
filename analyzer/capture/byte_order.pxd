# The C twins of capture.byte_order, which the kernels inline. Each byte is widened before it is
# shifted; an index outside `data` raises IndexError.

cdef inline long long u16(unsigned char[::1] data, Py_ssize_t at, bint big) except -1:
    cdef long long a = data[at]
    cdef long long b = data[at + 1]
    return a << 8 | b if big else b << 8 | a


cdef inline long long u32(unsigned char[::1] data, Py_ssize_t at, bint big) except -1:
    cdef long long a = data[at]
    cdef long long b = data[at + 1]
    cdef long long c = data[at + 2]
    cdef long long d = data[at + 3]
    if big:
        return a << 24 | b << 16 | c << 8 | d
    return d << 24 | c << 16 | b << 8 | a
