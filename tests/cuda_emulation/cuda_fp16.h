#pragma once
// In place of CUDA's header: the conversions alone.

struct __half {
  _Float16 value;
};
struct alignas(4) __half2 {
  __half x, y;
};

inline __half __float2half_rn(float x) { return {_Float16(x)}; }
inline __half __float2half(float x) { return __float2half_rn(x); }
inline float __half2float(__half x) { return float(x.value); }
inline __half2 __floats2half2_rn(float x, float y) { return {__half{_Float16(x)}, {_Float16(y)}}; }
inline float __low2float(__half2 v) { return __half2float(v.x); }
inline float __high2float(__half2 v) { return __half2float(v.y); }
