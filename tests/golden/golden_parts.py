"""Every regularizer and constraint, and its twin made from its config."""

import numpy as np
from golden_losses import text

R = np.random.RandomState(3)
MATRIX = R.normal(size=(4, 3)).astype("float32")
KERNEL = R.normal(size=(2, 3, 4)).astype("float32")
REGULARIZERS = {
    "L1": [{}, {"l1": 0.3}, {"l1": None}],
    "L2": [{}, {"l2": 0.3}, {"l2": None}],
    "L1L2": [{}, {"l1": 0.2}, {"l2": 0.3}, {"l1": 0.2, "l2": 0.3}],
    "OrthogonalRegularizer": [{}, {"factor": 0.3}, {"factor": 0.3, "mode": "columns"}],
}
CONSTRAINTS = {
    "NonNeg": [{}],
    "UnitNorm": [{}, {"axis": 1}, {"axis": [0, 1]}],
    "MaxNorm": [{}, {"max_value": 0.7}, {"max_value": 0.7, "axis": 1}, {"max_value": 0.7, "axis": [0, 1]}],
    "MinMaxNorm": [
        {},
        {"min_value": 1.2, "max_value": 2.0},
        {"min_value": 1.9, "max_value": 2.0, "rate": 0.3, "axis": 1},
    ],
}


def cases(K):
    """The calls, by name."""
    out = {}

    def twice(kind, cls, o, call):
        """What the object and one made from its config give."""
        one = getattr(getattr(K, kind), cls)(**o)
        return [call(one), call(type(one).from_config(one.get_config()))]

    for cls, options in REGULARIZERS.items():
        for o in options:
            for name, x in (("matrix", MATRIX), ("kernel", KERNEL)):
                if name == "matrix" or cls != "OrthogonalRegularizer":
                    out[f"{cls}({text(o)}) {name}"] = lambda cls=cls, o=o, x=x: twice(
                        "regularizers", cls, o, lambda one: np.asarray(one(K.ops.convert_to_tensor(x)))
                    )
    for name in ("l1", "l2"):
        out[f"regularizer {name}"] = lambda name=name: np.asarray(
            K.regularizers.get(name)(K.ops.convert_to_tensor(MATRIX))
        )
    for cls, options in CONSTRAINTS.items():
        for o in options:
            for name, x in (("matrix", MATRIX), ("kernel", KERNEL), ("zeros", MATRIX * 0)):
                out[f"{cls}({text(o)}) {name}"] = lambda cls=cls, o=o, x=x: twice(
                    "constraints", cls, o, lambda one: np.asarray(one(K.ops.convert_to_tensor(x)))
                )
    return out
