"""Runs programs on the framework that is named: a line of JSON in, a line of JSON out. ``python runner.py hornbeam|keras``."""

from __future__ import annotations

import importlib
import json
import os
import sys
import warnings
from typing import Any

import numpy as np

Spec = dict[str, Any]


def values(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.uniform(-1, 1, size=shape).astype("float32")


class Run:
    """One program on one framework; what it did is ``log``: labels and values."""

    def __init__(self, keras: Any, spec: Spec) -> None:
        self.k, self.spec = keras, spec
        self.log: list[tuple[str, Any]] = []
        self.layers: dict[int, Any] = {}
        self.rng = np.random.default_rng(spec["seed"])
        self.n = spec["samples"]

    def make(self, what: Any, **more: Any) -> Any:
        """An object from its description, its arguments made likewise."""
        if isinstance(what, list):
            return [self.make(w) for w in what]
        if not isinstance(what, dict) or "class" not in what:
            return what
        if what["class"] == "Sequential":
            inner = [self.make(w, name=f"{more['name']}_{i}") for i, w in enumerate(what["layers"])]
            return self.k.Sequential(inner, **more)
        k = self.k
        places = (k.layers, k.losses, k.metrics, k.optimizers, k.regularizers, k.constraints, k.callbacks)
        found = [getattr(p, what["class"]) for p in (*places, k.optimizers.schedules) if hasattr(p, what["class"])]
        return found[0](**{name: self.make(v) for name, v in what["args"].items()}, **more)

    def metric(self, what: Any) -> Any:
        return getattr(self.k.metrics, what["class"])(**what["args"]) if isinstance(what, dict) else what

    def loss(self, what: Any) -> Any:
        return getattr(self.k.losses, what["class"])(**what["args"]) if isinstance(what, dict) else what

    def build(self) -> None:
        k, spec = self.k, self.spec
        tensors = []
        for i, given in enumerate(spec["inputs"]):
            shape = [None, *given["shape"][1:]] if given["unknown"] else given["shape"]
            tensors.append(k.Input(tuple(shape), dtype="int32" if given["kind"] == "ids" else "float32", name=f"i{i}"))
        inputs = list(tensors)
        for i, node in enumerate(spec["nodes"]):
            if "ref" in node:
                layer = self.layers[node["ref"]]
            else:
                layer = self.layers[i] = self.make(node["layer"], name=f"n{i}")
            taken = [tensors[j] for j in node["in"]]
            options = node.get("layer", {}).get("call", {})
            if node.get("layer", {}).get("class") == "MultiHeadAttention":
                tensors.append(layer(*taken, **options))
            else:
                tensors.append(layer(taken if len(taken) > 1 else taken[0], **options))
        outputs = [tensors[i] for i in spec["outputs"]]
        single = len(inputs) == 1 and len(outputs) == 1
        self.model = k.Model(inputs if not single else inputs[0], outputs if not single else outputs[0])
        for i, layer in self.layers.items():
            rng = np.random.default_rng([spec["seed"], i])
            layer.set_weights(
                [
                    np.abs(values(rng, w.shape)) + 0.5 if "variance" in w.name else values(rng, w.shape)
                    for w in layer.weights
                ]
            )
        self.x = self.features(self.n)

    def features(self, n: int) -> list[Any]:
        made = []
        for given in self.spec["inputs"]:
            shape = (n, *given["shape"])
            x = self.rng.integers(0, 7, shape) if given["kind"] == "ids" else values(self.rng, shape) * 2
            if given["gaps"] and given["kind"] in ("ids", "seq"):
                steps = self.rng.random(shape[:2]) < 0.6
                steps[:, 0] = True  # what has no step at all is a test of its own
                x = x * (steps if given["kind"] == "ids" else steps[..., None])
                if given["kind"] == "ids":
                    x[:, 0] = np.maximum(x[:, 0], 1)
            made.append(x.astype("int32" if given["kind"] == "ids" else "float32"))
        return made

    def targets(self, n: int) -> list[Any]:
        made = []
        for head in self.spec["heads"]:
            shape = (n, *head["shape"])
            if head["kind"] == "number":
                made.append(values(self.rng, shape))
            elif head["kind"] == "yes":
                made.append((self.rng.random(shape) < 0.5).astype("float32"))
            else:
                ids = self.rng.integers(0, shape[-1], shape[:-1])
                made.append(
                    ids.astype("int32") if head["kind"] == "sparse" else np.eye(shape[-1], dtype="float32")[ids]
                )
        return made

    def one(self, items: list[Any]) -> Any:
        return items if len(self.spec["inputs"]) > 1 or len(self.spec["outputs"]) > 1 else items[0]

    def do_compile(self, what: Spec) -> None:
        heads = self.spec["heads"]
        losses, metrics = [self.loss(h["loss"]) for h in heads], [[self.metric(m) for m in h["metrics"]] for h in heads]
        weighted = [[self.metric(m) for m in h["weighted"]] for h in heads]
        if "freeze" in what and what["freeze"] in self.layers:
            self.layers[what["freeze"]].trainable = False
        several = len(heads) > 1
        extra = {"loss_weights": what["loss_weights"]} if "loss_weights" in what else {}
        if any(weighted):
            extra["weighted_metrics"] = weighted if several else weighted[0]
        self.model.compile(
            self.make(what["optimizer"]),
            loss=losses if several else losses[0],
            metrics=(metrics if several else metrics[0]) if any(metrics) else None,
            **extra,
        )

    def act(self, what: Spec) -> Any:
        model, do = self.model, what["do"]
        x, args = self.one(self.x), dict(what.get("args", {}))
        if do == "predict":
            return model.predict(x, batch_size=what["batch"], verbose=0)
        if do == "call":
            numpy = self.k.ops.convert_to_numpy
            made = [numpy(t) for t in flat(model(x, training=what["training"]))]
            return {"outputs": made, "losses": float(sum(numpy(t) for t in model.losses))}
        if do == "compile":
            return self.do_compile(what)
        if do == "copy":
            again = self.k.models.clone_model(model)
            again.set_weights(model.get_weights())
            return again.predict(x, verbose=0)
        y = self.targets(self.n)
        y = y if len(y) > 1 else y[0]
        if what["weights"]:
            args["sample_weight"] = self.rng.uniform(0, 2, self.n).astype("float32")
        if do == "evaluate":
            return model.evaluate(x, y, verbose=0, return_dict=True, **args)
        if do in ("train_on_batch", "test_on_batch"):
            return getattr(model, do)(x, y, return_dict=True, **args)
        if what["validation"] == "data":
            held, wanted = self.features(3), self.targets(3)
            args["validation_data"] = (self.one(held), wanted if len(wanted) > 1 else wanted[0])
        elif what["validation"]:
            args["validation_split"] = what["validation"]
        calls = [self.make(c) for c in what["callbacks"]]
        return model.fit(x, y, shuffle=False, verbose=0, callbacks=calls, **args).history

    def go(self) -> list[tuple[str, Any]]:
        label = "build"
        try:
            self.build()
            label = "compile"
            if self.spec["how"] != "forward":
                self.do_compile(self.spec["compile"])
            for i, what in enumerate(self.spec["actions"]):
                label = f"{i} {what['do']}"
                self.log.append((label, plain(self.act(what))))
            label = "weights"
            for i, layer in self.layers.items():
                self.log.append((f"weights of node {i}", plain(layer.get_weights())))
            if self.spec["how"] == "whole":
                self.log.append(("shapes of weights", [list(w.shape) for w in self.model.get_weights()]))
        except Exception as e:
            self.log.append((label, {"error": f"{type(e).__name__}: {str(e)[:300]}"}))
        return self.log


def flat(x: Any) -> list[Any]:
    if isinstance(x, dict):
        return [leaf for v in x.values() for leaf in flat(v)]
    return [leaf for v in x for leaf in flat(v)] if isinstance(x, (list, tuple)) else [x]


def plain(x: Any) -> Any:
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    return x if x is None or isinstance(x, (str, int, float)) else np.asarray(x, "float64").tolist()


def run(keras: Any, spec: Spec) -> list[tuple[str, Any]]:
    """What the program does on this framework."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras.utils.clear_session()  # names are numbered from 1 again
        return Run(keras, spec).go()


def main(name: str) -> None:
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed is not an answer
    keras = importlib.import_module(name)
    for line in sys.stdin:
        print(json.dumps(run(keras, json.loads(line))), file=out, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
