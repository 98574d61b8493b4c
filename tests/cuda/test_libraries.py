"""NVIDIA's own libraries, as pip installs them: they open without a driver, have what is called, and are found."""

import ctypes
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hornbeam

ROOT = Path(__file__).resolve().parents[2]
SOURCES = "".join(p.read_text() for p in sorted((ROOT / "cpp/src/cuda").glob("*.[ch]pp")))
LIBRARIES = {  # by package: the file, what its functions' names begin with
    "nvidia-cuda-nvrtc": ("libnvrtc.so.13", "nvrtc"),
    "nvidia-cublas": ("libcublasLt.so.13", "cublasLt"),
    "nvidia-cudnn-cu13": ("libcudnn.so.9", "cudnn"),
}


def installed(package):
    """The library of a package; skips the test when it is not installed."""
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"needs: pip install {package}")
    (file,) = [f for f in files if f.name == LIBRARIES[package][0]]
    assert re.fullmatch(r"nvidia/\w+/lib/[^/]+", str(file)), "library.cpp looks elsewhere"
    return Path(file.locate())


def version(library, package):
    """(major, minor)."""
    if package == "nvidia-cuda-nvrtc":
        numbers = ctypes.c_int(), ctypes.c_int()
        assert library.nvrtcVersion(*map(ctypes.byref, numbers)) == 0
        return numbers[0].value, numbers[1].value
    ask = library.cublasLtGetVersion if package == "nvidia-cublas" else library.cudnnGetVersion
    ask.restype = ctypes.c_size_t
    return divmod(ask() // 100, 100)


@pytest.mark.parametrize("package", LIBRARIES)
def test_the_extra_names_the_package_and_the_sources_its_file(package):
    (extra,) = re.findall(r"^cuda = \[(.*)\]", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert f'"{package}>=' in extra
    assert f'"{LIBRARIES[package][0]}"' in SOURCES


@pytest.mark.parametrize("package", LIBRARIES)
def test_a_library_opens_without_a_driver_and_has_all_that_is_called(package):
    library = ctypes.CDLL(str(installed(package)))
    major, minor = version(library, package)
    assert (major, minor) >= (9, 0) and f"{major}.{minor}" == ".".join(
        importlib.metadata.version(package).split(".")[:2]
    )
    names = set(re.findall(rf"\b{LIBRARIES[package][1]}[A-Z]\w+", SOURCES))
    assert len(names) > 5
    missing = {name for name in names if not hasattr(library, name)}
    assert not missing


SCRIPT = """
import numpy as np, hornbeam as hb
print(hb.show_config("dicts")["gpu"][0])
print([line.split(maxsplit=5)[-1].strip() for line in open("/proc/self/maps") if "libnvrtc.so" in line][0])
try:
    hb.ops.exp(np.ones(3, "float32"))
except RuntimeError as e:
    print(e)
"""


@pytest.mark.skipif("HB_CUDA_PATH" not in os.environ, reason="needs the fake driver")
def test_nvrtc_beside_the_package_is_found_and_compiles(tmp_path):
    """The fake driver takes no code of NVIDIA's: it says so when all else is done."""
    folder, site, driver = installed("nvidia-cuda-nvrtc").parent, tmp_path / "site", tmp_path / "driver"
    own, its = site / "hornbeam", site / "nvidia" / folder.parent.name / "lib"
    shutil.copytree(Path(hornbeam.__file__).parent, own, ignore=shutil.ignore_patterns("__pycache__"))
    fake = next(f for f in map(Path, os.environ["HB_CUDA_PATH"].split(os.pathsep)) if (f / "libcuda.so.1").exists())
    for there, pattern, here in ((folder, "libnvrtc*", its), (fake, "libcuda.so.1", driver)):
        here.mkdir(parents=True)
        for file in there.glob(pattern):
            (here / file.name).symlink_to(file.resolve())
    kernels = tmp_path / "kernels"
    changes = {"HB_CUDA_PATH": driver, "PYTHONPATH": site, "HB_CACHE_DIR": kernels, "HB_DEVICE": "gpu"}
    env = {**os.environ, **{k: str(v) for k, v in changes.items()}}
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr
    problem, opened, said = ran.stdout.splitlines()
    assert problem == "usable"
    assert Path(opened) == (its / "libnvrtc.so.13").resolve()
    assert "cuModuleLoadData" in said
    kept = [p.read_bytes() for p in kernels.glob("*.kernel")]
    assert kept and all(b"\x7fELF" in file for file in kept)
