#pragma once
// digamma, trigamma and lgamma of positive arguments for float and double, branch-free, so that
// loops over them vectorise.
//
// Method: the argument is shifted up by 8 with the exact recurrence, whose eight terms, paired as
// (x + j)(x + 7 - j) = y + c with y = x² + 7x and c = 0, 6, 10, 12, make one fraction of
// polynomials in y with positive coefficients (so it loses no digits); then the asymptotic series
// in 1/x² (DLMF 5.11.2 and 5.15.8). lgamma below 8 is shifted into [1.5, 2.5) instead, where its
// Taylor series at 2 (DLMF 5.7.3) has a small relative error even at the zeros 1 and 2. float is
// computed in double.
//
// Measured against mpmath over 1e-30 ... 1e30 (tests/kernels/test_special.py), double:
//   digamma   2e-15 relative to max(|ψ|, 1)
//   trigamma  7e-16 relative
//   lgamma    6e-16 relative, also next to its zeros
// float: the rounding of the result, 6e-8.

#include "exp_log.h"

NTM_FAST_ISA_BEGIN

// P(x) = x (x + 1) ... (x + 7) and P'(x) / P(x) = 1/x + ... + 1/(x + 7), x up to 1e38.
struct EightFactors {
  double y, product;
  NTM_FAST_INLINE explicit EightFactors(double x)
      : y(x * (x + 7.)), product(y * (((y + 28.) * y + 252.) * y + 720.)) {}
  // P'(x)
  NTM_FAST_INLINE double derivative(double x) const {
    return (2. * x + 7.) * (((4. * y + 84.) * y + 504.) * y + 720.);
  }
  // (1/x² + ... + 1/(x + 7)²) P(x)²
  NTM_FAST_INLINE double squares() const {
    double n = 8. * y + 476.;
    n = n * y + 11928.;
    n = n * y + 163560.;
    n = n * y + 1334592.;
    n = n * y + 6586272.;
    n = n * y + 18817920.;
    return n * y + 25401600.;
  }
};

// log Γ(x) - [(x - ½) log x - x + ½ log 2π], times x, for z = 1/x², x >= 8.
NTM_FAST_INLINE double stirling_series(double z) {
  double s = -174611. / 125400.;
  s = s * z + 43867. / 244188.;
  s = s * z - 3617. / 122400.;
  s = s * z + 1. / 156.;
  s = s * z - 691. / 360360.;
  s = s * z + 1. / 1188.;
  s = s * z - 1. / 1680.;
  s = s * z + 1. / 1260.;
  s = s * z - 1. / 360.;
  return s * z + 1. / 12.;
}

// log x - 1/(2x) - ψ(x) for z = 1/x², x >= 8.
NTM_FAST_INLINE double digamma_series(double z) {
  double s = -174611. / 6600.;
  s = s * z + 43867. / 14364.;
  s = s * z - 3617. / 8160.;
  s = s * z + 1. / 12.;
  s = s * z - 691. / 32760.;
  s = s * z + 1. / 132.;
  s = s * z - 1. / 240.;
  s = s * z + 1. / 252.;
  s = s * z - 1. / 120.;
  return (s * z + 1. / 12.) * z;
}

// (ψ'(x) - 1/x - 1/(2x²)) x³ for z = 1/x², x >= 8.
NTM_FAST_INLINE double trigamma_series(double z) {
  double s = -174611. / 330.;
  s = s * z + 43867. / 798.;
  s = s * z - 3617. / 510.;
  s = s * z + 7. / 6.;
  s = s * z - 691. / 2730.;
  s = s * z + 5. / 66.;
  s = s * z - 1. / 30.;
  s = s * z + 1. / 42.;
  s = s * z - 1. / 30.;
  return s * z + 1. / 6.;
}

NTM_FAST_INLINE double digamma(double x) {
  const double bounded = x > 1e30 ? 1e30 : x;  // beyond, the shift changes nothing
  const EightFactors factors(bounded);
  const double shifted = x + 8., inverse = 1. / shifted;
  return (log(shifted) - .5 * inverse - digamma_series(inverse * inverse)) -
         factors.derivative(bounded) / factors.product;
}

NTM_FAST_INLINE double trigamma(double x) {
  const double bounded = x > 1e17 ? 1e17 : x;
  const EightFactors factors(bounded);
  const double shift = factors.squares() / (factors.product * factors.product);
  const double inverse = 1. / (x + 8.), z = inverse * inverse;
  return (x > 1e17 ? 1. / x : shift) +
         (x > 1e17 ? 0. : (trigamma_series(z) * z + .5 * inverse + 1.) * inverse);
}

// (log Γ(2 + u) / u - ψ(2)) / u for |u| <= 1/2, by log Γ's Taylor series at 2.
NTM_FAST_INLINE double lgamma_tail(double u) {
  double p = 5.7313672416788620133e-10;
  p = p * u - 1.1921401405860912074e-09;
  p = p * u + 2.4836745438024783172e-09;
  p = p * u - 5.1834750419700466551e-09;
  p = p * u + 1.0838659214896954091e-08;
  p = p * u - 2.271109460894316491e-08;
  p = p * u + 4.7698101693639805658e-08;
  p = p * u - 1.0043224823968099609e-07;
  p = p * u + 2.1207184805554665869e-07;
  p = p * u - 4.4924691987645660433e-07;
  p = p * u + 9.5514121304074198329e-07;
  p = p * u - 2.0392157538013662368e-06;
  p = p * u + 4.3748667899074878042e-06;
  p = p * u - 9.439488275268395904e-06;
  p = p * u + 2.0507212775670691553e-05;
  p = p * u - 4.49262367381331417e-05;
  p = p * u + 9.9457512781808533715e-05;
  p = p * u - 2.2315475845357937976e-04;
  p = p * u + 5.0966952474304242234e-04;
  p = p * u - 1.1927539117032609771e-03;
  p = p * u + 2.8905103307415232858e-03;
  p = p * u - 7.3855510286739852663e-03;
  p = p * u + 2.0580808427784547879e-02;
  p = p * u - 6.7352301053198095133e-02;
  p = p * u + 3.2246703342411321824e-01;
  return p;
}

NTM_FAST_INLINE double lgamma(double x) {
  // x < 8: Γ(x) = Γ(t) factor, t in [1.5, 2.5); for x < 1.5 the factor divides.
  double t = x, factor = 1.;
  for (int i = 0; i < 6; ++i) {
    const bool down = t >= 2.5;
    t = down ? t - 1. : t;
    factor = down ? factor * t : factor;
  }
  const double u = x < .5 ? x : x < 1.5 ? x - 1. : t - 2.;
  const double divisor = x < .5 ? x * (x + 1.) : x < 1.5 ? x : 1.;
  const double p = lgamma_tail(u) * u + 4.2278433509846713939e-01;
  const bool small = x < 8.;
  const double logarithm = log(small ? (x < 1.5 ? divisor : factor) : x);
  const double below = u * p + (x < 1.5 ? -logarithm : logarithm);
  const double inverse = 1. / x;
  const double above = (x - .5) * logarithm - x + 9.1893853320467274178e-01 +
                       stirling_series(inverse * inverse) * inverse;
  return small ? below : above;
}

NTM_FAST_INLINE float digamma(float x) { return float(digamma(double(x))); }
NTM_FAST_INLINE float trigamma(float x) { return float(trigamma(double(x))); }
NTM_FAST_INLINE float lgamma(float x) { return float(lgamma(double(x))); }

NTM_FAST_ISA_END
