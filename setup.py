"""Builds ntm_fast._C: torch's side with torch.utils.cpp_extension, the kernels with ninja.

Environment:
    NTM_FAST_CUDA=0|1        leave the CUDA kernels out, or insist on them (default: if nvcc is
                             found)
    NTM_FAST_CUDA_ARCHS      architectures, "80;90a;100;120" unless given; on a machine with a GPU
                             only its own
    NTM_FAST_TORCH           folder of the torch package to build against
    NTM_FAST_CACHE           where compiled CUDA objects are kept (default: ~/.cache/ntm_fast)
    MAX_JOBS                 compilers at a time
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import setup

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _backend import find_torch

try:
    import torch  # noqa: F401
except ImportError:  # an isolated build: use the torch of the environment outside
    outer = find_torch()
    if outer is None:
        raise SystemExit("ntm_fast needs torch >= 2.10 to build: pip install torch first") from None
    sys.path.append(str(Path(outer).parent))

# Where ninja is in a virtual environment, which need not be on the PATH.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

from torch.utils.cpp_extension import BuildExtension, CppExtension

ROOT = Path(__file__).resolve().parent
CSRC = ROOT / "csrc"
STABLE_ABI = "0x020a000000000000"  # torch 2.10
CPU_LEVELS = {
    "baseline": [],
    "avx2": ["-march=x86-64-v3"],
    "avx512": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
}
# Beyond avx512 there are products of bfloat16 matrices alone: only files of csrc/cpu whose names
# end in _bf16.cpp are built.
BF16_LEVELS = {
    "avx512_bf16": ["-march=x86-64-v4", "-mprefer-vector-width=512", "-mavx512bf16"],
    "amx": [
        "-march=x86-64-v4",
        "-mprefer-vector-width=512",
        "-mavx512bf16",
        "-mamx-tile",
        "-mamx-bf16",
        "-fno-exceptions",  # else the end of TilesInUse asks for the unwinder
    ],
}
if platform.machine().lower() not in ("x86_64", "amd64"):
    CPU_LEVELS, BF16_LEVELS = {"baseline": []}, {}
# No -ffast-math: NaN and infinity must travel. These let loops vectorise and change no value.
CPU_FLAGS = [
    "-std=c++17",
    "-O3",
    "-fPIC",
    "-fvisibility=hidden",
    "-fopenmp-simd",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-Wall",
    "-Wextra",
    "-Wno-unknown-pragmas",
]


def find_nvcc() -> Path | None:
    """The CUDA compiler, if CUDA kernels are to be built."""
    wanted = os.environ.get("NTM_FAST_CUDA", "auto")
    if wanted not in ("auto", "0", "1"):
        raise SystemExit(f"NTM_FAST_CUDA={wanted}: expected 0 or 1")
    home = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH") or "/usr/local/cuda"
    candidates = [shutil.which("nvcc"), f"{home}/bin/nvcc"]
    nvcc = next((Path(p).resolve() for p in candidates if p and Path(p).exists()), None)
    if wanted == "1" and nvcc is None:
        raise SystemExit("NTM_FAST_CUDA=1, but no nvcc on the PATH or under CUDA_HOME")
    return None if wanted == "0" else nvcc


def cuda_architectures() -> list[str]:
    """Those asked for, else this machine's own, else all that the kernels are written for."""
    if chosen := os.environ.get("NTM_FAST_CUDA_ARCHS"):
        return chosen.split(";")
    query = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
    try:
        found = subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        found = []
    own = sorted({cap.replace(".", "") for cap in found if cap.replace(".", "").isdigit()})
    return ["90a" if cap == "90" else cap for cap in own] or ["80", "90a", "100", "120"]


def with_headers(source: Path, seen: set[Path]) -> set[Path]:
    """A source and the headers of this project that it includes, themselves or through others."""
    seen.add(source)
    for name in re.findall(r'^\s*#\s*include\s*"([^"]+)"', source.read_text(), re.MULTILINE):
        places = (source.parent / name, ROOT / "csrc" / name)
        header = next((place.resolve() for place in places if place.exists()), None)
        if header and header not in seen:
            with_headers(header, seen)
    return seen


def content_key(source: Path, command: list[str]) -> str:
    """Hash of all that can change an object: source, headers, flags, the compiler's version."""
    digest = hashlib.sha256()
    for path in sorted(with_headers(source, set())):
        digest.update(path.name.encode() + path.read_bytes())
    version = subprocess.run([command[0], "--version"], capture_output=True, check=True).stdout
    digest.update(" ".join(command[1:]).replace(str(ROOT), "").encode() + version)
    return digest.hexdigest()


