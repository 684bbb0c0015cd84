"""The structure that docs/design.md promises: layers that import downward only, and files that stay small."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from radon.complexity import cc_visit

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tenfold"
FILES = sorted(PACKAGE.rglob("*.py"))
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_COMPLEXITY = 350, 60, 12

# From the ground up: a module may import from its own layer and from those before it.
LAYERS = (
    ("errors", "files", "cpu", "html", "images", "pixels", "sniff", "onnx_file"),
    ("explain", "weights", "run", "run_list", "model"),
    ("ocr",),
    ("data",),
    ("recipes",),
    ("nets",),
    ("synthesis",),
    ("evaluation",),
    ("export",),
    ("report",),
    ("training",),
    ("submission", "predictions", "client"),
    ("kaggle", "score"),
    ("api",),
    ("estimator",),
    ("serving",),
    ("cli", "__main__"),
)
RANKS = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(file): file for file in FILES}


def imported_modules(file: Path) -> set[str]:
    """The modules of the package that a file imports anywhere, also inside functions and for type checking."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in MODULES}
        elif isinstance(node, ast.ImportFrom) and (node.module or "") in MODULES:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                found.add(submodule if submodule in MODULES else str(node.module))
    return found - {"tenfold"}


def layer_of(module: str) -> str:
    return module.split(".")[1]


IMPORTS = {name: imported_modules(file) for name, file in MODULES.items() if name != "tenfold"}


def test_layers_name_every_room():
    assert {layer_of(name) for name in IMPORTS} == set(RANKS)


def test_layers_import_downward_only():
    upward = [
        f"{importer} imports {imported}"
        for importer, modules in IMPORTS.items()
        for imported in modules
        if RANKS[layer_of(imported)] > RANKS[layer_of(importer)]
    ]
    assert not upward


def test_imports_have_no_cycle():
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(error.args[1])}")


def test_rooms_import_each_other_one_way_only():
    rooms = {(layer_of(importer), layer_of(imported)) for importer, modules in IMPORTS.items() for imported in modules}
    both_ways = {pair for pair in rooms if pair[0] < pair[1] and pair[::-1] in rooms}
    assert not both_ways


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_files_stay_small(file):
    assert len(file.read_text().splitlines()) <= MAX_FILE_LINES


def test_functions_stay_simple():
    """McCabe's complexity with boolean operators and comprehensions counted, as radon does."""
    complex_ones = {
        f"{file.relative_to(PACKAGE)}: {block.fullname}"
        for file in FILES
        for block in cc_visit(file.read_text())
        if block.letter in "FM" and block.complexity > MAX_COMPLEXITY
    }
    assert not complex_ones


def test_functions_stay_short():
    """A command of the command line is longer by its options, which stand in its signature."""
    long = []
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                start = node.body[0].lineno if file.parent.name == "cli" else node.lineno
                if (node.end_lineno or start) - start >= MAX_FUNCTION_LINES:
                    long.append(f"{file.relative_to(ROOT)}: {node.name}")
    assert not long


def test_private_names_of_other_packages_are_not_used():
    """Neither imported nor reached through a module: what has a leading underscore may change in any release."""
    private = []
    for file in FILES:
        tree = ast.parse(file.read_text())
        modules = {
            alias.asname or alias.name.partition(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and not (node.module or "").startswith(("tenfold", "__future__")):
                names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
                private += [f"{file.name}: {name}" for name in names if name.startswith("_")]
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
                dunder = node.attr.startswith("__") and node.attr.endswith("__")
                if node.attr.startswith("_") and not dunder:
                    private.append(f"{file.name}: {node.value.id}.{node.attr}")
    assert not private
