"""Bad input: always the right exception, which says what came; never a crash, a hang or a half-written weight."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers as L


def net(units=3, d=4):
    m = hb.Sequential([hb.Input((d,)), L.Dense(units, activation="softmax")])
    m.compile("sgd", "sparse_categorical_crossentropy")
    return m


X, Y = np.ones((8, 4), "float32"), np.zeros(8, "int32")


def test_metrics_of_names_that_do_not_exist():
    for kwargs in ({"optimizer": "adamm"}, {"loss": "msee"}):
        m = net()
        with pytest.raises(ValueError, match="unknown"):
            m.compile(**{"optimizer": "sgd", "loss": "mse", **kwargs})
            m.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="compile"):
        hb.Sequential([L.Dense(1)]).fit(X, Y)


def test_memory_stays_flat():
    import resource

    x = np.ones((64, 4), "float32")
    m = net()
    m.fit(x, np.zeros(64, "int32"), epochs=50, verbose=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(5):
        m.fit(x, np.zeros(64, "int32"), epochs=200, verbose=0)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 * 1024
