"""L(alpha, log x) = d log x / d alpha of Gamma(alpha, 1) draws to 25 digits and more, with mpmath.

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

import functools

import mpmath as mp
from mpmath import mpf

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
