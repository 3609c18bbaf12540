"""Writes csrc/math/gamma_gradient_tables.h: the polynomials of the gamma gradient and sampler.

    python scripts/generate_gamma_tables.py    # about 5 s

With u = log(x / alpha), t = 1 / alpha and E = alpha d log x / d alpha, E(u, t) and
h(t) = psi(alpha + 1) - log(alpha) are smooth down to t = 0. Both are interpolated at Chebyshev
nodes in 40 digits, truncated where the coefficients fall below the grade's eps, and written as
polynomials in (u, t) scaled to [-1, 1]^2, whose coefficients are small (below 4).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import mpmath as mp
from gamma_truth import DIGITS, gradient
from mpmath import mpf

ROOT = Path(__file__).resolve().parent.parent
HEADER = ROOT / "csrc" / "math" / "gamma_gradient_tables.h"
U_NODES, T_NODES = 34, 20


@dataclass(frozen=True)
class Grade:
    """How accurate, and where: Double for float64 data, Single for float32 data in float64
    arithmetic, Float for float32 arithmetic.

    Where the polynomials hold: alpha >= shift, u_low <= u <= u_high; and beyond them."""

    name: str
    shift: int  # smaller alpha are moved up by this, one recurrence step each
    u_low: str
    u_high: str
    eps: float  # coefficients below this are left out
    tail_start: str  # the continued fraction serves x > tail_start + tail_slope * alpha
    tail_slope: str
    tail_steps: int  # enough at x = tail_start, alpha -> 0
    log_terms: int
    sine_terms: int
    exp_terms: int  # 0: left out


GRADES = (
    Grade("Double", 8, "-4.6", "0.55", 1e-15, "1.2", "1.5", 72, 21, 10, 13),
    Grade("Single", 4, "-5.3", "0.8", 1.5e-8, "1.8", "1.8", 14, 8, 5, 7),
    Grade("Float", 3, "-6", "0.7", 1e-8, "1", "1.5", 20, 8, 5, 0),
)


def nodes(count: int) -> list[mpf]:
    return [mp.cos((2 * i + 1) * mp.pi / (2 * count)) for i in range(count)]


def chebyshev(values: Sequence[mpf]) -> list[mpf]:
    """Coefficients of the Chebyshev interpolant through ``values`` at ``nodes(len(values))``."""
    n = len(values)
    return [
        mp.fsum(v * mp.cos(k * (2 * i + 1) * mp.pi / (2 * n)) for i, v in enumerate(values))
        * (2 if k else 1) / n
        for k in range(n)
    ]  # fmt: skip


def monomials(coefficients: Sequence[mpf]) -> list[mpf]:
    """The same polynomial in powers of its argument."""
    previous, current = [mpf(0)], [mpf(1)]
    total = [mpf(0)] * len(coefficients)
    for k, c in enumerate(coefficients):
        for i, value in enumerate(current):
            total[i] += c * value
        following = [mpf(0)] + [(1 if k == 0 else 2) * v for v in current]
        for i, value in enumerate(previous):
            following[i] -= value
        previous, current = current, following
    return total


def truncated(coefficients: Sequence[mpf], eps: float) -> list[mpf]:
    kept = max((k for k, c in enumerate(coefficients) if abs(c) > eps), default=-1)
    return list(coefficients[: kept + 1])


def alpha_at(t_node: mpf, shift: int) -> mpf:
    return 2 * shift / (1 + t_node)


def fit_gradient(grade: Grade) -> list[list[mpf]]:
    """Rows of E = sum_j w^j sum_k rows[j][k] v^k, v and w being u and t scaled to [-1, 1]."""
    low, high = mpf(grade.u_low), mpf(grade.u_high)
    by_t = []
    for t_node in nodes(T_NODES):
        alpha = alpha_at(t_node, grade.shift)
        us = [(low + high) / 2 + (high - low) / 2 * v for v in nodes(U_NODES)]
        by_t.append(chebyshev([alpha * gradient(alpha, u + mp.log(alpha)) for u in us]))
    by_u = [chebyshev(column) for column in zip(*by_t, strict=True)]  # [u degree][t degree]
    rows = [truncated([by_u[k][j] for k in range(U_NODES)], grade.eps) for j in range(T_NODES)]
    while not rows[-1]:
        rows.pop()
    return in_powers_of_t([monomials(row) for row in rows])


def in_powers_of_t(rows: list[list[mpf]]) -> list[list[mpf]]:
    """From Chebyshev polynomials in w, one row each, to powers of w."""
    width = max(map(len, rows))
    columns = [monomials([r[k] if k < len(r) else mpf(0) for r in rows]) for k in range(width)]
    length = [max(len(r) for r in rows[j:]) for j in range(len(rows))]
    return [[columns[k][j] for k in range(length[j])] for j in range(len(rows))]


def fit_shifted_digamma(grade: Grade) -> list[mpf]:
    """h = psi(alpha + 1) - log(alpha) in powers of w."""
    alphas = [alpha_at(t_node, grade.shift) for t_node in nodes(26)]
    values = [mp.digamma(alpha + 1) - mp.log(alpha) for alpha in alphas]
    return monomials(truncated(chebyshev(values), grade.eps / 4))


def number(value: mpf) -> str:
    return repr(float(value))


def call(function: str, argument: str, coefficients: Sequence[mpf]) -> str:
    return f"{function}({argument}, {', '.join(map(number, coefficients))})"


def wrapped(text: str, indent: str) -> str:
    """Break after commas at 100 columns."""
    lines, line = [], indent
    for part in text.replace(", ", ",\0").split("\0"):
        if len(line) + len(part) + 1 > 100:
            lines.append(line.rstrip())
            line = indent + "    "
        line += part + " "
    return "\n".join([*lines, line.rstrip()])


def gradient_struct(grade: Grade) -> str:
    rows = fit_gradient(grade)
    count = sum(map(len, rows))
    low, high = mpf(grade.u_low), mpf(grade.u_high)
    lines = [
        f"// {count} coefficients of E; truncated at {grade.eps:g}.",
        f"struct {grade.name}Grade {{",
        f"  static constexpr int shift = {grade.shift}, tail_steps = {grade.tail_steps};",
        f"  static constexpr double u_low = {number(low)}, u_high = {number(high)},",
        f"      x_low = {number(mp.exp(low))};  // exp(u_low)",
        f"  static constexpr double tail_start = {grade.tail_start},"
        f" tail_slope = {grade.tail_slope};",
        "  // alpha d log x / d alpha; v is u from [u_low, u_high] and w is 2 shift / alpha - 1.",
        "  template <class T>",
        "  NTM_FAST_INLINE static T e(T v, T w) {",
        wrapped("T e = " + call("polynomial", "v", rows[-1]) + ";", "    "),
        *(wrapped(f"e = e * w + {call('polynomial', 'v', r)};", "    ") for r in rows[-2::-1]),
        "    return e;",
        "  }",
        *functions(grade),
        "};",
    ]
    return "\n".join(lines)


def fit(f: Callable[[mpf], mpf], low: mpf, high: mpf, terms: int) -> list[mpf]:
    """Coefficients of f in powers of its own argument on [low, high], near minimax."""
    middle, half = (low + high) / 2, (high - low) / 2
    scaled = monomials(chebyshev([f(middle + half * v) for v in nodes(40)])[:terms])
    result = [mpf(0)] * terms  # expand sum_k scaled[k] ((x - middle) / half)^k
    power = [mpf(1)]
    for c in scaled:
        for i, value in enumerate(power):
            result[i] += c * value
        power = [
            (power[i - 1] if i else mpf(0)) / half
            - (power[i] if i < len(power) else mpf(0)) * middle / half
            for i in range(len(power) + 1)
        ]
    return result


def log1p_remainder(f: mpf) -> mpf:
    """(log(1 + f) - f + f^2/2 - f^3/3) / f^4"""
    with mp.workdps(4 * DIGITS):
        return +((mp.log1p(f) - f + f**2 / 2 - f**3 / 3) / f**4) if f else mpf(-1) / 4


def half_sine(square: mpf) -> mpf:
    """sin(pi/2 s) / s as a function of s^2."""
    s = mp.sqrt(abs(square))
    return mp.sin(mp.pi / 2 * s) / s if s else mp.pi / 2


def functions(grade: Grade) -> list[str]:
    """The polynomials of one argument, as members of the grade's struct."""
    low, high = mp.sqrt(mpf(1) / 2) - 1, mp.sqrt(mpf(2)) - 1
    fits = [
        (
            "(log(1 + z) - z + z^2/2 - z^3/3) / z^4 for sqrt(1/2) <= 1 + z <= sqrt(2)",
            "log1p_remainder",
            fit(log1p_remainder, low, high, grade.log_terms),
        ),
        (
            "sin(pi/2 s) / s of z = s^2 in [0, 1]",
            "half_sine",
            fit(half_sine, mpf(0), mpf(1), grade.sine_terms),
        ),
        (
            "exp(z) for |z| <= log(2) / 2",
            "exp_reduced",
            fit(mp.exp, -mp.log(2) / 2, mp.log(2) / 2, grade.exp_terms),
        ),
        ("psi(alpha + 1) - log(alpha) of z = 2 shift / alpha - 1", "h", fit_shifted_digamma(grade)),
    ]
    lines = []
    for comment, name, coefficients in fits:
        if not coefficients:
            continue
        lines += [
            f"  // {comment}",
            "  template <class T>",
            f"  NTM_FAST_INLINE static T {name}(T z) {{",
            wrapped("return " + call("polynomial", "z", coefficients) + ";", "    "),
            "  }",
        ]
    return lines


def header() -> str:
    with mp.workdps(DIGITS):
        parts = [
            "#pragma once",
            "// Generated by scripts/generate_gamma_tables.py, which says what these are; not to be"
            " edited.",
            "// clang-format off",
            '#include "lanes.h"',
            "NTM_FAST_ISA_BEGIN",
            "// c0 + c1 z + c2 z^2 + ..., by Horner's rule",
            "template <class T>",
            "NTM_FAST_INLINE Scalar<T> polynomial(T, double c0) { return Scalar<T>(c0); }",
            "template <class T, class... C>",
            "NTM_FAST_INLINE T polynomial(T z, double c0, C... c) {"
            " return polynomial(z, c...) * z + Scalar<T>(c0); }",
            *map(gradient_struct, GRADES),
            "NTM_FAST_ISA_END",
        ]
    return "\n".join(parts) + "\n"


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    HEADER.write_text(header())


if __name__ == "__main__":
    main()
