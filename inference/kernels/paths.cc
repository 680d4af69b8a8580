// The arithmetic, compiled once for each instruction set: -DPATH=avx512 and so on names the table that it fills.
//
// A token's result never depends on what else is in its batch: every instantiation adds the same terms in the same order,
// so that a prompt gives the same bits however it is cut into chunks.
#include "paths.h"

#include "vectors.h"

namespace {

// --- how each kind of tile stores its weights -------------------------------------------------------------------------
// Sixteen rows lie together. A group of 32 columns is eight vectors of 4 columns x 16 rows; where weights have four bits,
// the low half of byte vector j is columns 4j.., the high half columns 16 + 4j...

INLINE void open_nibbles(const uint8_t* from, U8* weights) {
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const U8 both = load<U8>(from + 64 * j);
    weights[j] = masked(both, 15);
    weights[4 + j] = shift_right<4>(both, 15);
  }
}

struct TileQ4K {  // a super-block: 16 scales and 16 minima in half precision, 8 x (16 + 16) bytes of factors, nibbles
  static constexpr bool minimum = true, split = false, wide = false;
  static constexpr int zero = 0;
  static constexpr int super = 64 + 256 + 2048;
  INLINE const uint8_t* quants(const uint8_t* tile, int, int g) { return tile + (g >> 3) * super + 320 + (g & 7) * 256; }
  INLINE void weights(const uint8_t* tile, int groups, int g, U8* w) { open_nibbles(quants(tile, groups, g), w); }
  INLINE void scales(const uint8_t* tile, int, int g, F* scale, F& least) {
    const uint8_t* block = tile + (g >> 3) * super;
    const uint8_t* factors = block + 64 + (g & 7) * 32;
    scale[0] = load_half(block) * widen(load<Lanes8>(factors));
    least = load_half(block + 32) * widen(load<Lanes8>(factors + 16));
  }
};

struct TileQ6K {  // a super-block: 16 scales in half precision, 16 x 16 signed factors, then low nibbles and high pairs of bits
  static constexpr bool minimum = false, split = true, wide = false;
  static constexpr int zero = 32;
  static constexpr int super = 64 + 256 + 8 * 384;
  INLINE const uint8_t* quants(const uint8_t* tile, int, int g) { return tile + (g >> 3) * super + 320 + (g & 7) * 384; }
  INLINE void weights(const uint8_t* tile, int groups, int g, U8* w) {
    const uint8_t* from = quants(tile, groups, g);
    open_nibbles(from, w);
    const U8 first = load<U8>(from + 256), second = load<U8>(from + 320);
    w[0] |= shift_left<4>(first, 0x30);
    w[1] |= shift_left<2>(first, 0x30);
    w[2] |= masked(first, 0x30);
    w[3] |= shift_right<2>(first, 0x30);
    w[4] |= shift_left<4>(second, 0x30);
    w[5] |= shift_left<2>(second, 0x30);
    w[6] |= masked(second, 0x30);
    w[7] |= shift_right<2>(second, 0x30);
  }
  INLINE void scales(const uint8_t* tile, int, int g, F* scale, F&) {
    const uint8_t* block = tile + (g >> 3) * super;
    const F whole = load_half(block);
    const uint8_t* factors = block + 64 + (g & 7) * 32;
    scale[0] = whole * widen_signed(load<SLanes8>(factors));
    scale[1] = whole * widen_signed(load<SLanes8>(factors + 16));
  }
};

struct TileQ41 {  // a group: 16 scales and 16 minima (subtracted) in half precision, nibbles
  static constexpr bool minimum = true, split = false, wide = false;
  static constexpr int zero = 0;
  INLINE const uint8_t* quants(const uint8_t* tile, int, int g) { return tile + g * 320 + 64; }
  INLINE void weights(const uint8_t* tile, int groups, int g, U8* w) { open_nibbles(quants(tile, groups, g), w); }
  INLINE void scales(const uint8_t* tile, int, int g, F* scale, F& least) {
    scale[0] = load_half(tile + g * 320);
    least = load_half(tile + g * 320 + 32);
  }
};

struct TileQ80 {  // 16 scales in half precision for each group, filled to 64 bytes; then bytes, 128 above their value
  static constexpr bool minimum = false, split = false, wide = true;
  static constexpr int zero = 128;
  INLINE const uint8_t* quants(const uint8_t* tile, int groups, int g) {
    return tile + ((groups * 32 + 63) & ~63) + (int64_t)g * 512;
  }
  INLINE void weights(const uint8_t* tile, int groups, int g, U8* w) {
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) w[j] = load<U8>(quants(tile, groups, g) + 64 * j);
  }
  INLINE void scales(const uint8_t* tile, int, int g, F* scale, F&) { scale[0] = load_half(tile + g * 32); }
};

