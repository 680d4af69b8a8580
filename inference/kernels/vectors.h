// Vectors of float32 or int32 as long as the processor's, and the few operations on them that differ between processors.
//
// This header is compiled once for each instruction set (see paths.cc), so everything in it is internal to its
// translation unit: nothing compiled for AVX-512 may be linked into code that runs elsewhere.
#pragma once

#include <stdint.h>
#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX2__)
#define LANES 8
#else
#define LANES 4
#endif

typedef float F __attribute__((vector_size(4 * LANES)));
typedef int32_t I __attribute__((vector_size(4 * LANES)));
typedef uint8_t U8 __attribute__((vector_size(4 * LANES)));
typedef uint16_t U16 __attribute__((vector_size(4 * LANES)));
typedef uint8_t Lanes8 __attribute__((vector_size(LANES)));
typedef int8_t SLanes8 __attribute__((vector_size(LANES)));

namespace {

template <class T> INLINE T load(const void* from) {
  T value;
  memcpy(&value, from, sizeof value);
  return value;
}
template <class T> INLINE void store(void* to, T value) { memcpy(to, &value, sizeof value); }
INLINE F splat(float value) { return F{} + value; }
INLINE I splat_int(int32_t value) { return I{} + value; }
INLINE F to_float(I value) { return __builtin_convertvector(value, F); }

// As many bytes as lanes, unsigned or signed.
INLINE F widen(const void* from) {
#if defined(__AVX512F__)
  return (F)_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)from)));
#elif defined(__AVX2__)
  return (F)_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)from)));
#else
  return to_float(__builtin_convertvector(load<Lanes8>(from), I));
#endif
}
INLINE F widen_signed(const void* from) {
#if defined(__AVX512F__)
  return (F)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i*)from)));
#elif defined(__AVX2__)
  return (F)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)from)));
#else
  return to_float(__builtin_convertvector(load<SLanes8>(from), I));
#endif
}

// Bit operations on bytes. Shifts go by 16-bit lanes and mask off what crosses.
INLINE U8 masked(U8 value, uint8_t mask) { return value & (U8{} + mask); }
template <int N> INLINE U8 shift_right(U8 value, uint8_t mask) { return (U8)((U16)value >> N) & (U8{} + mask); }
template <int N> INLINE U8 shift_left(U8 value, uint8_t mask) { return (U8)((U16)value << N) & (U8{} + mask); }

// As many half-precision numbers as lanes.
INLINE F load_half(const void* from) {
#if defined(__AVX512F__)
  return (F)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)from));
#elif defined(__AVX2__)
  return (F)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)from));
#else
  F value;
  for (int lane = 0; lane < LANES; ++lane) {
    uint16_t bits;
    memcpy(&bits, (const char*)from + 2 * lane, 2);
    uint32_t sign = (uint32_t)(bits & 0x8000) << 16, exponent = (bits >> 10) & 31, fraction = bits & 0x3ff;
    float number;
    if (exponent == 0) {
      number = (float)fraction * 0x1p-24f;
    } else {
      uint32_t whole = ((exponent == 31 ? 255 : exponent + 112) << 23) | (fraction << 13);
      memcpy(&number, &whole, 4);
    }
    value[lane] = sign ? -number : number;
  }
  return value;
#endif
}

// Four activations, the same for every row.
INLINE int32_t quad(const int8_t* activations) {
  int32_t four;
  memcpy(&four, activations, 4);
  return four;
}

