"""Plain twin of a proxy that buffers, byte by byte: docs/alternatives.md, "When: the schedule"."""


def passed_on(pushes, room, wait, end):
    """Return what a proxy writes, and when each message arrives.

    `pushes` are (ns, payload bytes) in order; each message takes one byte more. `wait` is in ns,
    None: for ever. Each write is (ns, bytes, messages that end in it); arrivals are ns.
    """
    writes, held, first = [], [], None  # of each byte in the buffer: whether it ends a message
    for time, size in pushes:
        if held and wait is not None and time >= first + wait:
            writes.append((first + wait, held))
            held = []
        leaving = []
        for place in range(size + 1):
            if not held:
                first = time
            held.append(place == size)
            if len(held) == room:
                # All buffers that one message fills leave together.
                leaving += held
                held = []
        if leaving:
            writes.append((time, leaving))
    if held:
        writes.append((end if wait is None else min(end, first + wait), held))
    arrivals = [time for time, ends in writes for _ in range(sum(ends))]
    return [(time, len(ends), sum(ends)) for time, ends in writes], arrivals
