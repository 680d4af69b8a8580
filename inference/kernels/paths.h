// What one instruction set offers: the same functions, compiled several times.
#pragma once

#include <stdint.h>

enum Kind { Q4_K = 0, Q6_K = 1, Q4_1 = 2, Q8_0 = 3 };
enum Prologue { PLAIN = 0, NORM = 1, SWIGLU = 2 };

constexpr int ROWS = 16;      // of a tile, one lane each
constexpr int GROUP = 32;     // columns that share an activation scale
constexpr int MOST_TOKENS = 16;  // that go through a tile together

// Activations in 8 bits. Tokens lie in blocks of 16, 8, 4, 2 or 1; inside a block everything is ordered by group, then token.
struct Activations {
  int8_t* digits;   // [groups][tokens][32]
  float* scale;     // [groups][tokens]: digits * scale is the number
  float* sum;       // [groups][tokens]: scale times the sum of the digits
  int32_t* halves;  // [groups][2][tokens]: the sum of the digits in each half of the group
};

struct Block {
  int first, tokens;
};

struct Attention {
  const float* queries;  // [tokens][heads][width], rotated and scaled
  const float* keys;     // [kv_heads][capacity / 16][width][16]
  const float* values;   // [kv_heads][capacity][width]
  float* mixed;          // [tokens][heads][width]
  int heads, kv_heads, width, capacity, start;
};

struct Path {
  const char* name;
  // Prepare one token of a block: `x` is float32[columns], or [2 * columns] under SWIGLU; `row` is scratch of [columns].
  void (*quantise)(const float* x, const float* gain, float epsilon, int prologue, int columns, const Activations& all,
                   Block block, int token, float* row);
  // y[token][16] = bias + residual + tile * activations, for every token of the blocks; rows beyond `rows` are left out.
  void (*product)(int kind, const uint8_t* tile, int columns, const Activations& all, const Block* blocks, int count,
                  float* y, int64_t stride, int rows, const float* bias, const float* residual);
  // One row of a tile, dequantised.
  void (*row)(int kind, const uint8_t* tile, int columns, int lane, float* y);
  // Queries of one key-value head for tokens [first, first + count), at most 32 queries.
  void (*attend)(const Attention& all, int kv_head, int first, int count);
};

constexpr int MOST_QUERIES = 32;
constexpr int WIDEST_HEAD = 256;

int64_t tile_bytes(int kind, int columns);
