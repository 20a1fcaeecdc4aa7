from analyzer.packets._tcp cimport TcpHeader


cdef class HeaderWalk(TcpHeader):
    cdef long _decode(self, long layer, Py_ssize_t count)
    cdef long _rare(self, long layer)
    cdef long _first(self, Py_ssize_t row, long link_type, Py_ssize_t count)
    cdef long _weigh(self, Py_ssize_t row, long link_type, long outcome, Py_ssize_t count)
