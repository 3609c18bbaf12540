"""The settings: one field each, from which all the rest follows."""

import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from ntm_fast.models.unused import unused, used_by
from ntm_fast.recipes import RECIPES, RENAMED_MODELS, current_model
from ntm_fast.settings import (
    MODEL,
    NONE,
    RENAMED,
    SETTINGS,
    TRAINING,
    ModelSettings,
    Recipe,
    TrainingSettings,
    current_names,
)

ROOT = Path(__file__).resolve().parents[1]
DEFAULTS = Recipe(ModelSettings(), TrainingSettings())


def test_every_setting_is_described() -> None:
    assert len(SETTINGS) == len(MODEL) + len(TRAINING), "no name stands twice"
    for name, setting in SETTINGS.items():
        assert setting.type, name
        assert setting.doc.endswith("."), name
        optional = "None" in str(_field(name).type)
        assert optional == bool(setting.none), f"{name}: what None means is said where it may be"


def _field(name: str) -> Any:
    both = (*fields(ModelSettings), *fields(TrainingSettings))
    return next(field for field in both if field.name == name)


@pytest.mark.parametrize("name", SETTINGS)
def test_defaults_pass_their_check_and_are_read_as_they_are_written(name: str) -> None:
    setting, default = SETTINGS[name], DEFAULTS.as_dict()[name]
    assert setting.check(name, default) == default
    for text in {str(default), str(default).lower(), str(default).strip("()")}:
        assert setting.given(setting.parse(name, text)) == default


def test_generated_files_are_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "generate_settings.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("hidden", "64,32", (64, 32)),
        ("hidden", "[64]", (64,)),
        ("hidden", "(64,)", (64,)),
        ("em_steps", "10, 5", (10, 5)),
        ("em_steps", "null", NONE),
        ("patience", "None", NONE),
        ("patience", "7", 7),
        ("background", "True", True),
        ("learned_prior", "false", False),
        ("prior", "1e-2", 0.01),
        ("kl_schedule", "cyclic", "cyclic"),
    ],
)
def test_texts_are_read_by_the_settings_type(name: str, text: str, value: Any) -> None:
    found = SETTINGS[name].parse(f"--option {name}", text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("epochs", "2.5", "--option epochs is '2.5'; expected an int"),
        ("epochs", "-1", "--option epochs is -1; expected >= 0"),
        ("prior", "none", "--option prior is 'none'; expected a number"),
        ("prior", "nan", "--option prior is nan; expected > 0 and finite"),
        ("topic_dropout", "1", r"--option topic_dropout is 1.0; expected a number in \[0, 1\)"),
        ("learned_prior", "1", "--option learned_prior is '1'; expected True or False"),
        ("hidden", "64,x", "--option hidden is '64,x'; expected a tuple"),
        ("hidden", "64,0", r"--option hidden\[1\] is 0; expected >= 1"),
        ("betas", "0.9", r"--option betas is \(0.9,\); expected two numbers, beta1 and beta2"),
        ("inputs", "tf-idf", "--option inputs is 'tf-idf'; expected one of 'counts', 'log1p'"),
    ],
)
def test_texts_that_are_no_value_are_named(name: str, text: str, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        SETTINGS[name].parse(f"--option {name}", text)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variance_floor": 2, "variance_ceiling": 1}, "variance_ceiling is 1.0; expected > var"),
        ({"concentration_floor": 1e4}, "concentration_ceiling is 1000.0; expected more than"),
        ({"variance_floor": 0}, "variance_floor is 0; expected > 0"),
        ({"lr": 1}, "unknown setting 'lr'; expected one of activation, "),
        ({"validation": 0.1}, "validation is now called validation_fraction"),
    ],
)
def test_a_recipe_checks_what_is_changed(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DEFAULTS.changed(**changes)


def test_unknown_keywords_are_explained() -> None:
    with pytest.raises(TypeError, match="validation is now called validation_fraction"):
        TrainingSettings(validation=0.1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="no setting 'aktivation': did you mean 'activation'"):
        ModelSettings(aktivation="relu")  # type: ignore[call-arg]


def test_none_is_a_word() -> None:
    changed = DEFAULTS.changed(patience="none", em_steps="none", background="none", epochs=3)
    assert changed.training == TrainingSettings(patience=None, epochs=3)
    assert changed.model == ModelSettings()


def test_a_recipe_is_printed_with_a_line_for_each_setting() -> None:
    lines = repr(RECIPES["NVLDA"]).splitlines()
    assert [line.split()[0] for line in lines] == list(SETTINGS)
    assert "diversity_every         8" in lines


def test_old_names_are_known() -> None:
    assert current_names({"validation": 0.2, "prior": 1}) == {
        "validation_fraction": 0.2,
        "prior": 1,
    }
    assert set(RENAMED.values()) <= set(SETTINGS)
    assert not set(RENAMED) & set(SETTINGS)
    assert current_model("InverseCDF") == "DirichletVAEInverseCDF"
    assert set(RENAMED_MODELS.values()) <= set(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_set_only_what_their_model_uses(name: str) -> None:
    recipe = RECIPES[name]
    defaults, values = DEFAULTS.as_dict(), recipe.as_dict()
    assert not [s for s in unused(recipe.model) if values[s] != defaults[s]]
    if recipe.training.kl_schedule == "constant":
        assert not recipe.training.warm_up
    if not recipe.model.learned_prior:
        assert not recipe.training.prior_burn_in


def test_every_setting_is_used_by_a_named_model() -> None:
    idle = [unused(recipe.model) for recipe in RECIPES.values()]
    assert not [name for name in MODEL if all(name in settings for settings in idle)]
    assert used_by("rsvi_boost") == ["dirichlet-rsvi"]
    assert used_by("hidden") == [], "which all use"
