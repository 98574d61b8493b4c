"""Runs Keras' own tests against Hornbeam and counts those that pass.

Usage: ``python tests/keras_compat/run.py [--record] [PYTEST ARGUMENT ...]``

The wheel comes from pip into ``build/keras_compat`` at test time; nothing of Keras is kept in this repository. `keras_alias`
stands for the package. Prints ``keras tests: N passed (recorded: M)``, M being the number in ``passed.txt``, and exits with 1
when fewer pass. ``--record`` writes N there. The names of those that passed are in ``build/keras_compat/passed``, one a line;
why the others failed is in ``results.xml`` beside it.

With further arguments (a file below ``build/keras_compat/tests/keras_tests``, ``-k``, ``--tb=native``) pytest runs those alone,
and nothing is compared.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORK = HERE.parents[1] / "build" / "keras_compat"
RECORDED = HERE / "passed.txt"
VERSION = "3.15.1"
LIMIT = 1200  # seconds for everything
HELPERS = (  # test small private functions: the wheel's own, the alias', and such as are not Hornbeam's to have
    "testing",
    "tree",
    "backend/common/backend_utils_test.py",
    "backend/common/dtypes_test.py",
    "utils/dtype_utils_test.py",
    "utils/naming_test.py",
    "utils/python_utils_test.py",
)
ELSEWHERE = (  # need other frameworks, downloads, or what Hornbeam has no part of
    "applications",
    "backend/jax",
    "backend/openvino",
    "backend/tensorflow",
    "backend/torch",
    "datasets",
    "distribution",
    "export",
    "wrappers",
)


def prepare() -> Path:
    """The tests' folder, made anew from the wheel, which is fetched once."""
    wheel, tests = WORK / "wheel", WORK / "tests"
    if not wheel.exists():
        download, fresh = WORK / "download", WORK / "fresh"
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", download, f"keras=={VERSION}"]
        subprocess.run(pip, check=True)
        (archive,) = download.glob(f"keras-{VERSION}-*.whl")
        shutil.rmtree(fresh, ignore_errors=True)
        zipfile.ZipFile(archive).extractall(fresh)
        fresh.rename(wheel)
    shutil.rmtree(tests, ignore_errors=True)
    source = wheel / "keras" / "src"
    for file in sorted(source.rglob("*_test.py")):
        name = file.relative_to(source)
        if not any(name.is_relative_to(left_out) for left_out in HELPERS + ELSEWHERE):
            copy = tests / "keras_tests" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
    (tests / "pytest.ini").write_text("[pytest]\nfilterwarnings = ignore\n")
    (tests / "conftest.py").write_text("from keras_alias import skip_if_backend\n")
    return tests


def main(arguments: list[str]) -> int:
    record = "--record" in arguments
    chosen = [a for a in arguments if a != "--record"]
    tests, passed = prepare(), WORK / "passed"
    path = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    settings = {"KERAS_WHEEL": str(WORK / "wheel"), "PYTHONPATH": path, "HB_NUM_THREADS": "1"}
    if not chosen:
        passed.write_text("")
        settings["KERAS_PASSED"] = str(passed)
    command = [sys.executable, "-m", "pytest", "-p", "keras_alias", "-p", "no:cacheprovider", "--import-mode=importlib"]
    command += ["-q", "-rN", "--timeout=60", "--continue-on-collection-errors", *chosen]
    if not chosen:
        command += ["-n", "2", "--dist", "loadfile", "--max-worker-restart", "20", "--tb", "native", "--no-summary"]
        command += ["--junitxml", str(WORK / "results.xml")]
    place = {"cwd": tests / "keras_tests", "env": {**os.environ, **settings}, "timeout": LIMIT}
    with open(WORK / "log", "a" if chosen else "w") as log:
        try:
            subprocess.run(command, **place, stdout=None if chosen else log)  # type: ignore[call-overload]
        except subprocess.TimeoutExpired:
            print(f"keras tests: stopped after {LIMIT} s")
    if chosen:
        return 0
    count = len(set(passed.read_text().splitlines()))
    recorded = int(RECORDED.read_text()) if RECORDED.exists() else 0
    print(f"keras tests: {count} passed (recorded: {recorded})")
    if record:
        RECORDED.write_text(f"{count}\n")
    return 0 if record or count >= recorded else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
