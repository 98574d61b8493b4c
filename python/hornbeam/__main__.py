"""``hornbeam`` (or ``python -m hornbeam``): where native projects find the library, what this build offers, profiles."""

from __future__ import annotations

import argparse
import pathlib
from typing import Any

import numpy as np

from hornbeam import profiling
from hornbeam.core.symbolic import KerasTensor
from hornbeam.saving.model_file import load_model
from hornbeam.show_config import show_config


def profile(path: str, batch_size: int, trace: str | None) -> None:
    """Prints where a saved model's prediction spends its time, on random inputs.

    Args:
        path: a model file.
        batch_size: samples a step.
        trace: where to write a Chrome trace, None for nowhere.
    """
    model = load_model(path)
    rng = np.random.default_rng(0)

    def draw(tensor: KerasTensor) -> np.ndarray[Any, Any]:
        shape = (batch_size, *(d or 1 for d in tensor.shape[1:]))
        return (rng.random(shape) if tensor.dtype.startswith("float") else np.zeros(shape)).astype(tensor.dtype)

    x = [draw(t) for t in model.inputs]
    result = profiling.profile(model, x[0] if len(x) == 1 else x, batch_size=batch_size)
    if trace:
        result.chrome_trace(trace)


def main() -> None:
    """Prints what is asked for."""
    parser = argparse.ArgumentParser(prog="hornbeam")
    parser.add_argument("--cmake-dir", action="store_true", help="the folder for CMake's hornbeam_DIR")
    parser.add_argument("--show-config", action="store_true", help="version, instruction sets, threads")
    commands = parser.add_subparsers(dest="command")
    sub = commands.add_parser("profile", help="where a saved model spends its time")
    sub.add_argument("model", help="a .hornbeam file")
    sub.add_argument("--batch-size", type=int, default=32)
    sub.add_argument("--trace", help="also write a Chrome trace to this file")
    args = parser.parse_args()
    if args.command == "profile":
        profile(args.model, args.batch_size, args.trace)
    elif args.cmake_dir:
        print(pathlib.Path(__file__).parent / "lib" / "cmake" / "hornbeam")
    else:
        show_config()


if __name__ == "__main__":
    main()
