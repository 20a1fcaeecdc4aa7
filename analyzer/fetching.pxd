# Has the cache line of an address fetched, to be written to: nobody waits for it. Where the
# compiler knows no such thing, nothing happens.

cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define WSANALYZE_FETCH(place) __builtin_prefetch((place), 1, 3)
    #else
    #define WSANALYZE_FETCH(place) ((void)(place))
    #endif
    """
    void fetch "WSANALYZE_FETCH" (const void *place) noexcept nogil
