"""Writes keras_signatures.json: the parameters and defaults of Keras' public classes, functions and methods.

``python make_keras_signatures.py`` with Keras 3.15.1 installed; test_signatures.py compares Hornbeam's with them.
"""

import importlib
import inspect
import json
import pathlib
import types

FACES = (
    *("", "activations", "callbacks", "config", "constraints", "initializers", "layers", "losses", "metrics", "models"),
    *("ops", "ops.image", "optimizers", "optimizers.schedules", "random", "regularizers", "saving", "utils"),
    *("preprocessing", "preprocessing.image", "preprocessing.sequence", "utils.bounding_boxes"),
    *(
        f"datasets.{name}"
        for name in "boston_housing california_housing cifar10 cifar100 fashion_mnist imdb mnist reuters".split()
    ),
)
# Classes whose methods users call or override, the bases first.
WITH_METHODS = (
    *("layers.Layer", "Model", "Sequential", "optimizers.Optimizer", "losses.Loss", "metrics.Metric", "layers.RNN"),
    *("callbacks.Callback", "random.SeedGenerator", "Variable", "KerasTensor"),
)


def default(parameter):
    """A parameter's default as text, "required" where there is none."""
    value = parameter.default
    if value is parameter.empty:
        return "required"
    return value.__name__ if callable(value) and hasattr(value, "__name__") else repr(value)


def parameters(called):
    """``[[name, default]]`` of a class or function, without ``self``, ``*args`` and ``**kwargs``; None where Python knows none."""
    try:
        found = inspect.signature(called.__init__ if inspect.isclass(called) else called).parameters.values()
    except (TypeError, ValueError):
        return None
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [[p.name, default(p)] for p in found if p.name not in ("self", "cls") and p.kind not in variadic]


def resolve(package, path):
    """What ``path``, such as "layers.Dense", names in a package; None where there is nothing."""
    found = importlib.import_module(package)
    for name in path.split("."):
        found = getattr(found, name, None) if name else found
    return found


def signatures(package):
    """``{"layers.Dense": [[name, default]]}`` of all public classes and functions, and of methods as "Model.fit"."""
    out, seen = {}, set()
    for face in FACES:
        for name, value in vars(resolve(package, face)).items():
            if not name.startswith("_") and not isinstance(value, types.ModuleType) and callable(value):
                out[f"{face}.{name}".lstrip(".")] = parameters(value)
    for path in WITH_METHODS:
        for name, value in inspect.getmembers(resolve(package, path), inspect.isfunction):
            if not name.startswith("_") and value not in seen:
                seen.add(value)
                out[f"{path}.{name}"] = parameters(value)
    return {path: found for path, found in sorted(out.items()) if found}


if __name__ == "__main__":
    lines = [f"{json.dumps(path)}: {json.dumps(found)}" for path, found in signatures("keras").items()]
    (pathlib.Path(__file__).parent / "keras_signatures.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
