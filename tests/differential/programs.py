"""Random programs of layers: plain data, made from a seed alone, that every framework with Keras' names can run.

A program is a dict: ``inputs`` (shapes and dtypes), ``nodes`` (each a layer and the tensors that it takes: inputs come first,
then the nodes in their order), ``outputs``, ``compile`` arguments and the ``actions`` to run. Objects are ``{"class": name,
"args": {...}}``.
"""

from __future__ import annotations

import random

import layer_options as options
import training_options as training
from layer_options import Spec, obj


class Maker:
    """Grows one program from a seed."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        self.seed = seed
        self.inputs: list[Spec] = []
        self.nodes: list[Spec] = []
        self.shapes: list[tuple[int, ...]] = []

    def chance(self, p: float) -> bool:
        return self.r.random() < p

    def add_input(self) -> None:
        r = self.r
        kind = r.choice(["vec", "seq", "seq", "img", "ids"])
        if kind == "ids":
            shape: tuple[int, ...] = (r.randint(3, 6),)
        else:
            shape = tuple(r.randint(2, 6) for _ in range({"vec": 1, "seq": 2, "img": 3}[kind]))
        unknown = kind in ("seq", "ids") and self.chance(0.15)
        self.inputs.append({"kind": kind, "shape": list(shape), "unknown": unknown, "gaps": self.chance(0.5)})
        self.shapes.append(shape)

    def add_node(self, layer: Spec, sources: list[int], shape: tuple[int, ...]) -> int:
        node: Spec = {"layer": layer, "in": sources, "shape": list(shape)}
        self.nodes.append(node)
        self.shapes.append(shape)
        return len(self.shapes) - 1

    def grow(self, source: int) -> int:
        """One more layer on a tensor, now and then one that is there already."""
        shape = self.shapes[source]
        base = len(self.inputs)
        used = [
            (i, n)
            for i, n in enumerate(self.nodes)
            if len(n["in"]) == 1 and self.shapes[n["in"][0]] == shape and not self.is_ids(n["in"][0]) and "ref" not in n
        ]
        if used and self.chance(0.12):
            i, n = self.r.choice(used)
            self.nodes.append({"ref": i, "in": [source], "shape": n["shape"]})
            self.shapes.append(tuple(n["shape"]))
            return len(self.shapes) - 1
        assert base <= len(self.shapes)
        if self.chance(0.1):  # a nested Sequential, built when it is called
            inner, at = [], shape
            for _ in range(self.r.randint(1, 3)):
                layer, at = options.one(self.r, at)
                inner.append(layer)
            return self.add_node({"class": "Sequential", "layers": inner}, [source], at)
        layer, out = options.one(self.r, shape)
        sources = [source, source] if layer["class"] in options.PAIRS else [source]
        return self.add_node(layer, sources, out)

    def is_ids(self, i: int) -> bool:
        return i < len(self.inputs) and self.inputs[i]["kind"] == "ids"

    def start(self, i: int) -> int:
        """Ids as vectors; sequences now and then masked."""
        shape = self.shapes[i]
        if self.is_ids(i):
            size = self.r.randint(2, 5)
            layer = obj("Embedding", input_dim=7, output_dim=size, mask_zero=self.chance(0.6))
            return self.add_node(layer, [i], (*shape, size))
        if self.inputs[i]["kind"] == "seq" and self.chance(0.5):
            return self.add_node(obj("Masking", mask_value=0.0), [i], shape)
        return i

    def merge(self, a: int, b: int) -> int:
        joined = options.join(self.r, self.shapes[a], self.shapes[b])
        if joined is None:
            return self.grow(a)
        layer, shape = joined
        return self.add_node(layer, [a, b], shape)

    def head(self, source: int) -> tuple[int, Spec]:
        """A last layer and a loss for it, with metrics."""
        kind = self.r.choice(["number", "number", "class", "sparse", "yes"])
        if kind == "number":
            at = source if self.chance(0.4) and source >= len(self.inputs) else None
            units = self.r.randint(1, 3)
            shape = self.shapes[source]
            if at is None:
                layer = obj("Dense", units=units, **options.maybe(self.r, 0.3, activation=options.activation(self.r)))
                at = self.add_node(layer, [source], (*shape[:-1], units))
        else:
            units = 1 if kind == "yes" else self.r.randint(2, 4)
            last = "sigmoid" if kind == "yes" else "softmax"
            layer = obj("Dense", units=units, activation=last)
            at = self.add_node(layer, [source], (*self.shapes[source][:-1], units))
        return at, {"kind": kind, "shape": list(self.shapes[at]), **training.loss(self.r, kind)}


def program(seed: int, how: str = "whole") -> Spec:
    """The program of a seed. ``how``: "short" for one that is called and fits once, "forward" for one that is called alone."""
    m = Maker(seed)
    r = m.r
    for _ in range(1 if m.chance(0.65) else 2):
        m.add_input()
    ends = [m.start(i) for i in range(len(m.inputs))]
    for _ in range(r.randint(1, 5)):
        k = r.randrange(len(ends))
        if len(ends) > 1 and m.chance(0.2):
            ends[k] = m.merge(ends[k], ends[1 - k])
        elif m.chance(0.15):
            other = m.grow(ends[k])
            ends[k] = m.merge(other, ends[k]) if m.shapes[other] == m.shapes[ends[k]] else other
        else:
            ends[k] = m.grow(ends[k])
    heads = [m.head(e) for e in ends]
    weighted = m.chance(0.25) and all(len(m.shapes[h[0]]) == 1 for h in heads)
    actions: list[Spec] = [{"do": "predict", "batch": r.choice([2, 4, 32])}, {"do": "call", "training": m.chance(0.5)}]
    steps = [training.action(r, weighted, len(heads)) for _ in range(r.randint(1, 3))]
    actions += steps
    actions.append({"do": "predict", "batch": 4})
    if m.chance(0.3):
        second: Spec = {"do": "compile", **training.compiling(r, len(heads))}
        if m.chance(0.4):
            second["freeze"] = r.randrange(len(m.nodes))
        actions += [second, training.action(r, weighted, len(heads)), {"do": "predict", "batch": 8}]
    if m.chance(0.25):
        actions.append({"do": "copy"})
    if how != "whole":
        once: Spec = {
            "do": "fit",
            "weights": False,
            "args": {"epochs": 1, "batch_size": 4},
            "validation": None,
            "callbacks": [],
        }
        calls: list[Spec] = [{"do": "call", "training": False}, {"do": "call", "training": True}]
        actions = [*calls, once] if how == "short" else calls
        for _, h in heads:
            h["metrics"], h["weighted"] = [], []
    return {
        "seed": seed,
        "how": how,
        "samples": r.choice([5, 7, 8, 9, 11]),
        "inputs": m.inputs,
        "nodes": m.nodes,
        "outputs": [h[0] for h in heads],
        "heads": [h[1] for h in heads],
        "compile": {"optimizer": obj("SGD", learning_rate=0.05)}
        if how != "whole"
        else training.compiling(r, len(heads)),
        "actions": actions,
    }
