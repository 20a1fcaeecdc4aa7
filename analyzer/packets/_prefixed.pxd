from analyzer.packets._wireless cimport Wireless


cdef class PrefixedLinks(Wireless):
    cdef long _rare_link(self)
    cdef long _nest(self, long long link_type)
    cdef long _nflog(self)
    cdef long _logged(self, long family)
    cdef long _pflog(self)
    cdef long _enc(self)
    cdef long _frame_relay(self)
    cdef long _snap(self)
    cdef long _exported(self)
    cdef unsigned long long _word(self, Py_ssize_t length)
    cdef long _ppi(self)
    cdef long _pktap(self)
