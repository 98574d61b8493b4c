"""The repository keeps its shape: floors, file sizes, ASCII sources, documented public names."""

import ast
import pathlib
import re

from hornbeam import _core

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Passes that rewrite just these ops, for which no property would be more general. All else asks an op's OpDef.
REWRITE_OPS = {
    "algebra.cpp": "each rule is an identity of one op",
    "lookup_products.cpp": "products of gathered rows, and their gradients",
    "sparse_updates.cpp": "a table's gradient (scatter_add) and the group that applies it",
    "fuse_separable.cpp": "joins two convolutions into separable_conv",
    "fold_scales.cpp": "scales and shifts of columns",
    "fuse_elementwise.cpp": "makes fused nodes",
    "fuse_epilogue.cpp": "moves fused nodes behind products",
}


def sources(*patterns):
    found = [f for p in patterns for f in ROOT.glob(p) if not {".venv", "build"} & set(f.relative_to(ROOT).parts)]
    assert found, patterns
    return found


def test_nobody_asks_for_an_ops_name():
    """Outside src/ops: neither compares it, nor is a built-in op asked for but by a few passes."""
    names = set(_core.list_ops())
    asking = {}
    for f in sources("cpp/src/**/*.cpp", "cpp/src/**/*.hpp"):
        if f.relative_to(ROOT / "cpp/src").parts[0] == "ops":
            continue
        code = re.sub(r'//.*|\.text\("\w+"\) == "\w+"', "", f.read_text())  # nor what an attribute's text says
        compared = re.findall(r'[=!]= *"(\w+)"|"(\w+)" *[=!]=|strcmp\([^;]*?"(\w+)"', code)
        assert not {n for found in compared for n in found} & names, f
        if re.search(r"\bop::\w", code) or (f.parent.name == "passes" and re.search(r"\bEw::\w+_", code)):
            asking[f.name] = f.parent.name
    assert set(asking.values()) == {"passes"}
    assert set(asking) == set(REWRITE_OPS)


def test_openmp_is_in_one_file():
    users = [f.name for f in sources("cpp/**/*.cpp", "cpp/**/*.hpp") if "#pragma omp" in f.read_text()]
    assert users == ["parallel.cpp"]


def test_no_file_is_too_long_and_sources_are_ascii():
    checks = sources("tests/**/*.py", "tests/**/*.cpp", "bench/**/*.py", "bench/**/*.cpp")
    for f in checks + sources("cpp/**/*.[ch]pp", "python/**/*.py", "python/bindings/*.[ch]pp"):
        text = f.read_text()
        assert text.count("\n") <= (800 if f in checks else 400), f"{f} has {text.count(chr(10))} lines"
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
