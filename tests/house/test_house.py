"""The rules of the house: who may import whom, and what files and names an op has."""

import ast
import importlib
import inspect
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from benchmarks.ops import TABLE
from ntm_fast import ops, reference
from tests.helpers import import_graph
from tests.helpers.kernel_files import kernel_of
from tests.ops.every_op import CASES

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "ntm_fast"
CSRC = ROOT / "csrc"

# The floors, from the ground up, and what each may import of those below it.
FLOORS: dict[str, set[str]] = {
    "_C": set(),
    "_version": set(),
    "files": set(),
    "checks": set(),
    "bags": set(),
    "_build_info": {"_C", "_version"},
    "settings": {"checks"},
    "recipes": {"settings"},
    "record": {"settings"},
    "reference": {"bags"},
    "ops": {"_C", "reference", "bags"},
    "data": {"files", "checks", "reference", "bags"},
    "models": {
        "bags",
        "files",
        "checks",
        "settings",
        "record",
        "_version",
        "data",
        "ops",
        "reference",
    },
    "report": {"record", "data"},
    "metrics": {"checks", "data", "ops", "report"},
    "optim": {"checks", "ops"},
    "training": {
        "bags",
        "files",
        "checks",
        "settings",
        "recipes",
        "optim",
        "_build_info",
        "_version",
        "data",
        "ops",
        "models",
    },
    "estimator": {
        "files",
        "checks",
        "settings",
        "recipes",
        "record",
        "report",
        "_build_info",
        "_version",
        "data",
        "ops",
        "models",
        "training",
        "metrics",
    },
    "studies": {
        "files",
        "checks",
        "settings",
        "data",
        "ops",
        "reference",
        "models",
        "training",
        "metrics",
        "estimator",
    },
    "__init__": {"_build_info", "_version", "recipes", "data", "estimator", "training"},
    "cli": {
        "files",
        "record",
        "_build_info",
        "_version",
        "settings",
        "recipes",
        "data",
        "models",
        "metrics",
        "training",
        "report",
        "estimator",
        "studies",
    },
    "__main__": {"cli"},
    "compare": {"studies"},
    "gradients": {"studies"},
}
OLD_PLACES = ("ntm_fast/compare.py", "ntm_fast/gradients.py")  # which warn
STRANGERS = [("models/posteriors", "models/decoders"), ("models/decoders", "models/posteriors")]


def floor(module: str) -> str:
    return "__init__" if module == "ntm_fast" else module.split(".")[1]


def modules() -> list[Path]:
    return list(import_graph.modules().values())


@pytest.mark.parametrize("module", import_graph.modules())
def test_imports_run_downwards(module: str) -> None:
    own = floor(module)
    assert own in FLOORS, f"ntm_fast/{own} is not in the design: add it here and to FLOORS"
    for target in import_graph.graph()[module]:
        assert floor(target) in {own, *FLOORS[own]}, f"{module} may not import {target}"
    if own == "reference":
        outside = {i.module.split(".")[0] for i in import_graph.imports(module)}
        assert outside <= {"__future__", "collections", "math", "typing", "torch", "ntm_fast"}


def test_floors_lie_above_those_that_they_import() -> None:
    below: set[str] = set()
    for name, allowed in FLOORS.items():
        assert allowed <= below, f"{name} may import {sorted(allowed - below)}, which is above it"
        below.add(name)


def test_modules_do_not_import_each_other_in_circles() -> None:
    """Imports for types alone count too: who names a thing depends on it."""
    assert import_graph.circles(import_graph.graph()) == []


def test_circles_are_found() -> None:
    edges = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": {"d"}, "f": {"a"}}
    found = import_graph.circles({node: frozenset(targets) for node, targets in edges.items()})
    assert sorted(found) == [["a", "b", "c"], ["d", "e"]]
    assert import_graph.home("ntm_fast.data", "Corpus") == "ntm_fast.data.corpus"
    assert import_graph.home("ntm_fast", "Corpus") == "ntm_fast.data.corpus"
    assert import_graph.home("ntm_fast.data", "datasets") == "ntm_fast.data.datasets"
    assert import_graph.home("ntm_fast.ops", "dropout") == "ntm_fast.ops.dropout"


def test_no_two_modules_have_one_name() -> None:
    """An op and its reference are the exception, and the old places of modules."""
    places: dict[str, list[Path]] = {}
    for stem, path in import_graph.stems():
        if str(path) not in OLD_PLACES:
            places.setdefault(stem, []).append(path)
    twins = {f"ntm_fast/{folder}" for folder in ("ops", "reference")}
    shared = {
        stem: paths
        for stem, paths in places.items()
        if len(paths) > 1 and {str(path.parent) for path in paths} != twins
    }
    assert not shared


