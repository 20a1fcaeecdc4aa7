# The class of _naming.

from analyzer.inside._members cimport Members
from analyzer.inside._open_calls cimport OpenCalls


cdef class Names(OpenCalls):
    cdef Members naming
    cdef tuple _named(self, Py_ssize_t lane, bytes payload, bint is_answer)
    cdef int _text_from(self, int begin, int end, const unsigned char *data)
    cdef tuple _new_name(self, Py_ssize_t lane, bytes payload, int first, bint is_answer)
    cdef tuple _known(self, Py_ssize_t lane, object name)
    cdef tuple _name(self, Py_ssize_t lane, int kind, bytes name)
    cdef tuple _make(self, Py_ssize_t lane, dict names, object key, str kind, object text)
