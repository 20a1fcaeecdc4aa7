# The C twins of tcp.sequence, which the kernels inline.

cdef inline long long distance(long long seq, long long origin) noexcept:
    cdef long long behind = (seq - origin) & <long long>0xFFFFFFFF
    if behind >= <long long>0x80000000:
        behind -= <long long>0x100000000
    return behind

cdef inline long long wide(long long value) noexcept:
    return value

cdef inline unsigned long long wide_unsigned(unsigned long long value) noexcept:
    return value

cdef inline unsigned long long between(long long one, long long other) noexcept:
    if one < other:
        return <unsigned long long>other - <unsigned long long>one
    return <unsigned long long>one - <unsigned long long>other
