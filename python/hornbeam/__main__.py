"""``python -m hornbeam``: where native projects find the library, and what this build offers."""

from __future__ import annotations

import argparse
import pathlib

from hornbeam.show_config import show_config


def main() -> None:
    """Prints what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m hornbeam")
    parser.add_argument("--cmake-dir", action="store_true", help="the folder for CMake's hornbeam_DIR")
    parser.add_argument("--show-config", action="store_true", help="version, instruction sets, threads")
    args = parser.parse_args()
    if args.cmake_dir:
        print(pathlib.Path(__file__).parent / "lib" / "cmake" / "hornbeam")
    else:
        show_config()


if __name__ == "__main__":
    main()
