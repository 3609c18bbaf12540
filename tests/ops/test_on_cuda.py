"""What only a GPU can show: no waiting, graphs, streams, devices, and the numbers of the CPU."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from ntm_fast import ops
from tests.ops import every_op

pytestmark = pytest.mark.gpu

DRAW = every_op.Draw(documents=70, topics=20, words=300, features=30, length=9)
CASES = [name for name in every_op.CASES if name != "bow_rows, size unknown"]  # which has to wait


def made(name: str, device: str = "cuda") -> tuple[Callable[..., Any], list[Any]]:
    """The op as a function of its inputs, and these, the same on every device."""
    torch.manual_seed(3)
    with torch.device("cpu"):
        given = every_op.case(name, DRAW)
    values = [
        x.detach().to(device).requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x
        for x in given.values
    ]
    return given.function(), values


def results(function: Callable[..., Any], values: list[Any]) -> list[Tensor]:
    """The outputs, and the gradients of the sum of the first one's squares."""
    output = function(*values)
    outputs = list(output) if isinstance(output, tuple) else [output]
    wanted = [x for x in values if isinstance(x, Tensor) and x.requires_grad]
    gradients: tuple[Tensor | None, ...] = ()
    if outputs[0].requires_grad:
        total = outputs[0].square().sum()
        gradients = torch.autograd.grad(total, wanted, allow_unused=True)
    found = [*(x.detach() for x in outputs), *(g for g in gradients if g is not None)]
    return [x for x in found if x.numel()]


@pytest.mark.parametrize("name", CASES)
def test_equals_the_cpu_and_itself(name: str) -> None:
    function, values = made(name)
    first, again = results(function, values), results(function, values)
    assert all(map(torch.equal, first, again))
    for value, truth in zip(first, results(*made(name, "cpu")), strict=True):
        # A rejection that goes the other way for rounding changes a draw and its row.
        close = torch.isclose(value.cpu(), truth, rtol=2e-3, atol=2e-4 * float(truth.abs().max()))
        assert close.double().mean() > 0.98


@pytest.mark.parametrize("name", CASES)
def test_nothing_waits_for_the_device(name: str) -> None:
    function, values = made(name)
    expected = results(function, values)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        found = results(function, values)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("name", CASES)
def test_in_a_graph(name: str) -> None:
    function, values = made(name)
    expected = results(function, values)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        results(function, values)  # what is allocated once, is now
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = results(function, values)
    for _ in range(2):
        for value in found:
            value.zero_()
        graph.replay()
        torch.cuda.synchronize()
        assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("name", CASES)
def test_on_two_streams(name: str) -> None:
    function, values = made(name)
    expected = results(function, values)
    streams = [torch.cuda.Stream() for _ in range(2)]
    torch.cuda.synchronize()
    found = []
    for i in range(8):
        with torch.cuda.stream(streams[i % 2]):
            found.append(results(function, values))
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
