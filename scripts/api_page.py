"""Writes docs/api.md: every public name of the package, with its signature and what it is.

    python scripts/api_page.py [--check]

The text comes from the docstrings' first sentences. With --check nothing is written, and the exit
code is 1 if the page is stale.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

PAGE = ROOT / "docs" / "api.md"
MODULES = (
    "ntm_fast",
    "ntm_fast.ops",
    "ntm_fast.data",
    "ntm_fast.data.datasets",
    "ntm_fast.models",
    "ntm_fast.training",
    "ntm_fast.optim",
    "ntm_fast.metrics",
    "ntm_fast.studies.compare",
    "ntm_fast.studies.gradients",
)
HEAD = """# Every public name

Made by `python scripts/api_page.py` from the docstrings, which say more: `help(name)` shows shapes,
formulas, errors and sources. Signatures leave out types, and end in `…` after six parameters. A
method that several classes share is listed below the first of them: those of all named models below
`NeuralTopicModel` (with the settings of [settings.md](settings.md)), those of `Subset` below
`Corpus`, the hooks of callbacks below `Callback`. Every op of `ntm_fast.ops` is also in
`ntm_fast.reference`, in plain PyTorch and with the same signature.
"""
MOST = 6  # parameters that are shown of a signature; of one with all settings, SETTINGS
SETTINGS = 2
FIRST = ("NeuralTopicModel", "Corpus")  # whose methods others share


def public_names(module: ModuleType) -> list[str]:
    """Those of `__all__`, imported `as` themselves, or defined in the module or one below it.

    A package's classes from elsewhere are public too.
    """
    source = Path(str(module.__file__)).read_text(encoding="utf-8")
    names = {*getattr(module, "__all__", ()), *re.findall(r"import (\w+) as \1$", source, re.M)}
    names |= {
        name
        for name, value in vars(module).items()
        if str(getattr(value, "__module__", "")).startswith(
            "ntm_fast."
            if isinstance(value, type) and hasattr(module, "__path__")
            else module.__name__
        )
    }
    shown = {name for name in names if not name.startswith("_")} | ({"__version__"} & names)
    return sorted(shown, key=lambda name: (name not in FIRST, name.lower(), name))


def first_sentence(value: object) -> str:
    """The docstring's, on one line."""
    if not callable(value) and not isinstance(value, property | ModuleType):
        return "a constant"
    paragraph = " ".join((inspect.getdoc(value) or "").split("\n\n")[0].split())
    sentence = re.split(r"(?<!\be\.g|\bi\.e)\.(?= [A-Z]|$)", paragraph)[0].rstrip(":")
    return re.sub(r":\w+:`~?([^`]*)`", r"`\1`", sentence).replace("``", "`").replace("*", "\\*")


def signature(name: str, value: object) -> str:
    """`name(parameters)` with defaults, without types, cut after the first parameters."""
    try:
        parameters = inspect.signature(value).parameters  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return name
    most = MOST if len(parameters) < 3 * MOST else SETTINGS
    parts: list[str] = []
    for parameter in parameters.values():
        if parameter.name in ("self", "cls") and not parts:
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not {"*", "*args"} & set(parts):
            parts.append("*")
        if len(parts) > most:
            return f"{name}({', '.join(parts)}, …)"
        default = parameter.default
        plain = default is None or isinstance(default, bool | int | float | str | tuple)
        text = str(parameter.replace(annotation=parameter.empty, default=parameter.empty))
        if default is not parameter.empty:
            text += f"={default!r}" if plain else "=…"
        parts.append(text)
    return f"{name}({', '.join(parts)})"


def methods(value: type) -> Iterator[tuple[str, object]]:
    """The public methods and properties that a class has of this package."""
    for name in dir(value):
        home = next((base for base in value.__mro__ if name in vars(base)), object)
        if name.startswith("_") or not home.__module__.startswith("ntm_fast"):
            continue
        member = inspect.getattr_static(value, name)
        member = getattr(member, "__func__", member)
        if inspect.isfunction(member) or isinstance(member, property):
            yield name, member


def items(name: str, value: object, listed: set[int]) -> Iterator[str]:
    """A list item for a name, and one for each method that no class above has."""
    is_error = isinstance(value, type) and issubclass(value, Exception)
    called = callable(value) and not is_error and not getattr(value, "_is_protocol", False)
    shown = signature(name, value) if called else name
    yield f"- **`{shown}`**: {first_sentence(value)}"
    for method, member in methods(value) if isinstance(value, type) else ():
        overridden = {id(vars(base).get(method)) for base in value.__mro__}
        if not listed & {id(member), *overridden}:
            listed.add(id(member))
            is_field = isinstance(member, property)
            shown = method if is_field else signature(method, member)
            yield f"  - `{shown}`: {first_sentence(member)}"


def page() -> str:
    """The whole of docs/api.md."""
    parts, listed = [HEAD], set[int]()
    for name in MODULES:
        module = importlib.import_module(name)
        parts.append(f"## `{name}`\n\n{first_sentence(module)}.")
        found = ((n, getattr(module, n)) for n in public_names(module))
        parts.append("\n".join(line for n, value in found for line in items(n, value, listed)))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    text = page()
    stale = not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text
    if stale and not check:
        PAGE.write_text(text, encoding="utf-8")
    return int(stale and check)


if __name__ == "__main__":
    sys.exit(main())
