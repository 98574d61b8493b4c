"""Layers under masks, states, both training modes and odd options, one by one: ``walk(keras)`` gives a name and what came.

``KERAS_BACKEND=jax python tests/differential/walk.py FILE`` records Keras' answers, which ``test_recorded_walk.py`` expects.
"""

from __future__ import annotations

import gzip
import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

MASK = np.array([[1, 1, 1, 1, 1], [0, 0, 1, 1, 0], [1, 0, 1, 0, 0]], bool)
NONE_LEFT = MASK & np.array([[1], [0], [1]], bool)  # a sample all of whose steps are masked
MASKS = {"none": None, "m": MASK, "f0": NONE_LEFT}


def arrays(x: Any) -> list[Any]:
    if isinstance(x, (list, tuple)):
        return [a for item in x for a in arrays(item)]
    return [np.asarray(x, "float64")]


def weighted(layer: Any, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    made = [rng.normal(size=w.shape) for w in layer.weights]
    layer.set_weights([np.abs(a) + 0.3 if "variance" in w.name else a * 0.6 for a, w in zip(made, layer.weights)])
    return layer


class Walk:
    def __init__(self, keras: Any) -> None:
        self.k, self.log = keras, {}
        self.r = np.random.default_rng(1)
        self.x = self.r.normal(size=(3, 5, 4)).astype("float32")
        ops = keras.ops

        class Doubling(keras.layers.Layer):
            """A cell whose output is not its state."""

            def __init__(self, units: int, **kwargs: Any) -> None:
                super().__init__(**kwargs)
                self.units = self.state_size = units

            def build(self, shape: Any) -> None:
                self.a = self.add_weight(shape=(shape[-1], self.units), initializer="uniform", name="a")
                self.b = self.add_weight(shape=(self.units, self.units), initializer="uniform", name="b")

            def call(self, inputs: Any, states: Any) -> Any:
                h = ops.tanh(ops.matmul(inputs, self.a) + ops.matmul(states[0], self.b))
                return h * 2.0, [h]

            def get_config(self) -> dict[str, Any]:
                return {**super().get_config(), "units": self.units}

        self.cell = keras.saving.register_keras_serializable("walk")(Doubling)

    def note(self, name: str, f: Callable[[], Any]) -> None:
        self.log[name] = arrays(f())

    def ready(self, layer: Any, *args: Any) -> Any:
        """The layer, built for these inputs and with known weights."""
        layer(*args)
        return weighted(layer)

    def recurrent(self) -> None:
        layers, x = self.k.layers, self.x
        for back in (False, True):
            for all_steps in (False, True):
                for masked, mask in MASKS.items():
                    at = f"back={back} all={all_steps} {masked}"
                    way = {"go_backwards": back, "return_sequences": all_steps}
                    for name in ("LSTM", "GRU", "SimpleRNN"):
                        self._one(name, at, way, mask)
                    cells = [layers.LSTMCell(3), layers.GRUCell(2)]
                    stack = self.ready(layers.RNN(cells, return_state=True, **way), x)
                    self.note(f"stacked {at}", lambda: stack(x, mask=mask))  # noqa: B023
                    own = self.ready(layers.RNN(self.cell(3), return_state=True, **way), x)
                    self.note(f"own cell {at}", lambda: own(x, mask=mask))  # noqa: B023
                    flat = self.ready(layers.RNN(self.cell(3), unroll=True, **way), x)
                    self.note(f"own cell, unrolled {at}", lambda: flat(x, mask=mask))  # noqa: B023
                    if not back:
                        self._both_ways(at, all_steps, mask)

    def _one(self, name: str, at: str, way: dict[str, Any], mask: Any) -> None:
        cls, x = getattr(self.k.layers, name), self.x
        for zero in (False, True):
            layer = self.ready(cls(3, return_state=True, zero_output_for_mask=zero, **way), x)
            begin = [self.r.normal(size=(3, 3)).astype("float32") for _ in range(2 if name == "LSTM" else 1)]
            self.note(f"{name} {at} zero={zero}", lambda: layer(x, mask=mask))  # noqa: B023
            self.note(f"{name} {at} zero={zero} begun", lambda: layer(x, mask=mask, initial_state=begin))  # noqa: B023
        for unroll in (True, False):
            other = self.ready(cls(3, unroll=unroll, activation="sigmoid", **way), x)
            self.note(f"{name} {at} unroll={unroll}", lambda: other(x, mask=mask, initial_state=begin))  # noqa: B023

    def _both_ways(self, at: str, all_steps: bool, mask: Any) -> None:
        layers, x = self.k.layers, self.x
        for mode in ("concat", "sum", None):
            inner = layers.GRU(3, return_sequences=all_steps, return_state=mode == "sum", activity_regularizer="l2")
            both = self.ready(layers.Bidirectional(inner, merge_mode=mode), x)
            self.note(f"both ways, {mode} {at}", lambda: both(x, mask=mask))  # noqa: B023
            self.note(f"both ways, {mode} {at}: losses", lambda: sum(float(v) for v in both.losses))  # noqa: B023
            inner = layers.RNN(self.cell(2), return_sequences=all_steps)
            own = self.ready(layers.Bidirectional(inner, merge_mode=mode), x)
            self.note(f"both ways, own cell, {mode} {at}", lambda: own(x, mask=mask))  # noqa: B023

    def each_step(self) -> None:
        k, layers = self.k, self.k.layers
        four = self.r.normal(size=(3, 5, 4, 2)).astype("float32")
        inner: dict[str, Callable[[], Any]] = {
            "batch norm": lambda: layers.BatchNormalization(momentum=0.5),
            "dense": lambda: layers.Dense(3, activity_regularizer="l2"),
            "conv": lambda: layers.Conv1D(2, 2),
            "models": lambda: k.Sequential([layers.Dense(3, activity_regularizer="l2"), layers.Flatten()]),
            "batch norm inside": lambda: k.Sequential([layers.Dense(3), layers.BatchNormalization()]),
            "gru": lambda: layers.GRU(2),
        }
        for training in (False, True):
            for name, make in inner.items():
                x = four if name in ("conv", "models", "gru") else self.x
                for masked in ("none", "m") if name in ("batch norm", "dense", "conv") else ("none",):
                    layer = self.ready(layers.TimeDistributed(make()), x)
                    at = f"each step, {name} training={training} {masked}"
                    self.note(at, lambda: layer(x, training=training, mask=MASKS[masked]))  # noqa: B023
                    self.note(f"{at}: weights", lambda: layer.get_weights())  # noqa: B023
                    self.note(f"{at}: losses", lambda: sum((float(v) for v in layer.losses), 0.0))  # noqa: B023

    def masks_through(self) -> None:
        """What an LSTM says that comes behind a Masking and another layer."""
        k, layers = self.k, self.k.layers
        chains: dict[str, Callable[[Any], Any]] = {
            "crop": lambda h: layers.Cropping1D((0, 1))(h),
            "crop nothing": lambda h: layers.Cropping1D((0, 0))(h),
            "pad": lambda h: layers.ZeroPadding1D(1)(h),
            "pad nothing": lambda h: layers.ZeroPadding1D(0)(h),
            "upsample": lambda h: layers.UpSampling1D(1)(h),
            "reshape to the same": lambda h: layers.Reshape((5, 4))(h),
            "reshape": lambda h: layers.Reshape((4, 5))(h),
            "permute": lambda h: layers.Permute((2, 1))(h),
            "conv": lambda h: layers.Conv1D(3, 1)(h),
            "pool": lambda h: layers.MaxPooling1D(1)(h),
            "an operator": lambda h: h * 2.0 + 1.0,
            "an op": lambda h: k.ops.tanh(h),
            "Lambda": lambda h: layers.Lambda(lambda t: t * 2.0)(h),
            "Identity": lambda h: layers.Identity()(h),
            "EinsumDense": lambda h: layers.EinsumDense("abc,cd->abd", (None, 3))(h),
            "RMSNormalization": lambda h: layers.RMSNormalization()(h),
            "UnitNormalization": lambda h: layers.UnitNormalization()(h),
            "GroupNormalization": lambda h: layers.GroupNormalization(2)(h),
            "TimeDistributed": lambda h: layers.TimeDistributed(layers.Dense(3))(h),
            "MultiHeadAttention": lambda h: layers.MultiHeadAttention(2, 2)(h, h),
            "causal attention": lambda h: layers.MultiHeadAttention(2, 2)(h, h, use_causal_mask=True),
            "Attention": lambda h: layers.Attention()([h, h]),
            "AdditiveAttention": lambda h: layers.AdditiveAttention()([h, h]),
            **{
                f"{name} of both masked": lambda h, name=name: getattr(layers, name)()([h, layers.Dense(4)(h)])
                for name in ("Add", "Multiply", "Maximum", "Concatenate")
            },
            **{
                f"{name} of one masked": lambda h, name=name: getattr(layers, name)()([h, layers.Conv1D(4, 1)(h)])
                for name in ("Add", "Multiply", "Maximum", "Minimum", "Concatenate")
            },
            "Concatenate in time": lambda h: layers.Concatenate(axis=1)([h, layers.Conv1D(4, 1)(h)]),
            "LSTM": lambda h: layers.LSTM(3, return_sequences=True, return_state=True)(h)[0],
            "Bidirectional": lambda h: layers.Bidirectional(layers.LSTM(3, return_sequences=True), None)(h)[1],
            "a late Sequential": lambda h: k.Sequential([layers.Dense(3), layers.Activation("tanh")])(h),
        }
        for name, chain in chains.items():
            entry = k.Input((5, 4))
            model = k.Model(entry, layers.LSTM(2)(chain(layers.Masking()(entry))))
            for layer in model.layers:
                weighted(layer, 3)
            self.note(f"through {name}", lambda: model(self.x * MASK[..., None]))  # noqa: B023

    def attention(self) -> None:
        layers, x = self.k.layers, self.x
        q = self.r.normal(size=(3, 2, 4)).astype("float32")
        for causal in (False, True):
            for kind, options in {"": {}, "dropout": {"dropout": 0.1}, "no bias": {"use_bias": False}}.items():
                for shape in (None, (3, 2, 5), (1, 2, 5), (3, 1, 2, 5), (2, 5)):
                    mask = None if shape is None else self.r.random(shape) < 0.4
                    layer = self.ready(layers.MultiHeadAttention(2, 3, output_shape=3, **options), q, x)
                    given = {"attention_mask": mask, "use_causal_mask": causal}
                    at = f"heads {kind} causal={causal} {shape}"
                    self.note(at, lambda: layer(q, x, **given))  # noqa: B023
                    self.note(f"{at}: weights", lambda: layer(q, x, return_attention_scores=True, **given))  # noqa: B023
            kinds = {
                "dot": layers.Attention(),
                "scaled dot": layers.Attention(use_scale=True),
                "concat": layers.Attention(use_scale=True, score_mode="concat"),
                "additive": layers.AdditiveAttention(),
            }
            for kind, layer in kinds.items():
                self.ready(layer, [q, x])
                for i, mask in enumerate((None, [None, MASK], [MASK[:, :2], NONE_LEFT], [MASK[:, :2], None])):
                    given = {"mask": mask, "use_causal_mask": causal, "return_attention_scores": True}
                    self.note(f"attention {kind} causal={causal} {i}", lambda: layer([q, x], **given))  # noqa: B023

    def norms(self) -> None:
        layers, x = self.k.layers, self.x
        for groups, axis in ((2, -1), (1, 1), (5, 1), (-1, 2)):
            layer = self.ready(layers.GroupNormalization(groups, axis=axis), x)
            self.note(f"groups {groups} {axis}", lambda: layer(x))  # noqa: B023
        for name in ("m", "f0"):
            layer = self.ready(layers.BatchNormalization(momentum=0.5), x)
            y = lambda: [layer(x, training=True, mask=MASKS[name]), *layer.get_weights()]  # noqa: B023, E731
            self.note(f"batch norm {name}", y)
        for shapes in (((3, 4), (3, 4), 1), ((3, 5, 4), (3, 4), (2, 1)), ((3, 2, 5, 4), (3, 4, 2, 2), (3, 1))):
            a, b = (np.random.default_rng(i).normal(size=s).astype("float32") for i, s in enumerate(shapes[:2]))
            for normal in (False, True):
                self.note(f"Dot {shapes} {normal}", lambda: layers.Dot(shapes[2], normalize=normal)([a, b]))  # noqa: B023


def walk(keras: Any) -> dict[str, list[Any]]:
    """Every answer by its name."""
    w = Walk(keras)
    for part in (w.recurrent, w.each_step, w.masks_through, w.attention, w.norms):
        part()
    return w.log


if __name__ == "__main__":
    import keras

    warnings.simplefilter("ignore")
    found = {
        name: [[list(a.shape), [float(f"{v:.5g}") for v in a.ravel()]] for a in v] for name, v in walk(keras).items()
    }
    with gzip.GzipFile(sys.argv[1], "wb", mtime=0) as f:
        f.write(json.dumps(found).encode())
