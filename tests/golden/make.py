"""Records the golden numbers from real Keras. usage: KERAS_BACKEND=jax python make.py [FAMILY ...]"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import golden  # noqa: E402
import keras  # noqa: E402


def main():
    """Runs every case of the named families, or of all, and stores what came."""
    for family in sys.argv[1:] or golden.FAMILIES:
        results = {}
        for name, call in golden.cases(family, keras).items():
            try:
                results[name] = golden.arrays(call())
            except Exception as e:
                raise RuntimeError(f"{family}: {name}") from e
        golden.store(family, results)
        size = (golden.FOLDER / f"{family}.npz").stat().st_size
        print(f"{family}: {len(results)} cases, {size} bytes, keras {keras.__version__}")


if __name__ == "__main__":
    main()
