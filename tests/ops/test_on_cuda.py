"""What only a GPU can show: no waiting, graphs, streams, devices, and the numbers of the CPU."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from ntm_fast import ops
from tests.ops.csr_checks import random_batch

pytestmark = pytest.mark.gpu

DOCUMENTS, WORDS, TOPICS = 70, 300, 20
Case = tuple[Callable[..., Any], list[Any]]


def real(*shape: int) -> Tensor:
    return torch.randn(*shape).requires_grad_()


def positive(*shape: int) -> Tensor:
    return torch.randn(*shape).exp().requires_grad_()


def batch() -> list[Tensor]:
    return list(random_batch(DOCUMENTS, 9, WORDS, torch.float32)[:3])


def product(batch_norm: bool) -> Case:
    def function(hidden: Tensor, weight: Tensor, shift: Tensor, *csr: Tensor) -> Any:
        given = {"batch_norm": True, "shift": shift} if batch_norm else {}
        return ops.bow_product_log_likelihood(hidden, weight, None, *csr, **given)

    return function, [real(DOCUMENTS, TOPICS), real(WORDS, TOPICS), real(WORDS), *batch()]


def mixture() -> Case:
    theta = real(DOCUMENTS, TOPICS).softmax(1).detach().requires_grad_()
    return ops.bow_mixture_log_likelihood, [theta, real(WORDS, TOPICS), *batch()]


def proportions() -> Case:
    """Of the proportions nothing has a gradient, of what follows from them the logits have."""

    def function(logits: Tensor, theta: Tensor, prior: Tensor, *csr: Tensor) -> Tensor:
        topics = logits.detach().softmax(0)
        refined = ops.bow_mixture_proportions(theta, topics, prior, *csr, steps=4)
        return ops.bow_mixture_log_likelihood(refined, logits, *csr)

    theta, prior = torch.rand(DOCUMENTS, TOPICS).softmax(1), torch.rand(TOPICS) + 0.1
    return function, [real(WORDS, TOPICS), theta, prior, *batch()]


def layer() -> Case:
    def function(x: Tensor, weight: Tensor, shift: Tensor) -> Any:
        return ops.dense_layer(x, weight, None, "softplus", batch_norm=True, shift=shift)

    return function, [real(DOCUMENTS, 30), real(40, 30), real(40)]


def rows() -> Case:
    def function(weight: Tensor, rows: Tensor, *csr: Tensor) -> Tensor:
        return ops.bow_linear(weight, *ops.bow_rows(rows, *csr, nonzeros=9 * 40 + 3))

    return function, [real(WORDS, 50), torch.randint(DOCUMENTS, (40,)), *batch()]


def seeded(op: Any, *arguments: Tensor) -> Case:
    return op, [*arguments, torch.tensor(5)]


CASES: dict[str, Callable[[], Case]] = {
    "bow_product_log_likelihood": lambda: product(False),
    "with batch norm": lambda: product(True),
    "bow_mixture_log_likelihood": mixture,
    "bow_mixture_proportions": proportions,
    "bow_rows and bow_linear": rows,
    "dense_layer": layer,
    "dropout": lambda: (
        lambda x, seed: ops.dropout(x, 0.3, seed),
        [real(50, 70), torch.tensor(5)],
    ),
    "log_gamma_rsample": lambda: seeded(ops.log_gamma_rsample, positive(50, 20)),
    "log_dirichlet_rsample": lambda: seeded(ops.log_dirichlet_rsample, positive(50, 20)),
    "log_dirichlet_rsvi": lambda: seeded(ops.log_dirichlet_rsvi, positive(50, 20)),
    "log_dirichlet_inverse_cdf": lambda: seeded(ops.log_dirichlet_inverse_cdf, positive(50, 20)),
    "log_dirichlet_rao_blackwell": lambda: seeded(
        ops.log_dirichlet_rao_blackwell, positive(50, 20)
    ),
    "log_weibull_rsample": lambda: seeded(
        ops.log_weibull_rsample, positive(50, 20), positive(50, 20)
    ),
    "logistic_normal_rsample": lambda: seeded(
        ops.logistic_normal_rsample, real(50, 20), real(50, 20)
    ),
    "kl_dirichlet": lambda: (ops.kl_dirichlet, [positive(50, 20), positive(20)]),
    "kl_gamma": lambda: (ops.kl_gamma, [positive(50, 20) for _ in range(4)]),
    "kl_weibull_gamma": lambda: (ops.kl_weibull_gamma, [positive(50, 20) for _ in range(4)]),
    "kl_normal": lambda: (ops.kl_normal, [real(50, 20) for _ in range(4)]),
    "topic_overlap": lambda: (ops.topic_overlap, [real(WORDS, TOPICS)]),
}


def made(name: str, device: str = "cuda") -> Case:
    """The case's function and its tensors, the same on every device."""
    torch.manual_seed(3)
    with torch.device("cpu"):
        function, tensors = CASES[name]()
    return function, [t.detach().to(device).requires_grad_(t.requires_grad) for t in tensors]


