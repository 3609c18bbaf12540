"""A study of gradient estimators: one posterior, one document, every scheme."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ntm_fast import checks
from ntm_fast.files import path_of, replacing_file
from ntm_fast.models import ModelSettings
from ntm_fast.models.backend import Ops, resolve
from ntm_fast.models.posteriors import POSTERIORS, Draw

Objective = Callable[[Tensor], Tensor]
EULER = 0.5772156649015329


def as_given(alpha: Tensor) -> tuple[Tensor, ...]:
    """The Dirichlet posteriors' own parameters."""
    return (alpha,)


def as_laplace(alpha: Tensor) -> tuple[Tensor, ...]:
    """(mean, log variance) of the Laplace approximation of Dirichlet(alpha) before the softmax.

    Source: Srivastava & Sutton, "Autoencoding Variational Inference for Topic Models", 2017.
    """
    n_topics, log_alpha = alpha.shape[-1], alpha.log()
    shared = alpha.reciprocal().sum(-1, keepdim=True) / n_topics**2
    variance = (1 - 2 / n_topics) / alpha + shared
    return log_alpha - log_alpha.mean(-1, keepdim=True), variance.log()


def as_weibull(alpha: Tensor) -> tuple[Tensor, ...]:
    """(shape, scale) of Weibull variates whose logarithms have Gamma(alpha, 1)'s two moments."""
    shape = math.pi / (6 * torch.polygamma(1, alpha)).sqrt()
    return shape, (alpha.digamma() + EULER / shape).exp()


@dataclass(frozen=True)
class Scheme:
    """How θ is drawn at concentrations α, and so how the gradient is estimated.

    `posterior` is one of :data:`ntm_fast.models.posteriors.POSTERIORS`, or "torch" for torch's own
    draws; `settings` are fields of `ModelSettings`; `parameters` gives q's parameters for α;
    `baseline` takes the draws' mean f off where the score function is used.
    """

    posterior: str
    settings: dict[str, Any] = field(default_factory=dict)
    parameters: Callable[[Tensor], tuple[Tensor, ...]] = as_given
    baseline: bool = False

    def gradients(self, alpha: Tensor, n: int, seed: Tensor, f: Objective, ops: Ops) -> Tensor:
        """Estimates of ∂E[f(θ)]/∂α [n, K], one from each of n draws at alpha [K]."""
        leaf = alpha.expand(n, -1).clone().requires_grad_()
        theta, log_weight = self._draw(leaf, seed, ops)
        value = f(theta)
        if log_weight is not None:
            fixed = value.detach()
            value = value + (fixed - fixed.mean() if self.baseline else fixed) * log_weight
        (gradient,) = torch.autograd.grad(value.sum(), leaf)
        return gradient

    def _draw(self, alpha: Tensor, seed: Tensor, ops: Ops) -> Draw:
        if self.posterior == "torch":
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(seed))
                return Draw(torch.distributions.Dirichlet(alpha, validate_args=False).rsample())
        settings = ModelSettings(n_topics=alpha.shape[-1], **self.settings)
        posterior = POSTERIORS[self.posterior](1, settings, ops)
        return posterior.draw(self.parameters(alpha), seed)


SCHEMES = {
    "torch": Scheme("torch"),
    "implicit": Scheme("dirichlet"),
    "rao-blackwell": Scheme("dirichlet-rao-blackwell"),
    "rsvi-1": Scheme("dirichlet-rsvi", {"rsvi_boost": 1}),
    "rsvi-1-corrected": Scheme("dirichlet-rsvi", {"rsvi_boost": 1, "rsvi_correction": True}),
    "rsvi-10": Scheme("dirichlet-rsvi", {"rsvi_boost": 10}),
    "rsvi-10-corrected": Scheme("dirichlet-rsvi", {"rsvi_boost": 10, "rsvi_correction": True}),
    "inverse-cdf": Scheme("dirichlet-inverse-cdf"),
    "weibull": Scheme("weibull", parameters=as_weibull),
    "laplace": Scheme("logistic-normal", parameters=as_laplace),
    "score-function": Scheme("score-function", baseline=True),
}


CHUNK = 4000  # draws at a time
EXACT = "rao-blackwell"  # of the exact schemes the one of least variance


