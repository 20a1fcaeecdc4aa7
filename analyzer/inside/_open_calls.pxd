# The class of _open_calls.

cdef class OpenCalls:
    cdef object numbers
    cdef object labels
    cdef long long next_number
    cdef long long[::1] slots
    cdef long long[:, ::1] lanes
    cdef list talks
    cdef list decoders
    cdef list names
    cdef list free_lanes
    cdef long long[:, ::1] calls
    cdef long long free_call
    cdef long long[::1] buckets
    cdef unsigned long long factor
    cdef long long[::1] answers
    cdef long long[:, ::1] done
    cdef Py_ssize_t done_count
    cdef long long sequence
    cdef long long[:, ::1] moments
    cdef signed char[::1] flags
    cdef long long[::1] ids
    cdef long long[::1] replies
    cdef int _free_from(self, Py_ssize_t begin, Py_ssize_t end)
    cdef bint _ask(self, Py_ssize_t lane, Py_ssize_t at, Py_ssize_t place, long long number, long long label)
    cdef int _wait(self, Py_ssize_t lane, Py_ssize_t at, Py_ssize_t place, long long number, long long label)
    cdef int _end_call(self, Py_ssize_t lane, Py_ssize_t at, Py_ssize_t place, long long entry)
    cdef int _answer(self, Py_ssize_t lane, Py_ssize_t at, Py_ssize_t place, long long number)
    cdef long long _answer_label(self, Py_ssize_t lane, long long label)
    cdef bint _is_in_book(self, Py_ssize_t lane, long long key, long long number)
    cdef Py_ssize_t _bucket(self, long long key, long long number)
    cdef int _spread_buckets(self)
    cdef long long _find(self, long long key, long long number, Py_ssize_t bucket)
    cdef int _remove(self, long long entry)
