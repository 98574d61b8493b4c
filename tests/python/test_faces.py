"""Each public package shows exactly what its ``__all__`` lists: classes and functions of this package, and other faces."""

import importlib
import inspect
import types

import pytest

FACES = (
    *("hornbeam", "hornbeam.activations", "hornbeam.callbacks", "hornbeam.config", "hornbeam.constraints"),
    *("hornbeam.data", "hornbeam.dtype_policies", "hornbeam.mixed_precision"),
    *("hornbeam.initializers", "hornbeam.layers", "hornbeam.losses", "hornbeam.metrics", "hornbeam.models"),
    *("hornbeam.ops", "hornbeam.ops.image", "hornbeam.optimizers", "hornbeam.optimizers.schedules", "hornbeam.random"),
    *("hornbeam.regularizers", "hornbeam.saving", "hornbeam.utils", "hornbeam.utils.bounding_boxes"),
    *("hornbeam.preprocessing", "hornbeam.preprocessing.image", "hornbeam.preprocessing.sequence", "hornbeam.datasets"),
    *(f"hornbeam.datasets.{name}" for name in ("boston_housing", "california_housing", "cifar10", "cifar100")),
    *(f"hornbeam.datasets.{name}" for name in ("fashion_mnist", "imdb", "mnist", "reuters")),
)


def shown(face):
    """The public names of a face, without modules inside it that are none."""
    inside = {n for n, v in vars(importlib.import_module(face)).items() if getattr(v, "__name__", "") == f"{face}.{n}"}
    parts = {n for n in inside if f"{face}.{n}" not in FACES}
    return {n for n in dir(importlib.import_module(face)) if not n.startswith("_")} - parts


@pytest.mark.parametrize("face", FACES)
def test_a_face_shows_what_it_lists(face):
    listed = importlib.import_module(face).__all__
    assert len(listed) == len(set(listed)) > 0
    assert shown(face) == set(listed)


@pytest.mark.parametrize("face", FACES)
def test_what_is_listed_is_defined_here(face):
    module = importlib.import_module(face)
    for name in module.__all__:
        found = getattr(module, name)
        if isinstance(found, types.ModuleType):
            assert found.__name__ in FACES, name
        elif isinstance(found, int):
            assert name.isupper(), name  # a constant
        else:
            assert inspect.isclass(found) or inspect.isroutine(found), name
            assert found.__module__.startswith("hornbeam."), name
            assert inspect.getdoc(found), name


def test_every_public_package_is_a_face():
    """Whatever a face lists as a module is tested here, and ``from hornbeam import *`` brings the faces."""
    listed = {f"{face}.{n}" for face in FACES for n in importlib.import_module(face).__all__}
    assert {f for f in FACES if "." in f} <= listed


@pytest.mark.parametrize("face", FACES)
def test_a_star_brings_what_is_listed(face):
    names = {}
    exec(f"from {face} import *", names)
    assert set(names) - {"__builtins__"} == set(importlib.import_module(face).__all__)
