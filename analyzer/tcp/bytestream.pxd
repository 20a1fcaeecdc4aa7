# The C structs of the rows in the module beside this file, field by field, for all kernels that
# take or make such rows. Cython compares them with the arrays' dtypes at each call.

ctypedef struct Chunk:
    long long packet
    long long time
    long long ready
    long long offset
    long long acked
    long long start
    int direction
    int length
    int payload
    int into
    int header_bytes
    int wire
    unsigned char kind
    unsigned char flags
    int span
    long long done_packet
    long long done_time
    int tls
    int link
    int ip
    unsigned char window

ctypedef struct Connection:
    long long tcp_stream
    unsigned long long high0
    unsigned long long low0
    unsigned long long high1
    unsigned long long low1
    long long first_packet
    long long first_time
    long long last_packet
    long long last_time
    long long syn_time
    long long synack_time
    long long established_time
    long long fin_time
    long long closed_time
    unsigned short port0
    unsigned short port1
    int syn_retries
    unsigned char version
    unsigned char state
    signed char fin_side
    signed char reset_side
    unsigned char end
    unsigned char sides_known
    unsigned char timed_out

ctypedef struct Direction:
    long long packets
    long long wire_bytes
    long long link_bytes
    long long ip_bytes
    long long tcp_bytes
    long long duplicate_bytes
    long long retransmitted_bytes
    long long stream_bytes
    long long lost_bytes
    long long cut_bytes
    long long pure_acks
    long long pure_ack_bytes
    long long retransmissions
    long long out_of_order
    long long zero_windows
    long long keep_alives
    int mss
