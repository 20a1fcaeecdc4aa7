# The classes of _http2_accounts.

cdef class Account:
    cdef public object owner
    cdef public long long slot
    cdef public bint over
    cdef public long long pending
    cdef public object counted
    cdef long long[:, ::1] sums


cdef class Stretches:
    cdef long long[::1] ends
    cdef object accounts
    cdef Py_ssize_t head
    cdef Py_ssize_t count
    cdef public long long begin
    cdef public long long acked
    cdef public bint limited
    cpdef int add(self, object account, long long begin, long long end)
    cdef int _drop(self)


cdef class Reading:
    cdef public bint plain
    cdef public long long left
    cdef public object account
    cdef public long long number


cdef class Link:
    cdef public Account own
    cdef public tuple acks
    cdef public dict open
    cdef public tuple sides
    cdef public list pending
    cdef public list waiting
    cdef public bint watched