// --- products ---------------------------------------------------------------------------------------------------------

// Tokens are counted by N where the compiler shall keep all their sums in registers, else (N = 0) by the block.
template <class Tile, int N> void multiply(const uint8_t* tile, int groups, const Activations& all, Block block, F* y) {
  const int n = N ? N : block.tokens, first = block.first;
  const int8_t* digits = all.digits + (int64_t)first * groups * GROUP;
  const float* scale = all.scale + (int64_t)first * groups;
  const float* sum = all.sum + (int64_t)first * groups;
  const int32_t* halves = all.halves + (int64_t)first * groups * 2;
  F result[N ? N : MOST_TOKENS] = {};
  for (int g = 0; g < groups; ++g) {
    U8 w[8];
    F factor[2], least = {};
    Tile::weights(tile, groups, g, w);
    Tile::scales(tile, groups, g, factor, least);
    if (N == 1) {
      const uint8_t* ahead = Tile::quants(tile, groups, g) + 4096;
#pragma GCC unroll 8
      for (int line = 0; line < (Tile::wide ? 8 : Tile::split ? 6 : 4); ++line) __builtin_prefetch(ahead + 64 * line);
    }
#pragma GCC unroll 16
    for (int t = 0; t < n; ++t) {
      F product;
      const int8_t* a = digits + t * GROUP;
      if (Tile::split) {
        I left = splat_int(-Tile::zero * halves[t]), right = splat_int(-Tile::zero * halves[n + t]);
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) {
          left = dot<Tile::wide>(left, w[j], a + 4 * j);
          right = dot<Tile::wide>(right, w[4 + j], a + 16 + 4 * j);
        }
        product = to_float(left) * factor[0] + to_float(right) * factor[1];
      } else {
        I whole = Tile::zero ? splat_int(-Tile::zero * (halves[t] + halves[n + t])) : I{};
#pragma GCC unroll 8
        for (int j = 0; j < 8; ++j) whole = dot<Tile::wide>(whole, w[j], a + 4 * j);
        product = to_float(whole) * factor[0];
      }
      result[t] += product * scale[t];
      if (Tile::minimum) result[t] -= least * sum[t];
    }
    digits += n * GROUP;
    scale += n;
    sum += n;
    halves += 2 * n;
  }
  for (int t = 0; t < n; ++t) y[t] = result[t];
}

template <class Tile>
void multiply_block(const uint8_t* tile, int groups, const Activations& all, Block block, F* y) {
#if defined(__AVX2__)
  switch (block.tokens) {
    case 16: return multiply<Tile, 16>(tile, groups, all, block, y);
    case 8: return multiply<Tile, 8>(tile, groups, all, block, y);
    case 4: return multiply<Tile, 4>(tile, groups, all, block, y);
    case 2: return multiply<Tile, 2>(tile, groups, all, block, y);
    default: return multiply<Tile, 1>(tile, groups, all, block, y);
  }
#else
  multiply<Tile, 0>(tile, groups, all, block, y);
#endif
}

void product(int kind, const uint8_t* tile, int columns, const Activations& all, const Block* blocks, int count, float* y,
             int64_t stride, int rows, const float* bias, const float* residual) {
  const int groups = columns / GROUP;
  for (int b = 0; b < count; ++b) {
    F found[MOST_TOKENS];
    switch (kind) {
      case Q4_K: multiply_block<TileQ4K>(tile, groups, all, blocks[b], found); break;
      case Q6_K: multiply_block<TileQ6K>(tile, groups, all, blocks[b], found); break;
      case Q4_1: multiply_block<TileQ41>(tile, groups, all, blocks[b], found); break;
      default: multiply_block<TileQ80>(tile, groups, all, blocks[b], found); break;
    }
    for (int t = 0; t < blocks[b].tokens; ++t) {
      const int64_t place = (blocks[b].first + t) * stride;
      if (rows == ROWS) {
        F value = found[t];
        if (bias) value += load<F>(bias);
        if (residual) value += load<F>(residual + place);
        store(y + place, value);
      } else {
        for (int lane = 0; lane < rows; ++lane)
          y[place + lane] = found[t][lane] + (bias ? bias[lane] : 0) + (residual ? residual[place + lane] : 0);
      }
    }
  }
}

