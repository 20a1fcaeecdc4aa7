"""Guards: a writer that fails is left alone, and closed all the same."""

import pytest
from oracle.live import STATS, Recorder

from analyzer.errors import ReportError
from analyzer.live.guard import FLUSH_NS, Guarded, GuardedObserver, first_failure, guarded
from analyzer.report.observer import Observer, PayloadObserver


class Lasting:
    def __init__(self, fails=()):
        self.calls, self.fails = [], fails

    def _note(self, name):
        self.calls.append(name)
        if name in self.fails:
            raise ReportError(name)

    def write(self, rows):
        self._note("write")

    def flush(self):
        self._note("flush")

    def close(self):
        self._note("close")

    def abort(self):
        self._note("abort")


def test_observers_stay_observers_and_others_do_not_become_such():
    one, two = guarded([Recorder(), Lasting()])
    assert isinstance(one, Observer)
    assert isinstance(one, GuardedObserver)
    assert not isinstance(two, Observer)


@pytest.mark.parametrize("name", ["write", "flush"])
def test_the_first_fault_is_kept_and_it_is_closed_once(name):
    writer = Lasting((name, "close"))
    guard = Guarded(writer)
    for _ in range(3):
        guard.write(None)
        guard.tick(5 * FLUSH_NS, STATS)
    assert writer.calls.count(name) == 1
    assert str(guard.failure) == name
    guard.close()
    assert writer.calls[-1] == "close"
    assert str(guard.failure) == name
    assert first_failure([Guarded(Lasting()), guard]) is guard.failure


def test_rows_are_let_out_once_a_second():
    writer = Lasting()
    guard = Guarded(writer)
    for step in range(30):
        guard.tick(10 * FLUSH_NS + step * FLUSH_NS // 10, STATS)
    assert writer.calls == ["flush"] * 3


def test_an_interrupt_is_no_fault():
    writer = Lasting()

    def write(rows):
        raise KeyboardInterrupt

    writer.write = write
    with pytest.raises(KeyboardInterrupt):
        Guarded(writer).write(None)


class Listening(Recorder):
    def heard(self, said):
        raise ReportError("deaf")


def test_who_is_shown_payloads_is_so_behind_a_guard_and_others_are_not():
    one, two = guarded([Listening(), Recorder()])
    assert isinstance(one, PayloadObserver)
    assert not isinstance(two, PayloadObserver)
    one.heard(None)
    assert str(one.failure) == "deaf"
    one.heard(None)
