"""Hash functions that do not load OpenSSL, against hashlib's."""

import hashlib
import subprocess
import sys

from analyzer.hashes import blake2b, sha1


def test_they_are_those_of_hashlib():
    for data in (b"", b"abc", bytes(1000)):
        assert sha1(data, usedforsecurity=False).digest() == hashlib.sha1(data).digest()
        assert (
            blake2b(data, digest_size=8).digest() == hashlib.blake2b(data, digest_size=8).digest()
        )


def test_openssl_is_not_loaded_for_them():
    code = (
        "import sys, analyzer.http.upgrade, analyzer.inside.stage; print('_hashlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