template <class Tile> void one_row(const uint8_t* tile, int groups, int lane, float* y) {
  for (int g = 0; g < groups; ++g) {
    U8 w[8];
    F factor[2], least = {};
    Tile::weights(tile, groups, g, w);
    Tile::scales(tile, groups, g, factor, least);
    for (int column = 0; column < GROUP; ++column) {
      const int digit = (int)w[column / 4][4 * lane + column % 4] - Tile::zero;
      y[g * GROUP + column] = digit * factor[Tile::split ? column / 16 : 0][lane] - least[lane];
    }
  }
}

void row(int kind, const uint8_t* tile, int columns, int lane, float* y) {
  const int groups = columns / GROUP;
  switch (kind) {
    case Q4_K: return one_row<TileQ4K>(tile, groups, lane, y);
    case Q6_K: return one_row<TileQ6K>(tile, groups, lane, y);
    case Q4_1: return one_row<TileQ41>(tile, groups, lane, y);
    default: return one_row<TileQ80>(tile, groups, lane, y);
  }
}

// --- activations ------------------------------------------------------------------------------------------------------

void quantise(const float* x, const float* gain, float epsilon, int prologue, int columns, const Activations& all,
              Block block, int token, float* row) {
  if (prologue == SWIGLU) {
    for (int i = 0; i < columns; i += 16) {
      const F gate = load<F>(x + i);
      store(row + i, gate / (exponential(-gate) + 1.0f) * load<F>(x + columns + i));
    }
    x = row;
  } else if (prologue == NORM) {
    F squares = {};
    for (int i = 0; i < columns; i += 16) squares += load<F>(x + i) * load<F>(x + i);
    const float factor = 1.0f / __builtin_sqrtf(total(squares) / columns + epsilon);
    for (int i = 0; i < columns; i += 16) store(row + i, load<F>(x + i) * factor * load<F>(gain + i));
    x = row;
  }
  const int groups = columns / GROUP, n = block.tokens, t = token - block.first;
  const int64_t begin = (int64_t)block.first * groups;
  for (int g = 0; g < groups; ++g) {
    const F left = load<F>(x + g * GROUP), right = load<F>(x + g * GROUP + 16);
    const float peak = largest(maximum(maximum(left, -left), maximum(right, -right)));
    const float inverse = peak > 0 ? 127.0f / peak : 0.0f, scale = peak / 127.0f;
    const I low = __builtin_convertvector(nearest(left * inverse), I);
    const I high = __builtin_convertvector(nearest(right * inverse), I);
    int8_t* digits = all.digits + (begin + (int64_t)g * n + t) * GROUP;
    store(digits, __builtin_convertvector(low, SLanes8));
    store(digits + 16, __builtin_convertvector(high, SLanes8));
    int32_t of_low = 0, of_high = 0;
    for (int lane = 0; lane < 16; ++lane) of_low += low[lane], of_high += high[lane];
    all.halves[(begin + (int64_t)g * n) * 2 + t] = of_low;
    all.halves[(begin + (int64_t)g * n) * 2 + n + t] = of_high;
    all.scale[begin + (int64_t)g * n + t] = scale;
    all.sum[begin + (int64_t)g * n + t] = scale * (of_low + of_high);
  }
}

// --- attention: a softmax that runs over 32 keys at a time (arXiv:2205.14135) --------------------------------------------

constexpr int KEYS = 32;

struct Query {
  const float* query;
  int position;
  float peak, sum;
  float mixed[WIDEST_HEAD] __attribute__((aligned(64)));
};

template <int N, int J> INLINE void mix(Query* queries, const float (*shares)[KEYS], const float* values, int width, int at) {
  F sums[N][J];
#pragma GCC unroll 4
  for (int q = 0; q < N; ++q)
#pragma GCC unroll 4
    for (int j = 0; j < J; ++j) sums[q][j] = load<F>(queries[q].mixed + at + 16 * j);
  for (int key = 0; key < KEYS; ++key) {
#pragma GCC unroll 4
    for (int j = 0; j < J; ++j) {
      const F value = load<F>(values + (int64_t)key * width + at + 16 * j);
#pragma GCC unroll 4
      for (int q = 0; q < N; ++q) sums[q][j] += shares[q][key] * value;
    }
  }
#pragma GCC unroll 4
  for (int q = 0; q < N; ++q)
#pragma GCC unroll 4
    for (int j = 0; j < J; ++j) store(queries[q].mixed + at + 16 * j, sums[q][j]);
}

