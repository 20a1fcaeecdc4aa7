"""Plain twin of the schedule: the section "When" of docs/alternatives.md, message by message.

Requests are followed one after the other, answers are lists of payload sizes, and delays a
list, so that nothing is counted in classes until the end.
"""

from itertools import pairwise

CLIENT, SERVER = 0, 1
PHASES = 4
ACK_DELAY = 40_000_000  # ns


def conversation(origin, gap, hold, messages, intervals, replies=frozenset()):
    """Return the lanes of one conversation.

    `messages` are (sender, time or None, size, first packet, last packet) in order; `replies`
    the places of those that answer by their ids. Each lane is a dict: answers (lists of payload
    sizes), delays (ns of each message that waits), and of some also last, prompt, timeouts,
    expected.
    """
    gap, hold = max(gap, 1), max(hold, 1)
    posts = [[max(size, 0)] for sender, _, size, _, _ in messages if sender == CLIENT]
    served = in_order(origin, messages)
    pushes = joined([each[1:] for each in served if each[0] not in replies])
    answered = joined([each[1:] for each in served if each[0] in replies])
    lanes = [lane(posts), lane([[size] for _, size, _ in pushes]), lane(writes(pushes))]
    lanes.append(long_poll(pushes, gap, hold))
    lanes.append(lane([[size] for _, size, _ in answered]))
    lanes.append(lane([[size] for size in followers(messages, replies)[0]]))
    for interval in intervals:
        lanes += short_polls(pushes, max(interval, gap))
    return lanes


def followers(messages, replies=frozenset()):
    """Return sizes of server messages right behind one of the client, and how many are not."""
    found, unasked, asked = [], 0, False
    for place, (sender, _, size, _, _) in enumerate(messages):
        if sender == CLIENT:
            asked = True
        elif place in replies:
            asked = False
        elif asked:
            asked = False
            found.append(max(size, 0))
        else:
            unasked += 1
    return found, unasked


def lane(answers, delays=(), **more):
    return {"answers": answers, "delays": [delay for delay in delays if delay > 0], **more}


def in_order(origin, messages):
    """Return (place, ns since the origin, size, first packet, last packet) of the server's."""
    found, now = [], 0
    for place, (sender, time, size, first, last) in enumerate(messages):
        if sender == SERVER:
            now = now if time is None else max(now, time - origin)
            found.append((place, now, max(size, 0), first, last))
    return found


def joined(served):
    """Return (ns since the origin, size, shares its packet with the one before)."""
    found, packet = [], None
    for time, size, first, last in served:
        found.append((time, size, first == packet))
        packet = last
    return found


def writes(pushes):
    answers = []
    for _, size, joined in pushes:
        if joined:
            answers[-1].append(size)
        else:
            answers.append([size])
    return answers


def short_polls(pushes, interval):
    """Each message goes out with the first poll at or after its time, in each of some phases."""
    lanes = []
    for phase in range(PHASES):
        begin = interval // (2 * PHASES) * (2 * phase + 1)
        polls, delays = {}, []
        for time, size, _ in pushes:
            number = -((begin - time) // interval)
            polls.setdefault(number, []).append(size)
            delays.append(begin + number * interval - time)
        last = max(polls, default=None)
        lanes.append(
            lane(list(polls.values()), delays, last=last, expected=expected(pushes, interval))
        )
    return lanes


def expected(pushes, interval):
    """Return how many answers bring messages, in the mean over every phase there is."""
    times = [time for time, _, _ in pushes]
    # Two messages in a row share an answer unless a poll lies between them.
    apart = [min(1, (later - time) / interval) for time, later in pairwise(times)]
    return (1 if times else 0) + sum(apart)


def long_poll(pushes, gap, hold):
    """A request is open from `asked` on; without news it is answered empty after the hold."""
    answers, delays, asked, answered = [], [], 0, None
    timeouts = prompt = 0
    for time, size, joined in pushes:
        if answered is not None and (joined or time <= answered):
            answers[-1].append(size)
            delays.append(answered - time)
            continue
        # So many requests in a row end before it comes: the least n with
        # time <= asked + n * (hold + gap) + hold.
        rounds = max(0, -((asked + hold - time) // (hold + gap)))
        timeouts += rounds
        asked += rounds * (hold + gap)
        answered = max(time, asked)
        answers.append([size])
        delays.append(answered - time)
        prompt += answered - asked < ACK_DELAY
        asked = answered + gap
    return lane(answers, delays, last=answered, timeouts=timeouts, prompt=prompt)


def packets(answers, mss, size_classes):
    """Return (full segments, answers by size class): each byte and one more a message."""
    width = mss // size_classes + 1
    bodies = [sum(sizes) + len(sizes) for sizes in answers]
    classes = [0] * size_classes
    for body in bodies:
        classes[body % mss // width] += 1
    return sum(body // mss for body in bodies), classes


def histogram(delays, most, classes):
    """Return how many delays lie in each class of [0, most]."""
    counts = [0] * classes
    for delay in delays:
        counts[min(delay // (most // classes + 1), classes - 1)] += 1
    return counts


def frame_header(size, masked):
    """RFC 6455 5.2."""
    length = next(room for limit, room in ((126, 0), (65536, 2), (2**63, 8)) if size < limit)
    return 2 + length + 4 * masked
