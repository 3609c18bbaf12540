"""Settings as keywords of the estimators."""

import inspect
import pickle
import re
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import ntm_fast
from ntm_fast import ETM, GSM, LDAVAE, NeuralTopicModel, ProdLDA, estimator
from ntm_fast.models.unused import UnusedSettingError, unused
from ntm_fast.settings import SETTINGS
from tests.estimator.common import CORPUS, NAMED, QUICK, X
from tests.helpers.other_settings import OTHER as OTHER_SETTINGS

OTHER = ("checkpoint", "device", "random_state", "verbose")


@NAMED
def test_help_has_every_setting_with_type_and_meaning(kind: Any) -> None:
    keywords = inspect.signature(kind).parameters
    own = {"embeddings"} if issubclass(kind, ETM | GSM | ntm_fast.DirichletETM) else set()
    assert set(keywords) == SETTINGS.keys() - {"posterior", "decoder"} | {*OTHER} | own
    assert set(kind().get_params()) == set(keywords)
    assert next(iter(keywords)) == "n_topics"
    assert all(p.kind is p.KEYWORD_ONLY for name, p in keywords.items() if name != "n_topics")
    doc = inspect.getdoc(kind)
    assert doc is not None
    values = kind.recipe.as_dict()
    for name in keywords:
        assert f"\n{name} : " in doc
        entry = doc.split(f"\n{name} : ")[1].split("\n", 1)[0]
        if name in SETTINGS:
            assert entry.startswith(SETTINGS[name].type)
            value = repr("none" if values[name] is None else values[name])
            assert entry.endswith((f": {value}", ", not used by this model"))
    assert doc.count("Parameters\n----------") == 1


def test_a_model_of_any_parts_takes_them_too() -> None:
    keywords = inspect.signature(NeuralTopicModel).parameters
    assert set(keywords) == {*SETTINGS, *OTHER}
    assert "posterior : str, default: 'logistic-normal'" in (NeuralTopicModel.__doc__ or "")


def test_old_ways_are_explained() -> None:
    old: dict[str, Any] = {"options": {"patience": None, "validation": 0.2, "warm_up": 5}}
    now = r"ProdLDA\(…, patience='none', validation_fraction=0.2, warm_up=5\)"
    with pytest.raises(TypeError, match=f"pass each setting by its name, {now}$"):
        ProdLDA(20, **old)
    with pytest.raises(TypeError, match=r"called validation_fraction: ETM\(…, validation_fraction"):
        ETM(20, validation=0.2)  # type: ignore[call-arg]


def test_one_setting_can_be_varied() -> None:
    model = ProdLDA(4, **QUICK)
    assert clone(model.set_params(diversity=1)).diversity == 1
    with pytest.raises(ValueError, match="no setting 'diversty': did you mean 'diversity'"):
        model.set_params(diversty=1)
    search = GridSearchCV(model, {"diversity": [0, 1], "patience": [None, "none"]}, cv=2)
    search.fit(X.astype(np.float64))
    assert search.best_params_["diversity"] in (0, 1)
    assert "diversity" in repr(model)
    assert pickle.loads(pickle.dumps(model)).get_params() == model.get_params()


def test_keywords_reach_model_and_training() -> None:
    given = {"patience": "none", "variance_floor": 0.1, "em_steps": (2, 1), "hidden": [8]}
    recipe = NeuralTopicModel(3, **given).chosen_recipe()
    assert (recipe.training.patience, recipe.training.em_steps) == (None, (2, 1))
    assert (recipe.model.n_topics, recipe.model.hidden) == (3, (8,))
    assert recipe.model.variance_floor == 0.1
    usual = ProdLDA(3, patience=None, variance_floor="none").chosen_recipe()
    assert usual == ProdLDA.recipe.changed(n_topics=3)
    nearest = NeuralTopicModel(posterior="dirichlet", decoder="mixture").chosen_recipe()
    assert nearest == replace(LDAVAE.recipe)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            ProdLDA(embedding_size=9),
            "embedding_size is 9, but decoder 'product' does not use it; it is used by"
            " embedded-mixture, embedded-product",
        ),
        (
            ProdLDA(rsvi_boost=5),
            "rsvi_boost is 5, but posterior 'logistic-normal' does not use it; it is used by"
            " dirichlet-rsvi",
        ),
        (GSM(prior=0.5), "prior is 0.5, but posterior 'gaussian-softmax' does not use it; it is"),
        (LDAVAE(decoder_batch_norm=False), "decoder_batch_norm is False, but decoder 'mixture'"),
        (ProdLDA(refinement=5), "refinement is 5, but decoder 'product' does not use it; it is"),
        (
            NeuralTopicModel(posterior="weibull", decoder="mixture", variance_floor=1.0),
            "variance_floor is 1.0, but posterior 'weibull' does not use it; it is used by",
        ),
        (
            ProdLDA(kl_schedule="constant", warm_up=5),
            "warm_up is 5, but kl_schedule 'constant' does not use it; it is used by linear, cyc",
        ),
        (LDAVAE(prior_burn_in=3), "prior_burn_in is 3, but the prior is not trained; it is used"),
    ],
)
def test_a_setting_that_is_not_used_is_refused(model: Any, message: str) -> None:
    for fit in (model.fit, model.partial_fit):
        with pytest.raises(UnusedSettingError) as error:
            fit(X)
        assert str(error.value).startswith(message)
        assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)


