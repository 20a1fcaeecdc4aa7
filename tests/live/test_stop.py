"""The wish to end: signals, the second and the third, and the time after SIGTERM."""

import os
import signal
import threading

import pytest

from analyzer.live import stop as ends


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals(number):
    before = signal.getsignal(number)
    with ends.signals() as stop:
        assert not stop.asked
        signal.raise_signal(number)
        assert stop.asked
        assert not stop.hurried
        signal.raise_signal(number)
        assert stop.hurried
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_a_terminal_that_closes_asks_once_however_often_it_says_so():
    with ends.signals() as stop:
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)
        assert (stop.asked, stop.hurried) == (True, False)


def test_nohup_outlives_its_terminal():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ends.signals() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert not stop.asked
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_is_optional_is_interrupted_by_the_second():
    stop = ends.Stop()
    stop.optional = True
    stop()
    with pytest.raises(ends.Hurried):
        stop()


@pytest.mark.parametrize(("number", "counts"), [(signal.SIGTERM, True), (signal.SIGINT, False)])
def test_sigterm_gives_what_can_be_left_out_a_time(number, counts):
    """A container is killed 10 s after SIGTERM; who presses Ctrl-C can press it again."""
    before = signal.getsignal(signal.SIGALRM)
    with ends.signals(60.0) as stop:
        signal.raise_signal(number)
        assert bool(signal.getitimer(signal.ITIMER_REAL)[0]) is counts
        signal.raise_signal(signal.SIGALRM)
        assert (stop.late, stop.over) == (True, False)
        stop.optional = True
        with pytest.raises(ends.Hurried):
            signal.raise_signal(signal.SIGALRM)
        assert (stop.over, stop.hurried) == (True, False)
        assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
        signal.setitimer(signal.ITIMER_REAL, 60.0)
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    assert signal.getsignal(signal.SIGALRM) is before


def test_another_thread_has_no_signals_to_take():
    errors = []

    def body():
        try:
            with ends.signals():
                pass
        except ValueError as error:
            errors.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert len(errors) == 1


def test_a_reader_that_neither_reads_nor_goes_away_does_not_hold_the_end():
    reader, writer = os.pipe()
    stream = open(writer, "wb")  # noqa: SIM115  closed below, when it leads nowhere
    with ends.signals(0.02) as stop:
        waited = ends.WaitedFor(stream, stop)
        waited.write(b"a line\n")
        waited.flush()
        assert os.read(reader, 100) == b"a line\n"
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(BrokenPipeError):
            waited.write(b"x" * 10_000_000)
        assert stop.over
        for again in (waited.flush, lambda: waited.write(b"more")):
            with pytest.raises(ends.NotRead):
                again()
        # One that reads gets what is written later as well; one that stops later is given up.
        other = ends.WaitedFor(stream, stop)
        os.set_blocking(reader, False)
        while len(os.read(reader, 1 << 20)) == 1 << 20:
            pass
        with pytest.raises(ends.NotRead):
            other.write(b"x" * 10_000_000)
        assert not stop.waits
        assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    os.dup2(os.open(os.devnull, os.O_WRONLY), writer)
    stream.close()
    os.close(reader)
