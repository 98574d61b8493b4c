"""Run by a Python that has only the wheel and NumPy: the package works, is small, and native projects build against it."""

import json
import pathlib
import subprocess
import sys
import tempfile
import time

start = time.perf_counter()
import numpy as np  # noqa: E402

middle = time.perf_counter()
import hornbeam as hb  # noqa: E402

own = time.perf_counter() - middle
print(f"import: numpy {middle - start:.3f} s, hornbeam {own:.3f} s more")
x = np.float32([[0, 0], [0, 1], [1, 0], [1, 1]])
m = hb.Sequential([hb.Input((2,)), hb.layers.Dense(8, activation="tanh"), hb.layers.Dense(1, activation="sigmoid")])
m.compile(hb.optimizers.Adam(0.05), "binary_crossentropy")
m.fit(x, np.float32([0, 1, 1, 0]), epochs=300, verbose=0)
assert ((m.predict(x, verbose=0).ravel() > 0.5) == [0, 1, 1, 0]).all()
size = sum(f.stat().st_size for f in pathlib.Path(hb.__file__).parent.rglob("*") if f.suffix != ".pyc")
print(json.dumps({"installed_mb": round(size / 2**20, 2)}))
root = pathlib.Path(__file__).resolve().parents[2]
cmake_dir = subprocess.run(
    [sys.executable, "-m", "hornbeam", "--cmake-dir"], check=True, capture_output=True, text=True
).stdout.strip()
with tempfile.TemporaryDirectory() as build:
    subprocess.run(
        ["cmake", "-S", str(root / "cpp/examples/embed_infer"), "-B", build, f"-Dhornbeam_DIR={cmake_dir}"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    subprocess.run(["cmake", "--build", build], check=True, stdout=subprocess.DEVNULL)
print("native project built against the wheel")
