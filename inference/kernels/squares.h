// Products through the processor's matrix unit (AMX): sixteen tokens times sixteen rows in one instruction.
//
// Included by paths.cc in the midst of its namespace. The sums are whole numbers and are scaled in the same order as by
// `multiply`, so that a token has the same bits through either.

constexpr int SLAB = 32;     // groups whose weights lie open at a time: what stays in the nearest cache
constexpr int SQUARES = 8;   // blocks of tokens that use them
constexpr int RING = 4;      // groups whose sums are stored and not yet used: loading them takes some hundred cycles
constexpr int SQUARE = 16;   // tokens

struct alignas(64) TileConfig {  // as the processor reads it; a row's bytes and the rows of each of its eight tiles
  uint8_t palette = 1, start = 0, reserved[14] = {};
  uint16_t bytes[16] = {};
  uint8_t rows[16] = {};
};

// Tiles 0 to 3: sums; 4, 5: activations; 6, 7: weights, four columns of sixteen rows a line; `columns` of them at a time.
constexpr TileConfig config_of(int columns) {
  TileConfig config;
  for (int tile = 0; tile < 8; ++tile) {
    config.bytes[tile] = tile == 4 || tile == 5 ? columns : 64;
    config.rows[tile] = tile < 6 ? SQUARE : columns / 4;
  }
  return config;
}

template <class Tile> struct Open {  // weights as signed bytes, and their factors
  U8 weights[SLAB][8];
  F factor[SLAB][2], least[SLAB];

  INLINE void fill(Open& open, const uint8_t* tile, int groups, int first, int count) {
    for (int g = 0; g < count; ++g) {
      Tile::weights(tile, groups, first + g, 0, open.weights[g]);
      Tile::scales(tile, groups, first + g, 0, open.factor[g], open.least[g]);
      if (Tile::zero)
        for (U8& vector : open.weights[g]) vector -= U8{} + Tile::zero;
    }
    asm volatile("" ::: "memory");  // the matrix unit's loads are nothing that the compiler sees
  }
};

typedef int32_t Square[SQUARE][ROWS];

template <class Tile> INLINE void square(const U8* weights, const int8_t* digits, Square* found) {
  _tile_zero(0);
  _tile_loadd(4, digits, GROUP);
  _tile_loadd(6, weights, 64);
  _tile_dpbssd(0, 4, 6);
  _tile_stored(0, found[0], 64);
  if (Tile::split) {
    _tile_zero(1);
    _tile_loadd(5, digits + GROUP / 2, GROUP);
    _tile_loadd(7, weights + 4, 64);
    _tile_dpbssd(1, 5, 7);
    _tile_stored(1, found[1], 64);
  }
}

template <class Tile>
void add_slab(const Open<Tile>& open, int groups, int first, int count, const Activations& all, Block block, F (*sums)[PARTS]) {
  alignas(64) Square found[RING][Tile::split ? 2 : 1];
  const int64_t begin = (int64_t)block.first * groups + (int64_t)first * SQUARE;
  const int8_t* digits = all.digits + begin * GROUP;
  const float *scale = all.scale + begin, *sum = all.sum + begin;
  F result[SQUARE];
#pragma GCC unroll 16
  for (int t = 0; t < SQUARE; ++t) result[t] = sums[t][0];
  for (int g = 1 - RING; g < count; ++g) {
    const int next = g + RING - 1;
    if (next < count) square<Tile>(open.weights[next], digits + next * SQUARE * GROUP, found[next % RING]);
    if (g < 0) continue;
#pragma GCC unroll 16
    for (int t = 0; t < SQUARE; ++t) {
      F product = to_float(load<I>(found[g % RING][0][t])) * open.factor[g][0];
      if (Tile::split) product = product + to_float(load<I>(found[g % RING][Tile::split][t])) * open.factor[g][1];
      result[t] += product * scale[g * SQUARE + t];
      if (Tile::minimum) result[t] -= open.least[g] * sum[g * SQUARE + t];
    }
  }
#pragma GCC unroll 16
  for (int t = 0; t < SQUARE; ++t) sums[t][0] = result[t];
}

// Gives `done` the blocks of sixteen tokens, which come first; returns how many they were.
template <class Tile, class Done>
int multiply_in_squares(const uint8_t* tile, int groups, const Activations& all, const Block* blocks, int count, Done done) {
  static constexpr TileConfig config = config_of(Tile::split ? GROUP / 2 : GROUP);
  int large = 0;
  while (large < count && blocks[large].tokens == SQUARE) ++large;
  if (!large) return 0;
  _tile_loadconfig(&config);
  Open<Tile> open;
  for (int begin = 0; begin < large; begin += SQUARES) {
    const int end = begin + SQUARES < large ? begin + SQUARES : large;
    F sums[SQUARES][SQUARE][PARTS] = {};
    for (int first = 0; first < groups; first += SLAB) {
      const int wide = groups - first < SLAB ? groups - first : SLAB;
      Open<Tile>::fill(open, tile, groups, first, wide);
      for (int b = begin; b < end; ++b) add_slab<Tile>(open, groups, first, wide, all, blocks[b], sums[b - begin]);
    }
    for (int b = begin; b < end; ++b) done(blocks[b], sums[b - begin]);
  }
  _tile_release();
  return large;
}
