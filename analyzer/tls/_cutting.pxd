from analyzer.tcp.bytestream cimport Chunk

# The C structs of the rows in tls.records, field by field. Cython compares them with the
# arrays' dtypes at each call.

ctypedef struct Record:
    long long start
    long long done_packet
    long long done_time
    long long wire
    long long content
    int direction
    int length
    int row
    int first
    int pieces
    int skip
    unsigned short version
    unsigned char type
    unsigned char fate

ctypedef struct Cut:
    int record
    int row
    int at
    int begin
    int count

ctypedef struct Link:
    int row
    int at
    int count
    int next

ctypedef struct Side:
    long long tls_bytes
    int head
    int tail
    int left
    int have
    int length
    int seen
    int added
    int stop
    unsigned short version
    unsigned char type
    unsigned char lost
    unsigned char broken
    unsigned char began_lost

ctypedef struct Sum:
    long long time
    long long content
    long long length
    int direction
    int count
    int least
    int most

cdef class RecordCut:
    cdef public object _arrays
    cdef const Chunk[::1] rows
    cdef const unsigned char[::1] data
    cdef Side[::1] sides
    cdef Record[::1] records
    cdef Link[::1] links
    cdef Cut[::1] cuts
    cdef Chunk[::1] out
    cdef Sum[::1] sums
    cdef Chunk[::1] turned
    cdef Py_ssize_t _count
    cdef Py_ssize_t _links
    cdef Py_ssize_t _cuts
    cdef int _plain(self, Py_ssize_t i, int record)
    cdef int _link(self, Py_ssize_t d, Py_ssize_t i, int at, int count)
    cdef int _bytes(self, Py_ssize_t d, Py_ssize_t i)
    cdef int _extend(self, Py_ssize_t d, Py_ssize_t i, int at, int count)
    cdef int _header_byte(self, Py_ssize_t d, int byte)
    cdef int _lose(self, Py_ssize_t d)
    cdef int _find(self, long long start, int at, int length)
    cdef int _gap(self, Py_ssize_t d, Py_ssize_t i)
    cdef int _close(self, Py_ssize_t d, Py_ssize_t i, int fate)
