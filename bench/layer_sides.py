"""Both sides of ``layers.py``: a cell made into a function that runs it once, on numbers that are there already.

Hornbeam's is the compiled program that a model would run, called through the binding; torch's the module's call, with what
Python costs it, as its users pay it. A training step is the forward pass and the gradients of all weights and inputs for a given
gradient of the output, with weights that are new in each step, as an optimizer makes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from layer_cells.cell import Cell, drawn_weights, weight_of

Outputs = list[Any]
Run = Callable[[], Any]


class Hornbeam:
    """Hornbeam's side."""

    def __init__(self, threads: int) -> None:
        import hornbeam as hb

        self.hb, self.threads = hb, threads

    def prepare(self, cell: Cell, mode: str, shapes: Any) -> tuple[list[Run], list[list[int]], Callable[[], Outputs]]:
        """The ways to run it once, the shapes of its weights, and what gives its outputs in Hornbeam's layout."""
        hb = self.hb
        f, training = cell.ours(hb), mode == "train"
        given = cell.arrays()

        def call(xs: Any) -> Any:
            if cell.call is not None:
                return cell.call(f, xs, training)
            return f(*xs, training=training) if isinstance(f, hb.layers.Layer) else f(*xs)

        weights, learned = [], []
        if isinstance(f, hb.layers.Layer):
            call([hb.ops.convert_to_tensor(x) for x in given])  # builds it
            weights = list(f.weights)
            learned = list(f.trainable_weights) if training else []
            for variable, value in zip(weights, drawn_weights([w.shape for w in weights])):
                variable.assign(value)
        floats = [i for i, x in enumerate(given) if x.dtype.kind == "f"]
        arrays = list(given)
        if training:
            shape = hb.function(lambda *xs: call(xs))(*given).shape
            arrays += [np.array(w) for w in learned] + [weight_of(shape)]

        def step(*values: Any) -> Any:
            xs = values[: len(given)]
            if not training:
                return call(xs)
            for variable, value in zip(learned, values[len(given) :]):
                give(hb, variable, value)
            y = call(xs)
            return [y, *hb.gradients(y, [*(xs[i] for i in floats), *learned], values[-1])]

        from hornbeam.core.function import Compiled

        compiled = Compiled(step, arrays, [(a.dtype.name, a.shape) for a in arrays], threads=self.threads)
        run = compiled.executable.run
        kept = 1 + len(floats) if training else 1
        return (
            [lambda: run(arrays)],
            [list(w.shape) for w in weights],
            lambda: [np.array(y) for y in run(arrays)[:kept]],
        )


def give(hb: Any, variable: Any, value: Any) -> None:
    """Makes a traced value what reading the variable gives, without writing it: a weight that is new in each step."""
    from hornbeam.core.trace import current_trace

    trace = current_trace()
    trace.read(variable)
    trace.assigned[id(variable)] = (variable, trace.value_of(value))


class Torch:
    """torch's side, eager or compiled."""

    def __init__(self, threads: int, compiled: bool = False) -> None:
        import torch

        torch.set_num_threads(threads)
        self.torch, self.compiled = torch, compiled

    def tensor(self, array: Any, spatial: int, how: str) -> Any:
        """An array as a tensor: images with their channels first, in the memory format ``how``."""
        t = self.torch.from_numpy(np.asarray(array, order="C"))
        if spatial and t.ndim == spatial + 2:
            t = t.movedim(-1, 1)
            formats = {("last", 2): self.torch.channels_last, ("last", 3): self.torch.channels_last_3d}
            t = t.contiguous(memory_format=formats.get((how, spatial), self.torch.contiguous_format))
        return t

    def array(self, tensor: Any, spatial: int) -> Any:
        """The reverse."""
        t = tensor.detach()
        return (t.movedim(1, -1) if spatial and t.ndim == spatial + 2 else t).contiguous().numpy()

    def prepare(self, cell: Cell, mode: str, shapes: Any) -> tuple[list[Run], list[list[int]], Callable[[], Outputs]]:
        """The ways to run it once, one a memory format; as ``Hornbeam.prepare``."""
        made = [self._one(cell, mode == "train", shapes, how) for how in (cell.formats if cell.spatial else ("last",))]
        return [run for run, _ in made], shapes, made[0][1]

    def _one(self, cell: Cell, training: bool, shapes: Any, how: str) -> tuple[Run, Callable[[], Outputs]]:
        torch = self.torch
        torch._dynamo.reset() if self.compiled else None
        f = cell.theirs(torch)
        xs = [self.tensor(a, cell.spatial, how) for a in cell.arrays()]
        xs = [x.long() if given.kind == "i" else x for x, given in zip(xs, cell.inputs)]
        learned = []
        if isinstance(f, torch.nn.Module):
            state = {
                k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in cell.weights(drawn_weights(shapes)).items()
            }
            missing = [k for k in f.state_dict() if k not in state and k != "num_batches_tracked"]
            assert not missing, f"{cell.key}: torch's {missing} come from nothing"
            f.load_state_dict(state, strict=False)
            f.train(training)
            if how == "last" and cell.spatial == 2:
                f = f.to(memory_format=torch.channels_last)
            learned = list(f.parameters())
        call = torch.compile(f) if self.compiled else f
        take, leaves = cell.take, [x for x in xs if x.is_floating_point()]
        if not training:

            def forward() -> Any:
                with torch.inference_mode():
                    return take(call(*xs))

            return forward, lambda: [self.array(forward(), cell.spatial)]
        for x in leaves:
            x.requires_grad_(True)
        y = take(call(*xs))
        seed = self.tensor(weight_of(self.array(y, cell.spatial).shape), cell.spatial, how)

        def step() -> Any:
            y = take(call(*xs))
            gradients = torch.autograd.grad(y, [*leaves, *learned], seed, allow_unused=True)
            return [y, *(written(g, cell.spatial) for g in gradients)]

        return step, lambda: [self.array(t, cell.spatial) for t in step()[: 1 + len(leaves)]]


def written(gradient: Any, spatial: int) -> Any:
    """A gradient whose elements all lie in memory: torch gives that of a sum as a view of one row or number, that of a transpose as
    a view of the other's. What lies in an image's own order (channels last) does."""
    if gradient is None:
        return None
    repeats = any(s == 0 and n > 1 for s, n in zip(gradient.stride(), gradient.shape))
    return gradient.contiguous() if repeats or not spatial else gradient


SIDES: dict[str, Callable[[int], Any]] = {
    "hornbeam": Hornbeam,
    "torch": Torch,
    "torch-compile": lambda threads: Torch(threads, compiled=True),
}
