"""Writes what follows from ntm_fast/settings.py: the estimators' keywords and docs/settings.md.

python scripts/generate_settings.py [--check]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ntm_fast.recipes import RECIPES  # noqa: E402
from ntm_fast.settings import (  # noqa: E402
    MODEL,
    NONE,
    SETTINGS,
    TRAINING,
    ModelSettings,
    Recipe,
    TrainingSettings,
)

KEYWORDS, PAGE = ROOT / "ntm_fast/estimator/keywords.py", ROOT / "docs/settings.md"
FIXED = ("n_topics", "posterior", "decoder")  # not keywords of every estimator, or not None

KEYWORDS_HEAD = '''"""The settings as keywords; scripts/generate_settings.py writes this file."""

from dataclasses import KW_ONLY, dataclass
from typing import Literal


@dataclass(eq=False, repr=False)
class Keywords:
    """All settings: None for the recipe's value, "none" for one that has none."""

    n_topics: int = 50
    _: KW_ONLY
'''

PAGE_HEAD = """# Settings

<!-- scripts/generate_settings.py writes this page from ntm_fast/settings.py. -->

Every setting is a keyword of every estimator: `ProdLDA(50, diversity=1.0, warm_up=5)`. A setting
that is left out, or `None`, has the value of the model's recipe: `print(ProdLDA.recipe)` shows it,
and so do `help(ProdLDA)` and `ntm-fast settings prodlda`. The string `"none"` switches off a
setting that can be off, such as `patience="none"`; for `background` it leaves the choice to the
decoder. On the command line each setting is
`--option NAME=VALUE`, for example `--option hidden=100,100 --option patience=none`.

The values are checked in `fit`. A setting that the model's posterior or decoder does not use raises
a `ValueError` that names those that use it. `posterior` and `decoder` can only be chosen for
`NeuralTopicModel`.
"""


def keywords() -> str:
    """The source of ntm_fast/estimator/keywords.py."""
    lines = []
    for part in (*fields(ModelSettings), *fields(TrainingSettings)):
        if part.name not in FIXED:
            kind = str(part.type).removesuffix(" | None")
            word = f' | Literal["{NONE}"]' if SETTINGS[part.name].none else ""
            lines.append(f"    {part.name}: {kind}{word} | None = None\n")
    return KEYWORDS_HEAD + "".join(lines)


def page() -> str:
    """The text of docs/settings.md."""
    return "\n".join([PAGE_HEAD, *tables(), *recipes()]) + "\n"


def tables() -> Iterator[str]:
    from ntm_fast.models.unused import used_by  # needs the keywords, which are written first

    defaults = Recipe(ModelSettings(), TrainingSettings()).as_dict()
    for heading, names in (("Model", MODEL), ("Training", TRAINING)):
        yield f"## {heading}\n"
        yield "| setting | type | default | meaning |"
        yield "|---|---|---|---|"
        for name in names:
            setting, who = SETTINGS[name], used_by(name)
            kind = setting.full_type
            meaning = setting.meaning + (f" Only used by {', '.join(who)}." if who else "")
            meaning = meaning.replace("|", "\\|")  # else the end of a cell
            yield f"| `{name}` | {kind} | {shown(defaults[name])} | {meaning} |"
        yield ""


def recipes() -> Iterator[str]:
    yield "## Recipes\n"
    yield "Where a model's recipe differs from the defaults above:\n"
    yield "| model | recipe |"
    yield "|---|---|"
    defaults = Recipe(ModelSettings(), TrainingSettings()).as_dict()
    for name, recipe in RECIPES.items():
        changed = (
            f"{setting} {shown(value)}"
            for setting, value in recipe.as_dict().items()
            if setting in ("posterior", "decoder") or value != defaults[setting]
        )
        yield f"| `{name}` | {', '.join(changed)} |"


def shown(value: object) -> str:
    return NONE if value is None else str(value)


def stale(files: Iterable[tuple[Path, str]]) -> list[str]:
    """The files that do not have their text."""
    found = [path for path, text in files if not path.is_file() or path.read_text() != text]
    return [str(path.relative_to(ROOT)) for path in found]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if files differ")
    check = parser.parse_args().check
    if not check:
        KEYWORDS.write_text(keywords())
        PAGE.write_text(page())
        return 0
    out_of_date = stale([(KEYWORDS, keywords())]) or stale([(PAGE, page())])
    for name in out_of_date:
        print(f"{name} is out of date: run python scripts/generate_settings.py")
    return 1 if out_of_date else 0


if __name__ == "__main__":
    sys.exit(main())