class BuildKernels(BuildExtension):
    """Compiles csrc/cpu per instruction set and csrc/cuda, then links them into the extension."""

    def finalize_options(self) -> None:
        super().finalize_options()
        if getattr(self, "editable_mode", False):  # whose default is a temporary folder: not cached
            name = f"temp.{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
            self.build_temp = str(ROOT / "build" / name)

    def build_extensions(self) -> None:
        build = Path(self.build_temp).resolve() / "kernels"
        build.mkdir(parents=True, exist_ok=True)
        self.rules: list[str] = []
        objects = self.cpu_objects(build)
        extension = self.extensions[0]
        cached: dict[Path, Path] = {}
        if nvcc := find_nvcc():
            architectures = cuda_architectures()
            cached = self.cuda_objects(build, nvcc, architectures)
            objects += cached
            extension.define_macros.append(("NTM_FAST_CUDA_ARCHITECTURES", "_".join(architectures)))
            runtime = next(nvcc.parent.parent.rglob("libcudart_static.a"), None)
            if runtime is None:
                raise SystemExit(
                    f"{nvcc} has no libcudart_static.a beside it; NTM_FAST_CUDA=0 does without"
                )
            extension.extra_link_args += [f"-L{runtime.parent}", "-lcudart_static", "-lrt", "-ldl"]
        self.run_ninja(build)
        for built, kept in cached.items():
            if not kept.exists():
                kept.parent.mkdir(parents=True, exist_ok=True)
                partial = kept.with_suffix(f".{os.getpid()}")
                shutil.copyfile(built, partial)
                partial.replace(kept)
        extension.extra_objects += [str(o) for o in objects]
        extension.depends += [str(o) for o in objects]
        super().build_extensions()

    def cpu_objects(self, build: Path) -> list[Path]:
        compiler = os.environ.get("CXX", "c++")
        objects = []
        for level, flags in {**CPU_LEVELS, **BF16_LEVELS}.items():
            command = [compiler, *CPU_FLAGS, *flags, f"-I{CSRC}", f"-DNTM_FAST_ISA={level}"]
            for source in sorted((CSRC / "cpu").rglob("*.cpp")):
                if source.stem.endswith("_bf16") != (level in BF16_LEVELS):
                    continue
                target = build / source.relative_to(CSRC / "cpu").with_suffix(f".{level}.o")
                self.add_rule(target, source, command)
                objects.append(target)
        return objects

    def cuda_objects(self, build: Path, nvcc: Path, architectures: list[str]) -> dict[Path, Path]:
        """Objects to link, each with its place in the cache; those found there are not rebuilt."""
        flags = ["-std=c++17", "-O3", "-Xcompiler=-fPIC,-fvisibility=hidden", f"-I{CSRC}"]
        flags += ["-DNTM_FAST_ISA=cuda"]
        flags += [f"-gencode=arch=compute_{a},code=sm_{a}" for a in architectures]
        default = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        cache = Path(os.environ.get("NTM_FAST_CACHE") or Path(default) / "ntm_fast") / "objects"
        objects = {}
        for source in sorted((CSRC / "cuda").rglob("*.cu")):
            name = source.relative_to(CSRC / "cuda")
            target = build / name.with_suffix(".cuda.o")
            command = [str(nvcc), *flags]
            kept = cache / name.with_suffix(f".{content_key(source, command)[:32]}.o")
            if kept.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(kept, target)
            else:
                self.add_rule(target, source, command)
            objects[target] = kept
        return objects

    def add_rule(self, target: Path, source: Path, command: list[str]) -> None:
        compiler = shlex.join(command).replace("$", "$$")
        self.rules.append(
            f"build {escape(target)}: compile {escape(source)}\n  compiler = {compiler}\n"
        )

    def run_ninja(self, build: Path) -> None:
        rule = (
            "rule compile\n  command = $compiler -MD -MF $out.d -c $in -o $out\n"
            "  depfile = $out.d\n  deps = gcc\n  description = kernel $out\n"
        )
        (build / "build.ninja").write_text(rule + "\n".join(self.rules))
        jobs = os.environ.get("MAX_JOBS")
        subprocess.run(["ninja", *(["-j", jobs] if jobs else [])], cwd=build, check=True)


def escape(path: Path) -> str:
    return str(path).replace("$", "$$").replace(" ", "$ ").replace(":", "$:")


def extension() -> CppExtension:
    import pybind11

    result = CppExtension(
        "ntm_fast._C",
        [str(p.relative_to(ROOT)) for p in sorted((CSRC / "ops").glob("*.cpp"))],
        include_dirs=[str(CSRC), pybind11.get_include()],
        define_macros=[("TORCH_TARGET_VERSION", STABLE_ABI)],
        extra_compile_args=[
            "-O2",
            "-fvisibility=hidden",
            "-Wall",
            "-Wextra",
            "-Wno-unused-parameter",
        ],
        extra_link_args=["-Wl,--exclude-libs,ALL"],
    )
    # The stable ABI needs no more of torch than these.
    result.libraries = ["c10", "torch_cpu"]
    return result


setup(ext_modules=[extension()], cmdclass={"build_ext": BuildKernels})
