"""The programs that a file holds: those that ran last, or traced for the occasion from what is known of the inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hornbeam._core import Dim
from hornbeam.core.function import Compiled
from hornbeam.core.trace import Trace
from hornbeam.core.tree import flatten, map_structure, pack_like
from hornbeam.data.arrays import to_arrays
from hornbeam.data.batches import unpack_x_y_sample_weight
from hornbeam.layers.base.shapes import inputs_of
from hornbeam.training.signatures import Spec, decode, has_unknown, specs_of
from hornbeam.training.steps import Step
from hornbeam.training.trainer import Trainer


def stored_programs(model: Trainer, sample: Any) -> tuple[dict[str, Compiled], dict[str, str]]:
    """The programs by name, and why there is none for those that are missing."""
    found: dict[str, Compiled] = {}
    missing: dict[str, str] = {}
    for kind, ways in (("predict", _predict(model)), ("train", _train(model, sample))):
        if ways is None:
            continue
        why = "what it takes is not known" if kind == "predict" else "fit() it first, or give a sample=(x, y)"
        for way in ways:
            try:
                step = way()
            except Exception as e:  # whatever a step of the user's raises: then the next way
                why = f"{type(e).__name__}: {e}"
                if sample is not None and kind == "train":
                    raise
                continue
            if step is not None and step.graph.output_names:  # a file's functions return something
                found[kind] = step
                break
        if kind not in found:
            missing[kind] = why
    return found, missing


def _again(model: Trainer, kind: str) -> Compiled | None:
    """Traced for what the last program took: layers have changed since then."""
    last = model._programs[kind].last()
    return None if last is None else Step(model, kind).program(decode(last.batch))


def _recorded(model: Trainer, kind: str) -> Compiled | None:
    """Traced from the signature in the file that the model came from."""
    batch = model._signatures.get(kind)
    return None if batch is None else Step(model, kind).program(batch)


def _inputs(model: Trainer) -> Any:
    """Specs of the inputs, None when they are not known."""
    try:
        return specs_of(model._program_inputs)
    except ValueError:
        inputs = inputs_of(model._build_config, model.compute_dtype) if model._build_config else []
        return specs_of(inputs[0]) if len(inputs) == 1 else None


def _predict(model: Trainer) -> list[Callable[[], Compiled | None]]:
    def whole() -> Compiled | None:
        x = _inputs(model)
        return None if x is None else Step(model, "predict").program((x,))

    return [
        whole,
        lambda: Step(model, "predict").last(),
        lambda: _again(model, "predict"),
        lambda: _recorded(model, "predict"),
    ]


def _train(model: Trainer, sample: Any) -> list[Callable[[], Compiled | None]] | None:
    if not model.compiled:
        return None
    if sample is not None:
        x, y, w = unpack_x_y_sample_weight(sample)
        batch = model._encoded((model._to_arrays(x), to_arrays("y", y), to_arrays("sample_weight", w)))
        return [lambda: Step(model, "train").program(batch)]
    return [
        lambda: _widened(model),
        lambda: Step(model, "train").last(),
        lambda: _again(model, "train"),
        lambda: _recorded(model, "train"),
    ]


def _widened(model: Trainer) -> Compiled | None:
    """The last training step, traced again for inputs of any size where the model's inputs are of any."""
    last, x = model._programs["train"].last(), _inputs(model)
    if last is None or x is None or not has_unknown(x):
        return None
    x_was, *others = decode(last.batch)
    if len(flatten(x_was)) != len(flatten(x)):
        return None
    wide = map_structure(lambda was, spec: Spec(was.dtype.name, spec.shape), x_was, x)
    with Trace() as trace:
        inputs = [trace.input(f"x{i}", spec.dtype.name, spec.shape) for i, spec in enumerate(flatten(wide))]
        outputs = flatten(model(pack_like(wide, inputs), training=False))
    model._clear_losses()

    def follow(part: Any) -> Any:
        """Targets and weights, as long as the outputs are."""
        if len(flatten(part)) != len(outputs):
            return part
        return map_structure(lambda spec, out: None if spec is None else _as_long(spec, out.dims), part, outputs)

    return Step(model, "train").program((wide, *(follow(part) for part in others)))


def _as_long(spec: Spec, dims: Any) -> Spec:
    named = {i: d for i, d in enumerate(dims) if isinstance(d, Dim) and str(d).isidentifier()}
    return Spec(spec.dtype.name, tuple(named.get(i, d) for i, d in enumerate(spec.shape)))
