"""Key logs that appear and cannot be read."""

from __future__ import annotations

import os

from oracle.live import STATS

from analyzer.live import key_watch
from analyzer.live.key_watch import LOOK_EVERY_NS, KeyWatch


def test_it_is_said_once_for_each_when_it_appears(tmp_path, monkeypatch):
    good, bad, folder = tmp_path / "good", tmp_path / "bad", tmp_path / "folder"
    denied = {bad}
    # Root may read all: the kernel is asked, and here it answers as to somebody else.
    monkeypatch.setattr(
        key_watch.os, "access", lambda path, mode, effective_ids: path not in denied
    )
    said = []
    watch = KeyWatch([good, bad, folder], said.append)
    watch.tick(LOOK_EVERY_NS, STATS)
    assert said == [], "none is there"
    good.touch()
    bad.touch()
    folder.mkdir()
    watch.tick(LOOK_EVERY_NS + 1, STATS)
    assert said == [], "not looked at each time"
    for second in range(2, 6):
        watch.tick(second * LOOK_EVERY_NS, STATS)
    assert len(said) == 2
    assert f"--keys {bad} cannot be read (Permission denied)" in said[0]
    assert f"--keys {folder} cannot be read (it is not a plain file)" in said[1]


def test_a_folder_that_may_not_be_looked_into(tmp_path, monkeypatch):
    said = []
    path = tmp_path / "keys"

    class Closed(type(path)):
        def exists(self, **_):
            raise PermissionError(13, os.strerror(13))

    watch = KeyWatch([Closed(path)], said.append)
    watch.tick(LOOK_EVERY_NS, STATS)
    assert "Permission denied" in said[0]
