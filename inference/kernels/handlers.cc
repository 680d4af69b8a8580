// What JAX calls: quantised products, rows of a quantised matrix, and attention over the cache, as XLA FFI handlers.
//
// The instruction set is chosen once, from what the processor says it has; `countersign_use_path` overrides it for tests.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "paths.h"
#include "team.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

extern "C" const Path portable_path;
#if defined(__x86_64__)
extern "C" const Path avx2_path;
extern "C" const Path avx512_path;
#endif

int64_t tile_bytes(int kind, int columns) {
  const int64_t groups = columns / GROUP;
  switch (kind) {
    case Q4_K: return columns / 256 * 2368;
    case Q6_K: return columns / 256 * 3392;
    case Q4_1: return groups * 320;
    default: return ((groups * 32 + 63) & ~63) + groups * 512;
  }
}

namespace {

// Best first.
std::vector<const Path*> usable_paths() {
  std::vector<const Path*> found;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni"))
    found.push_back(&avx512_path);
  if (avx2) found.push_back(&avx2_path);
#endif
  found.push_back(&portable_path);
  return found;
}

std::atomic<const Path*> chosen{nullptr};

const Path& path() {
  if (!chosen.load()) chosen.store(usable_paths().front());
  return *chosen.load();
}

// The team lives as long as the process: threads that end while the interpreter does would crash it.
std::unique_ptr<Team>& team_holder() {
  static auto* holder = new std::unique_ptr<Team>(new Team(std::max(1u, std::thread::hardware_concurrency())));
  return *holder;
}

// Scratch memory that grows and is kept; guarded by the team's mutex.
template <class T> struct Scratch {
  T* of(size_t count) {
    if (count > held_) {
      memory_.reset(static_cast<T*>(std::aligned_alloc(64, (count * sizeof(T) + 63) & ~size_t{63})));
      held_ = count;
    }
    return memory_.get();
  }

 private:
  struct Free {
    void operator()(T* memory) const { std::free(memory); }
  };
  std::unique_ptr<T, Free> memory_;
  size_t held_ = 0;
};

ffi::Error wrong(const std::string& what) { return ffi::Error::InvalidArgument("countersign kernel: " + what); }

std::vector<Block> blocks_of(int tokens) {
  std::vector<Block> blocks;
  for (int size = MOST_TOKENS, first = 0; first < tokens; size /= 2)
    for (; tokens - first >= size; first += size) blocks.push_back({first, size});
  return blocks;
}

ffi::Error product(ffi::Buffer<ffi::F32> x, ffi::Buffer<ffi::U8> tiles, ffi::Buffer<ffi::F32> gain,
                   ffi::Buffer<ffi::F32> bias, ffi::Buffer<ffi::F32> residual, ffi::ResultBuffer<ffi::F32> y,
                   int64_t kind, int64_t prologue, float epsilon) {
  const auto in = x.dimensions(), out = y->dimensions(), stored = tiles.dimensions();
  if (in.size() != 2 || out.size() != 2 || stored.size() != 2 || in[0] != out[0]) return wrong("shapes do not fit");
  const int tokens = in[0], width = in[1], columns = prologue == SWIGLU ? width / 2 : width, rows = out[1];
  if (columns % GROUP || stored[1] != tile_bytes(kind, columns) || stored[0] != (rows + ROWS - 1) / ROWS)
    return wrong("the tiles are not those of this shape");
  if (prologue == NORM && gain.element_count() != static_cast<size_t>(columns)) return wrong("the norm's gain has another width");
  if (bias.element_count() && bias.element_count() != static_cast<size_t>(rows)) return wrong("the bias has another length");
  const bool adds = residual.element_count() > 0;
  if (adds && residual.element_count() != y->element_count()) return wrong("the residual has another shape");

  static auto* digits = new Scratch<int8_t>;
  static auto* scale = new Scratch<float>;
  static auto* sum = new Scratch<float>;
  static auto* halves = new Scratch<int32_t>;
  static auto* scratch_rows = new Scratch<float>;
  Team& team = *team_holder();
  const std::lock_guard<std::mutex> lock(team.mutex());
  const size_t groups = columns / GROUP;
  const Activations all{digits->of(size_t(tokens) * columns), scale->of(tokens * groups), sum->of(tokens * groups),
                        halves->of(2 * tokens * groups)};
  float* row = scratch_rows->of(size_t(team.size()) * columns);
  const Path& with = path();
  const std::vector<Block> blocks = blocks_of(tokens);
  team.run(blocks.size(), [&](int index, int worker) {
    for (int token = blocks[index].first; token < blocks[index].first + blocks[index].tokens; ++token)
      with.quantise(x.typed_data() + size_t(token) * width, gain.typed_data(), epsilon, prologue, columns, all, blocks[index],
                    token, row + size_t(worker) * columns);
  });
  // A piece is one run of memory, long enough for the processor to read ahead in it, and small enough that the threads end
  // together: at least eight pieces for each.
  const int64_t bytes = stored[1], run = std::max<int64_t>(1, 131072 / (bytes * std::min(tokens, 4)));
  const int64_t fair = std::max<int64_t>(1, stored[0] / (8 * team.size()));
  const int together = std::max<int64_t>(stored[0] / Team::most_pieces + 1, std::min(run, fair));
  const int pieces = (stored[0] + together - 1) / together;
  team.run(pieces, [&](int index, int) {
    for (int64_t tile = int64_t(index) * together; tile < std::min<int64_t>(stored[0], int64_t(index + 1) * together); ++tile) {
      const int64_t first = tile * ROWS;
      with.product(kind, tiles.typed_data() + tile * bytes, columns, all, blocks.data(), blocks.size(),
                   y->typed_data() + first, rows, std::min<int64_t>(ROWS, rows - first),
                   bias.element_count() ? bias.typed_data() + first : nullptr,
                   adds ? residual.typed_data() + first : nullptr);
    }
  });
  return ffi::Error::Success();
}

ffi::Error rows(ffi::Buffer<ffi::S32> tokens, ffi::Buffer<ffi::U8> tiles, ffi::ResultBuffer<ffi::F32> y, int64_t kind) {
  const int columns = y->dimensions()[1];
  const int64_t bytes = tile_bytes(kind, columns);
  if (columns % GROUP || tiles.dimensions()[1] != bytes) return wrong("the tiles are not those of this shape");
  for (size_t place = 0; place < tokens.element_count(); ++place) {
    const int64_t token = tokens.typed_data()[place];
    if (token < 0 || token / ROWS >= tiles.dimensions()[0]) return wrong("a token is not in the vocabulary");
    path().row(kind, tiles.typed_data() + token / ROWS * bytes, columns, token % ROWS, y->typed_data() + place * columns);
  }
  return ffi::Error::Success();
}

// Cosine and sine of every position's rotation, kept for the model's shape.
struct Rotations {
  double base = 0;
  int half = 0, positions = 0;
  std::vector<float> cosines, sines;

