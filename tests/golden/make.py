"""Records the golden numbers from real Keras. usage: python make.py [FAMILY [NAME ...]]"""

import os
import pathlib
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import golden  # noqa: E402
import keras  # noqa: E402


def main(family, *names):
    """Runs the family's cases, or those of these names alone, and stores what came beside the others' old results.

    Returns how many Keras refused.
    """
    keras.utils.set_random_seed(0)
    refused, results = 0, {}
    kept = golden.load(family) if names else {}
    for name, call in golden.cases(family, keras).items():
        if name in kept and name not in names:
            results[name] = [a.astype(dtype) for dtype, a in kept[name]]
            continue
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
    sys.exit(min(1, main(*sys.argv[1:]) if sys.argv[1:] else sum(map(main, golden.FAMILIES))))
