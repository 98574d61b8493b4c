"""Records the golden numbers from real Keras. usage: python make.py [FAMILY ...]"""

import os
import pathlib
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import golden  # noqa: E402
import keras  # noqa: E402


def main():
    """Runs every case of the named families, or of all, and stores what came. Returns how many Keras refused."""
    keras.utils.set_random_seed(0)
    refused = 0
    for family in sys.argv[1:] or golden.FAMILIES:
        results = {}
        for name, call in golden.cases(family, keras).items():
            try:
                results[name] = golden.arrays(call())
            except Exception as e:
                refused += 1
                print(f"{family}: {name}: {type(e).__name__}: {str(e)[:300]}")
        golden.store(family, results)
        size = (golden.FOLDER / f"{family}.npz").stat().st_size
        print(f"{family}: {len(results)} cases, {size} bytes, keras {keras.__version__}")
    return refused


if __name__ == "__main__":
    sys.exit(min(main(), 1))
