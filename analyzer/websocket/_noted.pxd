# The class of _noted.

from analyzer.websocket._frames cimport FrameWalk


cdef class NotingWalk(FrameWalk):
    cdef public long long now
    cdef public long long until
    cdef long long[::1] floors
    cdef long long[::1] arrivals
    cdef long long[:, ::1] frame_keys
    cdef long long[:, ::1] done_keys
    cdef Py_ssize_t noted_frames
    cdef Py_ssize_t noted_fragments
    cdef Py_ssize_t noted_done
    cdef int _note(self, long long key, long long ending)
