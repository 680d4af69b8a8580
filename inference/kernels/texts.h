// What an encoder computes: dense products, and attention and norms of whole texts, in which every token sees every other.
//
// Included by paths.cc in the midst of its namespace. A token's result is the same whatever lies behind its text.

void quantise_row(const float* x, const Dense& all, int token) {
  F highest = {};
  for (int i = 0; i < all.columns; i += LANES) {
    const F value = load<F>(x + i);
    highest = maximum(highest, maximum(value, -value));
  }
  const float peak = largest(highest), inverse = peak > 0 ? 127.0f / peak : 0.0f;
  int8_t* digits = all.digits + (int64_t)token * all.planes * all.columns;
  I sums[2] = {};
  for (int i = 0; i < all.columns; i += LANES) {
    const F value = load<F>(x + i) * inverse, high = nearest(value);
    const I first = __builtin_convertvector(high, I);
    store(digits + i, __builtin_convertvector(first, SLanes8));
    sums[0] += first;
    if (all.planes == 1) continue;
    const I second = __builtin_convertvector(nearest((value - high) * 254.0f), I);
    store(digits + all.columns + i, __builtin_convertvector(second, SLanes8));
    sums[1] += second;
  }
  all.scale[token] = peak / 127.0f;
  for (int plane = 0; plane < all.planes; ++plane) all.excess[token * all.planes + plane] = 128 * total_int(sums[plane]);
}

// Sums of both digits, with weights as they lie, to what is written of one token and one part of a tile.
INLINE void finish(const Dense& all, const I* sums, int token, int64_t row, F factor) {
  const int32_t* excess = all.excess + token * all.planes;
  F value = to_float(sums[0] - excess[0]);
  if (all.planes == 2) value += to_float(sums[1] - excess[1]) * (1.0f / 254.0f);
  value = value * (factor * all.scale[token]) + load<F>(all.bias + row);
  if (all.gelu) value = gelu(value);
  const int64_t place = token * all.rows + row;
  if (all.residual) value += load<F>(all.residual + place);
  store(all.y + place, value);
}

#if defined(__AMX_INT8__)
// Thirty-two rows times thirty-two tokens, or sixteen of either: what is loaded is used twice.
template <int TILES, int BLOCKS> INLINE void dense_square(const Dense& all, const uint8_t* tiles, int first, int token) {
  alignas(64) Square found[2][TILES][BLOCKS];
  const int64_t stride = (int64_t)all.planes * all.columns, next_tile = dense_tile_bytes(all.columns);
  for (int plane = 0; plane < all.planes; ++plane) {
    const int8_t* digits = all.digits + token * stride + plane * all.columns;
    const uint8_t* weights = tiles + 4 * ROWS;
    _tile_zero(0);
    if (BLOCKS == 2) _tile_zero(1);
    if (TILES == 2) _tile_zero(2);
    if (TILES == 2 && BLOCKS == 2) _tile_zero(3);
    for (int column = 0; column < all.columns; column += 64, digits += 64, weights += 1024) {
      if (!token && !plane)  // of the next rows, while these are at work
#pragma GCC unroll 32
        for (int line = 0; line < 16 * TILES; ++line)
          __builtin_prefetch(weights + (TILES + line / 16) * next_tile + line % 16 * 64, 0, 2);
      _tile_loadd(4, digits, stride);
      _tile_loadd(6, weights, 64);
      _tile_dpbsud(0, 4, 6);
      if (BLOCKS == 2) {
        _tile_loadd(5, digits + SQUARE * stride, stride);
        _tile_dpbsud(1, 5, 6);
      }
      if (TILES == 2) {
        _tile_loadd(7, weights + next_tile, 64);
        _tile_dpbsud(2, 4, 7);
        if (BLOCKS == 2) _tile_dpbsud(3, 5, 7);
      }
    }
    _tile_stored(0, found[plane][0][0], 64);
    if (BLOCKS == 2) _tile_stored(1, found[plane][0][BLOCKS - 1], 64);
    if (TILES == 2) _tile_stored(2, found[plane][TILES - 1][0], 64);
    if (TILES == 2 && BLOCKS == 2) _tile_stored(3, found[plane][TILES - 1][BLOCKS - 1], 64);
  }
  const int end = all.tokens - token < SQUARE * BLOCKS ? all.tokens - token : SQUARE * BLOCKS;
  for (int tile = 0; tile < TILES; ++tile) {
    const F factor = load<F>(tiles + tile * next_tile);
    for (int t = 0; t < end; ++t) {
      const int block = t / SQUARE, place = t % SQUARE;
      const I sums[2] = {load<I>(found[0][tile][block][place]), load<I>(found[all.planes - 1][tile][block][place])};
      finish(all, sums, token + t, (int64_t)(first + tile) * ROWS, factor);
    }
  }
}

