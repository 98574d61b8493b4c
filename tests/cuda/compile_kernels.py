"""Compiles kernels with NVIDIA's own NVRTC for GPUs of several architectures; no GPU is needed.

Usage: ``python tests/cuda/compile_kernels.py FOLDER [--table FILE.md]``

FOLDER is the HB_CACHE_DIR of runs on the fake device: its files name each kernel that they used, with its source. Those
made with other device headers than today's are left out. NVRTC comes from ``pip install nvidia-cuda-nvrtc``. Exits with
1 when a kernel does not compile, or none is there. What was compiled before is not compiled again:
``build/nvrtc/compiled.json`` has the figures; the printed sources of kernels that fail or spill lie beside it.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import json
import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "nvrtc"
KEPT = WORK / "compiled.json"
ARCHITECTURES = (80, 90, 100)
HEADERS = {p.name: p.read_text() for p in sorted((ROOT / "cpp/src/kernels/cuda/device").glob("*.cuh"))}


class Kernel(NamedTuple):
    """What a compiler is given."""

    name: str  # an instance: softmax_rows<float>
    source: str
    options: tuple[str, ...]  # but the architecture

    @property
    def digest(self) -> str:
        """Changes when another kernel would come out."""
        texts = [self.name, self.source, *self.options, *(HEADERS[name] for name in included(self.source))]
        return hashlib.sha256("\0".join(texts).encode()).hexdigest()

    @property
    def header(self) -> str:
        """The header that it is an instance from; nothing when its source was printed."""
        only = re.fullmatch(r'#include "([\w.]+)"\n', self.source)
        return only[1] if only else ""

    @property
    def family(self) -> tuple[str, str]:
        """Instances of one template, or kernels printed under one name, and where they come from."""
        return self.name.split("<")[0], self.header or "printed"

    @property
    def label(self) -> str:
        """Its name, and for a printed one the file in WORK that has the source."""
        return self.name if self.header else f"{self.name} ({self.digest[:8]}.cu)"


class Figures(NamedTuple):
    """What became of a kernel on one architecture, by ptxas; bytes are those of a thread, `shared` those of a block."""

    problem: str  # the compiler's words when it did not compile
    registers: int = 0
    spilled: int = 0  # stored and loaded
    stack: int = 0  # spills are part of it
    shared: int = 0  # that the kernel declares


def included(source: str) -> list[str]:
    """The headers that a source includes, and those that they include, by name."""
    names: set[str] = set()
    texts = [source]
    while texts:
        for name in re.findall(r'^#include "([\w.]+)"', texts.pop(), re.MULTILINE):
            if name not in names and name in HEADERS:
                names.add(name)
                texts.append(HEADERS[name])
    return sorted(names)


def fnv1a(text: bytes) -> str:
    """As hash_text in cuda/kernel_cache.cpp."""
    h = 14695981039346656037
    for byte in text:
        h = (h ^ byte) * 1099511628211 % 2**64
    return f"{h:016x}"


def read_cache(folder: Path) -> tuple[set[Kernel], int]:
    """The kernels of today's headers, and how many files are of others."""
    today = [f"{name} {fnv1a(text.encode())}" for name, text in HEADERS.items()]
    kernels, stale = set(), 0
    for file in folder.glob("*.kernel"):
        _, size, rest = file.read_bytes().split(b"\n", 2)
        first, *lines = rest[: int(size)].decode().split("\n")
        if sorted(lines[: len(today)]) != sorted(today) or re.fullmatch(r"\S+\.cuh \w{16}", lines[len(today)]):
            stale += 1
            continue
        options = tuple(o for o in first.split() if o.startswith("--") and not o.startswith("--gpu-architecture"))
        name, *source = lines[len(today) :]
        kernels.add(Kernel(name, "\n".join(source), options))
    return kernels, stale


def strings(values: Iterable[str]) -> ctypes.Array[ctypes.c_char_p]:
    """A C array of C strings."""
    encoded = [v.encode() for v in values]
    return (ctypes.c_char_p * len(encoded))(*encoded)


class Nvrtc:
    """NVIDIA's compiler; threads may share it."""

    def __init__(self) -> None:
        found = [p for f in sys.path for p in Path(f or ".").glob("nvidia/*/lib/libnvrtc.so.*")]
        if not found:
            sys.exit("there is no NVRTC: pip install nvidia-cuda-nvrtc")
        self.library = ctypes.CDLL(str(max(found, key=lambda p: int(p.name.split(".")[2]))))
        major, minor = ctypes.c_int(), ctypes.c_int()
        self.library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
        self.version = f"{major.value}.{minor.value}"

    def compile(self, kernel: Kernel, architecture: int) -> Figures:
        """Compiles it as cuda/compiler.cpp does, and reads what ptxas says of it."""
        program = ctypes.c_void_p()
        texts, names = strings(HEADERS.values()), strings(HEADERS)
        arguments = (kernel.source.encode(), b"kernel.cu", len(HEADERS), texts, names)
        if self.library.nvrtcCreateProgram(ctypes.byref(program), *arguments) != 0:
            return Figures("nvrtcCreateProgram failed")
        try:
            expression = kernel.name.encode()
            self.library.nvrtcAddNameExpression(program, expression)
            options = strings([f"--gpu-architecture=sm_{architecture}", "--ptxas-options=-v", *kernel.options])
            failed = self.library.nvrtcCompileProgram(program, len(options), options)
            size = ctypes.c_size_t()
            self.library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
            log = ctypes.create_string_buffer(size.value)
            self.library.nvrtcGetProgramLog(program, log)
            text = log.value.decode()
            symbol = ctypes.c_char_p()
            if failed or self.library.nvrtcGetLoweredName(program, expression, ctypes.byref(symbol)) != 0:
                return Figures(text or f"NVRTC's status is {failed}")
            return figures(text, (symbol.value or b"").decode())
        finally:
            self.library.nvrtcDestroyProgram(ctypes.byref(program))


