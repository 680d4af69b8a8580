// What the handlers share: the instruction set that is in use, the threads, scratch memory.
#pragma once

#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>

#include "paths.h"
#include "team.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

const Path& path();
Team& shared_team();

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

inline ffi::Error wrong(const std::string& what) { return ffi::Error::InvalidArgument("countersign kernel: " + what); }
