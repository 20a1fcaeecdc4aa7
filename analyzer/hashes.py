"""Hash functions, from Python itself where it has them, as `random` of the standard library does.

Loading OpenSSL for them takes longer than all hashes of a small capture. Knows no traffic.
"""

from __future__ import annotations

try:
    from _blake2 import blake2b
    from _sha1 import sha1  # type: ignore[import-not-found]
except ImportError:
    from hashlib import blake2b, sha1

__all__ = ["blake2b", "sha1"]
