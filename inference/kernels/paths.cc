// The arithmetic, compiled once for each instruction set: -DPATH=avx512 and so on names the table that it fills.
//
// A token's result never depends on what else is in its batch: every instantiation adds the same terms in the same order,
// so that a prompt gives the same bits however it is cut into chunks.
#include "paths.h"

#include "vectors.h"

namespace {

// --- how each kind of tile stores its weights -------------------------------------------------------------------------
// Sixteen rows lie together, as many parts of LANES rows as the processor's vectors need. A group of 32 columns is eight
// vectors of 4 columns x 16 rows; where weights have four bits, the low half of byte vector j is columns 4j.., the high half
// columns 16 + 4j...

constexpr int PARTS = ROWS / LANES;

INLINE void open_nibbles(const uint8_t* from, U8* weights) {
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const U8 both = load<U8>(from + 64 * j);
    weights[j] = masked(both, 15);
    weights[4 + j] = shift_right<4>(both, 15);
  }
}

struct TileQ4K {  // a super-block: 16 scales and 16 minima in half precision, 8 x (16 + 16) bytes of factors, nibbles
  static constexpr bool minimum = true, split = false;
  static constexpr int zero = 0, most = 15, lines = 4;
  static constexpr int super = 64 + 256 + 2048;
  INLINE const uint8_t* quants(const uint8_t* tile, int, int g) { return tile + (g >> 3) * super + 320 + (g & 7) * 256; }
  INLINE void weights(const uint8_t* tile, int groups, int g, int part, U8* w) {
    open_nibbles(quants(tile, groups, g) + part * 4 * LANES, w);
  }
  INLINE void scales(const uint8_t* tile, int, int g, int part, F* scale, F& least) {
    const uint8_t* block = tile + (g >> 3) * super;
    const uint8_t* factors = block + 64 + (g & 7) * 32 + part * LANES;
    scale[0] = load_half(block + part * 2 * LANES) * widen(factors);
    least = load_half(block + 32 + part * 2 * LANES) * widen(factors + 16);
  }
};

struct TileQ6K {  // a super-block: 16 scales in half precision, 16 x 16 signed factors, then low nibbles and high pairs of bits
  static constexpr bool minimum = false, split = true;
  static constexpr int zero = 32, most = 63, lines = 6;
  static constexpr int super = 64 + 256 + 8 * 384;
  INLINE const uint8_t* quants(const uint8_t* tile, int, int g) { return tile + (g >> 3) * super + 320 + (g & 7) * 384; }
  INLINE void weights(const uint8_t* tile, int groups, int g, int part, U8* w) {
    const uint8_t* from = quants(tile, groups, g) + part * 4 * LANES;
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
  INLINE void scales(const uint8_t* tile, int, int g, int part, F* scale, F&) {
    const uint8_t* block = tile + (g >> 3) * super;
    const F whole = load_half(block + part * 2 * LANES);
    const uint8_t* factors = block + 64 + (g & 7) * 32 + part * LANES;
    scale[0] = whole * widen_signed(factors);
    scale[1] = whole * widen_signed(factors + 16);
  }
};

struct TileQ41 {  // a group: 16 scales and 16 minima (subtracted) in half precision, nibbles
  static constexpr bool minimum = true, split = false;
  static constexpr int zero = 0, most = 15, lines = 5;
  INLINE const uint8_t* quants(const uint8_t* tile, int, int g) { return tile + g * 320 + 64; }
  INLINE void weights(const uint8_t* tile, int groups, int g, int part, U8* w) {
    open_nibbles(quants(tile, groups, g) + part * 4 * LANES, w);
  }
  INLINE void scales(const uint8_t* tile, int, int g, int part, F* scale, F& least) {
    scale[0] = load_half(tile + g * 320 + part * 2 * LANES);
    least = load_half(tile + g * 320 + 32 + part * 2 * LANES);
  }
};

struct TileQ80 {  // 16 scales in half precision for each group, filled to 64 bytes; then bytes, 128 above their value
  static constexpr bool minimum = false, split = false;
  static constexpr int zero = 128, most = 255, lines = 8;
  INLINE const uint8_t* quants(const uint8_t* tile, int groups, int g) {
    return tile + ((groups * 32 + 63) & ~63) + (int64_t)g * 512;
  }
  INLINE void weights(const uint8_t* tile, int groups, int g, int part, U8* w) {
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) w[j] = load<U8>(quants(tile, groups, g) + 64 * j + part * 4 * LANES);
  }
  INLINE void scales(const uint8_t* tile, int, int g, int part, F* scale, F&) {
    scale[0] = load_half(tile + g * 32 + part * 2 * LANES);
  }
};

