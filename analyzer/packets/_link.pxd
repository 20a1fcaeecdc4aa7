from analyzer.packets._packet cimport PacketState


cdef class LinkLayers(PacketState):
    cdef long _other_link(self, long link_type)
    cdef long _cooked(self, Py_ssize_t size, Py_ssize_t protocol)
    cdef long _loopback(self)
    cdef long _family(self, long long family)
    cdef long _tag(self, long ethertype)
    cdef long _hdlc(self)
    cdef long _ethernet(self)
    cdef long _llc(self, Py_ssize_t length)
    cdef long _ethertype(self, long ethertype)
    cdef long _mpls(self)
    cdef long _pppoe(self)
    cdef long _ppp(self)
