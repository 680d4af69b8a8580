// Sixteen lanes of float32 or int32, and the few operations on them that differ between processors.
//
// This header is compiled once for each instruction set (see paths.cc), so everything in it is internal to its
// translation unit: nothing compiled for AVX-512 may be linked into code that runs elsewhere. Compilers split the 64-byte
// vectors where a processor has shorter ones.
#pragma once

#include <stdint.h>
#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

typedef float F __attribute__((vector_size(64)));
typedef int32_t I __attribute__((vector_size(64)));
typedef uint8_t U8 __attribute__((vector_size(64)));
typedef uint16_t U16 __attribute__((vector_size(64)));
typedef uint8_t Lanes8 __attribute__((vector_size(16)));
typedef int8_t SLanes8 __attribute__((vector_size(16)));

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

// Sixteen bytes, unsigned or signed.
INLINE F widen(Lanes8 value) {
#if defined(__AVX512F__)
  return (F)_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32((__m128i)value));
#elif defined(__AVX2__)
  const __m256 halves[2] = {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32((__m128i)value)),
                            _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128((__m128i)value, 8)))};
  return load<F>(halves);
#else
  return to_float(__builtin_convertvector(value, I));
#endif
}
INLINE F widen_signed(SLanes8 value) {
#if defined(__AVX512F__)
  return (F)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32((__m128i)value));
#elif defined(__AVX2__)
  const __m256 halves[2] = {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32((__m128i)value)),
                            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128((__m128i)value, 8)))};
  return load<F>(halves);
#else
  return to_float(__builtin_convertvector(value, I));
#endif
}

// Bit operations on bytes. Shifts go by 16-bit lanes and mask off what crosses. (GCC splits 64-byte integer vectors into
// single words where the processor has only 32-byte ones, so AVX2 gets its halves by name.)
#if defined(__AVX2__) && !defined(__AVX512F__)
template <class Operation> INLINE U8 by_halves(U8 value, Operation operation) {
  __m256i halves[2];
  memcpy(halves, &value, 64);
  halves[0] = operation(halves[0]);
  halves[1] = operation(halves[1]);
  memcpy(&value, halves, 64);
  return value;
}
INLINE U8 masked(U8 value, uint8_t mask) {
  return by_halves(value, [=](__m256i half) { return _mm256_and_si256(half, _mm256_set1_epi8(mask)); });
}
template <int N> INLINE U8 shift_right(U8 value, uint8_t mask) {
  return by_halves(value, [=](__m256i half) { return _mm256_and_si256(_mm256_srli_epi16(half, N), _mm256_set1_epi8(mask)); });
}
template <int N> INLINE U8 shift_left(U8 value, uint8_t mask) {
  return by_halves(value, [=](__m256i half) { return _mm256_and_si256(_mm256_slli_epi16(half, N), _mm256_set1_epi8(mask)); });
}
#else
INLINE U8 masked(U8 value, uint8_t mask) { return value & (U8{} + mask); }
template <int N> INLINE U8 shift_right(U8 value, uint8_t mask) { return (U8)((U16)value >> N) & (U8{} + mask); }
template <int N> INLINE U8 shift_left(U8 value, uint8_t mask) { return (U8)((U16)value << N) & (U8{} + mask); }
#endif

// Sixteen half-precision numbers.
INLINE F load_half(const void* from) {
#if defined(__AVX512F__)
  return (F)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)from));
#elif defined(__F16C__)
  F value;
  for (int part = 0; part < 2; ++part) {
    __m256 half = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)from + part));
    memcpy((char*)&value + 32 * part, &half, 32);
  }
  return value;
#else
  F value;
  for (int lane = 0; lane < 16; ++lane) {
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

// sums[row] += four unsigned weights of the row times four signed activations, which are the same for every row.
// Weights below 128 (Wide = false) let AVX2 add pairs in 16 bits without saturation.
template <bool Wide> INLINE I dot(I sums, U8 weights, const int8_t* activations) {
  int32_t four;
  memcpy(&four, activations, 4);
#if defined(__AVX512VNNI__)
  return (I)_mm512_dpbusd_epi32((__m512i)sums, (__m512i)weights, _mm512_set1_epi32(four));
#elif defined(__AVX2__)
  const __m256i ones = _mm256_set1_epi16(1), spread = _mm256_set1_epi32(four);
  I result;
  for (int part = 0; part < 2; ++part) {
    __m256i w, sum;
    memcpy(&w, (const char*)&weights + 32 * part, 32);
    memcpy(&sum, (const char*)&sums + 32 * part, 32);
    if (Wide) {
      const __m256i low = _mm256_and_si256(w, _mm256_set1_epi8(0x7f));
      const __m256i high = _mm256_and_si256(_mm256_srli_epi16(w, 7), _mm256_set1_epi8(1));
      const __m256i top = _mm256_madd_epi16(_mm256_maddubs_epi16(high, spread), ones);
      sum = _mm256_add_epi32(sum, _mm256_slli_epi32(top, 7));
      w = low;
    }
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(w, spread), ones));
    memcpy((char*)&result + 32 * part, &sum, 32);
  }
  return result;
#else
  for (int row = 0; row < 16; ++row)
    for (int column = 0; column < 4; ++column) sums[row] += (int32_t)weights[4 * row + column] * activations[column];
  return sums;
#endif
}

INLINE float total(F value) {
  float sum = 0;
  for (int lane = 0; lane < 16; ++lane) sum += value[lane];
  return sum;
}

INLINE F maximum(F a, F b) { return a > b ? a : b; }

INLINE float largest(F value) {
  float found = value[0];
  for (int lane = 1; lane < 16; ++lane) found = value[lane] > found ? value[lane] : found;
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

}  // namespace
