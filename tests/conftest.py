"""Puts tests/ on sys.path, so that `oracle.<name>` can be imported everywhere."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
