"""Every op refuses what is no argument of it: other types, devices, shapes, and gradients."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ntm_fast import ops, reference
from ntm_fast.ops.adam_rows import adam_rows

pytestmark = pytest.mark.cpu
SEED = torch.tensor(3)
CSR = torch.tensor([0, 2, 3]), torch.tensor([0, 4, 1]), torch.ones(3)  # 2 documents, 5 words


def calls() -> dict[str, dict[str, Any]]:
    """Arguments of every op, all that may be tensors given."""
    indptr, indices, counts = CSR
    theta, logits, words = torch.rand(2, 3), torch.rand(5, 3), torch.rand(5)
    csr = {"indptr": indptr, "indices": indices, "counts": counts}
    order = indices.argsort(stable=True)
    alpha, prior = theta + 0.5, torch.rand(3) + 0.5
    draw = {"alpha": alpha, "seed": SEED}
    statistics = {"mean": words, "var": words + 1, "scale": words, "shift": words}
    return {
        "bow_linear": {**csr, "weight": logits, "order": order},
        "bow_mixture_log_likelihood": {
            "theta": theta, "topic_logits": logits, **csr, "order": order
        },
        "bow_mixture_proportions": {
            "theta": theta, "topics": logits, "prior": prior, **csr, "steps": 2
        },
        "bow_product_log_likelihood": {
            "hidden": theta, "weight": logits, "bias": words, **csr, "batch_norm": True,
            **statistics, "eps": 0.5, "order": order,
        },
        "bow_rows": {**csr, "rows": torch.tensor([1, 0]), "nonzeros": 4},
        "dense_layer": {
            "x": theta, "weight": logits, "bias": words, "activation": "relu", "batch_norm": True,
            "shift": words, "eps": 0.5,
        },
        "dropout": {"x": theta, "p": 0.5, "seed": SEED, "stream": 1},
        "gamma_implicit_gradient": {"alpha": alpha, "log_x": theta},
        "kl_dirichlet": {"alpha": alpha, "prior": prior},
        "kl_gamma": {"alpha": alpha, "rate": alpha, "prior_alpha": prior, "prior_rate": prior},
        "kl_normal": {
            "mean": theta, "log_variance": theta, "prior_mean": prior, "prior_log_variance": prior
        },
        "kl_weibull_gamma": {
            "shape": alpha, "scale": alpha, "prior_alpha": prior, "prior_rate": prior
        },
        "log_dirichlet_inverse_cdf": draw,
        "log_dirichlet_rao_blackwell": {**draw, "draws": 2},
        "log_dirichlet_rsample": draw,
        "log_dirichlet_rsvi": {**draw, "boost": 2},
        "log_gamma_rsample": draw,
        "log_weibull_rsample": {"shape": alpha, "scale": alpha, "seed": SEED},
        "logistic_normal_rsample": {"mean": theta, "log_variance": theta, "seed": SEED},
        "topic_overlap": {"topic_logits": logits},
    }  # fmt: skip


def tensors() -> Iterator[tuple[str, str]]:
    for op, arguments in calls().items():
        for name, value in arguments.items():
            if isinstance(value, Tensor):
                yield op, name


def op_of(name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(ops, name)
    return function


def test_all_ops_are_here() -> None:
    assert sorted(calls()) == sorted(ops.__all__)
    for op, arguments in calls().items():
        op_of(op)(**arguments)


@pytest.mark.parametrize(("op", "name"), list(tensors()))
def test_other_types_than_tensors(op: str, name: str) -> None:
    arguments = calls()[op]
    annotation = inspect.signature(op_of(op)).parameters[name].annotation
    bad: list[Any] = [arguments[name].tolist(), arguments[name].numpy(), "text", object()]
    bad += [] if "None" in annotation else [None]
    bad += [] if "float" in annotation else [1.5, 2]
    for value in bad:
        # All topics may have one number, and torch takes an array for one.
        number = op.startswith("kl_") and not isinstance(value, list | str)
        if number and isinstance(value, float | int | np.ndarray):
            continue
        if "float" in annotation and isinstance(value, np.ndarray):
            continue
        message = f"^{op}: {name} is of type {type(value).__name__}, expected a Tensor"
        with pytest.raises(TypeError, match=message):
            op_of(op)(**{**arguments, name: value})


@pytest.mark.parametrize("op", sorted(calls()))
def test_other_types_than_numbers(op: str) -> None:
    arguments = calls()[op]
    for name, value in arguments.items():
        if isinstance(value, bool | str) or not isinstance(value, float | int):
            continue
        for bad in (None, [1], "1", torch.ones(2, 2)):
            if bad is None and op == "bow_rows":
                continue
            with pytest.raises(TypeError, match=f"^{op}: {name} is of type .*, expected a"):
                op_of(op)(**{**arguments, name: bad})
        with pytest.raises(ValueError, match=f"^{op}: {name} is "):
            op_of(op)(**{**arguments, name: 10**400})
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        op_of(op)(**arguments, nonsense=1)


def test_numbers_of_numpy_are_numbers() -> None:
    alpha = torch.rand(2, 3) + 0.5
    ours = ops.log_dirichlet_rsvi(alpha, SEED, np.int64(2))  # type: ignore[arg-type]
    assert torch.equal(ours, ops.log_dirichlet_rsvi(alpha, SEED, 2))
    with pytest.raises(ValueError, match="boost is 0"):
        ops.log_dirichlet_rsvi(alpha, SEED, np.int64(0))  # type: ignore[arg-type]


@pytest.mark.parametrize(("op", "name"), list(tensors()))
def test_one_tensor_on_another_device(op: str, name: str) -> None:
    arguments = calls()[op]
    if sum(isinstance(x, Tensor) for x in arguments.values()) == 1:
        return
    with pytest.raises(ValueError, match="on another device"):
        op_of(op)(**{**arguments, name: arguments[name].to("meta")})


@pytest.mark.parametrize("backend", [ops, reference], ids=["ops", "reference"])
@pytest.mark.parametrize(
    ("op", "name"),
    [
        ("bow_mixture_log_likelihood", "counts"),
        ("bow_product_log_likelihood", "counts"),
        ("bow_product_log_likelihood", "mean"),
        ("bow_product_log_likelihood", "var"),
        ("bow_rows", "counts"),
    ],
)
def test_gradients_that_there_are_not(backend: Any, op: str, name: str) -> None:
    arguments = calls()[op]
    arguments[name] = arguments[name].clone().requires_grad_()
    with pytest.raises(ValueError, match=rf"^{op}: {name} requires a gradient.*{name}.detach\(\)"):
        getattr(backend, op)(**arguments)


def test_bow_linear_has_a_gradient_of_counts() -> None:
    arguments = calls()["bow_linear"]
    counts = arguments["counts"].clone().requires_grad_()
    ops.bow_linear(**{**arguments, "counts": counts}).sum().backward()
    words = arguments["weight"][arguments["indices"]].sum(1)
    assert torch.allclose(counts.grad, words)  # type: ignore[arg-type]


@pytest.mark.parametrize("backend", [ops, reference], ids=["ops", "reference"])
@pytest.mark.parametrize("shape", [(3, 2, 4), (6, 4), (2, 3, 3), (2, 3, 1), (4,), ()])
def test_shapes_of_logistic_normal(backend: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"log_variance has shape .*, expected that of mean"):
        backend.logistic_normal_rsample(torch.zeros(2, 3, 4), torch.zeros(shape), SEED)


@pytest.mark.parametrize(
    ("indptr", "indices"),
    [
        ([0, 2**31 - 1, 1], [0]),
        ([0, 3, 1], [0]),
        ([1, 1, 1], [0]),
        ([0, 1, 2], [0]),
        ([0, 0, 1], [5]),
        ([0, 0, 1], [-1]),
        ([], [0]),
        ([[0, 1]], [0]),
        ([0, 1, 1], [[0]]),
    ],
)
def test_references_refuse_what_is_no_batch(indptr: list[Any], indices: list[Any]) -> None:
    batch = torch.tensor(indptr, dtype=torch.int32), torch.tensor(indices)
    counts, hidden, weight = torch.ones(1), torch.ones(2, 1), torch.ones(5, 1)
    with pytest.raises(ValueError, match=r"^bow_linear: (indptr|indices)"):
        reference.bow_linear(weight, *batch, counts)
    with pytest.raises(ValueError, match=r"^bow_mixture_log_likelihood: (indptr|indices)"):
        reference.bow_mixture_log_likelihood(hidden, weight, *batch, counts)
    with pytest.raises(ValueError, match=r"^bow_product_log_likelihood: (indptr|indices)"):
        reference.bow_product_log_likelihood(hidden, weight, None, *batch, counts)


def adam_arguments() -> dict[str, Any]:
    zeros = {name: torch.zeros(4, 3) for name in ("parameter", "average", "square")}
    return {
        **zeros,
        "done": torch.zeros(4, dtype=torch.int32),
        "rows": None,
        "gradient": None,
        "schedule": torch.ones(8, 2, dtype=torch.float64),
        "steps": 5,
        "beta1": 0.9,
        "beta2": 0.999,
        "eps": 1e-8,
        "weight_decay": 0.0,
    }


@pytest.mark.parametrize("bad", [-(2**31), -(10**6), -64, -1, 6, 2**31 - 1])
@pytest.mark.parametrize("rows", [None, [2], [0, 2, 1]])
@pytest.mark.parametrize("call", [adam_rows, torch.ops.ntm_fast.adam_rows])
def test_adam_rows_trusts_no_step(
    bad: int, rows: list[int] | None, call: Callable[..., None]
) -> None:
    """The number of steps that a row has taken indexes the schedule."""
    for gradient in (None, torch.ones(len(rows), 3)) if rows else (None,):
        arguments = adam_arguments()
        arguments["done"][2] = bad
        arguments["rows"] = None if rows is None else torch.tensor(rows)
        arguments["gradient"] = gradient
        before = arguments["done"].clone()
        message = rf"adam_rows: done\[2\] is {bad}, expected 0 <= done <= 5"
        with pytest.raises(ValueError, match=message):
            call(*arguments.values())
        assert torch.equal(arguments["done"], before)
        assert not arguments["parameter"].any()


BAD_ADAM = [
    ({"steps": 0}, "steps is 0, expected 0 < steps <= 8"),
    ({"steps": 9}, "steps is 9, expected 0 < steps <= 8"),
    ({"steps": -1}, "steps is -1"),
    ({"rows": torch.tensor([4])}, r"rows\[0\] is 4, expected 0 <= row < 4"),
    ({"rows": torch.tensor([-1])}, r"rows\[0\] is -1"),
    ({"rows": torch.tensor(1)}, r"rows has shape \[\]"),
    ({"rows": torch.tensor([1.0])}, "rows has shape .* dtype float32"),
    ({"rows": torch.tensor([1]), "gradient": torch.ones(2, 3)}, r"gradient has shape \[2, 3\]"),
    ({"gradient": torch.ones(2, 3)}, "a gradient needs rows"),
    ({"done": torch.zeros(3, dtype=torch.int32)}, r"done has shape \[3\]"),
    ({"done": torch.zeros(4, dtype=torch.int64)}, "done has shape .* dtype int64"),
    ({"done": torch.zeros(8, dtype=torch.int32)[::2]}, "done .* expected a contiguous int32"),
    ({"schedule": torch.ones(8, 2)}, "schedule has shape .* dtype float32"),
    ({"schedule": torch.ones(8, 3).double()}, r"schedule has shape \[8, 3\]"),
    ({"schedule": torch.ones(2, 8).double().T}, "schedule .* expected a contiguous float64"),
    ({"average": torch.zeros(4, 2)}, r"average has shape \[4, 2\]"),
    ({"square": torch.zeros(4, 3).double()}, "square has another dtype"),
]


@pytest.mark.parametrize(("changed", "message"), BAD_ADAM)
def test_adam_rows_checks_all_it_is_given(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^adam_rows: {message}"):
        adam_rows(**{**adam_arguments(), **changed})


@pytest.mark.parametrize("name", ["parameter", "average", "square", "done", "schedule"])
def test_adam_rows_on_another_device(name: str) -> None:
    arguments = adam_arguments()
    with pytest.raises((ValueError, RuntimeError)):
        adam_rows(**{**arguments, name: arguments[name].to("meta")})