// --- products ---------------------------------------------------------------------------------------------------------

constexpr int AHEAD = 4096;  // bytes: what one core has to ask for before it needs it, where a single token streams weights

// Tokens are counted by N where the compiler shall keep all their sums in registers, else (N = 0) by the block.
template <class Tile, int N> void multiply(const uint8_t* tile, int groups, const Activations& all, Block block, F (*y)[PARTS]) {
  constexpr int zero = Tile::most > 127 && SIGNED_BYTES ? 0 : Tile::zero;
  const int n = N ? N : block.tokens, first = block.first;
  const int8_t* digits = all.digits + (int64_t)first * groups * GROUP;
  const float* scale = all.scale + (int64_t)first * groups;
  const float* sum = all.sum + (int64_t)first * groups;
  const int32_t* halves = all.halves + (int64_t)first * groups * 2;
  F result[N ? N : MOST_TOKENS][PARTS] = {};
  for (int g = 0; g < groups; ++g) {
    if (N == 1) {
      const uint8_t* ahead = Tile::quants(tile, groups, g) + AHEAD;
#pragma GCC unroll 8
      for (int line = 0; line < Tile::lines; ++line) __builtin_prefetch(ahead + 64 * line);
    }
#pragma GCC unroll 4
    for (int part = 0; part < PARTS; ++part) {
      U8 w[8];
      F factor[2], least = {};
      Tile::weights(tile, groups, g, part, w);
      Tile::scales(tile, groups, g, part, factor, least);
#pragma GCC unroll 16
      for (int t = 0; t < n; ++t) {
        F product;
        const int8_t* a = digits + t * GROUP;
        if (Tile::split) {
          const I left = dots<Tile::most, 4>(w, a), right = dots<Tile::most, 4>(w + 4, a + 16);
          product = to_float(left - zero * halves[t]) * factor[0] + to_float(right - zero * halves[n + t]) * factor[1];
        } else {
          I whole = dots<Tile::most, 8>(w, a);
          if (zero) whole -= zero * (halves[t] + halves[n + t]);
          product = to_float(whole) * factor[0];
        }
        result[t][part] += product * scale[t];
        if (Tile::minimum) result[t][part] -= least * sum[t];
      }
    }
    digits += n * GROUP;
    scale += n;
    sum += n;
    halves += 2 * n;
  }
  for (int t = 0; t < n; ++t)
    for (int part = 0; part < PARTS; ++part) y[t][part] = result[t][part];
}

#if defined(__AMX_INT8__)
#include "squares.h"
#endif

