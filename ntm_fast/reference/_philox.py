"""Philox-4x32-10 in int64 tensors, and the uniforms that the samplers derive from it."""

import torch
from torch import Tensor

_LOW = 0xFFFFFFFF


def philox(seed: Tensor, element: Tensor, round: int, half: int) -> list[Tensor]:
    """Four 32-bit words, as int64, for each element: key seed, counter (element, round, half).

    Source: Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011.
    """
    key = [seed & _LOW, (seed >> 32) & _LOW]
    zero = torch.zeros_like(element)
    c = [element & _LOW, (element >> 32) & _LOW, zero + round, zero + half]
    for _ in range(10):
        low0, low1 = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57  # 64-bit products, as unsigned bits
        high0, high1 = (low0 >> 32) & _LOW, (low1 >> 32) & _LOW
        c = [high1 ^ c[1] ^ key[0], low1 & _LOW, high0 ^ c[3] ^ key[1], low0 & _LOW]
        key = [(key[0] + 0x9E3779B9) & _LOW, (key[1] + 0xBB67AE85) & _LOW]
    return c


def uniforms(seed: Tensor, element: Tensor, round: int, dtype: torch.dtype) -> list[Tensor]:
    """Four float64 uniforms strictly between 0 and 1: the midpoints of 2^32 cells, or of 2^52.

    float64 draws take their low words from half 1, so they nearly equal the float32 draws.
    """
    high = philox(seed, element, round, 0)
    if dtype != torch.float64:
        return [(word.double() + 0.5) * 2.0**-32 for word in high]
    low = philox(seed, element, round, 1)
    return [((h << 20 | w >> 12).double() + 0.5) * 2.0**-52 for h, w in zip(high, low, strict=True)]


def normals(seed: Tensor, like: Tensor) -> Tensor:
    """Standard normals by Box and Muller's method, computed in float64; shape and dtype of `like`.

    A row is drawn in chunks of 32 with 16 counters each: the chunk's first half from words 0 and
    1 of its counters, the second from words 2 and 3.
    """
    columns = like.shape[-1]
    rows, chunks = like.numel() // columns, -(-columns // 32)
    counters = torch.arange(rows * chunks * 16, device=like.device)
    radius0, angle0, radius1, angle1 = uniforms(seed, counters, 0, like.dtype)
    radius = torch.stack((radius0.view(-1, 16), radius1.view(-1, 16)), 1)
    angle = torch.stack((angle0.view(-1, 16), angle1.view(-1, 16)), 1)
    normal = (-2 * radius.log()).sqrt() * ((2 * angle - 1) * (torch.pi / 2)).sin()
    return normal.view(rows, chunks * 32)[:, :columns].reshape(like.shape).to(like.dtype)