  void reach(double wanted_base, int wanted_half, int wanted) {
    if (wanted_base == base && wanted_half == half && wanted <= positions) return;
    base = wanted_base, half = wanted_half, positions = std::max(wanted, 1024);
    cosines.resize(size_t(positions) * half), sines.resize(size_t(positions) * half);
    for (int i = 0; i < half; ++i) {
      const double frequency = std::pow(base, -double(i) / half);
      for (int position = 0; position < positions; ++position) {
        cosines[size_t(position) * half + i] = std::cos(position * frequency);
        sines[size_t(position) * half + i] = std::sin(position * frequency);
      }
    }
  }
};

// Nearest half-precision number, ties to even; what is too large becomes infinite.
uint16_t to_half(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const uint32_t sign = bits >> 16 & 0x8000;
  bits &= 0x7fffffff;
  if (bits >= 0x47800000) return sign | (bits > 0x7f800000 ? 0x7e00 : 0x7c00);
  if (bits < 0x38800000) {  // below 2^-14: the sum's last bits are the half's
    float size;
    std::memcpy(&size, &bits, 4);
    size += 0.5f;
    std::memcpy(&bits, &size, 4);
    return sign | (bits - 0x3f000000);
  }
  bits += 0xfff + (bits >> 13 & 1);
  return sign | (bits - 0x38000000) >> 13;
}

ffi::Error attention(ffi::Buffer<ffi::F32> qkv, ffi::Buffer<ffi::S32> starts, ffi::Buffer<ffi::S32> counts,
                     ffi::Buffer<ffi::S32> tables, ffi::Buffer<ffi::F16> keys, ffi::Buffer<ffi::F16> values,
                     ffi::ResultBuffer<ffi::F32> mixed, ffi::ResultBuffer<ffi::F16> new_keys,
                     ffi::ResultBuffer<ffi::F16> new_values, int64_t layer, int64_t heads, float base) {
  const auto shape = keys.dimensions();  // [layers, blocks, kv_heads, 32, width]
  if (shape.size() != 5 || shape[3] != POSITIONS || layer < 0 || layer >= shape[0]) return wrong("the cache has another shape");
  const int pool = shape[1], kv_heads = shape[2], width = shape[4], half = width / 2, group = heads / kv_heads;
  const int turns = starts.element_count(), rows = qkv.dimensions()[0], length = rows / std::max(1, turns);
  if (width % 16 || width > WIDEST_HEAD || heads % kv_heads || group > MOST_QUERIES ||
      qkv.dimensions()[1] != (heads + 2 * kv_heads) * width)
    return wrong("attention of this shape is not implemented");
  if (rows != turns * length || static_cast<int>(counts.element_count()) != turns || tables.dimensions()[0] != turns)
    return wrong("the turns of this step do not fit");
  if (new_keys->untyped_data() != keys.untyped_data() || new_values->untyped_data() != values.untyped_data())
    return wrong("the cache was not given to be written in place");

  const int places = tables.dimensions()[1];
  std::vector<Turn> all_turns(turns);
  int furthest = 0;
  for (int turn = 0; turn < turns; ++turn) {
    const int start = starts.typed_data()[turn], count = counts.typed_data()[turn], end = start + count;
    const int32_t* table = tables.typed_data() + int64_t(turn) * places;
    if (start < 0 || count < 0 || count > length || end > places * POSITIONS) return wrong("the tokens do not fit into the cache");
    for (int place = 0; place * POSITIONS < end; ++place)
      if (table[place] < 0 || table[place] >= pool) return wrong("a table names a block that is not there");
    all_turns[turn] = {table, turn * length, count, start};
    furthest = std::max(furthest, end);
  }

  static auto* rotated = new Scratch<float>;
  static auto* rotations = new Rotations;
  Team& team = *team_holder();
  const std::lock_guard<std::mutex> lock(team.mutex());
  rotations->reach(base, half, furthest);
  float* queries = rotated->of(size_t(rows) * heads * width);
  const float scale = 1.0f / std::sqrt(float(width));
  const size_t head_size = size_t(POSITIONS) * width, before = size_t(layer) * pool * kv_heads * head_size;
  uint16_t* key_cache = static_cast<uint16_t*>(new_keys->untyped_data()) + before;
  uint16_t* value_cache = static_cast<uint16_t*>(new_values->untyped_data()) + before;
  team.run((rows + 7) / 8, [&](int index, int) {
    for (int place = index * 8; place < std::min(rows, index * 8 + 8); ++place) {
      const Turn& turn = all_turns[place / length];
      const int token = place - turn.row, position = turn.start + token;
      if (token >= turn.count) {
        std::memset(mixed->typed_data() + size_t(place) * heads * width, 0, sizeof(float) * heads * width);
        continue;
      }
      const float* row = qkv.typed_data() + size_t(place) * (heads + 2 * kv_heads) * width;
      const float* cosines = rotations->cosines.data() + size_t(position) * half;
      const float* sines = rotations->sines.data() + size_t(position) * half;
      for (int head = 0; head < heads; ++head, row += width) {
        float* to = queries + (size_t(place) * heads + head) * width;
        for (int i = 0; i < half; ++i) {
          to[i] = (row[i] * cosines[i] - row[half + i] * sines[i]) * scale;
          to[half + i] = (row[half + i] * cosines[i] + row[i] * sines[i]) * scale;
        }
      }
      const size_t block = size_t(turn.table[position / POSITIONS]) * kv_heads * head_size;
      const int within = position % POSITIONS;
      for (int head = 0; head < kv_heads; ++head, row += width) {
        uint16_t* to = key_cache + block + head * head_size + size_t(within / 16) * width * 16 + within % 16;
        for (int i = 0; i < half; ++i) {
          to[i * 16] = to_half(row[i] * cosines[i] - row[half + i] * sines[i]);
          to[(half + i) * 16] = to_half(row[half + i] * cosines[i] + row[i] * sines[i]);
        }
      }
      for (int head = 0; head < kv_heads; ++head, row += width) {
        uint16_t* to = value_cache + block + head * head_size + size_t(within) * width;
        for (int i = 0; i < width; ++i) to[i] = to_half(row[i]);
      }
    }
  });
  const Attention all{queries, key_cache, value_cache, mixed->typed_data(), int(heads), kv_heads, width};
  const Path& with = path();
  struct Piece {
    int turn, first, count;
  };
  std::vector<Piece> pieces;
  const int together = std::max(1, MOST_QUERIES / group);
  for (int turn = 0; turn < turns; ++turn)
    for (int first = 0; first < all_turns[turn].count; first += together)
      pieces.push_back({turn, first, std::min(together, all_turns[turn].count - first)});
  std::reverse(pieces.begin(), pieces.end());  // the longest first
  team.run(pieces.size() * kv_heads, [&](int index, int) {
    const Piece& piece = pieces[index / kv_heads];
    with.attend(all, all_turns[piece.turn], index % kv_heads, piece.first, piece.count);
  });
  return ffi::Error::Success();
}

}  // namespace

