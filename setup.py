"""Builds the engine's C++ kernels while the package is installed; everything else is in setup.cfg.

An installation never fails for them: without a compiler, or without JAX to take XLA's headers from, it says so, and the
engine runs on XLA's own products. Each instruction set is compiled by itself, so that the one library runs on every
processor of its family and picks its path when it is loaded.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

FOLDER = Path("inference/kernels")
COMMON = ["-O3", "-std=c++20", "-fPIC", "-fvisibility=hidden", "-Wno-psabi", "-w"]
AVX2 = ["-mavx2", "-mfma", "-mf16c"]
AVX512 = [*AVX2, "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx512vnni", "-mprefer-vector-width=512"]
PATHS: dict[str, list[str]] = {"portable": []}
if platform.machine().lower() in ("x86_64", "amd64"):
    PATHS |= {"avx2": AVX2, "avx512": AVX512, "amx": [*AVX512, "-mamx-tile", "-mamx-int8"]}
YOUNG = {"amx"}
"""Paths that older compilers do not know (GCC before 11, Clang before 12); a library without them is whole."""


class BuildKernels(build_ext):
    """Compiles paths.cc once for each instruction set, the handlers once, and links them."""

    def build_extension(self, ext: Any) -> None:
        try:
            self.link_kernels(ext)
        except Exception as error:  # whatever a compiler can do wrong: the installation goes on without it
            print(
                f"\nThe engine's C++ kernels were not built: {error}\n"
                "Countersign works without them, with slower answers from its own model. To have them, install a C++20 "
                "compiler (Debian: apt install g++) and JAX, and install Countersign again with --no-build-isolation.\n",
                file=sys.stderr,
            )

    def link_kernels(self, ext: Any) -> None:
        target = Path(self.get_ext_fullpath(ext.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        if built := os.environ.get("COUNTERSIGN_BUILT_KERNELS"):  # by a bundle's build, from these very sources
            shutil.copy(built, target)
            return
        try:
            from jax import ffi
        except ImportError as error:
            raise RuntimeError(f"XLA's headers are not here ({error})") from error

        objects, known = [], []
        for path, flags in PATHS.items():
            try:
                objects += self.compile("paths.cc", path, [*flags, f"-DPATH={path}"])
            except CompileError:
                if path not in YOUNG:
                    raise
                print(f"This compiler does not know {path}; the kernels are built without it.", file=sys.stderr)
            else:
                known.append(f"-DHAS_{path.upper()}")
        for name in ("handlers", "attention", "texts"):
            objects += self.compile(f"{name}.cc", name, ["-isystem", ffi.include_dir(), *known])
        self.compiler.link_shared_object(objects, str(target), extra_postargs=["-pthread"], target_lang="c++")

    def compile(self, source: str, name: str, flags: list[str]) -> list[str]:
        output = str(Path(self.build_temp) / name)
        made: list[str] = self.compiler.compile([str(FOLDER / source)], output_dir=output, extra_postargs=[*COMMON, *flags])
        return made


setup(
    ext_modules=[
        Extension(
            "inference.kernels._kernels",
            sources=[str(FOLDER / name) for name in ("handlers.cc", "attention.cc", "texts.cc", "paths.cc")],
            depends=[str(FOLDER / name) for name in ("paths.h", "runtime.h", "squares.h", "team.h", "texts.h", "vectors.h")],
            optional=True,
        )
    ],
    cmdclass={"build_ext": BuildKernels},
)
