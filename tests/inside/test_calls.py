"""Calls: what came of each request."""

from analyzer.columns import NULL
from analyzer.inside.calls import CANCELLED, ERROR, LOST, OK, UNANSWERED, Book, Moment, Numbers
from analyzer.inside.item import Item
from analyzer.inside.protocol import (
    ASK,
    ASK_MAYBE,
    ASK_OPEN,
    CANCEL,
    END,
    FIRST,
    REPLY,
    REPLY_ERROR,
    STREAM,
    STREAM_ERROR,
)

CLIENT, SERVER = 0, 1


class Play:
    """A conversation: one message after the other, a millisecond apart."""

    def __init__(self, most=10):
        self.numbers = Numbers()
        self.book = Book(self.numbers, most)
        self.at = 0

    def say(self, sender, role, key, name=None):
        self.at += 1
        item = Item("x", name)
        moment = Moment(sender, self.at, self.at, self.at, self.at * 10**6, self.at * 10**6 + 5)
        self.book.hear(moment)
        self.book.take(role, key, item, moment)
        return item

    def say_at(self, packet, sender, role, key, name=None):
        """What is read late: it was said in an earlier packet."""
        now, self.at = self.at, packet - 1
        item = self.say(sender, role, key, name)
        self.at = now
        return item

    def end(self):
        self.book.finish()
        return sorted((call.number, call.name, call.outcome) for call in self.book.done)


def test_ok_and_error():
    play = Play()
    play.say(CLIENT, ASK, 1, "add")
    play.say(CLIENT, ASK, 2, "sub")
    answer = play.say(SERVER, REPLY, 2)
    assert answer.name == "sub"  # of an answer the name is that of its request
    play.say(SERVER, REPLY_ERROR, 1)
    assert [call.reply_ns for call in play.book.done] == [10**6 + 5, 3 * 10**6 + 5]
    assert play.end() == [(0, "add", ERROR), (1, "sub", OK)]


def test_an_answer_comes_from_the_other_side():
    play = Play()
    play.say(CLIENT, ASK, 1, "add")
    play.say(CLIENT, REPLY, 1)
    assert play.end() == [(0, "add", UNANSWERED)]


def test_both_sides_may_use_one_id():
    play = Play()
    play.say(CLIENT, ASK, 1, "up")
    play.say(SERVER, ASK, 1, "down")
    play.say(SERVER, REPLY, 1)
    play.say(CLIENT, REPLY, 1)
    assert play.end() == [(0, "up", OK), (1, "down", OK)]


def test_lost_is_not_unanswered():
    play = Play()
    play.say(CLIENT, ASK, 1, "before")
    play.book.lost(CLIENT)  # what the caller sends answers nothing
    play.say(CLIENT, ASK, 2, "other")
    play.book.turn += 1
    play.book.lost(SERVER)
    play.say(CLIENT, ASK, 3, "after")
    assert play.end() == [(0, "before", LOST), (1, "other", LOST), (2, "after", UNANSWERED)]


def test_an_id_is_used_again():
    play = Play()
    play.say(CLIENT, ASK, 1, "one")
    play.say(CLIENT, ASK, 1, "two")
    play.say(SERVER, REPLY, 1)
    assert play.end() == [(0, "one", UNANSWERED), (1, "two", OK)]


def test_streams_and_cancelling():
    play = Play()
    play.say(CLIENT, ASK, 1, "watch")
    play.say(SERVER, STREAM, 1)
    play.say(SERVER, STREAM, 1)
    play.say(CLIENT, CANCEL, 1)
    play.say(CLIENT, ASK, 2, "query")
    play.say(SERVER, STREAM_ERROR, 2)
    play.say(SERVER, REPLY, 2)
    assert play.end() == [(0, "watch", CANCELLED), (1, "query", ERROR)]
    assert [call.items for call in play.book.done] == [1, 2]


def test_what_may_be_a_call_counts_only_when_answered():
    play = Play()
    play.say(CLIENT, ASK_MAYBE, 1, "chat")
    play.say(CLIENT, ASK_MAYBE, 2, "ask")
    play.say(SERVER, REPLY, 2)
    assert play.end() == [(0, "ask", OK)]


def test_what_need_not_be_answered_is_unanswered_and_no_limit():
    play = Play(most=3)
    for key in range(5):
        play.say(CLIENT, ASK_OPEN, key, "push")
    play.say(SERVER, REPLY, 4)
    assert not play.numbers.limited
    assert play.end() == [(at, "push", OK if at == 4 else UNANSWERED) for at in range(5)]


def test_so_many_wait():
    play = Play(most=3)
    for key in range(5):
        play.say(CLIENT, ASK, key, "x")
    assert len(play.book) == 3
    assert play.numbers.limited
    assert [call.number for call in play.book.done] == [0, 1]


def test_a_request_that_is_read_behind_its_answer():
    """Its side's bytes waited for a hole to be filled; the ids are used again."""
    play = Play()
    play.at = 10
    for answer in (12, 14, 16):
        play.say_at(answer, CLIENT, REPLY, 1)
    play.say_at(11, SERVER, ASK, 1, "a")
    play.say_at(15, SERVER, ASK, 1, "c")
    assert [call.answered.message for call in play.book.done] == [12, 16]
    play.say_at(17, SERVER, ASK, 1, "d")
    assert play.end() == [(0, "a", OK), (1, "c", OK), (2, "d", UNANSWERED)]


def test_answers_without_requests_are_bounded():
    play = Play(most=3)
    for number in range(100):
        play.say(CLIENT, REPLY, number % 50)
    assert sum(map(len, play.book.early.values())) == play.book.early_count <= 3
    play.say_at(1, SERVER, ASK, 49, "kept")
    play.say_at(1, SERVER, ASK, 0, "forgotten")
    assert play.end() == [(0, "kept", OK), (1, "forgotten", UNANSWERED)]


def test_a_first_result_behind_a_hole_may_be_another():
    play = Play()
    play.say(CLIENT, ASK, 1, "feed")
    play.say(CLIENT, ASK, 2, "done before")
    play.say(SERVER, FIRST, 2)
    play.book.lost(SERVER)
    play.say(SERVER, FIRST, 1)
    play.say(SERVER, REPLY, 1)
    play.say(SERVER, REPLY, 2)
    play.say(CLIENT, ASK, 3, "behind it")
    play.say(SERVER, FIRST, 3)
    play.say(SERVER, REPLY, 3)
    expected = [(0, "feed", LOST), (1, "done before", OK), (2, "behind it", OK)]
    assert play.end() == expected


def test_a_hole_that_is_noted_late_concerns_only_what_was_asked_before_its_end():
    """TCP waits for what would fill it; the other side's requests are read in the meantime."""
    play = Play()
    play.say(CLIENT, ASK, 1, "its answer is lost")
    play.at = 10
    play.say(CLIENT, ASK, 2, "behind it")
    play.book.lost(SERVER)
    assert not play.book.is_whole
    play.say_at(5, SERVER, REPLY, "another")
    assert play.book.is_whole
    assert play.end() == [(0, "its answer is lost", LOST), (1, "behind it", UNANSWERED)]


def test_an_end_answers_only_where_no_result_was_lost():
    play = Play()
    play.say(CLIENT, ASK, 1, "no results")
    play.say(SERVER, END, 1)
    play.say(CLIENT, ASK, 2, "lost")
    play.book.lost(SERVER)
    play.say(SERVER, END, 2)
    assert [call.reply_ns for call in play.book.done] == [10**6 + 5, NULL]
    assert play.end() == [(0, "no results", OK), (1, "lost", LOST)]
