"""Every test of an op runs on each device; `cpu` marks those that only the CPU's kernels can pass,
`gpu` those that only a GPU's can.

The device is "cpu", "cuda" where there is one, or "emulated" alone: CUDA kernels run on the host
in place of the CPU's (tests/kernels/cuda_emulation/test_ops.py).
"""

import os
from collections.abc import Iterator

import pytest
import torch

import ntm_fast.ops  # noqa: F401  (the extension, whose kernels the emulated ones replace)

EMULATED = os.environ.get("NTM_FAST_EMULATED_KERNELS")
if EMULATED:
    torch.ops.load_library(EMULATED)


def marked(definition: pytest.Item | pytest.Function, marker: str) -> bool:
    return definition.get_closest_marker(marker) is not None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    devices: list[object] = [] if EMULATED or marked(metafunc.definition, "gpu") else ["cpu"]
    if not marked(metafunc.definition, "cpu"):
        if EMULATED:
            devices.append("emulated")
        elif torch.cuda.is_available():
            devices.append(pytest.param("cuda", marks=pytest.mark.cuda))
    metafunc.parametrize("device", devices, indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    absent = "cpu" if EMULATED else "" if torch.cuda.is_available() else "gpu"
    items[:] = [item for item in items if not (absent and marked(item, absent))]


@pytest.fixture(autouse=True)
def device(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of the device on which the test's tensors are made."""
    if request.param == "cuda":
        torch.set_default_device("cuda")
    yield request.param
    if request.param == "cuda":
        torch.set_default_device("cpu")
