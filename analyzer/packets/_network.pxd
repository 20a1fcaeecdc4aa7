from analyzer.packets._prefixed cimport PrefixedLinks


cdef class NetworkLayers(PrefixedLinks):
    cdef long _raw_ip(self)
    cdef long _ipv4(self)
    cdef long _ipv6(self)
    cdef long _extensions(self, long following)
    cdef long _fragment6(self, long fragment)
    cdef long _protocol(self, long protocol)
