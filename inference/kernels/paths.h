// What one instruction set offers: the same functions, compiled several times.
#pragma once

#include <stdint.h>

enum Kind { Q4_K = 0, Q6_K = 1, Q4_1 = 2, Q8_0 = 3 };
enum Prologue { PLAIN = 0, NORM = 1, SWIGLU = 2, GEGLU = 3 };

constexpr int ROWS = 16;      // of a tile
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

// The cache is a pool of blocks of 32 positions, shared by all conversations; a conversation's table names its blocks in order.
struct Attention {
  const float* queries;    // [rows][heads][width], rotated and scaled
  const uint16_t* keys;    // [blocks][kv_heads][2][width][16], half precision
  const uint16_t* values;  // [blocks][kv_heads][32][width]
  float* mixed;            // [rows][heads][width]
  int heads, kv_heads, width;
  int window;  // positions that a query sees, its own included; 0 for all
};

// One conversation's tokens of a step: rows [row, row + count) at positions start, start + 1, ...
struct Turn {
  const int32_t* table;
  int row, count, start;
};

// A text of an encoder: queries, keys and values side by side, float32[count][3][heads][width]; mixed: float32[count][heads][width].
// bias, or null: what is added to the scores by how far a key lies from the query, float32[heads][DISTANCES], 0 in the middle.
struct Text {
  const float* qkv;
  float* mixed;
  int count, heads, width;
  const float* bias;
};

constexpr int LONGEST_TEXT = 512;
constexpr int DISTANCES = 2 * LONGEST_TEXT;
constexpr int TOGETHER_TEXT = 8;  // queries of a text that are worked on at a time
constexpr int padded_to(int count) { return (count + 31) & ~31; }
constexpr int64_t text_scratch(int count, int width) { return 2 * (int64_t)padded_to(count) * width + TOGETHER_TEXT * (LONGEST_TEXT + 16); }

// A product with weights that have one scale a row: y = residual + f(bias + activations * weights), f gelu or nothing.
// Activations are one or two digits of 8 bits, with one scale a token; the second digit counts 1/254 of the first. Memory for
// the digits holds a multiple of 16 tokens. A tile is 16 rows: float32 scales, then bytes, 128 above their value, four columns
// of each row side by side.
struct Dense {
  int8_t* digits;   // [tokens][planes][columns]
  float* scale;     // [tokens]
  int32_t* excess;  // [tokens][planes]: 128 times the sum of the digits
  int tokens, planes, columns;
  const float *bias, *residual;  // residual may be null
  bool gelu;
  float* y;  // [tokens][rows]
  int64_t rows;
};

constexpr int64_t dense_tile_bytes(int columns) { return 4 * ROWS + (int64_t)columns * ROWS; }

struct Path {
  const char* name;
  // Prepare one token of a block: `x` is float32[columns], or [2 * columns] under SWIGLU and GEGLU; `row` is scratch of [columns].
  void (*quantise)(const float* x, const float* gain, float epsilon, int prologue, int columns, const Activations& all,
                   Block block, int token, float* row);
  // y[token][16] = bias + residual + tile * activations, for every token of the blocks; rows beyond `rows` are left out.
  void (*product)(int kind, const uint8_t* tile, int columns, const Activations& all, const Block* blocks, int count,
                  float* y, int64_t stride, int rows, const float* bias, const float* residual);
  // One row of a tile, dequantised.
  void (*row)(int kind, const uint8_t* tile, int columns, int row, float* y);
  // Queries of one key-value head for the turn's tokens [first, first + count), at most 32 queries.
  void (*attend)(const Attention& all, const Turn& turn, int kv_head, int first, int count);
  // Prepare one token of a dense product; `x` is float32[columns].
  void (*quantise_row)(const float* x, const Dense& all, int token);
  // The rows of `count` tiles, which begin at tile `first`.
  void (*dense)(const Dense& all, const uint8_t* tiles, int first, int count);
  // One head's attention of every token of a text to every other; `scratch` holds text_scratch(count, width) numbers.
  void (*attend_text)(const Text& text, int head, float* scratch);
  // y = (x - mean) / sqrt(variance + epsilon) * gain + bias.
  void (*layer_norm)(const float* x, const float* gain, const float* bias, float epsilon, int columns, float* y);
};

constexpr int POSITIONS = 32;  // of a block of the cache
constexpr int MOST_QUERIES = 32;
constexpr int WIDEST_HEAD = 256;

int64_t tile_bytes(int kind, int columns);
