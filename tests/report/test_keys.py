"""Keys: what a terminal sends, on a terminal that the test makes."""

from __future__ import annotations

import os
import random
import termios

import pytest

from analyzer.report.keys import Keyboard, keys_of


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"q", ["q"]),
        (b"\x1b[A\x1b[B\x1bOA", ["up", "down", "up"]),
        (b"\x1b", ["escape"]),
        (b"\r?\n", ["enter", "?", "enter"]),
        (b"\x1b[5~\x1b[6~", ["page-up", "page-down"]),
        (b"\x00\xff\xc3\xa4s", ["ä", "s"]),
        (
            b"\x1b[H\x1b[4~\x1bOF\t\x1b[Z\x7f",
            ["home", "end", "end", "tab", "back-tab", "backspace"],
        ),
        (b"\x1b[C\x1b[D\x15", ["right", "left", "clear"]),
        # F5, Ctrl-Right, a mouse: sequences that mean nothing here leave no letters behind.
        (b"\x1b[15~\x1b[1;5Cx\x1b[<0;10;5M", ["x"]),
        # ESC and a letter that came as fast.
        (b"\x1b2\x1b\x1b", ["escape", "2", "escape", "escape"]),
        (b"", []),
    ],
)
def test_keys(data, keys):
    assert list(keys_of(data)) == keys


def test_any_bytes_end():
    chance = random.Random(3)
    for _ in range(300):
        data = bytes(chance.randrange(256) for _ in range(20))
        assert all(key.isprintable() for key in keys_of(data))


def test_terminal_is_what_it_was(monkeypatch):
    master, slave = os.openpty()
    before = termios.tcgetattr(slave)
    with os.fdopen(os.dup(slave)) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        keyboard = Keyboard()
        assert keyboard.pressed() == []
        keyboard.start()
        during = termios.tcgetattr(slave)
        assert not during[3] & (termios.ICANON | termios.ECHO)
        assert during[3] & termios.ISIG, "Ctrl-C stays a signal"
        os.write(master, b"p\x1b[B")
        assert keyboard.pressed() == ["p", "down"]
        assert keyboard.pressed() == []
        keyboard.close()
        keyboard.close()
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)


def test_without_a_terminal_there_are_no_keys(monkeypatch, tmp_path):
    (tmp_path / "file").write_bytes(b"q")
    monkeypatch.setattr("os.open", _refuse)
    with (tmp_path / "file").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        keyboard = Keyboard()
        keyboard.start()
        assert keyboard.pressed() == []
        keyboard.close()


def _refuse(*_):
    raise OSError


def test_keys_that_come_in_pieces():
    master, slave = os.openpty()
    keyboard = Keyboard(slave)
    keyboard.start()
    for piece, keys in (
        (b"a\x1b[", ["a"]),
        (b"B", ["down"]),
        (b"\xe4\xb8", []),
        (b"\x96", ["世"]),
        (b"\x1b[1", []),
        (b"", []),
        (b"q", ["q"]),
    ):
        os.write(master, piece)
        assert keyboard.pressed() == keys
    keyboard.close()
    os.close(master)
    os.close(slave)
