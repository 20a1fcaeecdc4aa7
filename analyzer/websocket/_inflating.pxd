from analyzer.websocket._blocks cimport Blocks, Window
from analyzer.websocket._state cimport Fragment, Message

# The classes of _inflating.

cdef class UsualInflater:
    cdef public object _context
    cdef readonly Window _window
    cdef readonly Blocks _blocks
    cdef public Py_ssize_t _unseen
    cdef public Py_ssize_t _limit
    cdef public bint _takeover
    cdef bytes _usual(self, bytes content, Py_ssize_t start, Py_ssize_t end)


cdef class UsualMessages:
    cdef dict inflaters
    cdef dict windows
    cdef dict joined
    cdef dict kept
    cdef object idle
    cdef Py_ssize_t longest
    cdef Py_ssize_t keep_bytes
    cdef Fragment[::1] rows
    cdef Message[::1] pool
    cdef unsigned char[::1] heard
    cdef bytes content
    cdef Py_ssize_t begins
    cdef Py_ssize_t[::1] at
    cdef Py_ssize_t count
    cdef unsigned char[:, ::1] previews
    cdef public list payloads
    cdef public list bad_texts
    cdef int _take(self, Py_ssize_t at, bytes payload, bint is_unclear)
