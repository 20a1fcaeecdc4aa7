# The classes of _mute.

cdef class Words:
    cdef list words
    cdef unsigned char[::1] begins
    cdef long long[::1] first
    cdef long long[::1] following
    cdef bint _is_in(self, const unsigned char *data, Py_ssize_t size)


cdef class Mute:
    cdef object words_of
    cdef object beats
    cdef Py_ssize_t longest_beat
    cdef signed char[::1] known
    cdef list sets
    cdef bint _is_mute(self, bytes payload, bint is_text)
    cdef int _learn(self, int first)
