"""Options behave as a frozen dataclass does."""

import dataclasses
import pickle

import pytest

from analyzer.options import DEFAULT, Options


def test_options_are_a_frozen_dataclass():
    changed = Options(max_connections=7)
    assert changed == dataclasses.replace(DEFAULT, max_connections=7) != DEFAULT
    assert hash(changed) == hash(Options(max_connections=7))
    assert pickle.loads(pickle.dumps(changed)) == changed
    assert repr(changed) == "Options(max_connections=7)"
    assert dataclasses.asdict(changed)["max_connections"] == 7
    assert dataclasses.replace(changed, preview_bytes=1).max_connections == 7
    with pytest.raises(dataclasses.FrozenInstanceError):
        changed.max_connections = 8
    with pytest.raises(dataclasses.FrozenInstanceError):
        del changed.max_connections
    with pytest.raises(TypeError, match="max_conections"):
        Options(max_conections=7)