@dataclass(frozen=True)
class Row:
    """What one scheme's gradient is worth; g is the exact gradient."""

    scheme: str
    bias: float
    """‖mean − g‖ / ‖g‖; an unbiased scheme's is about `bias_error`."""
    bias_error: float
    """Standard error of the mean, g's own included, relative to ‖g‖."""
    cosine: float
    """Between the mean and g."""
    variance: float
    """Trace of the covariance of a single draw's gradient, relative to ‖g‖²."""
    not_finite: int
    """Draws whose gradient holds a NaN or an infinity; they are left out of the others."""


@dataclass(frozen=True)
class Study:
    """Rows of a study; `str(study)` is a table."""

    rows: tuple[Row, ...]
    draws: int
    n_topics: int
    gradient_norm: float

    def __getitem__(self, scheme: str) -> Row:
        return next(row for row in self.rows if row.scheme == scheme)

    def __str__(self) -> str:
        width = max(len(row.scheme) for row in self.rows)
        head = f"{'scheme':<{width}}  {'bias':>7} ± {'error':<6}  {'cosine':>7}  {'variance':>9}"
        lines = [
            f"{r.scheme:<{width}}  {r.bias:>7.4f} ± {r.bias_error:<6.4f}  {r.cosine:>7.4f}"
            f"  {r.variance:>9.4g}" + (f"  {r.not_finite} not finite" if r.not_finite else "")
            for r in self.rows
        ]
        return "\n".join([head, *lines])

    def as_dicts(self) -> list[dict[str, Any]]:
        """The rows as JSON can hold them."""
        return [dict(vars(row)) for row in self.rows]

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Save a picture, bias and variance of each scheme, in the format that `path` ends in.

        Raises ImportError without matplotlib, ValueError for a format that it does not know.
        """
        from matplotlib.figure import Figure

        target = path_of(path)
        names = [row.scheme for row in self.rows][::-1]
        figure = Figure(figsize=(9, 0.35 * len(names) + 1.5), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        rows = self.rows[::-1]
        bias, errors = [r.bias for r in rows], [r.bias_error for r in rows]
        left.errorbar(bias, names, xerr=errors, fmt="o", capsize=3)
        left.set_xlabel("bias / ‖gradient‖, with standard error")
        right.plot([r.variance for r in rows], names, "o")
        right.set_xscale("log")  # on which bars would begin nowhere
        for axes in (left, right):
            axes.grid(axis="x", alpha=0.3)
        right.set_xlabel("variance of one draw / ‖gradient‖²")
        figure.suptitle(f"Gradients of {self.n_topics} concentrations, {self.draws:,} draws each")
        with replacing_file(target) as written:
            figure.savefig(written, format=target.suffix.removeprefix(".") or "png", dpi=150)


def study(
    alpha: ArrayLike,
    objective: Objective,
    *,
    schemes: Iterable[str] | None = None,
    draws: int = 40_000,
    seed: int = 0,
    ops: Any = None,
) -> Study:
    """Measure the gradient ∂E[f(θ)]/∂α of every scheme at a Dirichlet posterior.

    The exact gradient is the mean of four times as many draws of an unbiased scheme. Computed in
    float64. Weibull and logistic-normal posteriors take the parameters that come closest to
    Dirichlet(alpha), as functions of alpha: their bias is that of the other family too.

    Parameters
    ----------
    alpha : array [K], positive
    objective : f, a function of θ [n, K] that gives [n] and is differentiable;
        :func:`mixture_objective` makes one of topics and a document
    schemes : names in `SCHEMES`, all of them unless given
    draws : of each scheme
    seed : of all draws
    ops : module that computes, :mod:`ntm_fast.ops` unless given

    Raises
    ------
    ValueError
        If alpha is not positive and [K], draws is below 2 or a scheme unknown.

    Source: as in the comparison of Figurnov, Mohamed & Mnih, "Implicit Reparameterization
    Gradients", 2018, section 5.
    """
    a = torch.as_tensor(np.asarray(alpha, dtype=np.float64))
    if a.dim() != 1 or not len(a) or not ((a > 0) & a.isfinite()).all():
        raise ValueError(f"alpha has shape {tuple(a.shape)}; expected [K], positive and finite")
    checks.integer("draws", draws, 2)
    chosen = tuple(SCHEMES) if schemes is None else tuple(schemes)
    for name in chosen:
        checks.choice("schemes", name, SCHEMES)
    backend = resolve(ops)
    source = torch.Generator().manual_seed(seed)
    exact = _moments(SCHEMES[EXACT], a, objective, 4 * draws, source, backend)
    rows = tuple(
        _row(name, _moments(SCHEMES[name], a, objective, draws, source, backend), exact)
        for name in chosen
    )
    return Study(rows, draws, len(a), float(exact.mean.norm()))


@dataclass
class _Moments:
    n: int
    mean: Tensor
    variance: float
    not_finite: int


def _moments(
    scheme: Scheme, alpha: Tensor, f: Objective, draws: int, source: torch.Generator, ops: Ops
) -> _Moments:
    """Mean, and trace of the covariance, of the gradients of `draws` draws."""
    n, lost, mean, squares = 0, 0, torch.zeros_like(alpha), 0.0
    for start in range(0, draws, CHUNK):
        size = min(CHUNK, draws - start)
        seed = torch.randint(2**63 - 1, (), generator=source)
        gradients = scheme.gradients(alpha, size, seed, f, ops)
        kept = gradients[gradients.isfinite().all(1)]
        lost += size - len(kept)
        if not len(kept):
            continue
        own = kept.mean(0)
        total = n + len(kept)
        distance = float((own - mean).square().sum())
        squares += float((kept - own).square().sum()) + distance * n * len(kept) / total
        mean = mean + (own - mean) * (len(kept) / total)
        n = total
    return _Moments(n, mean, squares / (n - 1) if n > 1 else math.nan, lost)


def _row(name: str, found: _Moments, exact: _Moments) -> Row:
    norm = float(exact.mean.norm())
    error = math.sqrt(found.variance / max(found.n, 1) + exact.variance / exact.n)
    return Row(
        scheme=name,
        bias=float((found.mean - exact.mean).norm()) / norm,
        bias_error=error / norm,
        cosine=float(torch.cosine_similarity(found.mean, exact.mean, 0)),
        variance=found.variance / norm**2,
        not_finite=found.not_finite,
    )


def mixture_objective(topics: ArrayLike, document: ArrayLike) -> Objective:
    """f(θ) = Σ_v x_v log(θ β)_v, the log-likelihood of a document x [V] under topics β [K, V]."""
    beta = torch.as_tensor(np.asarray(topics, dtype=np.float64))
    x = torch.as_tensor(np.asarray(document, dtype=np.float64))
    if beta.dim() != 2 or x.shape != beta.shape[1:]:
        shapes = f"{tuple(beta.shape)} and {tuple(x.shape)}"
        raise ValueError(f"topics and document have shapes {shapes}; expected [K, V] and [V]")
    seen = x > 0
    beta, x = beta[:, seen], x[seen]

    def f(theta: Tensor) -> Tensor:
        return (theta @ beta).log() @ x

    return f


def example(
    kind: str = "dense", n_topics: int = 50, n_words: int = 200, length: int = 60, seed: int = 0
) -> tuple[Tensor, Objective]:
    """(alpha [K], objective) to study: a document of `length` words from sparse random topics.

    A "dense" posterior has every α in [0.5, 2.5]; a "sparse" one has one in ten in [0.3, 3.3] and
    the others in [0.005, 0.055].
    """
    checks.choice("kind", kind, ("dense", "sparse"))
    for name, value in (("n_topics", n_topics), ("n_words", n_words), ("length", length)):
        checks.integer(name, value, 1)
    rng = np.random.default_rng(seed)
    topics = rng.dirichlet(np.full(n_words, 0.05), n_topics)
    theta = rng.dirichlet(np.full(n_topics, 0.1))
    p = theta @ topics
    document = rng.multinomial(length, p / p.sum())
    uniform = rng.random((3, n_topics))
    alpha = 0.5 + 2 * uniform[0]
    if kind == "sparse":
        alpha = np.where(uniform[1] < 0.1, 0.3 + 3 * uniform[0], 0.005 + 0.05 * uniform[2])
    return torch.from_numpy(alpha), mixture_objective(topics, document)
