// The threads that share a kernel's work.
//
// One job at a time. Its pieces are taken one after the other from a counter, by the caller too, so that a thread that the
// system has put aside holds up nothing but the piece that it has begun. Idle threads watch for work for some microseconds,
// the usual distance between two kernels of a step, and then sleep.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

class Team {
 public:
  explicit Team(int threads) {
    for (int worker = 1; worker < threads; ++worker) workers_.emplace_back([this, worker] { work(worker); });
  }

  ~Team() {
    ending_.store(true);
    wake();
    for (std::thread& worker : workers_) worker.join();
  }

  int size() const { return 1 + static_cast<int>(workers_.size()); }

  // Hold this while using `run` and whatever scratch memory belongs to the team.
  std::mutex& mutex() { return mutex_; }

  // piece(index, worker) for every index below `pieces`; returns when all are done.
  template <class Piece> void run(int pieces, const Piece& piece) {
    if (pieces <= 1 || workers_.empty()) {
      for (int index = 0; index < pieces; ++index) piece(index, 0);
      return;
    }
    call_ = [](const void* context, int index, int worker) { (*static_cast<const Piece*>(context))(index, worker); };
    context_ = &piece;
    done_.store(0, std::memory_order_relaxed);
    epoch_ = (epoch_ + 1) & 0xffffff;
    state_.store(epoch_ << 40 | static_cast<uint64_t>(pieces) << 20, std::memory_order_seq_cst);
    if (sleeping_.load(std::memory_order_seq_cst) > 0) wake();
    take(0);
    for (int turn = 0; done_.load(std::memory_order_acquire) < pieces; ++turn) relax(turn);
  }

  static constexpr int most_pieces = (1 << 20) - 1;

 private:
  // The state is one word, epoch | pieces | next piece: a piece can only be claimed from the job that it belongs to.
  bool take(int worker) {
    bool any = false;
    uint64_t state = state_.load(std::memory_order_acquire);
    while ((state & 0xfffff) < (state >> 20 & 0xfffff)) {
      if (!state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel)) continue;
      call_(context_, static_cast<int>(state & 0xfffff), worker);
      done_.fetch_add(1, std::memory_order_release);
      any = true;
      state = state_.load(std::memory_order_acquire);
    }
    return any;
  }

  void work(int worker) {
    for (int idle = 0; !ending_.load(std::memory_order_relaxed);) {
      if (take(worker)) {
        idle = 0;
      } else if (++idle < 4000) {
        relax(0);
      } else {
        const uint32_t seen = signal_.load();
        sleeping_.fetch_add(1, std::memory_order_seq_cst);
        const uint64_t state = state_.load(std::memory_order_seq_cst);
        if ((state & 0xfffff) >= (state >> 20 & 0xfffff) && !ending_.load()) signal_.wait(seen);
        sleeping_.fetch_sub(1);
        idle = 0;
      }
    }
  }

  void wake() {
    signal_.fetch_add(1);
    signal_.notify_all();
  }

  static void relax(int turn) {
    if (turn > 2000) return std::this_thread::yield();
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  void (*call_)(const void*, int, int) = nullptr;
  const void* context_ = nullptr;
  uint64_t epoch_ = 0;
  alignas(64) std::atomic<uint64_t> state_{0};
  alignas(64) std::atomic<int> done_{0};
  alignas(64) std::atomic<uint32_t> signal_{0};
  std::atomic<int> sleeping_{0};
  std::atomic<bool> ending_{false};
};
