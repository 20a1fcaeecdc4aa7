from analyzer.packets._tcp cimport TcpHeader


cdef class HeaderWalk(TcpHeader):
    cdef long _decode(self, long layer, Py_ssize_t count)
    cdef long _rare(self, long layer)