@pytest.mark.parametrize("package", ["ntm_fast", "ntm_fast.data"])
def test_names_that_are_imported_at_first_use(package: str) -> None:
    """Those that type checkers see are those that there are, from the same place."""
    tree = ast.parse(import_graph.modules()[package].read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    names = set()
    for node in (node for node in block.body if isinstance(node, ast.ImportFrom)):
        for alias in node.names:
            star = alias.name == "*" and node.module
            names |= import_graph.defined(star) if star else {alias.asname or alias.name}
    found = importlib.import_module(package)
    lazy = set(dir(found)) - set(vars(found))
    assert names <= set(dir(found))
    assert lazy <= names
    for name in names:
        place = importlib.import_module(import_graph.home(package, name))
        assert getattr(found, name) is getattr(place, name, place)


@pytest.mark.parametrize(("folder", "stranger"), STRANGERS)
def test_strangers(folder: str, stranger: str) -> None:
    own, other = (f"ntm_fast.{name.replace('/', '.')}" for name in (folder, stranger))
    for module, targets in import_graph.graph().items():
        if module.startswith(own):
            assert not [t for t in targets if t.startswith(other)], f"{module} imports {stranger}"


def is_compiled(op: str) -> bool:
    return hasattr(torch.ops.ntm_fast, op)


def has_kernels(folder: str, name: str, suffix: str) -> bool:
    """Whether csrc/<folder> has kernels of that name: one file, or a folder of them."""
    return (CSRC / folder / f"{name}.{suffix}").is_file() != (CSRC / folder / name).is_dir()


@pytest.mark.parametrize("op", ops.__all__)
def test_an_op_has_its_files(op: str) -> None:
    expected = [f"ntm_fast/ops/{op}.py", f"ntm_fast/reference/{op}.py"]
    expected += [f"tests/ops/test_{op}.py", f"benchmarks/ops/{TABLE[op]}.py"]
    assert op in CASES, "expected inputs in tests/ops/every_op.py"
    if is_compiled(op):
        kernel = kernel_of(op)
        expected += [f"csrc/{kernel}.h", f"csrc/ops/{kernel}.cpp"]
        expected += [f"csrc/math/{op}.h"] if kernel != op else []
        assert has_kernels("cpu", kernel, "cpp")
        assert has_kernels("cuda", kernel, "cu")
    assert not [name for name in expected if not (ROOT / name).is_file()]


@pytest.mark.parametrize("op", list(filter(is_compiled, ops.__all__)))
def test_no_other_file_of_csrc_bears_the_name_of_an_op(op: str) -> None:
    kernel = kernel_of(op)
    own = [f"{kernel}.h", f"ops/{kernel}.cpp", f"cpu/{kernel}.cpp", f"cuda/{kernel}.cu"]
    own += [f"cpu/{kernel}", f"cuda/{kernel}", f"math/{op}.h"]
    bearing = {
        str(path.relative_to(CSRC))
        for path in CSRC.rglob("*")
        if path.name.startswith((kernel, op))
    }
    assert bearing <= set(own)


@pytest.mark.parametrize("op", ops.__all__)
def test_op_and_reference_have_one_signature(op: str) -> None:
    def parameters(function: object) -> list[tuple[str, object, object]]:
        values = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
        return [(p.name, p.kind, p.default) for p in values]

    assert parameters(getattr(ops, op)) == parameters(getattr(reference, op))


@pytest.mark.parametrize("op", ops.__all__)
def test_docstring_of_an_op_is_whole(op: str) -> None:
    doc = inspect.getdoc(getattr(ops, op)) or ""
    sections = [
        re.search(rf"^{name}\n-+$", doc, re.M) for name in ("Parameters", "Returns", "Raises")
    ]
    assert all(sections), "expected Parameters, Returns and Raises"
    assert re.search(r"plain\s+(PyTorch|SciPy)", doc, re.I), "expected the plain equivalent"
    assert re.search(r"^Sources?: ", doc, re.M) or op in ("bow_linear", "bow_rows"), "no source"
    parameters = doc[sections[0].end() : sections[1].start()]
    names = inspect.signature(getattr(ops, op)).parameters
    assert not [name for name in names if not re.search(rf"\b{name}\b", parameters)]


def test_ops_and_reference_have_the_same_names() -> None:
    assert sorted(ops.__all__) == sorted(reference.__all__)


@pytest.mark.parametrize("op", list(filter(is_compiled, ops.__all__)))
def test_schema_names_its_arguments_as_python_does(op: str) -> None:
    python = list(inspect.signature(getattr(ops, op)).parameters)
    schema = [a.name for a in getattr(torch.ops.ntm_fast, op).default._schema.arguments]
    assert schema[0] == python[0]
    assert [n for n in schema if n in python] == [n for n in python if n in schema]


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_public_names_have_docstrings(path: Path) -> None:
    tree = ast.parse(path.read_text())
    definitions = (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)
    public = [n for n in tree.body if isinstance(n, definitions) and not n.name.startswith("_")]
    assert not [n.name for n in public if not ast.get_docstring(n)]
    assert ast.get_docstring(tree) or not tree.body, "the module says not what it is"


SYSTEM_HEADERS = {"stdint.h", "stddef.h", "string.h", "math.h", "cmath", "limits", "type_traits"}
SYSTEM_HEADERS |= {"immintrin.h", "cuda_runtime_api.h", "cuda_bf16.h"}


def included(source: Path, seen: set[Path]) -> Iterator[tuple[Path, str]]:
    """System headers that a C++ file includes, itself or through the project's own headers."""
    seen.add(source)
    for kind, name in re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)', source.read_text(), re.M):
        local = next((p for p in (source.parent / name, CSRC / name) if p.exists()), None)
        if kind == '"' and local:
            yield from () if local.resolve() in seen else included(local.resolve(), seen)
        else:
            yield source, name


