"""The notebook of the documents: its cells run one after the other, as a script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs" / "chat-room.ipynb"


def said() -> dict[int, dict[str, list[int]]]:
    """Sizes of the messages that each side's program says it sent, by the client's port."""
    out: dict[int, dict[str, list[int]]] = {}
    log = (ROOT / "captures" / "logs" / "socket-io-room.jsonl").read_text()
    for row in map(json.loads, log.splitlines()):
        if row["event"] == "sent" and row["type"] in ("text", "binary"):
            sides = out.setdefault(row["port"], {"client": [], "server": []})
            sides[row["who"]].append(row["size"])
    return out


def test_its_cells_run_and_their_figures_are_those_of_the_programs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {}
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), str(NOTEBOOK), "exec"), names)
            # A stored result might be another version's.
            assert cell["outputs"] == []
    logged = said()
    rows = names["connections"].set_index("client_port")
    assert sorted(rows.index) == sorted(logged)
    for port, sides in logged.items():
        assert rows.loc[port, "client_messages"] == len(sides["client"])
        assert rows.loc[port, "server_messages"] == len(sides["server"])
    sizes = sum(sum(each) for sides in logged.values() for each in sides.values())
    assert names["names"]["payload_bytes"].sum() == sizes
    assert set(names["others"]["transport"]) >= {"websocket", "long-poll", "sse"}
