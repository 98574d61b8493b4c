"""Compares our declarations of CUDA's libraries with their headers: compiles each ``check_LIBRARY.cpp`` beside this file.

Usage: ``run.py FOLDER..``: the folders that the headers lie in, such as those of the wheels ``nvidia-cublas-cu12``,
``nvidia-cudnn-cu12``, ``nvidia-cuda-runtime-cu12``, ``nvidia-cuda-nvcc-cu12`` and ``nvidia-cuda-cccl-cu12`` (``nvidia/*/include``). A check
whose header is in none of them is skipped. Exits with 1 if a declaration differs.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def missing(check: Path, folders: list[Path]) -> str | None:
    """The first header of a library that the check includes and that is in none of the folders."""
    for header in re.findall(r"#include <(\w+\.h)>", check.read_text()):
        if not any((folder / header).exists() for folder in folders):
            return str(header)
    return None


def main(folders: list[Path]) -> int:
    own = [f"-I{p}" for p in (ROOT / "cpp" / "include", ROOT / "cpp" / "src", HERE)]
    theirs = [f"-isystem{p}" for p in folders]
    failed = False
    for check in sorted(HERE.glob("check_*.cpp")):
        if header := missing(check, folders):
            print(f"{check.name}: skipped, there is no {header}")
            continue
        command = [os.environ.get("CXX", "c++"), "-std=c++17", "-fsyntax-only", *own, *theirs, str(check)]
        differs = subprocess.run(command).returncode != 0
        print(f"{check.name}: {'DIFFERS' if differs else 'as the headers say'}")
        failed = failed or differs
    return int(failed)


if __name__ == "__main__":
    sys.exit(main([Path(p) for p in sys.argv[1:]]))
