import csv
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from torch import Tensor

import ntm_fast
from ntm_fast import ops, reference
from tests.helpers.levels import machine_levels, run_at_level
from tests.helpers.shared import shared

HOLDOUT = Path(__file__).parent / "data" / "gamma_gradient.csv"
DOUBLE = 2e-14  # bounds on the relative error at the arguments given
SINGLE = {"cpu": 1.5e-7, "cuda": 1e-6, "emulated": 1e-6}  # on a GPU the arithmetic is float32 too


def read(path: Path, x: str, value: str) -> tuple[Tensor, Tensor, Tensor]:
    with path.open() as file:
        rows = list(csv.DictReader(file))
    columns = [[float(row[name]) for row in rows] for name in ("alpha", x, value)]
    alpha, log_x, gradient = torch.tensor(columns, dtype=torch.float64)
    return alpha, log_x, gradient


def error(value: Tensor, truth: Tensor) -> float:
    return float((value.double() / truth.double() - 1).abs().max())


def test_holdout_table(device: str) -> None:
    alpha, log_x, gradient = read(HOLDOUT, "log_x", "gradient")
    assert error(ops.gamma_implicit_gradient(alpha, log_x), gradient) < DOUBLE
    assert (
        error(ops.gamma_implicit_gradient(alpha.float(), log_x.float()), gradient) < SINGLE[device]
    )
    assert error(reference.gamma_implicit_gradient(alpha, log_x), gradient) < DOUBLE


@pytest.mark.parametrize("name", ["reference", "reference_f32", "dense", "plane"])
def test_shared_tables(name: str, device: str) -> None:
    alpha, log_x, gradient = read(shared(f"truth/{name}.csv"), "logx", "dlogx_dalpha")
    assert error(ops.gamma_implicit_gradient(alpha, log_x), gradient) < DOUBLE
    kept = gradient < 3e38  # float32 holds it
    alpha, log_x, gradient = alpha[kept].float(), log_x[kept].float(), gradient[kept]
    single = ops.gamma_implicit_gradient(alpha, log_x)
    assert error(single, gradient) < 1e-6 + SINGLE[device]  # the rounding of log_x included
    assert (
        error(single, reference.gamma_implicit_gradient(alpha.double(), log_x.double()))
        < SINGLE[device]
    )


@pytest.mark.cpu
def test_truth_is_the_derivative_of_the_quantile() -> None:
    alpha = torch.tensor([0.3, 1.0, 2.5, 20.0, 300.0], dtype=torch.float64)[:, None]
    probability = torch.tensor([0.01, 0.3, 0.5, 0.9], dtype=torch.float64)
    step = alpha * 1e-5

    def log_quantile(shift: Tensor) -> Tensor:
        values = special.gammaincinv((alpha + shift).numpy(), probability.numpy())
        return torch.from_numpy(values).log()

    difference = (log_quantile(step) - log_quantile(-step)) / (2 * step)
    gradient = ops.gamma_implicit_gradient(alpha, log_quantile(0 * step))
    assert error(gradient, difference) < 1e-6


