"""Calls of the layers for numbers and categories, the same for Keras and for Hornbeam: name to what came, as arrays."""

import numpy as np

INTS = [0, 1, 9, 10, 99, 100, 999, 1000, 9999, 12345, 999999, 1234567, 9999999, 10**7, 99999999, 10**8, 123456789]
INTS += [10**15 - 1, 10**15, 10**16 - 1, 10**16, 12345678901234567, 10**17, 10**18, 2**63 - 1]
INTS = np.array([*INTS, *(-i for i in INTS[1:]), -(2**63)], "int64")
WORDS = [
    "",
    "a",
    "ab",
    "abc",
    "seven77",
    "eight888",
    "sixteen-letters!",
    "seventeen-letters",
    "Gr\u00f6\u00dfe \u4e2d\u6587 \U0001f600",
]
WORDS = np.array([*WORDS, "x" * 32, "y" * 33, "z" * 64, "w" * 65, "v" * 500], object)
R = np.random.RandomState(5)
TABLE = (R.normal(size=(37, 3)) * [1.0, 1e-3, 20.0] + [0.0, 5.0, 1000.0]).astype("float32")
VOLUME = R.normal(size=(6, 3, 4, 2)).astype("float32")
KINDS = R.randint(0, 6, size=(9, 5))
COLUMNS = {
    "plain": R.normal(size=12).astype("float32"),
    "normal": (R.normal(size=12) * 9 + 4).astype("float32"),
    "scaled": R.normal(size=12).astype("float32"),
    "ranges": R.normal(size=12).astype("float32"),
    "ids": np.array([3, 5, 3, 9, 9, 9, 1, 3, 9, 5, 3, 3], "int32"),
    "hashed": np.arange(100, 112).astype("int32"),
    "names": np.array(list("abracadabrac"), object),
    "words": np.array([f"word {i % 5}" for i in range(12)], object),
}


def cases(L, FeatureSpace):
    """All results by name."""
    out = {}
    for bins in (1, 2, 3, 1000, 2**31 + 11, 2**62 - 1):
        for salt in (None, 133, [133, 137], [2**40 + 3, 2**63 - 5]):
            for name, x in (("ints", INTS), ("words", WORDS)):
                out[f"Hashing {name} {bins} {salt}"] = L.Hashing(bins, salt=salt)(x)
    out["Hashing masked ints"] = L.Hashing(4, mask_value=9)(INTS)
    out["Hashing masked words"] = L.Hashing(4, mask_value="abc", salt=7)(WORDS)
    for mode in ("one_hot", "multi_hot", "count"):
        out[f"Hashing {mode}"] = L.Hashing(5, output_mode=mode)(KINDS)
        out[f"CategoryEncoding {mode}"] = L.CategoryEncoding(7, output_mode=mode)(KINDS)
        out[f"CategoryEncoding {mode} of a sample"] = L.CategoryEncoding(7, output_mode=mode)(KINDS[0])
        out[f"CategoryEncoding {mode} of one each"] = L.CategoryEncoding(7, output_mode=mode)(KINDS[:, :1])
        out[f"Discretization {mode}"] = L.Discretization([-1.0, 0.0, 0.25], output_mode=mode)(VOLUME[:, :, 0, 0])
        out[f"Discretization {mode} of more axes"] = L.Discretization([-1.0, 0.5], output_mode=mode)(VOLUME[..., 0])
    weights = np.arange(45).reshape(9, 5).astype("float32") / 8
    out["CategoryEncoding weighted"] = L.CategoryEncoding(7, output_mode="count")(KINDS, count_weights=weights)
    for bins in (1, 5, 2**62 - 1):
        pair = (INTS[:, None], INTS[::-1, None])
        out[f"HashedCrossing {bins}"] = L.HashedCrossing(bins)(pair)
        out[f"HashedCrossing {bins} of three"] = L.HashedCrossing(bins)((*pair, INTS[:, None] // 3))
        out[f"HashedCrossing {bins} of words"] = L.HashedCrossing(bins)((WORDS, WORDS[::-1]))
        out[f"HashedCrossing {bins} of both"] = L.HashedCrossing(bins)((WORDS, INTS[: len(WORDS)]))
    out["HashedCrossing one_hot"] = L.HashedCrossing(6, output_mode="one_hot")((KINDS[:, 0], KINDS[:, 1]))
    for size in (1, 3, 7, 101, 1000, 12345):
        x = np.random.RandomState(size).gamma(2.0, size=size).astype("float32")
        for bins, epsilon in ((2, 0.01), (3, 0.1), (4, 0.03), (10, 0.01), (32, 0.01)):
            layer = L.Discretization(num_bins=bins, epsilon=epsilon)
            layer.adapt(x)
            out[f"Discretization {bins} of {size} to {epsilon}"] = np.array(layer.bin_boundaries)
            layer.adapt([x[i : i + 83] for i in range(0, size, 83)])
            out[f"Discretization {bins} of {size} to {epsilon} in batches"] = np.array(layer.bin_boundaries)
    for axis, x in ((-1, TABLE), (None, TABLE), (1, VOLUME), ((1, 2), VOLUME), ((-1, 1), VOLUME), (None, TABLE[:, 0])):
        for invert in (False, True):
            layer = L.Normalization(axis=axis, invert=invert)
            layer.adapt(x)
            out[f"Normalization {axis} {invert} of {x.shape}"] = layer(x[:4])
            out[f"Normalization {axis} {invert} of {x.shape}: mean"] = layer.mean
            out[f"Normalization {axis} {invert} of {x.shape}: variance"] = layer.variance
    layer = L.Normalization(axis=(1, 2), mean=[1.0, 2.0, 0.5, -1.0], variance=[1.0, 4.0, 0.0, 2.0])
    out["Normalization given"] = layer(VOLUME)
    return {**out, **_spaces(FeatureSpace)}


def _spaces(FeatureSpace):
    out = {}
    for mode in ("concat", "dict"):
        space = FeatureSpace(
            {
                "plain": "float",
                "normal": "float_normalized",
                "scaled": FeatureSpace.float_rescaled(2.0, 1.0),
                "ranges": FeatureSpace.float_discretized(5),
                "ids": FeatureSpace.integer_categorical(num_oov_indices=2),
                "hashed": "integer_hashed",
                "names": FeatureSpace.string_categorical(max_tokens=4),
                "words": "string_hashed",
            },
            crosses=[("ids", "names"), FeatureSpace.cross(("words", "hashed"), 11)],
            crossing_dim=9,
            hashing_dim=6,
            output_mode=mode,
        )
        space.adapt(COLUMNS)
        found = space({name: column[::-1] for name, column in COLUMNS.items()})
        row = space({name: column[3] for name, column in COLUMNS.items()})
        for what, encoded in (("batch", found), ("row", row)):
            parts = encoded if isinstance(encoded, dict) else {"all": encoded}
            out.update((f"FeatureSpace {mode} {what} {key}", x) for key, x in parts.items())
    return out