// For every row the sum over COUNT vectors of four weights times four activations. Weights are unsigned and at most MOST.
// Weights of a whole byte lie 128 above their value: where SIGNED_BYTES, the sum is that of the values, else of the bytes.
#if defined(__AVX512VNNI__)
constexpr bool SIGNED_BYTES = false;
template <int MOST, int COUNT> INLINE I dots(const U8* weights, const int8_t* activations) {
  __m512i sum = _mm512_setzero_si512();
#pragma GCC unroll 8
  for (int j = 0; j < COUNT; ++j)
    sum = _mm512_dpbusd_epi32(sum, (__m512i)weights[j], _mm512_set1_epi32(quad(activations + 4 * j)));
  return (I)sum;
}
#elif defined(__AVX2__)
// Pairs of products are added in 16 bits: eight of them fit where weights have four bits, two where they have six. Bytes
// lend their sign to the activations, so that the largest pair, 2 * 127 * 128, fits too.
constexpr bool SIGNED_BYTES = true;
template <int MOST, int COUNT> INLINE I dots(const U8* weights, const int8_t* activations) {
  const __m256i ones = _mm256_set1_epi16(1);
  constexpr int fit = MOST <= 15 ? 8 : MOST <= 63 ? 2 : 1;
  __m256i sum = _mm256_setzero_si256(), pairs = _mm256_setzero_si256();
#pragma GCC unroll 8
  for (int j = 0; j < COUNT; ++j) {
    __m256i w = (__m256i)weights[j], a = _mm256_set1_epi32(quad(activations + 4 * j));
    if (MOST > 63) {
      w = _mm256_xor_si256(w, _mm256_set1_epi8(-128));
      a = _mm256_sign_epi8(a, w);
      w = _mm256_abs_epi8(w);
    }
    const __m256i product = _mm256_maddubs_epi16(w, a);
    pairs = j % fit ? _mm256_add_epi16(pairs, product) : product;
    if (j % fit == fit - 1 || j == COUNT - 1) sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
  }
  return (I)sum;
}
#else
constexpr bool SIGNED_BYTES = false;
template <int MOST, int COUNT> INLINE I dots(const U8* weights, const int8_t* activations) {
  I sums = {};
  for (int j = 0; j < COUNT; ++j)
    for (int row = 0; row < LANES; ++row)
      for (int column = 0; column < 4; ++column)
        sums[row] += (int32_t)weights[j][4 * row + column] * activations[4 * j + column];
  return sums;
}
#endif

INLINE float total(F value) {
  float sum = 0;
  for (int lane = 0; lane < LANES; ++lane) sum += value[lane];
  return sum;
}

INLINE int32_t total_int(I value) {
#if defined(__AVX512F__)
  return _mm512_reduce_add_epi32((__m512i)value);
#else
  int32_t sum = 0;
  for (int lane = 0; lane < LANES; ++lane) sum += value[lane];
  return sum;
#endif
}

INLINE F maximum(F a, F b) { return a > b ? a : b; }

INLINE float largest(F value) {
#if defined(__AVX512F__)
  return _mm512_reduce_max_ps((__m512)value);
#endif
  float found = value[0];
  for (int lane = 1; lane < LANES; ++lane) found = value[lane] > found ? value[lane] : found;
  return found;
}

// Nearest integer, ties to even; for numbers below 2^22 in size.
INLINE F nearest(F value) {
  const F magic = splat(12582912.0f);
  return (value + magic) - magic;
}

// e^x to 2 units in the last place, x clamped to [-87, 88]: range reduction by ln 2 and a polynomial (Cephes).
INLINE F exponential(F x) {
  x = maximum(x, splat(-87.0f));
  x = -maximum(-x, splat(-88.0f));
  const F n = nearest(x * 1.44269504088896341f);
  F r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  F p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const I power = (__builtin_convertvector(n, I) + 127) << 23;
  return p * (F)power;
}

// x times the share of a normal distribution below x, to 0.0003: a polynomial for erf, fitted to the smallest error of the whole.
INLINE F gelu(F x) {
  const F square = x * x;
  F p = square * -2.6028304e-09f + 2.08406405e-07f;
  p = p * square - 7.31460705e-06f;
  p = p * square + 1.49714266e-04f;
  p = p * square - 2.01300858e-03f;
  p = p * square + 1.90108940e-02f;
  p = p * square - 1.31775841e-01f;
  p = p * square + 7.97346890e-01f;
  const F half = 0.5f * x, inner = half + half * (x * p);
  return square < 16.0f ? inner : maximum(x, F{});
}

}  // namespace