// `count` counts the keys from `first` that lie in the cache; it is below 32 only at its very end.
template <int N> void attend_tile(Query* queries, const float* keys, const float* values, int width, int first, int count) {
  F scores[N][2] = {};
  const float* second = count > 16 ? keys + (int64_t)width * 16 : keys;
  for (int d = 0; d < width; ++d) {
    const F left = load<F>(keys + d * 16), right = load<F>(second + d * 16);
#pragma GCC unroll 4
    for (int q = 0; q < N; ++q) {
      scores[q][0] += queries[q].query[d] * left;
      scores[q][1] += queries[q].query[d] * right;
    }
  }
  const I lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  float shares[N][KEYS] __attribute__((aligned(64)));
#pragma GCC unroll 4
  for (int q = 0; q < N; ++q) {
    const I seen = splat_int(queries[q].position - first);
    const F never = splat(-1e30f);
    scores[q][0] = lanes <= seen ? scores[q][0] : never;
    scores[q][1] = lanes + 16 <= seen ? scores[q][1] : never;
    const float here = largest(maximum(scores[q][0], scores[q][1]));
    const float peak = here > queries[q].peak ? here : queries[q].peak;
    // beyond the query's position: e^(-87) of anything would still count, so nothing is added at all
    const F none = {};
    const F left = lanes <= seen ? exponential(scores[q][0] - peak) : none;
    const F right = lanes + 16 <= seen ? exponential(scores[q][1] - peak) : none;
    if (peak != queries[q].peak) {
      const float fade = exponential(splat(queries[q].peak - peak))[0];
      queries[q].sum *= fade;
      for (int d = 0; d < width; d += 16) store(queries[q].mixed + d, load<F>(queries[q].mixed + d) * fade);
      queries[q].peak = peak;
    }
    queries[q].sum += total(left + right);
    store(shares[q], left);
    store(shares[q] + 16, right);
  }
  if (count < KEYS) {  // the cache ends inside the tile: go key by key
    for (int q = 0; q < N; ++q)
      for (int key = 0; key < count; ++key)
        for (int d = 0; d < width; d += 16)
          store(queries[q].mixed + d, load<F>(queries[q].mixed + d) + shares[q][key] * load<F>(values + key * width + d));
    return;
  }
  int at = 0;
  for (; at + 64 <= width; at += 64) mix<N, 4>(queries, shares, values, width, at);
  for (; at < width; at += 16) mix<N, 1>(queries, shares, values, width, at);
}

void attend(const Attention& all, int kv_head, int first, int count) {
  const int group = all.heads / all.kv_heads, number = count * group;
  Query queries[MOST_QUERIES];
  for (int q = 0; q < number; ++q) {
    const int64_t token = first + q / group;
    queries[q].query = all.queries + (token * all.heads + kv_head * group + q % group) * all.width;
    queries[q].position = all.start + (int)token;
    queries[q].peak = -1e30f;
    queries[q].sum = 0;
    memset(queries[q].mixed, 0, sizeof(float) * all.width);
  }
  const float* keys = all.keys + (int64_t)kv_head * all.capacity * all.width;
  const float* values = all.values + (int64_t)kv_head * all.capacity * all.width;
  const int end = all.start + first + count;
  for (int key = 0; key < end; key += KEYS) {
    const float *k = keys + (int64_t)key * all.width, *v = values + (int64_t)key * all.width;
    const int there = all.capacity - key < KEYS ? all.capacity - key : KEYS;
    int q = 0;
    for (; q + 4 <= number; q += 4) attend_tile<4>(queries + q, k, v, all.width, key, there);
    for (; q + 2 <= number; q += 2) attend_tile<2>(queries + q, k, v, all.width, key, there);
    for (; q < number; ++q) attend_tile<1>(queries + q, k, v, all.width, key, there);
  }
  for (int q = 0; q < number; ++q) {
    const int64_t token = first + q / group;
    float* mixed = all.mixed + (token * all.heads + kv_head * group + q % group) * all.width;
    const float share = 1.0f / queries[q].sum;
    for (int d = 0; d < all.width; d += 16) store(mixed + d, load<F>(queries[q].mixed + d) * share);
  }
}

}  // namespace

#define NAME_OF(path) #path
#define TEXT(path) NAME_OF(path)
#define TABLE_OF(path) path##_path
#define TABLE(path) TABLE_OF(path)
extern "C" const Path TABLE(PATH) = {TEXT(PATH), quantise, product, row, attend};