#pragma GCC visibility push(default)

XLA_FFI_DEFINE_HANDLER_SYMBOL(countersign_product, product,
                              ffi::Ffi::Bind()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::U8>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Ret<ffi::Buffer<ffi::F32>>()
                                  .Attr<int64_t>("kind")
                                  .Attr<int64_t>("prologue")
                                  .Attr<float>("epsilon"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(countersign_rows, rows,
                              ffi::Ffi::Bind()
                                  .Arg<ffi::Buffer<ffi::S32>>()
                                  .Arg<ffi::Buffer<ffi::U8>>()
                                  .Ret<ffi::Buffer<ffi::F32>>()
                                  .Attr<int64_t>("kind"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(countersign_attention, attention,
                              ffi::Ffi::Bind()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::S32>>()
                                  .Arg<ffi::Buffer<ffi::S32>>()
                                  .Arg<ffi::Buffer<ffi::S32>>()
                                  .Arg<ffi::Buffer<ffi::F16>>()
                                  .Arg<ffi::Buffer<ffi::F16>>()
                                  .Ret<ffi::Buffer<ffi::F32>>()
                                  .Ret<ffi::Buffer<ffi::F16>>()
                                  .Ret<ffi::Buffer<ffi::F16>>()
                                  .Attr<int64_t>("layer")
                                  .Attr<int64_t>("heads")
                                  .Attr<float>("base"));

// The names of the paths that this processor can run, best first, with spaces between.
extern "C" const char* countersign_paths() {
  static const std::string names = [] {
    std::string joined;
    for (const Path* usable : usable_paths()) joined += (joined.empty() ? "" : " ") + std::string(usable->name);
    return joined;
  }();
  return names.c_str();
}

// Takes a path by name; 0 where this processor cannot run it. Not while a kernel runs.
extern "C" int countersign_use_path(const char* name) {
  for (const Path* usable : usable_paths())
    if (!std::strcmp(usable->name, name)) return chosen.store(usable), 1;
  return 0;
}

// How many threads share the work from now on.
extern "C" void countersign_use_threads(int threads) {
  std::unique_ptr<Team>& holder = team_holder();
  if (holder->size() != std::max(1, threads)) holder = std::make_unique<Team>(std::max(1, threads));
}

#pragma GCC visibility pop
