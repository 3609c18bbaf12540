"""Checks of a CSR batch, and its row numbers, for the references."""

import torch
from torch import Tensor
from torch._subclasses import FakeTensor


def check_csr(op: str, indptr: Tensor, indices: Tensor, counts: Tensor, words: int) -> None:
    """ValueError unless the three are a batch: torch itself would read outside of them.

    Values are checked only on the CPU, as in the ops.
    """
    for name, tensor in (("indptr", indptr), ("indices", indices), ("counts", counts)):
        if tensor.dim() != 1:
            raise ValueError(f"{op}: {name} has shape {list(tensor.shape)}, expected 1-D")
        if tensor.device != indptr.device:
            raise ValueError(f"{op}: {name} is on another device than indptr")
    for name, tensor in (("indptr", indptr), ("indices", indices)):
        if tensor.dtype not in (torch.int32, torch.int64):
            raise ValueError(f"{op}: {name} must be int32 or int64, got {tensor.dtype}")
    if len(indptr) == 0:
        raise ValueError(f"{op}: indptr is empty, expected [B + 1] elements")
    if len(counts) != len(indices):
        raise ValueError(f"{op}: counts has {len(counts)} elements, expected {len(indices)}")
    if not indptr.is_cpu or isinstance(indptr, FakeTensor) or torch.compiler.is_compiling():
        return
    if indptr[0] != 0 or (indptr[1:] < indptr[:-1]).any() or indptr[-1] != len(indices):
        raise ValueError(
            f"{op}: indptr is not non-decreasing from 0 to {len(indices)}, the number of indices"
        )
    bad = (indices < 0) | (indices >= words)
    if bad.any():
        at = int(bad.nonzero()[0])
        raise ValueError(
            f"{op}: indices[{at}] is {int(indices[at])}, expected 0 <= index < {words}"
        )


def check_no_gradient(op: str, **arguments: Tensor | None) -> None:
    """ValueError if an argument requires a gradient that the op does not give."""
    for name, value in arguments.items():
        if value is not None and value.requires_grad:
            raise ValueError(
                f"{op}: {name} requires a gradient, which this op does not give;"
                f" expected {name}.detach()"
            )


def document_of_nonzeros(indptr: Tensor, indices: Tensor) -> Tensor:
    """The row that each nonzero belongs to, int64 [N]; for a batch that `check_csr` accepts."""
    documents = torch.arange(indptr.shape[0] - 1, device=indptr.device)
    return documents.repeat_interleave(indptr.diff(), output_size=indices.shape[0])
