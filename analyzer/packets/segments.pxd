# The C struct of the rows in the module beside this file, field by field, for all kernels that
# take or make such rows. Cython compares it with the arrays' dtype at each call.

ctypedef struct Segment:
    long long packet
    long long time
    unsigned long long source_high
    unsigned long long source_low
    unsigned long long destination_high
    unsigned long long destination_low
    unsigned long long identity
    long long start
    int captured
    int length
    int link_bytes
    int ip_bytes
    int tcp_bytes
    unsigned int seq
    unsigned int ack
    unsigned short source_port
    unsigned short destination_port
    unsigned short flags
    unsigned short window
    unsigned short mss
    signed char window_scale
    unsigned char version
    unsigned char strong_identity
    unsigned char ttl
    unsigned short name
    unsigned int twice
    int twice_bytes
