"""L(alpha, log x) = d log x / d alpha of Gamma(alpha, 1) draws to 25 digits and more, with mpmath.

    python scripts/gamma_truth.py    # write the hold-out table tests/ops/data/gamma_gradient.csv

The draw x moves with alpha so that the probability P(alpha, x) below it stays the same. Three
expansions cover the plane, none of which loses digits where it is used:

- x <= alpha: the positive series of the lower incomplete gamma function. With
  c_n = x^n / (alpha+1)_n and H_n = sum_{k<=n} 1/(alpha+k),
  alpha L = (psi(alpha+1) - log x) sum c_n + sum c_n H_n  (DLMF 8.7.1, differentiated);
- x > alpha: Legendre's continued fraction of the upper function (DLMF 8.9.2) with its derivative;
- large alpha near x = alpha: alpha L = sum_j e_j(u) alpha^-j with u = log(x / alpha),
  e_0 = u / (exp u - 1), e_j = (c_j + e'_{j-1}) / (exp u - 1), c_1 = 1/2, c_2k = B_2k / 2k, which
  follows from d/du (alpha L) = (exp u - 1) alpha^2 L - alpha (u - psi(alpha) + log alpha).
"""

from __future__ import annotations

import argparse
import csv
import functools
import random
from pathlib import Path

import mpmath as mp
import numpy as np
from mpmath import mpf

HOLDOUT = Path(__file__).resolve().parents[1] / "tests" / "ops" / "data" / "gamma_gradient.csv"
DIGITS = 40


def gradient(alpha: mpf | float, log_x: mpf | float) -> mpf:
    """d log x / d alpha at exactly these arguments, about 25 digits."""
    with mp.workdps(DIGITS):
        alpha, log_x = mpf(alpha), mpf(log_x)
        u = log_x - mp.log(alpha)
        if alpha > 1000 and abs(u) < 1:
            return _large_alpha(alpha, u) / alpha
        x = mp.exp(log_x)
        if x > alpha + 1:
            return _continued_fraction(alpha, x, log_x)
        return _series(alpha, x, log_x)


def _series(alpha: mpf, x: mpf, log_x: mpf) -> mpf:
    term, harmonic, n = mpf(1), mpf(0), 0
    total, weighted = mpf(1), mpf(0)
    while x > alpha + n or term * max(harmonic, mpf(1)) > total * mpf(10) ** -DIGITS:
        n += 1
        harmonic += 1 / (alpha + n)
        term *= x / (alpha + n)
        total += term
        weighted += term * harmonic
    return ((mp.digamma(alpha + 1) - log_x) * total + weighted) / alpha


def _continued_fraction(alpha: mpf, x: mpf, log_x: mpf) -> mpf:
    def evaluate(steps: int) -> mpf:
        f, df = x + 2 * steps + 1 - alpha, mpf(-1)
        for k in range(steps, 0, -1):
            c = k * (k - alpha)
            f, df = x + 2 * k - 1 - alpha - c / f, -1 + (k + c * df / f) / f
        return (log_x - mp.digamma(alpha) - df / f) / f

    steps, previous = 64, evaluate(32)
    while abs((value := evaluate(steps)) - previous) > abs(value) * mpf(10) ** -28:
        steps, previous = 2 * steps, value
    return value


def _large_alpha(alpha: mpf, u: mpf) -> mpf:
    total, power = mpf(0), mpf(1)
    for coefficients in _large_alpha_terms():
        total += power * mp.polyval(coefficients, u)
        power /= alpha
    return total


@functools.cache
def _large_alpha_terms(terms: int = 12, degree: int = 90) -> list[list[mpf]]:
    """Taylor coefficients in u of e_0 ... e_11, highest power first."""
    with mp.workdps(4 * DIGITS):
        denominator = [1 / mp.factorial(k + 1) for k in range(degree)]  # (exp u - 1) / u

        def divide(numerator: list[mpf]) -> list[mpf]:
            quotient: list[mpf] = []
            for n, value in enumerate(numerator):
                quotient.append(value - mp.fdot(quotient, denominator[n:0:-1]))
            return quotient

        rows = [divide([mpf(1)] + [mpf(0)] * (degree - 1))]
        for j in range(1, terms):
            derivative = [k * c for k, c in enumerate(rows[-1])][1:]
            derivative[0] += mpf(1) / 2 if j == 1 else mp.bernoulli(j) / j
            rows.append(divide(derivative[1:]))  # the constant term vanishes: divide by u
        return [row[::-1] for row in rows]


def holdout_rows(count: int, seed: int) -> list[tuple[float, float, str]]:
    """Arguments that float32 represents, over the whole plane, with their gradient."""
    draw = random.Random(seed)
    rows = []
    while len(rows) < count:
        alpha = float(np.float32(10 ** draw.uniform(-6, 6)))
        kind = draw.randrange(4)
        if kind == 0:  # a likely draw
            x = draw.gammavariate(alpha + 1, 1) if alpha < 1 else draw.gammavariate(alpha, 1)
            log_x = float(mp.log(x)) + (float(mp.log(draw.random())) / alpha if alpha < 1 else 0.0)
        elif kind == 1:  # anywhere about it, far tails too
            log_x = float(mp.log(alpha + 1)) + draw.uniform(-12, min(4.5, 600 / (alpha + 1) + 1))
        elif kind == 2:  # far below what exp represents
            log_x = -(10 ** draw.uniform(0, 6))
        else:  # close to the mean of a narrow distribution
            alpha = float(np.float32(10 ** draw.uniform(3, 10)))
            log_x = float(mp.log(alpha)) + draw.gauss(0, 1) * 3 / alpha**0.5
        log_x = float(np.float32(log_x))
        value = gradient(alpha, log_x)
        if 1e-30 < value < 1e30:  # float32 holds it
            rows.append((alpha, log_x, mp.nstr(value, 20)))
    return rows


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    with HOLDOUT.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["alpha", "log_x", "gradient"])
        writer.writerows(holdout_rows(600, seed=20))


if __name__ == "__main__":
    main()
