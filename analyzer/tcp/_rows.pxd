from analyzer.tcp._state cimport AssemblerState


cdef class RowWriter(AssemblerState):
    cdef int _row(self, int kind, Py_ssize_t d, long long place, long long length, long long into, long long start, long long ready) except? -1
