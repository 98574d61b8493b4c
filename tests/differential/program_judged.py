"""Where a program's answer other than Keras' stays, and why."""

from __future__ import annotations

from typing import Any

import numpy as np

Spec = dict[str, Any]
Difference = tuple[str, Any, Any]

# What Keras says when it fails by its own mistake: parts of messages.
_OWN_MISTAKES = {
    "tuple index out of range": "batch normalization under a mask of one axis less",
    "'tuple' object has no attribute 'shape'": "an unrolled RNN that goes backwards under a mask",
    "'NoneType' object is not callable": "a callback that asks for what compile() has replaced",
    "Incompatible shapes for broadcasting": "a mask that TimeDistributed leaves with the steps before",
    "must be fully-defined": "a normalization over steps whose number is unknown",
    "do not match at shared dimension": "EinsumDense over steps whose number is unknown",
}


def _saturated(spec: Spec, log: list[Any]) -> bool:
    """Whether a head with a crossentropy says something so near 0 or 1 that Keras clips it."""
    for label, answer in log:
        if label.endswith("call") and isinstance(answer, dict) and "outputs" in answer:
            for head, p in zip(spec["heads"], answer["outputs"]):
                a = np.asarray(p, "float64")
                if "crossentropy" in repr(head["loss"]).lower() and ((a < 1e-6) | (a > 1 - 1e-6)).any():
                    return True
    return False


def _masked(spec: Spec) -> bool:
    layers = [n["layer"] for n in spec["nodes"] if "layer" in n]
    return any(x["class"] == "Masking" or x.get("args", {}).get("mask_zero") for x in layers)


def _numbers_only(a: Any, b: Any) -> bool:
    return isinstance(a, dict) and isinstance(b, dict) and set(a) == set(b)


def _untouched_average(spec: Spec) -> bool:
    """Whether a fit runs no epoch while an optimizer keeps averages."""
    optimizers = [spec["compile"]["optimizer"], *(a["optimizer"] for a in spec["actions"] if "optimizer" in a)]
    empty = any(
        a.get("args", {}).get("initial_epoch", 0) >= a.get("args", {}).get("epochs", 1) for a in spec["actions"]
    )
    return empty and any(o["args"].get("use_ema") for o in optimizers)


def reason(spec: Spec, found: Difference, theirs: list[Any], same: Any) -> str | None:
    """Why this difference stays, or None.

    Args:
        spec: the program.
        found: what ``layers.difference`` gave: label, our answer, Keras'.
        theirs: all of Keras' answers.
        same: ``layers.same``.
    """
    label, mine, keras = found
    if isinstance(keras, dict) and isinstance(keras.get("error"), str):
        for text, what in _OWN_MISTAKES.items():
            if text in keras["error"]:
                return f"Keras fails by itself: {what}"
        return None
    if _untouched_average(spec):
        return "a fit without an epoch leaves the weights; Keras puts averages there that were never begun"
    trains = label.endswith(("fit", "train_on_batch"))
    if trains and _masked(spec) and _numbers_only(mine, keras):
        losses = [k for k in mine if k.endswith("loss") or k == "learning_rate"]
        if all(same(mine[k], keras[k]) for k in losses):
            return "metrics see the masks of predictions; in training on JAX they are lost"
    norms = any(name in repr(spec).lower() for name in ("unitnormalization", "cosine"))
    if norms and "nan" in repr(keras) and "nan" not in repr(mine):
        return "the gradient of a norm at 0 is 0; Keras' is NaN"
    if _saturated(spec, theirs):
        return "crossentropies are taken from the logits; Keras clips probabilities unless it runs on TensorFlow"
    return None
