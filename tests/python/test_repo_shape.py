"""The repository keeps its shape: floors, file sizes, ASCII sources, documented public names."""

import ast
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
# A folder of cpp/src may include its own files and those of the folders named here.
FLOORS = {
    "base": set(),
    "schema": {"base"},
    "tensor": {"base"},
    "graph": {"base", "schema"},
    "kernels": {"base", "schema"},
    "ops": {"base", "schema", "graph", "kernels"},
    "autodiff": {"base", "ops"},
    "memory": {"base"},
    "passes": {"graph", "base", "schema", "ops", "kernels"},
    "runtime": {"graph", "base", "schema", "kernels", "memory", "passes", "ops"},
    "io": {"base"},
    "api": {"base", "io", "runtime"},
}


def sources(*patterns):
    found = [f for p in patterns for f in ROOT.glob(p) if not {".venv", "build"} & set(f.relative_to(ROOT).parts)]
    assert found, patterns
    return found


def test_includes_never_point_up():
    for f in sources("cpp/src/**/*.cpp", "cpp/src/**/*.hpp"):
        own = f.relative_to(ROOT / "cpp/src").parts[0]
        for name in re.findall(r'#include "([^"]+)"', f.read_text()):
            top = name.split("/")[0]
            if top != "hornbeam":
                assert top == own or top in FLOORS[own], f"{f.name} includes {name}"


def test_openmp_is_in_one_file():
    users = [f.name for f in sources("cpp/**/*.cpp", "cpp/**/*.hpp") if "#pragma omp" in f.read_text()]
    assert users == ["parallel.cpp"]


def test_no_file_is_too_long_and_sources_are_ascii():
    for f in sources(
        "cpp/**/*.[ch]pp", "python/**/*.py", "tests/**/*.py", "tests/**/*.cpp", "python/bindings/*.cpp", "bench/**/*.py"
    ):
        text = f.read_text()
        assert text.count("\n") <= 800, f"{f} has {text.count(chr(10))} lines"
        if f.name not in ("progress.py", "summary.py", "test_training.py"):  # they draw bars and boxes
            assert text.isascii(), f


def test_public_names_are_documented():
    missing = []
    for f in sources("python/hornbeam/**/*.py"):
        tree = ast.parse(f.read_text())
        assert ast.get_docstring(tree), f
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                assigned = any(
                    isinstance(s, ast.Assign) and s.targets[0].id == "__doc__"
                    for s in getattr(node, "body", [])
                    if isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Name)
                )
                if not ast.get_docstring(node) and not assigned:
                    missing.append(f"{f.name}:{node.lineno} {node.name}")
    assert not missing, missing
