"""Key logs in files: what is none, and files that grow, shrink and are replaced."""

from __future__ import annotations

import os

import pytest

from analyzer.errors import KeyLogError, WsanalyzeError
from analyzer.tls.key_files import KeyLogFollower, read_key_logs
from analyzer.tls.keylog import KeyRing


def line(number):
    return f"CLIENT_RANDOM {number:064x} {'ab' * 48}\n"


def known(ring):
    return [n for n in range(20) if ring.lookup(n.to_bytes(32, "big")) is not None]


def test_several_files(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text(line(1) + line(2).rstrip())
    two.write_text("# a comment\n?\n" + line(3))
    ring = read_key_logs([one, str(two)])
    assert known(ring) == [1, 2, 3]
    assert [(each.source, each.line) for each in ring.bad_lines] == [(str(two), 2)]


@pytest.mark.parametrize("content", ["", "\n", "# nothing yet\n", "ECH_SECRET 00 00\n"])
def test_a_log_may_be_empty(tmp_path, content):
    path = tmp_path / "log"
    path.write_text(content)
    assert len(read_key_logs([path])) == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xd4\xc3\xb2\xa1\2\0\4\0" + bytes(40), "is not a key log: it is not text"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", "is not a key log: no line of it can be used"),
        (b"<html>\n", "is not a key log: no line of it can be used"),
        (
            b"-----BEGIN PRIVATE KEY-----\nMII=\n-----END PRIVATE KEY-----\n",
            "is a private key, not a key log",
        ),
    ],
)
def test_what_is_no_key_log(tmp_path, content, says):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(KeyLogError) as caught:
        read_key_logs([path])
    assert str(caught.value) == f"{path} {says}"
    assert "SSLKEYLOGFILE" in (caught.value.hint or "")
    if says == "is not a key log: no line of it can be used":
        assert not KeyLogFollower([path], KeyRing()).poll()  # better lines may follow
        return
    with pytest.raises(KeyLogError) as caught:
        KeyLogFollower([path], KeyRing())
    assert str(caught.value) == f"{path} {says}"


def test_what_cannot_be_read(tmp_path):
    for path, says in [
        (tmp_path, f"{tmp_path} is a directory, not a key log"),
        (tmp_path / "none", f"no such key log: {tmp_path / 'none'}"),
        ("a\0b", "cannot read the key log a\0b: not a path"),
    ]:
        with pytest.raises(KeyLogError) as caught:
            read_key_logs([path])
        assert str(caught.value) == says
        assert isinstance(caught.value, WsanalyzeError)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read every file")
def test_no_permission(tmp_path):
    path = tmp_path / "log"
    path.write_text(line(1))
    path.chmod(0)
    with pytest.raises(KeyLogError, match="Permission denied"):
        read_key_logs([path])


def test_a_file_that_grows(tmp_path):
    path = tmp_path / "log"
    ring = KeyRing()
    follower = KeyLogFollower([path], ring)
    assert follower.poll() is False  # it is not there yet
    path.write_text(line(1) + line(2)[:50])
    assert follower.poll() is True
    assert known(ring) == [1]
    assert follower.poll() is False
    with path.open("a") as file:
        file.write(line(2)[50:] + "?\n" + line(3).rstrip())
    assert follower.poll() is True
    assert known(ring) == [1, 2]
    assert [each.line for each in ring.bad_lines] == [3]
    assert follower.finish() is True
    assert known(ring) == [1, 2, 3]


def test_a_file_that_is_cut_or_replaced(tmp_path):
    path = tmp_path / "log"
    path.write_text(line(1) + line(2))
    ring = KeyRing()
    follower = KeyLogFollower([path], ring)
    follower.poll()
    path.write_text(line(3))
    assert follower.poll()
    new = tmp_path / "new"
    new.write_text("?\n" + line(4) + line(5))
    new.rename(path)
    assert follower.poll()
    assert known(ring) == [1, 2, 3, 4, 5]
    assert [each.line for each in ring.bad_lines] == [1]
    path.unlink()
    assert not follower.poll()
    path.mkdir()
    assert not follower.poll()


def test_a_follower_refuses_what_is_there_and_no_key_log(tmp_path):
    with pytest.raises(KeyLogError, match="is a directory"):
        KeyLogFollower([tmp_path], KeyRing())
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(KeyLogError, match="not a plain file"):
        KeyLogFollower([tmp_path / "fifo"], KeyRing())


def test_a_file_named_twice_is_followed_once(tmp_path):
    path = tmp_path / "log"
    ring = KeyRing()
    follower = KeyLogFollower([path, str(path)], ring)
    path.write_text(line(1) + line(2)[:30])
    follower.poll()
    path.write_text(line(1) + line(2))
    follower.poll()
    assert (known(ring), ring.bad, ring.lines) == ([1, 2], 0, 2)