def results(function: Callable[..., Any], tensors: list[Any]) -> list[Tensor]:
    """The value, and the gradients of the sum of its squares."""
    output = function(*tensors)
    value = output[0] if isinstance(output, tuple) else output
    wanted = [t for t in tensors if t.requires_grad]
    gradients = torch.autograd.grad(value.square().sum(), wanted, allow_unused=True)
    return [value.detach(), *(g for g in gradients if g is not None)]


@pytest.mark.parametrize("name", CASES)
def test_equals_the_cpu_and_itself(name: str) -> None:
    function, tensors = made(name)
    first, again = results(function, tensors), results(function, tensors)
    assert all(map(torch.equal, first, again))
    for value, truth in zip(first, results(*made(name, "cpu")), strict=True):
        # A rejection that goes the other way for rounding changes a draw and its row.
        close = torch.isclose(value.cpu(), truth, rtol=2e-3, atol=2e-4 * float(truth.abs().max()))
        assert close.double().mean() > 0.98


@pytest.mark.parametrize("name", CASES)
def test_nothing_waits_for_the_device(name: str) -> None:
    function, tensors = made(name)
    expected = results(function, tensors)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        found = results(function, tensors)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("name", CASES)
def test_in_a_graph(name: str) -> None:
    function, tensors = made(name)
    expected = results(function, tensors)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        results(function, tensors)  # what is allocated once, is now
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = results(function, tensors)
    for _ in range(2):
        for value in found:
            value.zero_()
        graph.replay()
        torch.cuda.synchronize()
        assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("name", CASES)
def test_on_two_streams(name: str) -> None:
    function, tensors = made(name)
    expected = results(function, tensors)
    streams = [torch.cuda.Stream() for _ in range(2)]
    torch.cuda.synchronize()
    found = []
    for i in range(8):
        with torch.cuda.stream(streams[i % 2]):
            found.append(results(function, tensors))
    torch.cuda.synchronize()
    for values in found:
        assert all(map(torch.equal, values, expected))


@pytest.mark.parametrize("name", CASES)
def test_on_the_second_device(name: str) -> None:
    if torch.cuda.device_count() < 2:
        pytest.skip("one GPU alone")
    expected = results(*made(name))
    found = results(*made(name, "cuda:1"))
    assert all(value.device.index == 1 for value in found)
    assert all(map(torch.equal, (value.to("cuda:0") for value in found), expected))


def test_errors_are_raised_when_asked_for() -> None:
    hidden, weight = torch.randn(2, 3), torch.randn(6, 3)
    csr = torch.tensor([0, 2, 3]), torch.tensor([0, 6, 1]), torch.ones(3)
    ops.bow_product_log_likelihood(hidden, weight, None, *csr)
    torch.cuda.synchronize()
    with pytest.raises(ValueError, match=r"bow_product_log_likelihood: indices\[1\] is 6"):
        ops.raise_device_errors()
    ops.raise_device_errors()


def test_on_a_host_tensor() -> None:
    hidden, weight = torch.randn(2, 3), torch.randn(6, 3)
    csr = torch.tensor([0, 2, 3]), torch.tensor([0, 5, 1]), torch.ones(3)
    with pytest.raises(ValueError, match="indices is on another device than hidden"):
        ops.bow_product_log_likelihood(hidden, weight, None, csr[0], csr[1].cpu(), csr[2])
