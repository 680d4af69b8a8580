// What JAX calls, as XLA FFI handlers: quantised products, rows of a quantised matrix, norms. Attention is in attention.cc.
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

#include "runtime.h"

extern "C" const Path portable_path;
#if defined(HAS_AVX512)
extern "C" const Path avx2_path;
extern "C" const Path avx512_path;
#endif
#if defined(HAS_AMX)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
extern "C" const Path amx_path;
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

#if defined(HAS_AMX)
// Whether the processor has a matrix unit for bytes, and the system lets this process use it (Linux asks to be asked).
bool matrix_unit() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned tiles = 1u << 24, bytes = 1u << 25;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & (tiles | bytes)) != (tiles | bytes)) return false;
#if defined(__linux__)
  constexpr long request_permission = 0x1023, tile_data = 18;
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
  return false;
#endif
}
#endif

// Best first.
std::vector<const Path*> usable_paths() {
  std::vector<const Path*> found;
#if defined(HAS_AVX512)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni")) {
#if defined(HAS_AMX)
    if (matrix_unit()) found.push_back(&amx_path);
#endif
    found.push_back(&avx512_path);
  }
  if (avx2) found.push_back(&avx2_path);
#endif
  found.push_back(&portable_path);
  return found;
}

std::atomic<const Path*> chosen{nullptr};

// The team lives as long as the process: threads that end while the interpreter does would crash it.
std::unique_ptr<Team>& team_holder() {
  static auto* holder = new std::unique_ptr<Team>(new Team(std::max(1u, std::thread::hardware_concurrency())));
  return *holder;
}

}  // namespace

const Path& path() {
  if (!chosen.load()) chosen.store(usable_paths().front());
  return *chosen.load();
}

Team& shared_team() { return *team_holder(); }

namespace {

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
  const int tokens = in[0], width = in[1], columns = prologue >= SWIGLU ? width / 2 : width, rows = out[1];
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
  Team& team = shared_team();
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

// y = residual + x / sqrt(mean(x^2) + epsilon) * gain: what Gemma puts behind attention and feed-forward. A row is added up
// in one order, whatever else is in its step.
ffi::Error norm_add(ffi::Buffer<ffi::F32> x, ffi::Buffer<ffi::F32> gain, ffi::Buffer<ffi::F32> residual,
                    ffi::ResultBuffer<ffi::F32> y, float epsilon) {
  if (x.dimensions().size() != 2 || gain.element_count() != static_cast<size_t>(x.dimensions()[1]) ||
      residual.element_count() != x.element_count())
    return wrong("the norm's operands have different shapes");
  const int columns = x.dimensions()[1];
  for (int64_t token = 0; token < x.dimensions()[0]; ++token) {
    const float *row = x.typed_data() + token * columns, *added = residual.typed_data() + token * columns;
    float* to = y->typed_data() + token * columns;
    float sums[16] = {};
    for (int i = 0; i < columns; ++i) sums[i % 16] += row[i] * row[i];
    float squares = 0;
    for (const float sum : sums) squares += sum;
    const float factor = 1.0f / std::sqrt(squares / columns + epsilon);
    for (int i = 0; i < columns; ++i) to[i] = added[i] + row[i] * factor * gain.typed_data()[i];
  }
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

XLA_FFI_DEFINE_HANDLER_SYMBOL(countersign_norm_add, norm_add,
                              ffi::Ffi::Bind()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Ret<ffi::Buffer<ffi::F32>>()
                                  .Attr<float>("epsilon"));

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
