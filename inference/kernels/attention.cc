// Attention over the cache, as an XLA FFI handler: norms of queries and keys where the model has them, rotation, keys and
// values into the cache, then what came before or a window of it.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "runtime.h"

namespace {

// Cosine and sine of every position's rotation, kept for each set of frequencies that a model has (its layers may have two).
struct Rotations {
  std::vector<float> frequencies, cosines, sines;
  int positions = 0;

  void reach(int wanted) {
    if (wanted <= positions) return;
    positions = std::max(wanted, std::max(1024, 2 * positions));
    const size_t half = frequencies.size();
    cosines.resize(positions * half), sines.resize(positions * half);
    for (size_t i = 0; i < half; ++i) {
      const double frequency = frequencies[i];
      for (int position = 0; position < positions; ++position) {
        cosines[position * half + i] = std::cos(position * frequency);
        sines[position * half + i] = std::sin(position * frequency);
      }
    }
  }
};

const Rotations& rotations_of(const float* frequencies, int half, int positions) {
  static auto* all = new std::vector<std::unique_ptr<Rotations>>;
  constexpr size_t most = 8;  // models and their kinds of layers that are in use at a time
  auto found = std::find_if(all->begin(), all->end(), [&](const auto& one) {
    return std::equal(one->frequencies.begin(), one->frequencies.end(), frequencies, frequencies + half);
  });
  if (found == all->end()) {
    if (all->size() == most) all->erase(all->begin());
    all->push_back(std::make_unique<Rotations>());
    found = all->end() - 1;
    (*found)->frequencies.assign(frequencies, frequencies + half);
  }
  (*found)->reach(positions);
  return **found;
}

// A head's numbers over their root mean square, times the gain, in `to`; or as they are where there is no gain.
const float* normed(const float* row, const ffi::Buffer<ffi::F32>& gain, float epsilon, int width, float* to) {
  if (!gain.element_count()) return row;
  float sums[16] = {}, squares = 0;
  for (int i = 0; i < width; ++i) sums[i % 16] += row[i] * row[i];
  for (const float sum : sums) squares += sum;
  const float factor = 1.0f / std::sqrt(squares / width + epsilon);
  for (int i = 0; i < width; ++i) to[i] = row[i] * factor * gain.typed_data()[i];
  return to;
}

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
                     ffi::Buffer<ffi::F32> frequencies, ffi::Buffer<ffi::F32> query_gain, ffi::Buffer<ffi::F32> key_gain,
                     ffi::ResultBuffer<ffi::F32> mixed, ffi::ResultBuffer<ffi::F16> new_keys,
                     ffi::ResultBuffer<ffi::F16> new_values, int64_t layer, int64_t heads, int64_t window, float scale,
                     float epsilon) {
  const auto shape = keys.dimensions();  // [layers, blocks, kv_heads, 32, width]
  if (shape.size() != 5 || shape[3] != POSITIONS || layer < 0 || layer >= shape[0]) return wrong("the cache has another shape");
  const int pool = shape[1], kv_heads = shape[2], width = shape[4], half = width / 2, group = heads / kv_heads;
  const int turns = starts.element_count(), rows = qkv.dimensions()[0], length = rows / std::max(1, turns);
  if (width % 16 || width > WIDEST_HEAD || heads % kv_heads || group > MOST_QUERIES ||
      qkv.dimensions()[1] != (heads + 2 * kv_heads) * width)
    return wrong("attention of this shape is not implemented");
  for (const auto* gain : {&query_gain, &key_gain})
    if (gain->element_count() && gain->element_count() != static_cast<size_t>(width)) return wrong("a norm's gain has another width");
  if (frequencies.element_count() != static_cast<size_t>(half) || window < 0) return wrong("the rotation has another width");
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
  Team& team = shared_team();
  const std::lock_guard<std::mutex> lock(team.mutex());
  const Rotations& rotations = rotations_of(frequencies.typed_data(), half, furthest);
  float* queries = rotated->of(size_t(rows) * heads * width);
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
      const float* cosines = rotations.cosines.data() + size_t(position) * half;
      const float* sines = rotations.sines.data() + size_t(position) * half;
      float scratch[WIDEST_HEAD];
      for (int head = 0; head < heads; ++head, row += width) {
        const float* from = normed(row, query_gain, epsilon, width, scratch);
        float* to = queries + (size_t(place) * heads + head) * width;
        for (int i = 0; i < half; ++i) {
          to[i] = (from[i] * cosines[i] - from[half + i] * sines[i]) * scale;
          to[half + i] = (from[half + i] * cosines[i] + from[i] * sines[i]) * scale;
        }
      }
      const size_t block = size_t(turn.table[position / POSITIONS]) * kv_heads * head_size;
      const int within = position % POSITIONS;
      for (int head = 0; head < kv_heads; ++head, row += width) {
        const float* from = normed(row, key_gain, epsilon, width, scratch);
        uint16_t* to = key_cache + block + head * head_size + size_t(within / 16) * width * 16 + within % 16;
        for (int i = 0; i < half; ++i) {
          to[i * 16] = to_half(from[i] * cosines[i] - from[half + i] * sines[i]);
          to[(half + i) * 16] = to_half(from[half + i] * cosines[i] + from[i] * sines[i]);
        }
      }
      for (int head = 0; head < kv_heads; ++head, row += width) {
        uint16_t* to = value_cache + block + head * head_size + size_t(within) * width;
        for (int i = 0; i < width; ++i) to[i] = to_half(row[i]);
      }
    }
  });
  const Attention all{queries, key_cache, value_cache, mixed->typed_data(), int(heads), kv_heads, width,
                      int(window)};
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

XLA_FFI_DEFINE_HANDLER_SYMBOL(countersign_attention, attention,
                              ffi::Ffi::Bind()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::S32>>()
                                  .Arg<ffi::Buffer<ffi::S32>>()
                                  .Arg<ffi::Buffer<ffi::S32>>()
                                  .Arg<ffi::Buffer<ffi::F16>>()
                                  .Arg<ffi::Buffer<ffi::F16>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Ret<ffi::Buffer<ffi::F32>>()
                                  .Ret<ffi::Buffer<ffi::F16>>()
                                  .Ret<ffi::Buffer<ffi::F16>>()
                                  .Attr<int64_t>("layer")
                                  .Attr<int64_t>("heads")
                                  .Attr<int64_t>("window")
                                  .Attr<float>("scale")
                                  .Attr<float>("epsilon"));

#pragma GCC visibility pop
