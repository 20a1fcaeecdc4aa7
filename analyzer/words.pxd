# Bytes as numbers, in a header so that they are made in place.

cdef inline unsigned long long word_at(const unsigned char *at) noexcept nogil:
    """Return 8 bytes as a little-endian number; written like this, compilers make it one load."""
    return (
        <unsigned long long>at[0]
        | <unsigned long long>at[1] << 8
        | <unsigned long long>at[2] << 16
        | <unsigned long long>at[3] << 24
        | <unsigned long long>at[4] << 32
        | <unsigned long long>at[5] << 40
        | <unsigned long long>at[6] << 48
        | <unsigned long long>at[7] << 56
    )
