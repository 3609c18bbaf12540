#pragma once
// Logarithms of Gamma(alpha, 1) draws by the method of Marsaglia & Tsang, "A simple method for
// generating gamma variables", ACM TOMS 26 (2000), entirely in log space.
//
// For a = alpha, or alpha + 1 if alpha < 1, with d = a - 1/3, c = 1 / (3 sqrt d) and x normal:
// log g = log d + 3 log(1 + c x), accepted if log V < x^2/2 + d - d (1 + c x)^3 + 3 d log(1 + c x).
// With y = c x the right side is 3 d (log(1 + y) - y + y^2/2 - y^3/3), which is evaluated without
// cancellation. For alpha < 1, the draw for alpha + 1 times U^(1/alpha) is a draw for alpha: add
// log(U) / alpha. Normals are sqrt(-2 log U) sin(pi/2 s), s uniform on (-1, 1) (Box & Muller).
//
// -log U keeps its relative accuracy at both ends: near U = 1 it is computed from 1 - U.

#include "log_lanes.h"

NTM_FAST_ISA_BEGIN

// U strictly between 0 and 1, and 1 - U.
template <class T>
struct Uniform {
  T value, complement;
};

template <class Grade, class T>
NTM_FAST_INLINE T negative_log(const Uniform<T>& u) {
  using S = Scalar<T>;
  const auto near_one = u.value > S(0.70710678);
  const Split<T> s = split(u.value);
  const T f = select(near_one, -u.complement, s.mantissa - S(1));
  const T exponent = select(near_one, splat<T>(S(0)), s.exponent);
  return -log_split<Grade>(exponent, f);
}

template <class T>
struct GammaAttempt {
  T log_gamma;  // the draw for a, if accepted
  T margin;     // accepted if positive
  T root;       // 1 + c x
};

// a >= 1; centred is uniform on (-1, 1).
template <class Grade, class T>
NTM_FAST_INLINE GammaAttempt<T> gamma_attempt(T a, const Uniform<T>& radius, T centred,
                                              const Uniform<T>& acceptance) {
  using S = Scalar<T>;
  const T d = a - S(1) / S(3);
  const T sine = centred * Grade::template half_sine<T>(centred * centred);
  const T x = square_root(S(2) * negative_log<Grade>(radius)) * sine;
  const T y = x / (S(3) * square_root(d));
  const T root = S(1) + y;
  const auto positive = root > S(0);
  const Split<T> s = split(select(positive, root, splat<T>(S(1))));
  const auto near_one = s.exponent == S(0);
  const T f = select(near_one, y, s.mantissa - S(1));
  const T log_root = log_split<Grade>(s.exponent, f);
  const T square = y * y;
  const T far_remainder = ((log_root - y) + S(.5) * square) - square * y * (S(1) / S(3));
  const T near_remainder = square * square * Grade::template log1p_remainder<T>(f);
  const T remainder = select(near_one, near_remainder, far_remainder);
  const T margin = negative_log<Grade>(acceptance) + d * (S(3) * remainder);
  return {log_normal<Grade>(d) + S(3) * log_root, select(positive, margin, splat<T>(S(-1))), root};
}

#ifdef __CUDACC__

// 32 random bits as the float uniform at the middle of their cell.
NTM_FAST_INLINE Uniform<float> uniform(uint32_t word) {
  return {(float(word) + .5f) * 0x1p-32f, (float(~word) + .5f) * 0x1p-32f};
}
NTM_FAST_INLINE float centred_uniform(uint32_t word) {
  return (float(int32_t(word ^ 0x80000000u)) + .5f) * 0x1p-31f;
}
// The same 32 bits as a double uniform; exact.
NTM_FAST_INLINE Uniform<double> wide_uniform(uint32_t word) {
  const double value = (double(word) + .5) * 0x1p-32;
  return {value, 1. - value};
}
// The first 52 of 64 random bits likewise; exact.
NTM_FAST_INLINE Uniform<double> uniform(uint64_t bits) {
  const double value = as_double(int64_t((bits >> 12) | 0x3ff0000000000000u)) - (1. - 0x1p-53);
  return {value, 1. - value};
}
NTM_FAST_INLINE double centred_uniform(uint64_t bits) {
  const Uniform<double> u = uniform(bits);
  return u.value - u.complement;
}

#else

// 32 random bits as the float uniform at the middle of their cell.
NTM_FAST_INLINE Uniform<FloatLanes> uniform(Uint32Lanes word) {
  const FloatLanes value = __builtin_convertvector(word, FloatLanes);
  const FloatLanes complement = __builtin_convertvector(~word, FloatLanes);
  return {(value + .5f) * 0x1p-32f, (complement + .5f) * 0x1p-32f};
}
NTM_FAST_INLINE FloatLanes centred_uniform(Uint32Lanes word) {
  const Int32Lanes centred = Int32Lanes(word ^ 0x80000000u);
  return (__builtin_convertvector(centred, FloatLanes) + .5f) * 0x1p-31f;
}

// The first 52 of 64 random bits likewise; exact.
NTM_FAST_INLINE Uniform<DoubleLanes> uniform(Uint64Lanes bits) {
  const DoubleLanes one_to_two = DoubleLanes((bits >> 12) | 0x3ff0000000000000u);
  const DoubleLanes value = one_to_two - (1. - 0x1p-53);
  return {value, 1. - value};
}
NTM_FAST_INLINE DoubleLanes centred_uniform(Uint64Lanes bits) {
  const Uniform<DoubleLanes> u = uniform(bits);
  return u.value - u.complement;
}

#endif

NTM_FAST_ISA_END
