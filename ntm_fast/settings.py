"""Every setting of a model and of its training, and both together as a recipe.

A setting is one field below: its type, bounds, default and meaning. From it come the check of its
values, the estimators' keyword (`scripts/generate_settings.py` writes them), the command line's
`--option`, what `ntm-fast settings` prints, and docs/settings.md.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import math
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from ntm_fast import checks

NONE = "none"  # the word for None, where a setting can be None: a None is the recipe's value there
RENAMED = {  # old names, as in files of older releases
    "validation": "validation_fraction",
    "boost": "rsvi_boost",
    "correction": "rsvi_correction",
}

C = TypeVar("C", bound=type)


@dataclass(frozen=True)
class Setting:
    """What a setting takes and means.

    Attributes
    ----------
    type : as documentation has it, such as "float > 0"
    doc : what it means
    none : what None means; "" where None is no value
    checked : (name, value) -> the value, or an error that names it
    read : text -> the value; ValueError or KeyError where it is none
    """

    type: str
    doc: str
    none: str
    checked: Callable[[str, Any], Any]
    read: Callable[[str], Any]

    @property
    def full_type(self) -> str:
        """The type, with "none" where that is a value too."""
        return f'{self.type} or "{NONE}"' if self.none else self.type

    @property
    def meaning(self) -> str:
        """What the setting means, and "none" where that is a value."""
        return f'{self.doc} "{NONE}": {self.none}.' if self.none else self.doc

    def described(self, name: str, note: str = "") -> str:
        """An entry of a docstring, with a note on its value such as "default: 3"."""
        meaning = textwrap.fill(
            self.meaning,
            92,
            initial_indent="    ",
            subsequent_indent="    ",
            break_on_hyphens=False,
        )
        return f"{name} : {self.full_type}{', ' if note else ''}{note}\n{meaning}"

    def check(self, name: str, value: Any) -> Any:
        """The value, normalised; TypeError or ValueError that names it unless it is allowed."""
        if value is None and self.none:
            return None
        try:
            return self.checked(name, value)
        except (TypeError, ValueError) as error:
            if not self.none:
                raise
            raise type(error)(f'{error} or "{NONE}"') from None

    def given(self, value: Any) -> Any:
        """A value that a user gives, in which the word "none" stands for None."""
        return None if self.none and isinstance(value, str) and value == NONE else value

    def parse(self, name: str, text: str) -> Any:
        """The value that a text says, checked; `name` is what errors call it."""
        text = text.strip()
        if len(text) > 1 and text[0] == text[-1] == '"':
            text = text[1:-1]  # a string as in JSON
        if self.none and text.lower() in (NONE, "null"):
            return NONE
        try:
            value = self.read(text)
        except (KeyError, ValueError):
            value = text  # of the wrong kind, which the check says
        return self.check(name, value)


def integer(default: int | None, *, low: int, doc: str, none: str = "") -> Any:
    """A field for an int >= low."""
    return _field(
        default, f"int >= {low}", doc, lambda n, v: checks.integer(n, v, low), int, none=none
    )


def number(
    default: float | None,
    *,
    low: float = 0.0,
    above: float | None = None,
    high: float = math.inf,
    below: float | None = None,
    doc: str,
    none: str = "",
) -> Any:
    """A field for a float within bounds; `above` and `below` are excluded, `low` and `high` not."""
    check, expected = _bounded(low, above, high, below)
    return _field(default, f"float {expected}", doc, check, float, none=none)


def choice(default: str, choices: Iterable[str], *, doc: str) -> Any:
    """A field for one of some words."""
    known = tuple(choices)
    *others, last = map(repr, known)
    return _field(
        default,
        f"{', '.join(others)} or {last}",
        doc,
        lambda n, v: checks.choice(n, v, known),
        str,
    )


def flag(default: bool | None, *, doc: str, none: str = "") -> Any:
    """A field for True or False."""
    words = {"true": True, "false": False}
    return _field(default, "bool", doc, checks.flag, lambda t: words[t.lower()], none=none)


def name_of(default: str, *, doc: str) -> Any:
    """A field for a name that the model looks up in its own table."""
    return _field(default, "str", doc, lambda _, value: value, str)


def integers(default: Any, *, pair: tuple[str, str] | None = None, doc: str, none: str = "") -> Any:
    """A field for a tuple of ints >= 1, or for a pair of them with these names."""
    element = lambda n, v: checks.integer(n, v, 1)  # noqa: E731
    return _tuple(default, "ints >= 1", pair, doc, element, int, none)


def numbers(default: Any, *, below: float, pair: tuple[str, str], doc: str) -> Any:
    """A field for a pair of floats >= 0 with these names."""
    element, expected = _bounded(0.0, None, math.inf, below)
    return _tuple(default, f"floats {expected}", pair, doc, element, float, "")


def _bounded(
    low: float, above: float | None, high: float, below: float | None
) -> tuple[Callable[[str, Any], float], str]:
    """The check of a number within bounds, and the bounds in words."""
    ends = ("low " if above is not None else "") + ("high" if below is not None else "")
    low, high = low if above is None else above, high if below is None else below
    if high == math.inf:
        expected = f"{'>=' if above is None else '>'} {low:g}"
    else:
        left, right = "[" if above is None else "(", "]" if below is None else ")"
        expected = f"in {left}{low:g}, {high:g}{right}"
    return lambda n, v: checks.number(n, v, low, high, open_ends=ends), expected


def _tuple(
    default: Any,
    elements: str,
    pair: tuple[str, str] | None,
    doc: str,
    element: Callable[[str, Any], Any],
    read: Callable[[str], Any],
    none: str,
) -> Any:
    kind = f"tuple of {elements}" if pair is None else f"two {elements}"

    def check(name: str, value: Any) -> Any:
        found = checks.sequence(name, value, element, kind)
        if pair is not None and len(found) != 2:
            raise ValueError(f"{name} is {value}; expected two numbers, {' and '.join(pair)}")
        return found

    def read_all(text: str) -> tuple[Any, ...]:
        inner = text.strip("()[]").rstrip(", ")
        return tuple(read(part) for part in inner.split(","))

    return _field(default, kind, doc, check, read_all, none=none)


def _field(
    default: Any,
    kind: str,
    doc: str,
    check: Callable[[str, Any], Any],
    read: Callable[[str], Any],
    *,
    none: str = "",
) -> Any:
    return field(default=default, metadata={"setting": Setting(kind, doc, none, check, read)})


def explains_keywords(cls: C) -> C:
    """Decorator of a dataclass: the error at an unknown keyword says what to write instead."""
    init = cls.__init__  # type: ignore[misc]

    @functools.wraps(init)
    def explaining(self: Any, *args: Any, **keywords: Any) -> None:
        known = {f.name for f in fields(cls)}
        for name in keywords.keys() - known:
            raise TypeError(what_to_write(type(self).__name__, name, keywords[name], known))
        init(self, *args, **keywords)

    cls.__init__ = explaining  # type: ignore[misc]
    return cls


def what_to_write(cls: str, name: str, value: Any, known: set[str]) -> str:
    """What to write instead of a keyword that a class does not have."""
    if name == "options" and "random_state" in known:
        if not value or not isinstance(value, Mapping):
            return f"options is no longer taken: leave it out; each setting is an argument of {cls}"
        given = value
        shown = {RENAMED.get(n, n): NONE if v is None else v for n, v in given.items()}
        write = ", ".join(f"{n}={v!r}" for n, v in shown.items())
        return f"options is no longer taken: pass each setting by its name, {cls}(…, {write})"
    if name in RENAMED and RENAMED[name] in known:
        return f"{name} is now called {RENAMED[name]}: {cls}(…, {RENAMED[name]}={value!r})"
    if name in ("posterior", "decoder"):
        return f"{cls}'s {name} is fixed; NeuralTopicModel takes one"
    close = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {close[0]!r}?" if close else f"help({cls}) lists them"
    return f"{cls} has no setting {name!r}: {hint}"


def current_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by the names that this release has for them; those of a file may be older."""
    return {RENAMED.get(name, name): value for name, value in values.items()}