template <class Tile>
void multiply_block(const uint8_t* tile, int groups, const Activations& all, Block block, F (*y)[PARTS]) {
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

// What is written of a product: sixteen rows, or fewer at a matrix's end.
struct Written {
  float* y;
  int64_t stride;
  int rows;
  const float *bias, *residual;
};

void write(const Written& to, Block block, const F (*found)[PARTS]) {
  for (int t = 0; t < block.tokens; ++t) {
    const int64_t place = (block.first + t) * to.stride;
    for (int part = 0; part < PARTS; ++part) {
      const int first = part * LANES;
      if (first + LANES <= to.rows) {
        F value = found[t][part];
        if (to.bias) value += load<F>(to.bias + first);
        if (to.residual) value += load<F>(to.residual + place + first);
        store(to.y + place + first, value);
      } else {
        for (int row = first; row < to.rows; ++row)
          to.y[place + row] =
              found[t][part][row - first] + (to.bias ? to.bias[row] : 0) + (to.residual ? to.residual[place + row] : 0);
      }
    }
  }
}

template <class Tile>
void multiply_all(const uint8_t* tile, int groups, const Activations& all, const Block* blocks, int count, const Written& to) {
#if defined(__AMX_INT8__)
  const int done = multiply_in_squares<Tile>(tile, groups, all, blocks, count, [&](Block block, const F (*found)[PARTS]) {
    write(to, block, found);
  });
  blocks += done, count -= done;
#endif
  for (int b = 0; b < count; ++b) {
    F found[MOST_TOKENS][PARTS];
    multiply_block<Tile>(tile, groups, all, blocks[b], found);
    write(to, blocks[b], found);
  }
}

void product(int kind, const uint8_t* tile, int columns, const Activations& all, const Block* blocks, int count, float* y,
             int64_t stride, int rows, const float* bias, const float* residual) {
  const Written to = {y, stride, rows, bias, residual};
  const int groups = columns / GROUP;
  switch (kind) {
    case Q4_K: return multiply_all<TileQ4K>(tile, groups, all, blocks, count, to);
    case Q6_K: return multiply_all<TileQ6K>(tile, groups, all, blocks, count, to);
    case Q4_1: return multiply_all<TileQ41>(tile, groups, all, blocks, count, to);
    default: return multiply_all<TileQ80>(tile, groups, all, blocks, count, to);
  }
}

template <class Tile> void one_row(const uint8_t* tile, int groups, int row, float* y) {
  const int part = row / LANES, lane = row % LANES;
  for (int g = 0; g < groups; ++g) {
    U8 w[8];
    F factor[2], least = {};
    Tile::weights(tile, groups, g, part, w);
    Tile::scales(tile, groups, g, part, factor, least);
    for (int column = 0; column < GROUP; ++column) {
      const int digit = (int)w[column / 4][4 * lane + column % 4] - Tile::zero;
      y[g * GROUP + column] = digit * factor[Tile::split ? column / 16 : 0][lane] - least[lane];
    }
  }
}

void row(int kind, const uint8_t* tile, int columns, int row, float* y) {
  const int groups = columns / GROUP;
  switch (kind) {
    case Q4_K: return one_row<TileQ4K>(tile, groups, row, y);
    case Q6_K: return one_row<TileQ6K>(tile, groups, row, y);
    case Q4_1: return one_row<TileQ41>(tile, groups, row, y);
    default: return one_row<TileQ80>(tile, groups, row, y);
  }
}

// --- activations ------------------------------------------------------------------------------------------------------

void quantise(const float* x, const float* gain, float epsilon, int prologue, int columns, const Activations& all,
              Block block, int token, float* row) {
  if (prologue == SWIGLU) {
    for (int i = 0; i < columns; i += LANES) {
      const F gate = load<F>(x + i);
      store(row + i, gate / (exponential(-gate) + 1.0f) * load<F>(x + columns + i));
    }
    x = row;
  } else if (prologue == GEGLU) {
    for (int i = 0; i < columns; i += LANES) {
      // gelu by tanh (arXiv:1606.08415) is gate * sigmoid(2 * sqrt(2 / pi) * (gate + 0.044715 * gate^3))
      const F gate = load<F>(x + i), inner = 1.5957691216f * (gate + 0.044715f * gate * gate * gate);
      store(row + i, gate / (exponential(-inner) + 1.0f) * load<F>(x + columns + i));
    }
    x = row;
  } else if (prologue == NORM) {
    F squares = {};
    for (int i = 0; i < columns; i += LANES) squares += load<F>(x + i) * load<F>(x + i);
    const float factor = 1.0f / __builtin_sqrtf(total(squares) / columns + epsilon);
    for (int i = 0; i < columns; i += LANES) store(row + i, load<F>(x + i) * factor * load<F>(gain + i));
    x = row;
  }
  const int groups = columns / GROUP, n = block.tokens, t = token - block.first;
  const int64_t begin = (int64_t)block.first * groups;
  for (int g = 0; g < groups; ++g) {
    F highest = {};
    for (int i = 0; i < GROUP; i += LANES) {
      const F value = load<F>(x + g * GROUP + i);
      highest = maximum(highest, maximum(value, -value));
    }
    const float peak = largest(highest), inverse = peak > 0 ? 127.0f / peak : 0.0f, scale = peak / 127.0f;
    int8_t* digits = all.digits + (begin + (int64_t)g * n + t) * GROUP;
    I sums[2] = {};
    for (int i = 0; i < GROUP; i += LANES) {
      const I digit = __builtin_convertvector(nearest(load<F>(x + g * GROUP + i) * inverse), I);
      store(digits + i, __builtin_convertvector(digit, SLanes8));
      sums[i / 16] += digit;
    }
    const int32_t of_half[2] = {total_int(sums[0]), total_int(sums[1])};
    all.halves[(begin + (int64_t)g * n) * 2 + t] = of_half[0];
    all.halves[(begin + (int64_t)g * n) * 2 + n + t] = of_half[1];
    all.scale[begin + (int64_t)g * n + t] = scale;
    all.sum[begin + (int64_t)g * n + t] = scale * (of_half[0] + of_half[1]);
  }
}

// --- attention: a softmax that runs over 32 keys at a time (arXiv:2205.14135) --------------------------------------------

constexpr int KEYS = POSITIONS;

struct Query {
  const float* query;
  int position;
  float peak, sum;
  float mixed[WIDEST_HEAD] __attribute__((aligned(64)));
};

template <int N, int J> INLINE void mix(Query* queries, const float (*shares)[KEYS], const uint16_t* values, int width, int at) {
  F sums[N][J];
#pragma GCC unroll 4
  for (int q = 0; q < N; ++q)
#pragma GCC unroll 4
    for (int j = 0; j < J; ++j) sums[q][j] = load<F>(queries[q].mixed + at + LANES * j);
  for (int key = 0; key < KEYS; ++key) {
#pragma GCC unroll 4
    for (int j = 0; j < J; ++j) {
      const F value = load_half(values + (int64_t)key * width + at + LANES * j);
#pragma GCC unroll 4
      for (int q = 0; q < N; ++q) sums[q][j] += shares[q][key] * value;
    }
  }
#pragma GCC unroll 4
  for (int q = 0; q < N; ++q)
#pragma GCC unroll 4
    for (int j = 0; j < J; ++j) store(queries[q].mixed + at + LANES * j, sums[q][j]);
}

constexpr int VECTORS = KEYS / LANES;
constexpr int TOGETHER = LANES == 16 ? 4 : 2;  // queries whose scores stay in registers

// One block of the cache, which begins at position `first`.
template <int N, bool WINDOWED>
void attend_tile(Query* queries, const uint16_t* keys, const uint16_t* values, int width, int first, int window) {
  F scores[N][VECTORS] = {};
  for (int d = 0; d < width; ++d) {
#pragma GCC unroll 8
    for (int v = 0; v < VECTORS; ++v) {
      const F key = load_half(keys + (v * LANES / 16 * width + d) * 16 + v * LANES % 16);
#pragma GCC unroll 4
      for (int q = 0; q < N; ++q) scores[q][v] += queries[q].query[d] * key;
    }
  }
  I lanes;
  for (int lane = 0; lane < LANES; ++lane) lanes[lane] = lane;
  float shares[N][KEYS] __attribute__((aligned(64)));
#pragma GCC unroll 4
  for (int q = 0; q < N; ++q) {
    const I seen = splat_int(queries[q].position - first);
    const I gone = splat_int(queries[q].position - first - window);
    const F never = splat(-1e30f), none = {};
    F highest = never;
    for (int v = 0; v < VECTORS; ++v) {
      const I at = lanes + v * LANES;
      scores[q][v] = (WINDOWED ? (at <= seen) & (at > gone) : at <= seen) ? scores[q][v] : never;
      highest = maximum(highest, scores[q][v]);
    }
    const float here = largest(highest);
    const float peak = here > queries[q].peak ? here : queries[q].peak;
    if (peak != queries[q].peak) {
      const float fade = exponential(splat(queries[q].peak - peak))[0];
      queries[q].sum *= fade;
      for (int d = 0; d < width; d += LANES) store(queries[q].mixed + d, load<F>(queries[q].mixed + d) * fade);
      queries[q].peak = peak;
    }
    F sum = {};
    for (int v = 0; v < VECTORS; ++v) {
      // beyond the query's position or window: e^(-87) of anything would still count, so nothing is added at all
      const I at = lanes + v * LANES;
      const F share = (WINDOWED ? (at <= seen) & (at > gone) : at <= seen) ? exponential(scores[q][v] - peak) : none;
      sum += share;
      store(shares[q] + v * LANES, share);
    }
    queries[q].sum += total(sum);
  }
  int at = 0;
  for (; at + 4 * LANES <= width; at += 4 * LANES) mix<N, 4>(queries, shares, values, width, at);
  for (; at < width; at += LANES) mix<N, 1>(queries, shares, values, width, at);
}

template <bool WINDOWED>
void attend_block(Query* queries, int number, const uint16_t* k, const uint16_t* v, int width, int first, int window) {
  int q = 0;
  for (; q + TOGETHER <= number; q += TOGETHER) attend_tile<TOGETHER, WINDOWED>(queries + q, k, v, width, first, window);
  for (; q + 2 <= number; q += 2) attend_tile<2, WINDOWED>(queries + q, k, v, width, first, window);
  for (; q < number; ++q) attend_tile<1, WINDOWED>(queries + q, k, v, width, first, window);
}

INLINE int most(int one, int other) { return one > other ? one : other; }

void attend(const Attention& all, const Turn& turn, int kv_head, int first, int count) {
  const int group = all.heads / all.kv_heads, number = count * group;
  Query queries[MOST_QUERIES];
  for (int q = 0; q < number; ++q) {
    const int token = first + q / group;
    queries[q].query = all.queries + ((int64_t)(turn.row + token) * all.heads + kv_head * group + q % group) * all.width;
    queries[q].position = turn.start + token;
    queries[q].peak = -1e30f;
    queries[q].sum = 0;
    memset(queries[q].mixed, 0, sizeof(float) * all.width);
  }
  const int end = turn.start + first + count;
  const int begin = all.window ? most(turn.start + first - all.window + 1, 0) / KEYS * KEYS : 0;
  for (int key = begin; key < end; key += KEYS) {
    const int64_t place = ((int64_t)turn.table[key / KEYS] * all.kv_heads + kv_head) * KEYS * all.width;
    const uint16_t *k = all.keys + place, *v = all.values + place;
    if (all.window)
      attend_block<true>(queries, number, k, v, all.width, key, all.window);
    else
      attend_block<false>(queries, number, k, v, all.width, key, 0);
  }
  for (int q = 0; q < number; ++q) {
    const int64_t row = turn.row + first + q / group;
    float* mixed = all.mixed + (row * all.heads + kv_head * group + q % group) * all.width;
    const float share = 1.0f / queries[q].sum;
    for (int d = 0; d < all.width; d += LANES) store(mixed + d, load<F>(queries[q].mixed + d) * share);
  }
}

#include "texts.h"

}  // namespace

#define NAME_OF(path) #path
#define TEXT(path) NAME_OF(path)
#define TABLE_OF(path) path##_path
#define TABLE(path) TABLE_OF(path)
extern "C" const Path TABLE(PATH) = {TEXT(PATH), quantise, product, row, attend, quantise_row, dense, attend_text, layer_norm};