@NAMED
def test_a_model_takes_what_it_uses_and_nothing_else(kind: Any) -> None:
    idle = unused(kind.recipe.model)
    for name, value in OTHER_SETTINGS.items():
        model = kind(**{name: value})
        if name in idle:
            with pytest.raises(UnusedSettingError, match=f"^{name} is .* does not use it"):
                model.chosen_recipe()
        else:
            assert model.chosen_recipe().as_dict()[name] == value


def test_what_is_as_in_the_recipe_is_not_refused() -> None:
    ProdLDA(3, rsvi_boost=10, embedding_size=300, refinement=0, **QUICK).chosen_recipe()
    ProdLDA(3, kl_schedule="constant").chosen_recipe()  # warm_up is the recipe's
    LDAVAE(3, learned_prior=True, prior_burn_in=1).chosen_recipe()
    GSM(3, prior=0.5, refinement=5).chosen_recipe()
    with pytest.raises(ValueError, match="posterior is 'dirichlett'; expected one of 'dirichlet'"):
        NeuralTopicModel(posterior="dirichlett").chosen_recipe()


def test_the_generated_keywords_are_those_of_the_settings() -> None:
    names = {field.name for field in fields(estimator.keywords.Keywords)}
    assert names == SETTINGS.keys() - {"posterior", "decoder"}


def test_old_names_of_classes_warn() -> None:
    for module in (ntm_fast, estimator):
        with pytest.warns(DeprecationWarning, match="InverseCDF is now called DirichletVAEInv"):
            assert module.InverseCDF is ntm_fast.DirichletVAEInverseCDF
    assert "InverseCDF" not in dir(ntm_fast)


def test_elbo(fitted: ProdLDA) -> None:
    bound = fitted.model_.elbo(CORPUS, 3).double().mean()
    assert fitted.elbo(CORPUS, seed=3) == pytest.approx(float(bound))
    with pytest.warns(DeprecationWarning, match=r"is now elbo\(X\)"):
        assert fitted.perplexity(CORPUS, kind="elbo", seed=3) == fitted.elbo(CORPUS, seed=3)
    holes = X.toarray()[:5]
    holes[2] = 0
    assert fitted.elbo(holes) == pytest.approx(fitted.elbo(holes[[0, 1, 3, 4]]), rel=1e-3)


def test_summary(fitted: ProdLDA) -> None:
    text = fitted.summary(3)
    for line in (
        r"^model +ProdLDA$",
        r"^source +Srivastava & Sutton",
        r"^documents +270$",
        r"^hidden +\(8,\) \(recipe: \(100, 100\)\)$",
        r"^ELBO per training document +-\d",
    ):
        assert re.search(line, text, re.M), line
    topics = text.split("Topics:\n")[1].splitlines()
    assert [line.split()[1:] for line in topics] == fitted.top_words(3)
    del fitted.__dict__["record_"]
    assert "Srivastava" not in fitted.summary()
    with pytest.raises(Exception, match="not fitted"):
        ProdLDA().summary()


def test_set_params_explains_old_names() -> None:
    with pytest.raises(ValueError, match="now called validation_fraction"):
        ProdLDA().set_params(validation=0.2)
    with pytest.raises(ValueError, match="options is no longer taken: leave it out"):
        ProdLDA().set_params(options={})


def test_arrays_and_errors_of_tuples() -> None:
    assert ProdLDA(hidden=np.array([5, 6])).chosen_recipe().model.hidden == (5, 6)
    with pytest.raises(TypeError, match="hidden is 5; expected a tuple of ints >= 1"):
        ProdLDA(hidden=5).chosen_recipe()  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="patience is 'None'; expected an int or \"none\""):
        ProdLDA(patience="None").chosen_recipe()  # type: ignore[arg-type]
