"""Every public name is on a page of the docs, and docs/api.md is what its script writes."""

import importlib
import re
from pathlib import Path

import pytest

from scripts import api_page

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = [
    "ntm_fast",
    "ntm_fast.ops",
    "ntm_fast.reference",
    "ntm_fast.data",
    "ntm_fast.metrics",
    "ntm_fast.training",
    "ntm_fast.optim",
    "ntm_fast.models",
    "ntm_fast.studies.compare",
    "ntm_fast.studies.gradients",
]


def on_pages() -> set[str]:
    """Words in code on any page."""
    text = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
    return {word for code in re.findall(r"`([^`\n]+)`", text) for word in re.findall(r"\w+", code)}


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_is_on_a_page(module: str) -> None:
    names = api_page.public_names(importlib.import_module(module))
    assert names
    assert not set(names) - on_pages()


@pytest.mark.parametrize("module", ["ntm_fast", "ntm_fast.ops", "ntm_fast.data"])
def test_public_names_are_those_that_can_be_imported(module: str) -> None:
    found = importlib.import_module(module)
    names = api_page.public_names(found)
    assert all(hasattr(found, name) for name in names)
    assert {"ProdLDA", "kl_normal", "raise_device_errors", "read", "Corpus"} & set(names)


def test_the_page_is_the_one_that_is_written() -> None:
    assert api_page.PAGE.read_text(encoding="utf-8") == api_page.page(), "run scripts/api_page.py"


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert not {name for name in pages if f"({name})" not in index}