@given(
    log_alpha=st.floats(-16, 16),
    u=st.floats(-30, 4),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_equals_reference(device: str, log_alpha: float, u: float, dtype: torch.dtype) -> None:
    alpha = torch.tensor(log_alpha).exp().to(dtype).expand(3, 7)
    log_x = (alpha.log() + u + torch.linspace(-1, 1, 21).reshape(3, 7)).to(dtype)
    value = ops.gamma_implicit_gradient(alpha, log_x)
    expected = reference.gamma_implicit_gradient(alpha.double(), log_x.double())
    kept = expected > 1e-30
    assert value.dtype == dtype
    assert kept.sum() == 0 or error(value[kept], expected[kept]) < (
        DOUBLE if dtype == torch.float64 else SINGLE[device]
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_limits(dtype: torch.dtype) -> None:
    infinity = torch.inf
    log_x = torch.tensor([infinity, -infinity, torch.nan, 800.0], dtype=dtype)
    value = ops.gamma_implicit_gradient(torch.ones(4, dtype=dtype), log_x)
    assert value.tolist()[1] == infinity
    assert value.isnan().tolist() == [False, False, True, False]
    assert value[[0, 3]].tolist() == [0, 0]
    large = torch.tensor([1e4, 1e10, 1e30], dtype=dtype)
    assert error(ops.gamma_implicit_gradient(large, large.log()), 1 / large) < 1e-4
    small = torch.tensor([1e-30, 1e-20], dtype=dtype)
    log_small = torch.tensor([-1e6, -1e2], dtype=dtype)
    expected = (torch.digamma(torch.ones(2)).double() - log_small) / small
    assert error(ops.gamma_implicit_gradient(small, log_small), expected) < 1e-6


def test_shapes_and_types() -> None:
    alpha = torch.rand(5, 6, dtype=torch.float64) + 0.1
    log_x = torch.randn(6, 5, dtype=torch.float64).T
    expected = reference.gamma_implicit_gradient(alpha, log_x)
    assert error(ops.gamma_implicit_gradient(alpha, log_x), expected) < DOUBLE
    column = ops.gamma_implicit_gradient(alpha[:, :1], log_x)
    assert torch.equal(column[:, 3], ops.gamma_implicit_gradient(alpha[:, 0], log_x[:, 3]))
    assert ops.gamma_implicit_gradient(alpha[:0], log_x[:0]).shape == (0, 6)
    assert ops.gamma_implicit_gradient(alpha[0, 0], log_x[0, 0]).shape == ()
    half = ops.gamma_implicit_gradient(alpha.bfloat16(), log_x.bfloat16())
    full = ops.gamma_implicit_gradient(alpha.bfloat16().float(), log_x.bfloat16().float())
    assert torch.equal(half, full.bfloat16())


@pytest.mark.cpu
@pytest.mark.parametrize("bad", [0.0, -1.0, torch.nan, torch.inf])
def test_bad_alpha(bad: float) -> None:
    alpha = torch.ones(70, 90)
    alpha[55, 7] = alpha[60, 1] = bad
    with pytest.raises(ValueError, match=rf"alpha\[55, 7\] is {bad:g}, expected positive"):
        ops.gamma_implicit_gradient(alpha, torch.zeros(70, 90))
    with pytest.raises(ValueError, match="positive and finite"):
        reference.gamma_implicit_gradient(alpha, torch.zeros(70, 90))


def test_bad_types() -> None:
    with pytest.raises(ValueError, match="log_x has another dtype"):
        ops.gamma_implicit_gradient(torch.ones(3), torch.ones(3, dtype=torch.float64))
    with pytest.raises(ValueError, match="alpha must be float32 or float64"):
        ops.gamma_implicit_gradient(torch.ones(3).long(), torch.ones(3).long())


def test_it_has_no_gradient() -> None:
    alpha = torch.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="no gradient of its own"):
        ops.gamma_implicit_gradient(alpha, torch.zeros(3)).sum().backward()


def test_contracts() -> None:
    alpha, log_x, _ = read(HOLDOUT, "log_x", "gradient")
    alpha, log_x = alpha.repeat(30), log_x.repeat(30)
    expected = ops.gamma_implicit_gradient(alpha, log_x)
    threads = torch.get_num_threads()
    try:
        for n in (1, 2):
            torch.set_num_threads(n)
            assert torch.equal(ops.gamma_implicit_gradient(alpha, log_x), expected)
    finally:
        torch.set_num_threads(threads)
    # An element's gradient depends on nothing but its own arguments.
    assert torch.equal(ops.gamma_implicit_gradient(alpha[13:-5], log_x[13:-5]), expected[13:-5])
    compiled = torch.compile(ops.gamma_implicit_gradient, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(alpha, log_x), expected)
    torch.library.opcheck(torch.ops.ntm_fast.gamma_implicit_gradient.default, (alpha, log_x))


@pytest.mark.cpu
@pytest.mark.parametrize("level", machine_levels())
def test_every_instruction_set(level: str) -> None:
    code = """
import torch
from ntm_fast import ops, reference
alpha = torch.logspace(-6, 6, 41, dtype=torch.float64)[:, None]
log_x = alpha.log() + torch.linspace(-20, 3, 37, dtype=torch.float64)
truth = reference.gamma_implicit_gradient(*torch.broadcast_tensors(alpha, log_x))
single = reference.gamma_implicit_gradient(alpha.float().double(), log_x.float().double())
kept = single > 1e-30
double_value = ops.gamma_implicit_gradient(alpha, log_x)
single_value = ops.gamma_implicit_gradient(alpha.float(), log_x.float())
print((double_value / truth - 1)[truth > 0].abs().max().item())
print((single_value / single - 1)[kept].abs().max().item())
"""
    double, single = map(float, run_at_level(level, code).split())
    assert double < DOUBLE
    assert single < SINGLE["cpu"]


def test_cuda_kernel_is_registered() -> None:
    if not ntm_fast.build_info().cuda_architectures:
        pytest.skip("built without CUDA")
    has = torch._C._dispatch_has_kernel_for_dispatch_key
    assert has("ntm_fast::gamma_implicit_gradient", "CUDA")