def figures(log: str, symbol: str) -> Figures:
    """Of the kernel of this symbol: the log may tell of others in the same source, and of functions that it calls."""
    parts = [p for p in log.split("Compiling entry function '")[1:] if p.startswith(symbol + "'")]
    if len(parts) != 1:
        return Figures(f"ptxas says nothing of {symbol}:\n{log}")

    def numbers(pattern: str) -> list[int]:
        return [int(n) for n in re.findall(pattern, parts[0])]

    spilled = sum(numbers(r"(\d+) bytes spill stores")) + sum(numbers(r"(\d+) bytes spill loads"))
    stack, shared = sum(numbers(r"(\d+) bytes stack frame")), sum(numbers(r"(\d+) bytes smem"))
    return Figures("", max(numbers(r"Used (\d+) registers")), spilled, stack, shared)


def compile_all(nvrtc: Nvrtc, kernels: list[Kernel]) -> dict[Kernel, list[Figures]]:
    """The figures of each kernel by architecture; KEPT has them for the next time, but for failures."""
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}

    def work(kernel: Kernel) -> list[Figures]:
        found = []
        for architecture in ARCHITECTURES:
            key = f"{nvrtc.version} sm_{architecture} {kernel.digest}"
            f = Figures(*kept[key]) if key in kept else nvrtc.compile(kernel, architecture)
            if not f.problem:
                kept[key] = f
            found.append(f)
        return found

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        results = list(threads.map(work, kernels))
    fresh = KEPT.with_suffix(".fresh")
    fresh.write_text(json.dumps(kept))
    fresh.replace(KEPT)
    return dict(zip(kernels, results))


def table(version: str, results: dict[Kernel, list[Figures]]) -> str:
    """A row for each family: of each figure the most that an instance has, by architecture."""
    families: dict[tuple[str, str], list[list[Figures]]] = defaultdict(list)
    for kernel, found in results.items():
        families[kernel.family].append(found)
    shown = " / ".join(f"sm_{a}" for a in ARCHITECTURES)
    lines = [
        "# What NVRTC makes of the kernels",
        "",
        f"By `tests/cuda/compile_kernels.py` with NVRTC {version}, for {shown}: the most that an instance of a kernel",
        "has, of those that GPU tests use. Registers and bytes of local memory (spilled: stored or loaded there) are",
        "a thread's; shared memory is a block's, without what a launch asks for. One number stands for all.",
        "",
        "| kernel | from | instances | registers | spilled | local | shared |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for (name, header), instances in sorted(families.items()):
        cells = []
        for figure in ("registers", "spilled", "stack", "shared"):
            most = [str(max(getattr(f, figure) for f in one)) for one in zip(*instances)]
            cells.append(most[0] if len(set(most)) == 1 else " / ".join(most))
        lines.append(" | ".join((f"| {name}", header, str(len(instances)), *cells)) + " |")
    spilling = [f"- `{k.label}`: {spills(found)}" for k, found in results.items() if any(f.spilled for f in found)]
    return "\n".join([*lines, "", "Kernels that spill:" if spilling else "No kernel spills.", *spilling, ""])


def spills(found: list[Figures]) -> str:
    """Bytes by architecture."""
    return ", ".join(f"{f.spilled} bytes on sm_{a}" for a, f in zip(ARCHITECTURES, found) if f.spilled)


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--table", type=Path, metavar="FILE.md")
    arguments = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    kernels, stale = read_cache(arguments.folder)
    if not kernels:
        sys.exit(f"{arguments.folder} has no kernels of today's headers, and {stale} of others")
    nvrtc = Nvrtc()
    results = compile_all(nvrtc, sorted(kernels))
    failed = [(k, a, f) for k, found in results.items() for a, f in zip(ARCHITECTURES, found) if f.problem]
    spilling = [k for k, found in results.items() if any(f.spilled for f in found)]
    for k in {*spilling, *(k for k, _, _ in failed)}:
        if not k.header:
            (WORK / f"{k.digest[:8]}.cu").write_text(k.source)
    for k, architecture, f in failed:
        print(f"FAILED: {k.label} for sm_{architecture}:\n{f.problem}")
    for k in spilling:
        print(f"spills: {k.label}: {spills(results[k])}")
    if arguments.table and not failed:
        arguments.table.write_text(table(nvrtc.version, results))
    families = len({k.family for k in results})
    print(
        f"{len(results)} kernels of {families} families, {len(ARCHITECTURES)} architectures, NVRTC {nvrtc.version}: "
        f"{len({k for k, _, _ in failed})} fail, {len(spilling)} spill ({stale} files of other headers left out)"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
