"""Which module of the package imports which: read from the sources, nothing is imported."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "ntm_fast"
COMPILED = "ntm_fast._C"


class Import(NamedTuple):
    """`import module`, or `from module import name as alias`."""

    module: str
    name: str | None
    alias: str | None


def dotted(path: Path) -> str:
    """The module in a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    """All modules of the package and their files; packages are their `__init__`."""
    return {dotted(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def imports(module: str) -> tuple[Import, ...]:
    """All imports of a module: inside functions and under TYPE_CHECKING too."""
    path = modules()[module]
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [Import(alias.name, None, alias.asname) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            found += [Import(name, alias.name, alias.asname) for alias in node.names]
    return tuple(found)


@cache
def defined(module: str) -> frozenset[str]:
    """The public classes and functions of a module."""
    tree = ast.parse(modules()[module].read_text(encoding="utf-8"))
    own = (node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef))
    return frozenset(name for name in own if not name.startswith("_"))


def home(module: str, name: str | None) -> str:
    """The module that defines `name`, which `module` may only import from elsewhere."""
    known = modules()
    if name is None or module not in known or known[module].name != "__init__.py":
        return module
    if f"{module}.{name}" == COMPILED:
        return COMPILED
    for source in imports(module):
        shown = source.alias or source.name
        if shown == "*" and source.module in known and name in defined(source.module):
            return source.module
        # A package that imports its own submodule defines nothing by that.
        if shown == name and source.module in known and source.module != module:
            return home(source.module, source.name)
    return f"{module}.{name}" if f"{module}.{name}" in known else module


@cache
def graph() -> dict[str, frozenset[str]]:
    """Each module and the modules of the package that it imports, by where names are defined."""
    inside = {*modules(), COMPILED}
    edges = {
        module: {home(i.module, i.name) for i in imports(module) if i.module in inside} - {module}
        for module in modules()
    }
    return {module: frozenset(targets) for module, targets in edges.items()}


def circles(edges: dict[str, frozenset[str]]) -> list[list[str]]:
    """Sets of modules each of which imports, through others, all of its set; Tarjan, 1972."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        number[node] = lowest[node] = len(number)
        stack.append(node)
        for target in sorted(edges.get(node, ())):
            if target not in number:
                visit(target)
                lowest[node] = min(lowest[node], lowest[target])
            elif target in stack:
                lowest[node] = min(lowest[node], number[target])
        if lowest[node] == number[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in edges:
        if node not in number:
            visit(node)
    return found


def stems() -> Iterator[tuple[str, Path]]:
    """The last part of each module's name, and its file; `__init__` stands for its folder."""
    for module, path in modules().items():
        if module != "ntm_fast" and path.stem != "__main__":
            yield module.rpartition(".")[2], path.relative_to(ROOT)
