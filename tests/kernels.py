"""The files of an op's kernels."""


def kernel_of(op: str) -> str:
    """The name of an op's files in csrc, csrc/cpu and csrc/cuda: its own, or of a family."""
    return "kl_rows" if op.startswith("kl_") else op
