"""The package's modules build on each other in one direction: read from the source, which nobody has to import for it."""

import ast
import functools
import pathlib

PACKAGE = pathlib.Path(__file__).resolve().parents[2] / "python/hornbeam"

# What lies at the top of the package, the lowest floor first. A module imports from its own floor and those below it.
FLOORS = [
    {"_core", "_version", "_dtypes", "_dtype_policy", "config"},
    {"core"},
    {"dtype_policies"},
    {"ops"},
    {"random"},
    {"_boxes", "activations", "constraints", "initializers", "regularizers"},
    {"callbacks", "losses", "optimizers"},
    {"mixed_precision"},
    {"data", "metrics"},
    {"layers"},
    {"training"},
    {"saving"},
    {"models"},
    {"datasets", "preprocessing", "profiling", "show_config", "utils"},
    {"", "__main__", "examples"},  # "": the package itself
]

# What is imported inside functions: what the wheel does without, and standard modules that are slow to import.
LATE = {
    "core.validation": {"difflib"},
    "data.pipeline.processes": {"multiprocessing"},
    "data.pipeline.threads": {"concurrent.futures"},
    "datasets._files": {"zipfile"},
    "datasets._fashion_mnist": {"gzip"},
    "examples.digits": {"matplotlib", "matplotlib.pyplot", "sklearn.datasets", "sklearn.model_selection"},
    "examples.pictures": {"sklearn.datasets"},
    "ops.creation": {"fractions"},
    "utils.archives": {"shutil", "tarfile", "tempfile", "zipfile", "zlib"},
    "utils.downloads": {"hashlib", "http.client", "tempfile", "urllib.error", "urllib.request"},
    "utils.images": {"PIL"},
    "utils.plotting": {"shutil", "subprocess"},  # for plot_model alone
}


def module_name(path):
    """Within the package: "layers.core", "layers" for its __init__, "" for the package's own."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def above(module):
    """The packages around a module: of "layers.core" "layers" and ""."""
    while module:
        module = module.rpartition(".")[0]
        yield module


def is_type_checking(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def imports(node, late=False):
    """All imports below a node but those for type checkers, and whether each stands in a function."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child, late
        elif is_type_checking(child):
            for other in child.orelse:
                yield from imports(ast.Module([other], []), late)
        else:
            yield from imports(child, late or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)))


def named(node, modules):
    """The modules of this package that an import names. ``from a import b`` names b alone where a.b is a module."""
    if isinstance(node, ast.Import):
        found = [alias.name for alias in node.names]
    else:
        assert not node.level, f"a relative import in line {node.lineno}"
        inside = [f"{node.module}.{alias.name}" for alias in node.names]
        found = [name if name.removeprefix("hornbeam.") in modules else node.module for name in inside]
    return {name.partition(".")[2] for name in found if name.partition(".")[0] == "hornbeam"}


@functools.cache
def trees():
    found = {module_name(f): ast.parse(f.read_text()) for f in PACKAGE.rglob("*.py")}
    assert len(found) > 100
    return found


def graph():
    """Each module, and the modules that it imports, with the packages around those that it is not in itself."""
    modules = trees().keys() | {"_core"}
    found = {"_core": set()}
    for module, tree in trees().items():
        direct = set().union(*(named(node, modules) for node, _ in imports(tree)))
        assert direct <= modules, (module, direct - modules)
        outer = {module, *above(module)}
        found[module] = direct | {p for name in direct for p in above(name)} - outer
    return found


def test_imports_form_no_circle():
    edges = graph()
    done = set()

    def visit(module, path):
        assert module not in path, "a circle: " + " -> ".join([*path[path.index(module) :], module])
        if module not in done:
            for other in sorted(edges[module]):
                visit(other, [*path, module])
            done.add(module)

    for module in sorted(edges):
        visit(module, [])


def test_imports_never_point_up():
    floor = {name: i for i, names in enumerate(FLOORS) for name in names}
    edges = graph()
    assert floor.keys() == {module.partition(".")[0] for module in edges}
    wrong = [
        f"{module} imports {other}"
        for module, others in sorted(edges.items())
        for other in sorted(others)
        if floor[other.partition(".")[0]] > floor[module.partition(".")[0]]
    ]
    assert not wrong, wrong


def test_imports_stand_at_the_top():
    found = {}
    for module, tree in trees().items():
        for node in (node for node, late in imports(tree) if late):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module]
            found.setdefault(module, set()).update(names)
    assert found == LATE


def test_what_a_star_brings_is_listed_literally():
    """Type checkers read ``__all__``: of one that is computed they lose every name that a star takes on."""

    def literal(tree):
        lists = [n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "__all__"]
        return any(isinstance(n, ast.List) and all(isinstance(e, ast.Constant) for e in n.elts) for n in lists)

    brought = {
        node.module.partition(".")[2]
        for tree in trees().values()
        for node, _ in imports(tree)
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    }
    assert len(brought) > 50
    assert not [name for name in sorted(brought) if not literal(trees()[name])]
