cimport cython

# The C structs of the rows in the module beside this file, field by field, and the C twins of its
# functions, which the kernels inline. Who calls them has seen that the bytes are there.

ctypedef struct Group:
    unsigned long long high
    unsigned long long low
    unsigned long long sequence
    long long begin
    int blocks
    int explicit
    int head
    int tail
    int count
    int opened
    int direction

ctypedef struct Entry:
    long long place
    int record
    int group
    int next
    int order
    int content
    int large

# Written like this, compilers make one load of it, or one store.

@cython.boundscheck(False)
cdef inline unsigned long long big(unsigned char[::1] data, Py_ssize_t at) noexcept:
    cdef const unsigned char *place = &data[at]
    return (
        <unsigned long long>place[0] << 56
        | <unsigned long long>place[1] << 48
        | <unsigned long long>place[2] << 40
        | <unsigned long long>place[3] << 32
        | <unsigned long long>place[4] << 24
        | <unsigned long long>place[5] << 16
        | <unsigned long long>place[6] << 8
        | <unsigned long long>place[7]
    )

@cython.boundscheck(False)
cdef inline int put(unsigned char[::1] data, Py_ssize_t at, unsigned long long word) noexcept:
    cdef unsigned char *place = &data[at]
    place[0] = <unsigned char>(word >> 56)
    place[1] = <unsigned char>(word >> 48)
    place[2] = <unsigned char>(word >> 40)
    place[3] = <unsigned char>(word >> 32)
    place[4] = <unsigned char>(word >> 24)
    place[5] = <unsigned char>(word >> 16)
    place[6] = <unsigned char>(word >> 8)
    place[7] = <unsigned char>word
    return 0
