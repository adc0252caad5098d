"""Imports point one way: each part of the package knows only the parts below it, and no module is in a cycle."""

from __future__ import annotations

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parent.parent / "src"

# What each part may import, itself and `errors` aside; what those know it may know too.
KNOWS: dict[str, set[str]] = {
    "errors": set(),
    "expressions": set(),
    "functions": {"expressions"},
    "network": {"functions"},
    "engine": {"network"},
    "data": set(),
    "training": {"engine", "data"},
    "distributed": {"training"},
    "interop": {"training"},
    "drawing": set(),
    "story": {"functions", "drawing"},
    "checking": {"story"},
    "model": {"training", "distributed", "checking", "interop"},
    "reporting": {"model", "drawing"},
    "auditing": {"model"},
    "estimators": {"model"},
    "configuration": {"engine"},
    "studio": {"model"},
    "cli": {"model", "reporting", "auditing", "estimators", "configuration", "studio"},
    "__main__": {"cli"},
}
FACES = ("cli", "configuration")  # may use the finished package's own public names, its version for one
NATIVE = ("_native_baseline", "_native_avx2", "_native_avx512")
PURE_PYTHON = ("errors", "drawing", "expressions", "functions", "story", "checking")  # only the standard library
# Imported where they are used, never when a module is loaded.
OPTIONAL = ("keras", "matplotlib", "mpi4py", "onnx", "pandas")


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCES).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted((SOURCES / "backstory").rglob("*.py"))}
NAMES = frozenset(MODULES)


def part_of(module: str) -> str:
    """``backstory.engine.native`` is of part ``engine``; the package's own ``__init__`` of part ``""``."""
    return module.split(".")[1] if "." in module else ""


def imported_modules(tree: ast.AST, module: str, names: frozenset[str] = NAMES) -> set[str]:
    """Full names of the modules that the code of `module` imports, at any depth; names within them resolved."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                is_package = module in MODULES and MODULES[module].name == "__init__.py"
                parents = module.split(".")[: len(module.split(".")) + is_package - node.level]
                base = ".".join([*parents, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                found.add(full if full in names or alias.name in NATIVE else base)
    return found


def without_type_checking(tree: ast.Module) -> ast.Module:
    """The module less what stands under ``if TYPE_CHECKING``, which never runs."""

    class Remove(ast.NodeTransformer):
        def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
            self.generic_visit(node)
            return node.orelse if "TYPE_CHECKING" in ast.unparse(node.test) else node

    return Remove().visit(tree)


def at_load_time(tree: ast.Module) -> ast.Module:
    """The module less the bodies of its functions and what stands under ``if TYPE_CHECKING``."""

    class Remove(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
            return None

        def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
            return None

    return Remove().visit(without_type_checking(tree))


def parsed(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def allowed(part: str) -> set[str]:
    """All that `part` may know: what it names, what those know, itself and the errors."""
    known = {part, "errors"}
    for other in KNOWS[part]:
        known |= allowed(other)
    return known


def test_every_module_belongs_to_a_part() -> None:
    assert {part_of(module) for module in MODULES} - {""} <= set(KNOWS)


@pytest.mark.parametrize("module", sorted(NAMES - {"backstory"}))
def test_no_import_points_upwards(module: str) -> None:
    own = {name for name in imported_modules(parsed(module), module) if name.split(".")[0] == "backstory"}
    compiled = {name for name in own if name.split(".")[-1] in NATIVE}
    assert not compiled or module == "backstory.engine.native", "only the adapter loads the compiled modules"
    root = {name for name in own if name == "backstory"}
    assert not root or part_of(module) in FACES, "only a face of the finished package may use its public names"
    upward = {name for name in own - compiled - root if part_of(name) not in allowed(part_of(module))}
    assert not upward, f"{module} must not know {sorted(upward)}: its part may know {sorted(allowed(part_of(module)))}"


def test_no_module_is_in_a_cycle() -> None:
    graph = {
        module: {name for name in imported_modules(without_type_checking(parsed(module)), module) if name in NAMES}
        for module in MODULES
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("modules import each other in a circle: " + " -> ".join(error.args[1]))


@pytest.mark.parametrize("module", sorted(name for name in NAMES if part_of(name) in PURE_PYTHON))
def test_rules_are_pure_python(module: str) -> None:
    roots = {name.split(".")[0] for name in imported_modules(parsed(module), module)}
    assert not roots - {"backstory"} - set(sys.stdlib_module_names)


@pytest.mark.parametrize("module", sorted(NAMES))
def test_optional_libraries_load_when_used(module: str) -> None:
    roots = {name.split(".")[0] for name in imported_modules(at_load_time(parsed(module)), module)}
    assert not roots & set(OPTIONAL)


@pytest.mark.parametrize(
    ("code", "module", "expected"),
    [
        ("import backstory.engine.native", "backstory.model", {"backstory.engine.native"}),
        ("from backstory import errors", "backstory.model", {"backstory.errors"}),
        ("from backstory.errors import unknown", "backstory.model", {"backstory.errors"}),
        ("from . import tape", "backstory.engine.native", {"backstory.engine.tape"}),
        ("from ..errors import unknown", "backstory.engine.native", {"backstory.errors"}),
        ("def f():\n    from backstory import _native_avx2", "backstory.engine.native", {"backstory._native_avx2"}),
    ],
)
def test_the_reader_of_imports_itself(code: str, module: str, expected: set[str]) -> None:
    names = frozenset({"backstory", "backstory.errors", "backstory.engine.native", "backstory.engine.tape"})
    assert imported_modules(ast.parse(code), module, names) == expected
