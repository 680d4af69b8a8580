// What an encoder computes, as XLA FFI handlers: dense products, attention within whole texts, layer norms.
#include <algorithm>
#include <cstring>

#include "runtime.h"

namespace {

ffi::Error dense(ffi::Buffer<ffi::F32> x, ffi::Buffer<ffi::U8> tiles, ffi::Buffer<ffi::F32> bias,
                 ffi::Buffer<ffi::F32> residual, ffi::ResultBuffer<ffi::F32> y, int64_t planes, bool gelu) {
  const auto in = x.dimensions(), out = y->dimensions(), stored = tiles.dimensions();
  if (in.size() != 2 || out.size() != 2 || stored.size() != 2 || in[0] != out[0]) return wrong("shapes do not fit");
  const int tokens = in[0], columns = in[1], rows = out[1];
  if (columns % 64 || rows % ROWS || stored[0] != rows / ROWS || stored[1] != dense_tile_bytes(columns))
    return wrong("the tiles are not those of this shape");
  if (planes < 1 || planes > 2 || bias.element_count() != static_cast<size_t>(rows)) return wrong("the bias has another length");
  if (residual.element_count() && residual.element_count() != y->element_count()) return wrong("the residual has another shape");

  static auto* digits = new Scratch<int8_t>;
  static auto* scale = new Scratch<float>;
  static auto* excess = new Scratch<int32_t>;
  Team& team = shared_team();
  const std::lock_guard<std::mutex> lock(team.mutex());
  const size_t padded = (tokens + 31) / 32 * 32;
  const Dense all{digits->of(padded * planes * columns), scale->of(tokens), excess->of(tokens * planes), tokens,
                  static_cast<int>(planes), columns, bias.typed_data(),
                  residual.element_count() ? residual.typed_data() : nullptr, gelu, y->typed_data(), rows};
  const Path& with = path();
  team.run((tokens + 7) / 8, [&](int index, int) {
    for (int token = 8 * index; token < std::min(tokens, 8 * index + 8); ++token)
      with.quantise_row(x.typed_data() + size_t(token) * columns, all, token);
  });
  const int count = stored[0], together = std::max(2, count / (4 * team.size()) / 2 * 2);
  team.run((count + together - 1) / together, [&](int index, int) {
    const int first = index * together;
    with.dense(all, tiles.typed_data() + first * stored[1], first, std::min(together, count - first));
  });
  return ffi::Error::Success();
}

ffi::Error text_attention(ffi::Buffer<ffi::F32> qkv, ffi::Buffer<ffi::S32> counts, ffi::Buffer<ffi::F32> bias,
                          ffi::ResultBuffer<ffi::F32> mixed, int64_t heads) {
  const auto in = qkv.dimensions(), out = mixed->dimensions();
  const int texts = counts.element_count();
  if (in.size() != 2 || out.size() != 2 || in[0] != out[0] || in[1] != 3 * out[1] || heads < 1 || out[1] % heads || !texts ||
      in[0] % texts)
    return wrong("shapes do not fit");
  const int length = in[0] / texts, width = out[1] / heads;
  if (width % 16 || width > WIDEST_HEAD || length > LONGEST_TEXT) return wrong("attention of this shape is not implemented");
  if (bias.element_count() && bias.element_count() != static_cast<size_t>(heads) * DISTANCES)
    return wrong("the bias is not that of so many heads");
  for (int text = 0; text < texts; ++text)
    if (counts.typed_data()[text] < 0 || counts.typed_data()[text] > length) return wrong("a text is longer than its rows");

  static auto* scratch = new Scratch<float>;
  Team& team = shared_team();
  const std::lock_guard<std::mutex> lock(team.mutex());
  const size_t each = text_scratch(length, width);
  float* memory = scratch->of(each * team.size());
  team.run(texts * heads, [&](int index, int worker) {
    const int64_t number = index / heads, count = counts.typed_data()[number];
    const Text text{qkv.typed_data() + number * length * in[1], mixed->typed_data() + number * length * out[1],
                    static_cast<int>(count), static_cast<int>(heads), width,
                    bias.element_count() ? bias.typed_data() : nullptr};
    const int head = index % heads;
    path().attend_text(text, head, memory + each * worker);
    for (int64_t row = count; row < length; ++row)  // padding
      std::memset(text.mixed + row * out[1] + head * width, 0, sizeof(float) * width);
  });
  return ffi::Error::Success();
}

ffi::Error layer_norm(ffi::Buffer<ffi::F32> x, ffi::Buffer<ffi::F32> gain, ffi::Buffer<ffi::F32> bias,
                      ffi::ResultBuffer<ffi::F32> y, float epsilon) {
  const auto shape = x.dimensions();
  if (shape.size() != 2 || shape[1] % 16 || gain.element_count() != static_cast<size_t>(shape[1]) ||
      bias.element_count() != gain.element_count())
    return wrong("the norm's operands have different shapes");
  const Path& with = path();
  for (int64_t row = 0; row < shape[0]; ++row)
    with.layer_norm(x.typed_data() + row * shape[1], gain.typed_data(), bias.typed_data(), epsilon, shape[1],
                    y->typed_data() + row * shape[1]);
  return ffi::Error::Success();
}

}  // namespace

#pragma GCC visibility push(default)

XLA_FFI_DEFINE_HANDLER_SYMBOL(countersign_dense, dense,
                              ffi::Ffi::Bind()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::U8>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Ret<ffi::Buffer<ffi::F32>>()
                                  .Attr<int64_t>("planes")
                                  .Attr<bool>("gelu"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(countersign_text_attention, text_attention,
                              ffi::Ffi::Bind()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::S32>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Ret<ffi::Buffer<ffi::F32>>()
                                  .Attr<int64_t>("heads"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(countersign_layer_norm, layer_norm,
                              ffi::Ffi::Bind()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Ret<ffi::Buffer<ffi::F32>>()
                                  .Attr<float>("epsilon"));

#pragma GCC visibility pop
