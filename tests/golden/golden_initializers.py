"""The statistics of every initializer."""

import numpy as np
from golden_losses import text

INITIALIZERS = {
    "Zeros": [{}],
    "Ones": [{}],
    "Constant": [{"value": 0.3}],
    "RandomNormal": [{}, {"mean": 1.0, "stddev": 0.2}],
    "RandomUniform": [{}, {"minval": -1.0, "maxval": 3.0}],
    "TruncatedNormal": [{}, {"mean": 1.0, "stddev": 0.2}],
    "VarianceScaling": [
        {"scale": s, "mode": m, "distribution": d}
        for s in (1.0, 3.0)
        for m in ("fan_in", "fan_out", "fan_avg")
        for d in ("truncated_normal", "untruncated_normal", "uniform")
    ],
    **{n: [{}] for n in ("GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform")},
    "Orthogonal": [{}, {"gain": 2.0}],
}
EXACT = ("Zeros", "Ones", "Constant")
SHAPES = {"dense": (250, 160), "conv": (5, 5, 40, 40)}


def cases(K):
    """The calls, by name."""
    out = {}
    for cls, options in INITIALIZERS.items():
        for o in options:
            for name, shape in SHAPES.items():

                def drawn(cls=cls, o=o, shape=shape):
                    x = np.asarray(getattr(K.initializers, cls)(**o)(shape)).astype("float64")
                    if cls in EXACT:
                        return [x[0, :3].astype("float32")]
                    spread = x.std()
                    far = np.abs(x - x.mean()).max() / spread
                    bounded = [np.float32(far)] if far < 3 else [np.float32(np.inf)]  # a normal one has no bound
                    shares = [(np.abs(x - x.mean()) < k * spread).mean() for k in (0.5, 1, 1.5)]
                    return [np.float32(x.mean() / spread), np.float32(spread), *bounded, np.asarray(shares, "float32")]

                out[f"{cls}({text(o)}) {name}"] = drawn

    def orthogonal(shape):
        q = np.asarray(K.initializers.Orthogonal(gain=2.0)(shape)).reshape(-1, shape[-1])
        return q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T

    for shape in ((6, 4), (4, 6), (2, 3, 4)):
        out[f"orthogonal {shape}"] = lambda shape=shape: orthogonal(shape)
    out["Identity"] = lambda: [np.asarray(K.initializers.Identity(g)((3, 4))) for g in (1.0, 2.5)]
    return out
