from analyzer.http._row_accounts cimport Account, Link, Reading
from analyzer.tcp.bytestream cimport Chunk


cdef class RowPath:
    cdef const Chunk[::1] rows
    cdef const unsigned char[::1] data
    cdef object row_rows
    cdef Chunk[::1] row
    cdef Chunk[::1] out
    cdef object out_rows
    cdef object places
    cdef long long[::1] place_view
    cdef public Py_ssize_t count
    cdef public long long place
    cdef public long long skip
    cdef int _room(self)
    cdef long long _stands_for(self, long long count)
    cpdef int attribute(self, Link link, int side, long long begin, long long end, object account)
    cpdef int attribute_span(self, Link link, int side, long long low, long long high, object account)
    cpdef int _charge(self, Account account, int side, long long low, long long high, int column)
    cpdef int emit(self, Account account, int side, long long begin, long long content, long long behind, long long end)
    cpdef int acknowledge(self, Link link, int side)
    cdef int _acked(self, Link link, Account account, int side, long long low, long long high, long long old)
    cdef int _ack_row(self, Account account, int side, long long acked, long long cost)
    cpdef int settle(self, Link link, int side)
    cdef bint _take(self, Link link, int kind)
    cdef long long _frames(self, Link link, Reading reading, int side)
    cdef long long _number(self, long long at, int count)
