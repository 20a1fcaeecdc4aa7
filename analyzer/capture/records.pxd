# The C struct of the rows in the module beside this file, field by field, for all kernels that
# take or make such rows. Cython compares it with the arrays' dtype at each call.

ctypedef struct Record:
    long long packet
    long long time
    long long start
    int captured
    int original
    int link_type
    int interface
