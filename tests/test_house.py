"""The rules of the house: who may import whom, and what files and names an op has."""

import ast
import inspect
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import ntm_fast
from ntm_fast import ops, reference
from tests.kernels import kernel_of

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "ntm_fast"
CSRC = ROOT / "csrc"

# What each part may import of the others. cli → report, estimator → training → models → ops → _C.
ALLOWED = {
    "_build_info": {"_C"},
    "__init__": {"_build_info", "estimator", "data", "ops", "reference", "metrics"},
    "__main__": {"cli"},
    "record": set(),
    "bags": set(),
    "cli": {
        "record",
        "compare",
        "gradients",
        "report",
        "estimator",
        "training",
        "metrics",
        "data",
    },
    "gradients": {"models", "data", "ops", "reference"},
    "compare": {"estimator", "training", "metrics", "data"},
    "estimator": {"record", "training", "models", "metrics", "data", "ops"},
    "training": {"bags", "models", "data", "ops", "_build_info"},
    "models": {"record", "ops", "reference", "data"},
    "metrics": {"data", "ops"},
    "report": {"record", "data"},
    "ops": {"_C", "reference", "bags"},
    "reference": {"bags"},
    "data": {"reference", "bags"},
}
STRANGERS = [("models/posteriors", "models/decoders"), ("models/decoders", "models/posteriors")]


def part(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Full names of all that a file imports, also inside functions."""
    package = ["ntm_fast", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{name}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_one_way(path: Path) -> None:
    own = part(path)
    assert own in ALLOWED, f"ntm_fast/{own} is not in the design: add it here and to ALLOWED"
    for name in imports(path):
        top, *rest = name.split(".")
        if top == "ntm_fast" and rest and rest[0] != own:
            allowed = {*ALLOWED[own], "__version__", "build_info"}
            if "estimator" in allowed:  # by the names that ntm_fast itself gives them
                allowed |= set(ntm_fast._HOMES)
            assert rest[0] in allowed, f"{own} may not import {name}"
    if own == "reference":
        outside = {name.split(".")[0] for name in imports(path)}
        assert outside <= {"__future__", "collections", "math", "typing", "torch", "ntm_fast"}


@pytest.mark.parametrize(("folder", "stranger"), STRANGERS)
def test_strangers(folder: str, stranger: str) -> None:
    for path in (PACKAGE / folder).rglob("*.py"):
        name = "ntm_fast." + stranger.replace("/", ".")
        assert not [i for i in imports(path) if i.startswith(name)], f"{path} imports {stranger}"


def is_compiled(op: str) -> bool:
    return hasattr(torch.ops.ntm_fast, op)


def has_kernels(folder: str, name: str, suffix: str) -> bool:
    """Whether csrc/<folder> has kernels of that name: one file, or a folder of them."""
    return (CSRC / folder / f"{name}.{suffix}").is_file() != (CSRC / folder / name).is_dir()


@pytest.mark.parametrize("op", ops.__all__)
def test_an_op_has_its_files(op: str) -> None:
    expected = [f"ntm_fast/ops/{op}.py", f"ntm_fast/reference/{op}.py"]
    expected += [f"tests/ops/test_{op}.py", f"benchmarks/ops/bench_{op}.py"]
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
    public = [n for n in public if "overload" not in map(ast.unparse, n.decorator_list)]
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
