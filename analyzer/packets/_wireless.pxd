from analyzer.packets._link cimport LinkLayers


cdef class Wireless(LinkLayers):
    cdef long _radiotap(self)
    cdef long _prism(self)
    cdef long _wlan(self)
    cdef bint _decrypted(self, Py_ssize_t size)
    cdef long _aggregate(self)
