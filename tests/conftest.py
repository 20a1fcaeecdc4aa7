"""Puts tests/ and captures/make/ on sys.path: `oracle.<name>`, and the makers of captures."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1] / "captures" / "make"))
