"""Runs of usual messages against zlib, one context for each sender; where a run stops."""

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.kernels import fewer

from analyzer.websocket._inflating import TAIL, UsualMessages
from analyzer.websocket._payload import digest_of
from analyzer.websocket.frames import FRAGMENT, MESSAGE
from analyzer.websocket.negotiation import Side
from analyzer.websocket.permessage_deflate import Inflater, Status

IDLE = object()
BEGINS = 7  # the content does not begin with the buffer
LIMIT = 10_000
NO_PREVIEWS = np.zeros((0, 0), np.uint8)


class Sender:
    """RFC 7692 7.2.1, with one context for all messages, or for each."""

    def __init__(self, *, takeover):
        self.takeover, self.context = takeover, None

    def send(self, payload):
        if self.context is None or not self.takeover:
            self.context = zlib.compressobj(wbits=-15)
        sent = self.context.compress(payload) + self.context.flush(zlib.Z_SYNC_FLUSH)
        assert sent.endswith(TAIL)
        return sent[:-4]


class Batch:
    """Messages of some directions, as the walk hands them on."""

    def __init__(self, sent, *, takeover=True, heard=(1, 1), keep=5):
        self.inflaters = {
            side: Inflater(Side(15, not takeover), limit=LIMIT, keep_bytes=LIMIT) for side in (0, 1)
        }
        self.kept = {}
        self.pool = np.zeros(len(sent), MESSAGE)
        self.rows = np.zeros(len(sent), FRAGMENT)
        lengths = np.array([len(body) for _, body in sent], np.int64)
        self.rows["start"] = BEGINS + np.cumsum(lengths) - lengths
        self.rows["length"] = lengths
        self.rows["direction"] = [side for side, _ in sent]
        self.rows["message"] = np.arange(len(sent))
        for name in ("last", "compressed", "text"):
            self.rows[name] = 1
        self.content = b"".join(body for _, body in sent)
        self.joined, self.windows = {0: IDLE, 1: IDLE}, {}
        known = (self.inflaters, self.windows, self.joined, IDLE, self.kept)
        self.messages = UsualMessages(*known, LIMIT, keep)
        self.heard = np.array(heard, np.uint8)

    def run(self, at=0, previews=NO_PREVIEWS):
        views = (self.rows.view(np.recarray), self.content, BEGINS, self.pool.view(np.recarray))
        self.messages.begin(*views, self.heard, previews)
        return self.messages.run(at)

    def begun(self):
        """Let the first message of each direction make its context, as it does one by one."""
        for side, inflater in self.inflaters.items():
            at = int(np.flatnonzero(self.rows["direction"] == side)[0])
            assert at == side
            start = int(self.rows["start"][at]) - BEGINS
            inflater.inflate(self.content[start : start + int(self.rows["length"][at])])
        return 2


def batch(texts, **options):
    takeover = options.get("takeover", True)
    senders = [Sender(takeover=takeover) for _ in (0, 1)]
    return Batch([(at % 2, senders[at % 2].send(text)) for at, text in enumerate(texts)], **options)


TEXTS = [b"the first of one", b"the first of the other", b"the same words", b"the same words", b""]


@settings(deadline=None, max_examples=fewer(100, 20))
@given(
    st.lists(
        st.binary(max_size=60) | st.binary(max_size=9).map(lambda each: 600 * each), min_size=2
    ),
    st.booleans(),
)
def test_messages_are_what_a_compressor_was_given(texts, takeover):
    made = batch(texts, takeover=takeover)
    first = made.begun() if takeover else 0
    assert made.run(first) == len(texts)
    assert made.messages.payloads == texts[first:]
    assert made.messages.heard_rows().tolist() == list(range(first, len(texts)))
    assert made.pool["payload_bytes"].tolist()[first:] == [len(text) for text in texts[first:]]
    assert made.pool["digest"].tolist()[first:] == [digest_of(text) for text in texts[first:]]
    assert made.kept == {at: texts[at][:5] for at in range(first, len(texts))}
    wrong = [at for at in range(first, len(texts)) if not is_utf8(texts[at])]
    assert made.messages.bad_texts == wrong


def is_utf8(text):
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_the_first_message_of_a_context_is_usual_where_nothing_was_before_it():
    assert batch(TEXTS).run() == len(TEXTS)


def test_where_something_was_before_messages_are_not_usual():
    """What is not known may be referred to (RFC 7692 7.2.1)."""
    made = batch(TEXTS)
    made.inflaters[0].lose_context()
    assert made.run() == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [("last", 0), ("compressed", 0), ("message", -1), ("start", -1), ("length", LIMIT + 1)],
)
def test_a_run_stops_at_what_is_not_a_whole_message(name, value):
    made = batch(TEXTS)
    first = made.begun()
    made.rows[name][3] = value
    assert made.run(first) == 3
    assert made.messages.payloads == TEXTS[2:3]


def test_a_run_stops_where_a_message_is_in_progress_or_a_window_is_looked_at():
    made = batch(TEXTS)
    made.joined[1] = object()
    assert made.run(made.begun()) == 3
    made = batch(TEXTS)
    made.windows[1] = (512, 0)
    assert made.run(made.begun()) == 3
    made = batch(TEXTS)
    first = made.begun()
    del made.inflaters[0]
    assert made.run(first) == 2


def test_bytes_that_are_not_deflate_stop_a_run_and_are_not_inflated_twice():
    made = batch(TEXTS)
    first = made.begun()
    broken = b"\x06" + bytes(4)  # a block of the reserved type 3 (RFC 1951 3.2.3)
    start, length = int(made.rows["start"][3]) - BEGINS, int(made.rows["length"][3])
    made.content = made.content[:start] + broken + made.content[start + length :]
    made.rows["length"][3] = len(broken)
    made.rows["start"][4:] += len(broken) - length
    assert made.run(first) == 3
    assert made.inflaters[1].inflate(broken).status is Status.BAD_DATA
    # The other direction goes on.
    assert made.run(4) == 5


def test_a_message_above_the_limit_stops_a_run_and_is_cut():
    made = batch([b"1", b"2", b"x" * (LIMIT + 1), b"3"])
    assert made.run(made.begun()) == 2
    start = int(made.rows["start"][2]) - BEGINS
    sent = made.content[start : start + int(made.rows["length"][2])]
    inflated = made.inflaters[0].inflate(sent)
    assert inflated.status is Status.LIMIT
    assert inflated.payload == b"x" * LIMIT


def test_nobody_is_told_of_what_nobody_hears():
    made = batch(TEXTS, heard=(1,), keep=0)
    assert made.run(made.begun()) == 5
    assert made.messages.payloads == [TEXTS[2], TEXTS[4]]
    assert made.kept == {}


def test_beginnings_go_to_an_array_where_there_is_one():
    made = batch(TEXTS)
    previews = np.full((len(TEXTS), 5), 7, np.uint8)
    assert made.run(previews=previews) == len(TEXTS)
    assert made.kept == {}
    lengths = made.pool["preview_bytes"].tolist()
    assert lengths == [5, 5, 5, 5, 0]
    assert [row[:n].tobytes() for row, n in zip(previews, lengths, strict=True)] == [
        text[:5] for text in TEXTS
    ]
    assert previews[4].tolist() == [7] * 5
