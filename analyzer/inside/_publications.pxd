# The classes of _publications.

from analyzer.inside._had cimport Had


cdef class Equals:
    cdef long long[:, ::1] cells
    cdef Py_ssize_t begin
    cdef Py_ssize_t end
    cdef int _add(self, long long time, long long row)
    cdef int _make_room(self)
    cdef Py_ssize_t _behind(self, long long time)


cdef class Publications(Had):
    cdef list many
    cdef list free_many
    cdef long long[:, ::1] rows
    cdef long long free_row
    cdef long long[::1] buckets
    cdef long long[:, ::1] order
    cdef Py_ssize_t order_begin
    cdef Py_ssize_t order_count
    cdef long long[:, ::1] deliveries
    cdef Py_ssize_t delivery_count
    cdef bint _is_first(self, long long row)
    cdef int _deliver(self, long long topic, long long row, long long connection, long long message, long long time)
    cdef Py_ssize_t _bucket(self, long long key, long long body)
    cdef long long _find(self, long long key, long long body, long long size)
    cdef long long _new_row(self)
    cdef int _grow(self)
    cdef int _remember(self, long long key, long long body, long long size, long long member, long long connection, long long message, long long time, bint counted)
    cdef int _note(self, long long key, long long body, long long size)
    cdef int _forget_oldest(self)
    cdef long long _new_many(self)
    cdef Equals _equals(self, long long head)
    cdef int _unlink(self, long long row, long long instead)
    cdef long long _match(self, long long key, long long body, long long size, long long member, long long since, long long time)