template <int TILES> void dense_tiles(const Dense& all, const uint8_t* tiles, int first) {
  int token = 0;
  for (; all.tokens - token > SQUARE; token += 2 * SQUARE) dense_square<TILES, 2>(all, tiles, first, token);
  if (token < all.tokens) dense_square<TILES, 1>(all, tiles, first, token);
}

void dense(const Dense& all, const uint8_t* tiles, int first, int count) {
  static constexpr TileConfig config = config_of(64);
  _tile_loadconfig(&config);
  const int64_t bytes = dense_tile_bytes(all.columns);
  int tile = 0;
  for (; tile + 2 <= count; tile += 2) dense_tiles<2>(all, tiles + tile * bytes, first + tile);
  if (tile < count) dense_tiles<1>(all, tiles + tile * bytes, first + tile);
  _tile_release();
}
#else
template <int N> INLINE void dense_tokens(const Dense& all, const uint8_t* tile, int first, int token) {
  for (int part = 0; part < PARTS; ++part) {
    I sums[N][2] = {};
    for (int plane = 0; plane < all.planes; ++plane)
      for (int column = 0; column < all.columns; column += GROUP) {
        U8 w[8];
#pragma GCC unroll 8
        for (int j = 0; j < 8; ++j) w[j] = load<U8>(tile + 4 * ROWS + (int64_t)(column / 4 + j) * 64 + part * 4 * LANES);
#pragma GCC unroll 8
        for (int t = 0; t < N; ++t)
          sums[t][plane] += dots<255, 8>(w, all.digits + ((int64_t)(token + t) * all.planes + plane) * all.columns + column);
      }
    const F factor = load<F>(tile + 4 * part * LANES);
    for (int t = 0; t < N; ++t) {
      if (SIGNED_BYTES)  // such a path's sums are those of the values
        for (int plane = 0; plane < all.planes; ++plane) sums[t][plane] += all.excess[(token + t) * all.planes + plane];
      finish(all, sums[t], token + t, (int64_t)first * ROWS + part * LANES, factor);
    }
  }
}

void dense(const Dense& all, const uint8_t* tiles, int first, int count) {
  for (int tile = 0; tile < count; ++tile) {
    const uint8_t* one = tiles + tile * dense_tile_bytes(all.columns);
    int token = 0;
    for (; token + 8 <= all.tokens; token += 8) dense_tokens<8>(all, one, first + tile, token);
    for (; token < all.tokens; ++token) dense_tokens<1>(all, one, first + tile, token);
  }
}
#endif

constexpr int KEYS_SCORED = 2 * LANES;         // at a time
constexpr int SHARES = LONGEST_TEXT + 16;      // from one query's shares to the next one's, which shall not lie on a power of two

// Scores of N queries against all keys. queries: [width][N]; keys: [width][padded]; shares: [N][SHARES].
template <int N> INLINE void score(const float* queries, const float* keys, int padded, int width, float* shares) {
  for (int key = 0; key < padded; key += KEYS_SCORED) {
    F sums[N][2] = {};
    for (int d = 0; d < width; ++d) {
      const F one = load<F>(keys + (int64_t)d * padded + key), other = load<F>(keys + (int64_t)d * padded + key + LANES);
#pragma GCC unroll 8
      for (int q = 0; q < N; ++q) {
        sums[q][0] += queries[d * N + q] * one;
        sums[q][1] += queries[d * N + q] * other;
      }
    }
#pragma GCC unroll 8
    for (int q = 0; q < N; ++q) {
      store(shares + q * SHARES + key, sums[q][0]);
      store(shares + q * SHARES + key + LANES, sums[q][1]);
    }
  }
}

// Scores become shares, not yet divided by their sum, which is returned.
INLINE float soften(float* shares, int count, int padded) {
  I lanes;
  for (int lane = 0; lane < LANES; ++lane) lanes[lane] = lane;
  const F never = splat(-1e30f), none = {};
  F highest = never;
  for (int key = 0; key < padded; key += LANES) {
    const F value = lanes + key < splat_int(count) ? load<F>(shares + key) : never;
    highest = maximum(highest, value);
  }
  const float peak = largest(highest);
  F sum = {};
  for (int key = 0; key < padded; key += LANES) {
    const F share = lanes + key < splat_int(count) ? exponential(load<F>(shares + key) - peak) : none;
    store(shares + key, share);
    sum += share;
  }
  return total(sum);
}

