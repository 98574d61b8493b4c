"""What the GPU benchmarks run on: ``environment.py record`` notes the card, its driver and all versions;
``environment.py libraries`` prints the folders that hold CUDA's libraries, as HB_CUDA_PATH takes them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
from typing import Any

LIBRARIES = ("libcuda.so.1", "libnvrtc.so*", "libcublasLt.so*", "libcudnn.so*")


def write(part: str, results: Any) -> None:
    """Keeps what a part of the benchmarks found, for report.py."""
    folder = pathlib.Path(os.environ["HB_BENCH_PARTS"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{part}.json").write_text(json.dumps(results, indent=1))


def libraries() -> list[str]:
    """Folders with a library of CUDA's, those of Python packages first."""
    found = importlib.util.find_spec("nvidia")
    sites = list(found.submodule_search_locations or []) if found else []
    folders = [f for s in sites for f in sorted(pathlib.Path(s).glob("*/lib"))]
    folders += [pathlib.Path(p) for p in ("/usr/local/cuda/lib64", "/usr/local/nvidia/lib64", "/usr/local/nvidia/lib")]
    return [str(f) for f in folders if any(next(f.glob(name), None) for name in LIBRARIES)]


def card(toy: bool) -> dict[str, str]:
    """The first GPU's name, driver and memory as nvidia-smi says; empty without one."""
    command = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader", "--id=0"]
    try:
        if toy:
            raise FileNotFoundError
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return {"name": "fake device" if toy else "unknown GPU", "driver": "", "memory": ""}
    return dict(zip(("name", "driver", "memory"), (part.strip() for part in said.strip().split(",")), strict=True))


def slug(name: str) -> str:
    """A card's name as part of a file's name: "NVIDIA H100 80GB HBM3" -> "h100-80gb-hbm3"."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower().replace("nvidia", "")).strip("-")


def versions() -> dict[str, str]:
    """Of Python, and of the packages that take part; the names of NVIDIA's differ by the CUDA that they are for."""
    wanted = re.compile(r"(numpy|torch|triton|jax|jaxlib|nvidia-(cuda-nvrtc|cublas|cudnn).*)$")
    found = {d.metadata["Name"]: d.version for d in importlib.metadata.distributions() if d.metadata["Name"]}
    return {"python": platform.python_version(), **{n: v for n, v in sorted(found.items()) if wanted.match(n)}}


def main() -> None:
    """Records, or prints."""
    if "libraries" in sys.argv:
        print(":".join(libraries()))
        return
    notes = {**card("--toy" in sys.argv), "cpus": os.cpu_count(), "versions": versions(), "libraries": libraries()}
    write("environment", notes)
    print(json.dumps(notes))


if __name__ == "__main__":
    main()
