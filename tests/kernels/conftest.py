"""What the tests of csrc's functions share."""

import ctypes

import pytest

from tests.helpers.levels import machine_levels
from tests.kernels.cpu_kernels import compile_at_level


@pytest.fixture(scope="module", params=machine_levels())
def library(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> ctypes.CDLL:
    """The test module's SOURCE, compiled for each instruction set of this machine."""
    folder = tmp_path_factory.mktemp(request.param)
    return compile_at_level(request.module.SOURCE, request.param, folder)