class _Checked:
    """Settings that check and normalise themselves."""

    def __post_init__(self) -> None:
        for part in fields(self):  # type: ignore[arg-type]
            setting: Setting = part.metadata["setting"]
            value = setting.check(part.name, getattr(self, part.name))
            object.__setattr__(self, part.name, value)


@explains_keywords
@dataclass(frozen=True)
class ModelSettings(_Checked):
    """Encoder, posterior and decoder of a topic model; defaults are ProdLDA's.

    A field's default must reproduce the behaviour from before the field existed, since older
    models load with it.
    """

    n_topics: int = integer(50, low=1, doc="Number of topics, K.")
    posterior: str = name_of(
        "logistic-normal",
        doc="Family of q(θ | x) and of its gradients: logistic-normal, dirichlet (implicit"
        " gradients), dirichlet-rao-blackwell, dirichlet-rsvi, dirichlet-inverse-cdf,"
        " score-function, weibull, gaussian-softmax or gaussian.",
    )
    decoder: str = name_of(
        "product",
        doc="p(x | θ): product (of experts), mixture (of topics), embedded-product,"
        " embedded-mixture or poisson.",
    )
    prior: float = number(
        1.0,
        above=0,
        doc="Concentration of the symmetric Dirichlet prior on θ, or of the prior derived from it.",
    )
    hidden: tuple[int, ...] = integers((100, 100), doc="Widths of the encoder's layers.")
    activation: str = choice(
        "softplus", ("softplus", "relu"), doc="Activation of the encoder's layers."
    )
    inputs: str = choice(
        "counts",
        ("counts", "log1p", "normalised"),
        doc="What the encoder reads: counts, log(1 + counts), or counts divided by their sum.",
    )
    encoder_dropout: float = number(
        0.0, below=1, doc="Probability of dropping a unit of the encoder's output."
    )
    topic_dropout: float = number(0.0, below=1, doc="Probability of dropping a topic of θ.")
    encoder_batch_norm: bool = flag(
        True, doc="Whether the posterior's parameters are batch-normalised."
    )
    decoder_batch_norm: bool = flag(
        True, doc="Whether a product's logits are batch-normalised, word by word."
    )
    batch_norm_momentum: float = number(
        0.01, above=0, high=1, doc="Share of a batch in the running statistics of both batch norms."
    )
    batch_norm_eps: float = number(
        1e-3, above=0, doc="Added to the variance in both batch norms and in topic_batch_norm."
    )
    concentration_floor: float = number(
        1e-5,
        above=0,
        doc="Lower bound of a Dirichlet posterior's α, and of a Weibull posterior's mean.",
    )
    concentration_ceiling: float = number(
        1e3,
        above=0,
        doc="Upper bound of a Dirichlet posterior's α, and of a Weibull posterior's mean.",
    )
    variance_floor: float | None = number(
        None, above=0, none="no bound", doc="Lower bound of a Gaussian posterior's variance."
    )
    variance_ceiling: float | None = number(
        None, above=0, none="no bound", doc="Upper bound of a Gaussian posterior's variance."
    )
    learned_prior: bool = flag(
        False, doc="Whether the prior is trained too, starting from `prior`."
    )
    rsvi_boost: int = integer(10, low=1, doc="How much α is raised before the rejection sampler.")
    rsvi_correction: bool = flag(
        False,
        doc="Whether the part of the gradient that the rejection sampler leaves out is estimated.",
    )
    prior_rate: float = number(
        1.0, above=0, doc="Rate b of a Weibull posterior's prior, Gamma(prior, b)."
    )
    shape_floor: float = number(
        0.1,
        above=0,
        doc="Lower bound of a Weibull posterior's shape; below 0.1 its mean explodes.",
    )
    background: bool | None = flag(
        None,
        none="True for products, and for mixtures with topic_batch_norm",
        doc="Whether words have a bias that all topics share. It starts at the words' frequencies.",
    )
    topic_batch_norm: bool = flag(
        False, doc="Whether a mixture's logits are normalised over the topics, word by word."
    )
    embedding_size: int = integer(
        300, low=1, doc="Dimension of word and topic embeddings, unless embeddings are given."
    )
    learned_embeddings: bool = flag(True, doc="Whether the word embeddings are trained.")
    refinement: int = integer(
        0,
        low=0,
        doc="Number of updates of a document's θ at evaluation, starting from the encoder's θ"
        " (see ntm_fast.ops.bow_mixture_proportions). The ELBO is not affected.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = self.variance_floor, self.variance_ceiling
        if low is not None and high is not None and high <= low:
            raise ValueError(f"variance_ceiling is {high}; expected > variance_floor, {low}")
        if self.concentration_ceiling <= self.concentration_floor:
            raise ValueError(
                f"concentration_ceiling is {self.concentration_ceiling}; expected more than"
                f" concentration_floor, {self.concentration_floor}"
            )


@explains_keywords
@dataclass(frozen=True)
class TrainingSettings(_Checked):
    """Optimiser, schedule and stopping rule; defaults are ProdLDA's."""

    epochs: int = integer(100, low=0, doc="Passes over the training documents, at most.")
    batch_size: int = integer(
        200,
        low=1,
        doc="Documents per step. Unless it is given, estimators reduce the recipe's value (not"
        " below 32) so that an epoch has at least 16 steps.",
    )
    n_samples: int = integer(1, low=1, doc="Draws of θ per document and step.")
    em_steps: tuple[int, int] | None = integers(
        None,
        pair=("E", "M"),
        none="encoder and decoder are trained together",
        doc="(E, M): alternate E steps of encoder and posterior with M steps of decoder and prior.",
    )
    optimiser: str = choice(
        "deferred-adam",
        ("adam", "deferred-adam", "lazy-adam"),
        doc="'deferred-adam' is Adam, except that updates to rows of words absent from a batch are"
        " postponed until the row is next read: the same weights up to rounding, in less time on"
        " the CPU. 'lazy-adam', on the CPU only, never makes those updates: another method.",
    )
    learning_rate: float = number(2e-3, above=0, doc="Adam's learning rate.")
    betas: tuple[float, float] = numbers(
        (0.99, 0.999),
        below=1,
        pair=("beta1", "beta2"),
        doc="Adam's decay rates of both moments.",
    )
    weight_decay: float = number(0.0, doc="Adam's weight decay.")
    learning_rate_schedule: str = choice(
        "constant",
        ("constant", "linear", "cosine"),
        doc="'linear' and 'cosine' lower the learning rate to 0 at the last epoch.",
    )
    learning_rate_warm_up: int = integer(
        0, low=0, doc="Epochs over which the learning rate first rises from 0."
    )
    kl_weight: float = number(
        1.0, doc="Final weight of the KL term: 1 for a VAE, others for a β-VAE."
    )
    kl_schedule: str = choice(
        "constant",
        ("constant", "linear", "cyclic"),
        doc="'linear' raises the KL term's weight from 0 over warm_up epochs; 'cyclic' does so in"
        " the first half of every warm_up epochs.",
    )
    warm_up: int = integer(
        0,
        low=0,
        doc="Epochs of kl_schedule; if `epochs` is smaller, kl_weight is never reached.",
    )
    free_bits: float = number(0.0, doc="Nats of KL per document that are not penalised.")
    diversity: float = number(
        0.0,
        doc="Weight of the penalty on the overlap of topics, which discourages duplicate topics; in"
        " nats per document, raised together with the KL term (see ntm_fast.ops.topic_overlap).",
    )
    diversity_every: int = integer(
        1,
        low=1,
        doc="Compute that penalty, which is slow, only once in this many steps, scaled to match.",
    )
    prior_burn_in: int = integer(0, low=0, doc="Epochs before a learned prior is trained.")
    validation_fraction: float = number(
        0.1,
        below=1,
        doc="Share of the documents held out from training to choose the best epoch; 0 holds out"
        " none.",
    )
    patience: int | None = integer(
        20,
        low=1,
        none="training never stops early",
        doc="Epochs without a better validation ELBO before training stops. The best epoch's"
        " weights are kept in either case.",
    )
    precision: str = choice(
        "highest",
        ("highest", "high", "medium"),
        doc="Precision of float32 matrix products, as in torch.set_float32_matmul_precision;"
        " `ntm-fast info` says what each means on this machine. Sums, losses and statistics stay"
        " float32.",
    )
    autocast: bool = flag(
        False,
        doc="Whether losses are computed under torch.autocast to bfloat16: the encoder's dense"
        " layers multiply in it, and the decoder as at precision 'medium'. Mainly for GPUs.",
    )
    cuda_graphs: bool = flag(
        False,
        doc="On a GPU that holds the corpus, record each shape of step once and replay it: faster"
        " for small models. Not with em_steps, prior_burn_in or posterior gaussian.",
    )


MODEL, TRAINING = (
    {part.name: part.metadata["setting"] for part in fields(cls)}
    for cls in (ModelSettings, TrainingSettings)
)
SETTINGS: dict[str, Setting] = {**MODEL, **TRAINING}
for _cls, _settings in ((ModelSettings, MODEL), (TrainingSettings, TRAINING)):
    _entries = [
        known.described(name, f"default: {getattr(_cls, name)!r}")
        for name, known in _settings.items()
    ]
    _cls.__doc__ = "\n".join(
        [inspect.cleandoc(_cls.__doc__ or ""), "", "Attributes", "----------", *_entries]
    )


def setting_field(name: str) -> Any:
    """A field for a model's setting in another class, with the same default."""
    part = ModelSettings.__dataclass_fields__[name]
    return field(default=part.default, metadata=part.metadata)


@dataclass(frozen=True, repr=False)
class Recipe:
    """A model and how it is trained."""

    model: ModelSettings
    training: TrainingSettings

    def as_dict(self) -> dict[str, Any]:
        """All settings by name."""
        return {
            part.name: getattr(settings, part.name)
            for settings in (self.model, self.training)
            for part in fields(settings)
        }

    def changed(self, **values: Any) -> Recipe:
        """The recipe with other values for fields of either part, checked; "none" means None.

        Raises ValueError or TypeError naming the field, its value and what was expected.
        """
        for name in sorted(values.keys() - SETTINGS.keys()):
            if name in RENAMED:
                raise ValueError(f"{name} is now called {RENAMED[name]}")
            raise ValueError(
                f"unknown setting {name!r}; expected one of {', '.join(sorted(SETTINGS))}"
            )
        given = {name: SETTINGS[name].given(value) for name, value in values.items()}
        return Recipe(
            replace(self.model, **{k: v for k, v in given.items() if k in MODEL}),
            replace(self.training, **{k: v for k, v in given.items() if k in TRAINING}),
        )

    def __repr__(self) -> str:
        """One line per setting."""
        values = self.as_dict()
        width = max(map(len, values))
        return "\n".join(f"{name:<{width}}  {value!r}" for name, value in values.items())
