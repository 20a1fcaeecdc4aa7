"""Compiles the kernels: every `_*.py` in the package is Cython in pure-Python mode.

One abi3 wheel serves CPython 3.11 and later. Without a compiler the build warns
and the same files run uncompiled, only slower.
"""

import os
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

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


class WithPages(build_py):
    """Puts the documentation beside the modules, for `wsanalyze docs`."""

    def run(self) -> None:
        """Build the modules, then copy docs/*.md."""
        super().run()
        if self.editable_mode:
            return  # cli.docs finds them in the tree
        for page in sorted(Path("docs").glob("*.md")):
            target = Path(self.build_lib, "analyzer", "pages", page.name)
            self.mkpath(str(target.parent))
            self.copy_file(str(page), str(target))


class HonestWheel(bdist_wheel):
    """Tags a wheel by what is in it: without kernels, since nothing compiled them, it fits all."""

    def run(self) -> None:
        """Build, and look whether a kernel was made, before the name is."""
        if not self.skip_build:
            self.run_command("build")
        self.skip_build = True
        built = Path(self.get_finalized_command("build").build_lib)
        made = [*built.rglob("_*.abi3.so"), *built.rglob("_*.pyd"), *built.rglob("_*.cpython-*.so")]
        self.root_is_pure = not made
        if not made:
            self.py_limited_api = ""
            self.plat_name_supplied = False
            sys.stderr.write(
                "wsanalyze: no kernel was compiled (is there a C compiler?). It works, about 110 "
                "times more slowly.\n"
            )
        super().run()

    def get_tag(self) -> tuple[str, str, str]:
        """Return py3-none-any for a wheel of Python alone."""
        if self.root_is_pure:
            return ("py3", "none", "any")
        tag: tuple[str, str, str] = super().get_tag()
        return tag


setup(
    ext_modules=kernels(),
    cmdclass={"bdist_wheel": HonestWheel, "build_py": WithPages},
    options={
        "bdist_wheel": {"py_limited_api": "cp311"},
        # One compiler per processor: most of the time of an install is theirs.
        "build_ext": {"parallel": os.cpu_count()},
    },
)
