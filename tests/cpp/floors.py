"""Floors of the core: what one leaves undefined lies in its own or in those below, and so do its includes.

Usage: ``floors.py OBJECTS``: the folder where CMake keeps the object files of each floor (``hb_FLOOR.dir``). Prints what points
up, and exits with 1.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2] / "cpp" / "src"
ISAS = {"isa_scalar", "isa_avx2", "isa_avx512"}  # the same sources, once for each instruction set
BELOW: dict[str, set[str]] = {  # the floors that each may use
    "base": set(),
    "tensor": {"base"},
    "text": {"base", "tensor"},
    "schema": {"base", "tensor"},
    "graph": {"base", "tensor", "schema"},
    "autodiff": {"base", "graph"},
    "kernels_cpu": {"base", "tensor", "schema"},
    "kernels_cpu_isa": {"base", *ISAS},
    "cuda": {"base"},
    "kernels_cuda": {"base", "tensor", "schema", "cuda"},
    **{isa: set() for isa in ISAS},
    "ops": {"base", "tensor", "schema", "graph", "autodiff", "kernels_cpu", "kernels_cuda"},
    "passes": {"base", "tensor", "schema", "graph", "ops"},
    "memory": {"base"},
    "runtime": {"base", "tensor", "schema", "graph", "passes", "memory", "kernels_cpu_isa", "cuda", "kernels_cuda"},
    "io": {"base", "tensor", "schema", "graph"},
    "api": {"base", "tensor", "text", "graph", "autodiff", "runtime", "io"},
}
INCLUDES = {  # headers beyond those
    "kernels_cpu": {"kernels_cpu_isa"},  # the tables that frames are handed
    "kernels_cpu_isa": {"schema", "kernels_cpu"},
    "runtime_cpu": {"base", "tensor", "schema", "graph", "memory", "runtime", "kernels_cpu_isa"},
    "runtime_cuda": {"base", "tensor", "schema", "graph", "memory", "runtime", "cuda", "kernels_cuda"},
    "runtime_devices": {"base", "tensor", "runtime", "runtime_cpu", "runtime_cuda", "cuda"},
    "runtime": {"base", "tensor", "schema", "graph", "memory", "passes"},  # which knows a device by its Backend alone
}


def symbols(objects: Path) -> tuple[dict[str, set[str]], dict[str, set[str]], dict[str, set[str]]]:
    """The floors that define each symbol, those that do with code, and what each floor needs."""
    defined, code, needed = defaultdict(set), defaultdict(set), defaultdict(set)
    for floor in BELOW:
        files = sorted(objects.glob(f"hb_{floor}.dir/**/*.o"))
        if not files and floor not in ISAS:  # of which a build has those that its machine has
            raise SystemExit(f"there are no objects of {floor} in {objects}")
        for file in files:
            for line in subprocess.run(
                ["nm", "-P", file], check=True, capture_output=True, text=True
            ).stdout.splitlines():
                name, kind, *_ = line.split()
                if kind in "Uwv":
                    needed[floor].add(name)
                elif kind == "u" or kind.isupper():  # else it is the file's own
                    defined[name].add(floor)
                    if kind in "TW":
                        code[name].add(floor)
    return defined, code, needed


def included() -> dict[str, set[str]]:
    """The floors whose headers each floor includes."""
    found = defaultdict(set)
    for file in SOURCES.rglob("*.[ch]pp"):
        own = file.relative_to(SOURCES).parent.as_posix()
        for name in re.findall(r'#include "([^"]+)"', file.read_text()):
            if not name.startswith("hornbeam/"):
                found[floor_of(own)].add(floor_of(str(Path(name).parent)))
    return found


def floor_of(folder: str) -> str:
    if folder.startswith("kernels/cuda"):
        return "kernels_cuda"
    if folder.startswith("kernels/cpu"):
        return "kernels_cpu_isa" if folder.endswith("/isa") else "kernels_cpu"
    return folder.replace("/", "_") if folder.startswith("runtime/") else folder.split("/")[0]


def main(objects: Path) -> int:
    unknown = {d.name[3:-4] for d in objects.glob("hb_*.dir")} - set(BELOW)
    wrong = [f"{floor} is no floor that this list has" for floor in sorted(unknown)]
    for floor, others in included().items():
        allowed = {floor} | INCLUDES.get(floor, set())
        if not floor.startswith("runtime"):
            allowed |= BELOW[floor]
        wrong += [f"{floor} includes headers of {other}" for other in sorted(others - allowed)]
    defined, code, needed = symbols(objects)
    for floor, names in needed.items():
        allowed = BELOW[floor] | {floor}
        for name in sorted(names):
            if defined.get(name) and not defined[name] & allowed:
                wrong.append(f"{floor} needs {name} of {', '.join(sorted(defined[name]))}")
    for isa in ISAS:  # the linker keeps one of several weak functions, which another CPU might not run
        wrong += [f"{isa} shares {n}" for n, floors in sorted(code.items()) if isa in floors and len(floors) > 1]
    print("\n".join(wrong) or f"{sum(map(len, needed.values()))} symbols point down")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