template <int N>
INLINE void attend_queries(const Text& text, int head, int first, const float* keys, const float* values, float* shares) {
  const int row = 3 * text.heads * text.width, padded = padded_to(text.count);
  const float scale = 1.0f / __builtin_sqrtf(text.width);
  float queries[WIDEST_HEAD * N], sums[N];
  for (int q = 0; q < N; ++q)
    for (int d = 0; d < text.width; ++d)
      queries[d * N + q] = text.qkv[(int64_t)(first + q) * row + head * text.width + d] * scale;
  score<N>(queries, keys, padded, text.width, shares);
  if (text.bias)
    for (int q = 0; q < N; ++q) {
      const float* bias = text.bias + (int64_t)head * DISTANCES + LONGEST_TEXT - (first + q);
      for (int key = 0; key < padded; key += LANES)
        store(shares + q * SHARES + key, load<F>(shares + q * SHARES + key) + load<F>(bias + key));
    }
  for (int q = 0; q < N; ++q) sums[q] = soften(shares + q * SHARES, text.count, padded);
  for (int at = 0; at < text.width; at += 2 * LANES) {
    const bool both = at + LANES < text.width;
    F mixed[N][2] = {};
    for (int key = 0; key < text.count; ++key) {
      const float* value = values + (int64_t)key * text.width + at;
      const F one = load<F>(value), other = load<F>(value + (both ? LANES : 0));
#pragma GCC unroll 8
      for (int q = 0; q < N; ++q) {
        mixed[q][0] += shares[q * SHARES + key] * one;
        mixed[q][1] += shares[q * SHARES + key] * other;
      }
    }
    for (int q = 0; q < N; ++q) {
      float* to = text.mixed + ((int64_t)(first + q) * text.heads + head) * text.width + at;
      store(to, mixed[q][0] * (1.0f / sums[q]));
      if (both) store(to + LANES, mixed[q][1] * (1.0f / sums[q]));
    }
  }
}

// As many rows' numbers at one place as there are lanes; those beyond `count` are zero.
INLINE F column(const float* from, int row, int count) {
#if defined(__AVX512F__)
  const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __mmask16 real = count >= LANES ? 0xffff : count > 0 ? (1 << count) - 1 : 0;
  return (F)_mm512_mask_i32gather_ps(_mm512_setzero_ps(), real, _mm512_mullo_epi32(lanes, _mm512_set1_epi32(row)), from, 4);
#else
  F found = {};
  for (int lane = 0; lane < LANES && lane < count; ++lane) found[lane] = from[lane * row];
  return found;
#endif
}

void attend_text(const Text& text, int head, float* scratch) {
  const int padded = padded_to(text.count), row = 3 * text.heads * text.width;
  float *keys = scratch, *values = keys + (int64_t)padded * text.width, *shares = values + (int64_t)padded * text.width;
  const float* own = text.qkv + (text.heads + head) * text.width;
  for (int key = 0; key < padded; key += LANES)
    for (int d = 0; d < text.width; ++d)
      store(keys + (int64_t)d * padded + key, column(own + (int64_t)key * row + d, row, text.count - key));
  for (int key = 0; key < text.count; ++key)  // side by side: in their rows they would fall on each other in the cache
    memcpy(values + (int64_t)key * text.width, own + (int64_t)key * row + text.heads * text.width, sizeof(float) * text.width);
  int query = 0;
  for (; query + TOGETHER_TEXT <= text.count; query += TOGETHER_TEXT)
    attend_queries<TOGETHER_TEXT>(text, head, query, keys, values, shares);
  for (; query + 2 <= text.count; query += 2) attend_queries<2>(text, head, query, keys, values, shares);
  for (; query < text.count; ++query) attend_queries<1>(text, head, query, keys, values, shares);
}

void layer_norm(const float* x, const float* gain, const float* bias, float epsilon, int columns, float* y) {
  F sum = {}, squares = {};
  for (int i = 0; i < columns; i += LANES) sum += load<F>(x + i);
  const float mean = total(sum) / columns;
  for (int i = 0; i < columns; i += LANES) {
    const F centred = load<F>(x + i) - mean;
    squares += centred * centred;
  }
  const float factor = 1.0f / __builtin_sqrtf(total(squares) / columns + epsilon);
  for (int i = 0; i < columns; i += LANES)
    store(y + i, (load<F>(x + i) - mean) * factor * load<F>(gain + i) + load<F>(bias + i));
}
