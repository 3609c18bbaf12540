"""The study of gradients reproduces what theory and an independent simulation say."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ntm_fast import reference
from ntm_fast.studies import gradients
from ntm_fast.studies.gradients import EULER, SCHEMES, Study, as_laplace, as_weibull

UNBIASED = ("torch", "implicit", "rao-blackwell", "rsvi-10-corrected")


@pytest.fixture(scope="module")
def dense() -> Study:
    """Fifty dense concentrations and a document of 60 words of 200, drawn once and for all."""
    generator = torch.random.get_rng_state()
    torch.manual_seed(0)
    double = {"dtype": torch.float64}
    topics = torch.distributions.Dirichlet(torch.full((200,), 0.05, **double)).sample((50,))
    theta = torch.distributions.Dirichlet(torch.full((50,), 0.1, **double)).sample()
    document = torch.distributions.Multinomial(60, theta @ topics).sample()
    alpha = torch.rand(50, **double) * 2 + 0.5
    torch.random.set_rng_state(generator)
    objective = gradients.mixture_objective(topics, document)
    return gradients.study(alpha, objective, draws=10_000)


# (relative bias, relative variance) of an earlier simulation with 40,000 draws that shares
# nothing with this code but the formulas; bias None where noise hides it.
FIGURES = {
    "torch": (0.0, 0.19),
    "implicit": (0.0, 0.19),
    "rao-blackwell": (0.0, 0.19),
    "rsvi-1": (0.008, 0.26),
    "rsvi-10": (0.0, 0.27),
    "rsvi-10-corrected": (0.0, 0.41),
    "inverse-cdf": (0.10, 0.093),
    "score-function": (0.0, 69.0),
}


@pytest.mark.parametrize("scheme", list(FIGURES))
def test_figures_are_reproduced(dense: Study, scheme: str) -> None:
    bias, variance = FIGURES[scheme]
    row = dense[scheme]
    assert abs(row.bias - bias) < 3 * row.bias_error
    assert row.variance == pytest.approx(variance, rel=0.12)
    assert row.not_finite == 0


def test_what_a_lecture_says_of_them(dense: Study) -> None:
    for scheme in UNBIASED:
        assert dense[scheme].bias < 2 * dense[scheme].bias_error
        assert dense[scheme].cosine > 0.999
    assert dense["rao-blackwell"].variance < dense["implicit"].variance
    assert dense["inverse-cdf"].variance < dense["implicit"].variance
    assert dense["inverse-cdf"].bias > 20 * dense["inverse-cdf"].bias_error
    assert dense["rsvi-1-corrected"].variance > 100 * dense["rsvi-1"].variance
    assert dense["score-function"].variance > 200 * dense["implicit"].variance


def test_matched_parameters() -> None:
    alpha = torch.tensor([0.05, 0.7, 3.0, 40.0], dtype=torch.float64)
    shape, scale = as_weibull(alpha)
    torch.testing.assert_close(scale.log() - EULER / shape, alpha.digamma())
    torch.testing.assert_close(torch.pi**2 / 6 / shape**2, torch.polygamma(1, alpha))
    mean, log_variance = as_laplace(torch.full((5,), 0.3, dtype=torch.float64))
    assert mean.abs().max() < 1e-12
    assert log_variance.exp()[0] == pytest.approx(1 / 0.3 * (1 - 2 / 5) + 1 / (5 * 0.3))


def test_exact_gradient_of_a_linear_function() -> None:
    """E[θ_0] = α_0 / Σα; its gradient is known, and all but the biased schemes find it."""

    def first(theta: Tensor) -> Tensor:
        return theta[:, 0]

    alpha = np.array([0.5, 1.5, 2.0])
    found = gradients.study(alpha, first, schemes=["implicit", "score-function"], draws=20_000)
    total = alpha.sum()
    exact = np.array([1 / total - alpha[0] / total**2] + [-alpha[0] / total**2] * 2)
    assert found.gradient_norm == pytest.approx(np.linalg.norm(exact), rel=0.02)
    for row in found.rows:
        assert row.bias < 3 * row.bias_error


def test_backends_and_seeds() -> None:
    alpha, objective = gradients.example("sparse", 4, 20, 10)
    names = [name for name in SCHEMES if name != "torch"]
    ours, theirs, other = (
        gradients.study(alpha, objective, schemes=names, draws=50, ops=backend, seed=seed)
        for backend, seed in ((None, 3), (reference, 3), (None, 4))
    )
    for one, two, three in zip(ours.rows, theirs.rows, other.rows, strict=True):
        assert one.variance == pytest.approx(two.variance, rel=1e-6)
        assert one.variance != three.variance


def test_table_and_picture(tmp_path: Path) -> None:
    alpha, objective = gradients.example("dense", 4, 20, 10)
    found = gradients.study(alpha, objective, schemes=["implicit", "weibull"], draws=50)
    head, *lines = str(found).splitlines()
    assert head.split() == ["scheme", "bias", "±", "error", "cosine", "variance"]
    assert [line.split()[0] for line in lines] == ["implicit", "weibull"]
    pytest.importorskip("matplotlib")
    found.plot(tmp_path / "study.png")
    assert (tmp_path / "study.png").stat().st_size > 1000
    with pytest.raises(ValueError, match="'xyz' is not supported"):
        found.plot(tmp_path / "study.xyz")
    found.plot(tmp_path / "plain")
    assert (tmp_path / "plain").read_bytes()[:4] == b"\x89PNG"
    assert {path.name for path in tmp_path.iterdir()} == {"study.png", "plain"}


def test_bad_input() -> None:
    alpha, objective = gradients.example("dense", 4, 20, 10)
    with pytest.raises(ValueError, match="schemes is 'reinforce'; expected one of"):
        gradients.study(alpha, objective, schemes=["reinforce"])
    for bad in ([], [0.0, 1.0], [[1.0]], [np.nan]):
        with pytest.raises(ValueError, match=r"alpha has shape .* expected \[K\], positive"):
            gradients.study(bad, objective)
    with pytest.raises(ValueError, match="draws is 1; expected >= 2"):
        gradients.study(alpha, objective, draws=1)
    with pytest.raises(ValueError, match=r"shapes \(3, 4\) and \(5,\); expected"):
        gradients.mixture_objective(np.ones((3, 4)), np.ones(5))
    with pytest.raises(ValueError, match="kind is 'thin'"):
        gradients.example("thin")
