"""Compiles the kernels: every `_*.py` in the package is Cython in pure-Python mode.

One abi3 wheel serves CPython 3.11 and later. Without a compiler the build warns
and the same files run uncompiled, only slower.
"""

import os
import sys
from pathlib import Path

from setuptools import Extension, setup

ABI3 = ("Py_LIMITED_API", "0x030B0000")
SHARED = "analyzer._cyutility"


def kernels() -> list[Extension]:
    """Return one extension per kernel file; none where compiling is switched off."""
    if os.environ.get("WSANALYZE_PURE_PYTHON") == "1":
        return []
    try:
        from Cython.Build import cythonize
    except ImportError:
        return []
    # "wheel" builds are abi3 only on CPython: PyPy has no limited API.
    limited = sys.implementation.name == "cpython"

    def extension(name: str, source: str) -> Extension:
        return Extension(
            name,
            [source],
            define_macros=[ABI3] if limited else [],
            py_limited_api=limited,
            # Debugging information would double the time of compiling.
            extra_compile_args=["-O3", "-g0"] if os.name == "posix" else [],
        )

    extensions = [
        extension(".".join(path.with_suffix("").parts), str(path))
        for path in sorted(Path("analyzer").rglob("_[a-z]*.py"))
    ]
    # What Cython needs for memoryviews, once for all kernels: half of each one's C.
    extensions.append(extension(SHARED, SHARED.replace(".", "/") + ".c"))
    compiled = cythonize(
        extensions,
        shared_utility_qualified_name=SHARED,
        build_dir="build/cython",
        compiler_directives={
            "language_level": "3",
            "boundscheck": True,  # input is hostile; measured as free
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
            "embedsignature": True,
        },
    )
    # cythonize() drops the flag, so it is set on what it returns: a failed
    # compile then warns and the install goes on.
    for each in compiled:
        each.optional = True
    return compiled


setup(
    ext_modules=kernels(),
    options={
        "bdist_wheel": {"py_limited_api": "cp311"},
        # One compiler per processor: most of the time of an install is theirs.
        "build_ext": {"parallel": os.cpu_count()},
    },
)
