"""The emulator runs correct kernels correctly, and finds the errors in others."""

import ctypes

import numpy as np
import pytest

from tests.kernels.cuda_emulation.build import HERE, build


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    result = ctypes.CDLL(str(build("self_check", [HERE / "self_check.cu"], sanitize=False)))
    result.emulation_message.restype = ctypes.c_char_p
    return result


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def run(library: ctypes.CDLL, name: str) -> tuple[np.ndarray, str]:
    out = np.zeros(64, np.float32)
    failed = getattr(library, f"run_{name}")(pointer(out))
    message = library.emulation_message().decode()
    assert bool(failed) == bool(message)
    return out, message


def orders(library: ctypes.CDLL, name: str) -> list[np.ndarray]:
    results = []
    for order in range(4):
        library.emulation_set_order(order)
        results.append(run(library, name)[0])
    library.emulation_set_order(0)
    return results


def test_right(library: ctypes.CDLL) -> None:
    for out in orders(library, "right"):
        assert (out == 63 * 32).all()
    assert run(library, "right")[1] == ""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("divergent_barrier", "threads wait at different places"),
        ("lane_has_ended", "waits for lane 3, which has ended"),
        ("past_the_end", "a write past the dynamic shared memory"),
        ("conflict_of_matrix_rows", "shared memory: lanes meet in a bank"),
        ("conflict_of_words", "shared memory: lanes meet in a bank"),
    ],
)
def test_failures(library: ctypes.CDLL, name: str, message: str) -> None:
    assert message in run(library, name)[1]
    assert run(library, "right")[1] == ""  # the next launch is whole again


def test_uninitialised_shared_memory_is_nan(library: ctypes.CDLL) -> None:
    out, _ = run(library, "uninitialised")
    assert np.isnan(out).nonzero()[0].tolist() == [5]


def test_races_depend_on_the_order(library: ctypes.CDLL) -> None:
    assert len({out[0] for out in orders(library, "race")}) > 1


def test_asynchronous_copies_need_a_wait(library: ctypes.CDLL) -> None:
    given, out = np.arange(64, dtype=np.float32), np.zeros(64, np.float32)
    assert library.run_copy(pointer(out), pointer(given), 1) == 0
    assert (out == given.reshape(-1, 2)[:, ::-1].ravel()).all()
    assert library.run_copy(pointer(out), pointer(given), 0) == 0
    assert np.isnan(out).all()


@pytest.mark.parametrize(("name", "inner", "error"), [("bf16", 16, 2**-7), ("tf32", 8, 2**-10)])
def test_matrix_products(library: ctypes.CDLL, name: str, inner: int, error: float) -> None:
    random = np.random.default_rng(0)
    a, b = (random.standard_normal(s).astype(np.float32) for s in ((16, inner), (inner, 8)))
    c = np.zeros((16, 8), np.float32)
    assert getattr(library, f"product_{name}")(pointer(c), pointer(a), pointer(b)) == 0
    assert (np.abs(c - a @ b) <= error * (np.abs(a) @ np.abs(b))).all()
    small = a.round(), b.round()  # exact in every format
    arguments = [pointer(x) for x in small]
    assert getattr(library, f"product_{name}")(pointer(c), *arguments) == 0
    assert (c == small[0] @ small[1]).all()


def core_matrices(x: np.ndarray) -> np.ndarray:
    """Whole numbers as bfloat16, in core matrices of 8 x 8 one after the other, row by row."""
    bits = (x.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    return np.ascontiguousarray(
        bits.reshape(x.shape[0] // 8, 8, x.shape[1] // 8, 8).swapaxes(1, 2)
    ).ravel()


MISTAKES = {
    0: None,
    1: "NaN",
    2: "wgmma: no fence since registers may have been written",
    3: "NaN",
    4: "threads wait at different places",
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("registers", [0, 1])
def test_products_by_warpgroups(library: ctypes.CDLL, registers: int, mistake: int) -> None:
    random = np.random.default_rng(0)
    a, b = random.integers(-8, 9, (64, 16)), random.integers(-8, 9, (16, 64))
    packed = core_matrices(a), core_matrices(b if registers else b.T)
    c = np.zeros((64, 64), np.float32)
    for order in range(4):
        library.emulation_set_order(order)
        failed = library.run_warpgroup(pointer(c), *map(pointer, packed), registers, mistake)
        message = library.emulation_message().decode()
        expected = MISTAKES[mistake]
        if expected is None:
            assert message == ""
            assert (c == a @ b).all()
        elif expected == "NaN":
            assert not failed
            assert np.isnan(c).any()
        else:
            assert expected in message
    library.emulation_set_order(0)