def csrc_files() -> list[Path]:
    endings = (".h", ".cpp", ".cu", ".cuh")
    return sorted(path for path in CSRC.rglob("*") if path.suffix in endings)


def name_in_csrc(path: Path) -> str:
    return str(path.relative_to(CSRC))


@pytest.mark.parametrize("folder", ["cpu", "math", "cuda"])
def test_kernels_include_neither_torch_nor_containers(folder: str) -> None:
    for source in filter(Path.is_file, (CSRC / folder).rglob("*")):
        for where, header in included(source.resolve(), set()):
            assert header in SYSTEM_HEADERS, f"{where} includes {header} (through {source.name})"


# What the parts of csrc may include of each other; the top has the contracts ("").
PARTS = {
    "ops": {"ops", ""},
    "cpu": {"cpu", "math", ""},
    "cuda": {"cuda", "math", ""},
    "math": {"math", ""},
    "": {""},
}


@pytest.mark.parametrize("path", csrc_files(), ids=name_in_csrc)
def test_includes_of_csrc_run_one_way(path: Path) -> None:
    name = name_in_csrc(path)
    own = name.partition("/")[0] if "/" in name else ""
    for kind, header in re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)', path.read_text(), re.M):
        if kind == "<":
            top = header.partition("/")[0]
            assert own == "ops" or top not in ("torch", "ATen", "c10", "pybind11"), header
        elif local := next((p for p in (path.parent / header, CSRC / header) if p.exists()), None):
            other = local.resolve().relative_to(CSRC).parts
            assert (other[0] if len(other) > 1 else "") in PARTS[own], f"includes {header}"


# The headers that know whether CUDA, or its emulator, is compiled for.
SWITCHES = {"ops/device.h", "cuda/launch.cuh", "cuda/ptx.cuh"}


def test_switches_stand_in_three_headers() -> None:
    switch = re.compile(r"\bNTM_FAST_CUDA_(EMULATED|ARCHITECTURES|KEY)\b")
    found = {name_in_csrc(path) for path in csrc_files() if switch.search(path.read_text())}
    assert found == SWITCHES


def test_the_top_of_csrc_has_the_contracts() -> None:
    shared = {"csr", "cpu_level", "cuda_device"}
    top = [path for path in CSRC.iterdir() if path.is_file()]
    assert not [path.name for path in top if path.suffix != ".h"]
    contracts = {path.stem for path in top} - shared
    assert shared < {path.stem for path in top}
    sides = {path.stem for path in (CSRC / "ops").glob("*.cpp")}
    assert contracts == sides - {"bindings", "cpu_level", "csr_batch", "device"}
    assert not [name for name in contracts if not has_kernels("cpu", name, "cpp")]


def test_torch_is_included_through_its_stable_interface() -> None:
    for source in csrc_files():
        for name in re.findall(
            r"#\s*include\s*[<\"]((?:torch|ATen|c10)/[^>\"]+)", source.read_text()
        ):
            stable = (
                "torch/csrc/stable/",
                "torch/headeronly/",
                "torch/csrc/inductor/aoti_torch/c/",
            )
            assert name.startswith(stable), f"{source} includes {name}"


def tracked_files() -> list[Path]:
    git = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if git.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in git.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_paths_of_one_machine() -> None:
    pattern = re.compile(rb"/(wor[k]|roo[t]|hom[e])/\w|/tm[p]/[a-z]")
    found = {
        str(path.relative_to(ROOT)): match.group().decode()
        for path in tracked_files()
        if (match := pattern.search(path.read_bytes()))
    }
    assert not found


def imported_tests(path: Path) -> Iterator[str]:
    """Test modules that a file of tests/ imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if re.match(r"tests\.(\w+\.)*test_", name):
                yield name


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=lambda p: p.stem)
def test_test_modules_import_helpers_and_never_each_other(path: Path) -> None:
    assert not list(imported_tests(path))
