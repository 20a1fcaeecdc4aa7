from analyzer.packets._network cimport NetworkLayers


cdef class Tunnels(NetworkLayers):
    cdef long _etherip(self)
    cdef long _gre(self)
    cdef long _udp(self)
    cdef long _lookup(self, long source, long destination)
    cdef long _vxlan(self)
    cdef long _geneve(self)
    cdef long _gtp(self)
    cdef long _tzsp(self)
    cdef long _l2tp(self)
