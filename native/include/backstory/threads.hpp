// A persistent pool of threads and the barrier they meet at. One parallel region is one whole call (an epoch of steps):
// inside it the threads run the same program and meet at barriers, so that nothing is handed out per step.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <system_error>
#include <thread>

#include "backstory/simd.hpp"

namespace bs {

// Tell the processor that this is a waiting loop.
BS_INLINE void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Turns of a waiting loop before a thread goes to sleep: some ten microseconds, more than a step's barriers need.
inline constexpr int spin_turns = 2000;

// Wait until `value` is no longer `old`: a short spin, then sleep.
inline void wait_while(const std::atomic<int>& value, int old) {
    for (int turn = 0; turn < spin_turns; ++turn) {
        if (value.load(std::memory_order_acquire) != old) return;
        pause();
    }
    while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

// Where `count` threads wait for each other, as often as they like.
class Barrier {
public:
    explicit Barrier(int count) : count_(count) {}

    void wait() {
        if (count_ == 1) return;
        const int turn = turn_.load(std::memory_order_relaxed);
        if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == count_) {
            arrived_.store(0, std::memory_order_relaxed);
            turn_.store(turn + 1, std::memory_order_release);
            turn_.notify_all();
        } else {
            wait_while(turn_, turn);
        }
    }

private:
    const int count_;
    alignas(64) std::atomic<int> arrived_{0};
    alignas(64) std::atomic<int> turn_{0};
};

// The process's threads. A process forked from this one has none of them, so it starts a pool of its own.
class Pool {
public:
    // Call work(thread, count) on up to `wanted` threads, the caller being thread 0. Where another call has the pool,
    // or the system gives no more threads, there are fewer; results never depend on how many.
    template <class Work>
    static void run(int wanted, Work&& work) {
        run(wanted, work, true);
    }
    // The same for work that threads take from one another piece by piece until none is left: a thread that has not
    // begun by the time the caller is done is not waited for. Waking one takes longer than many a call does.
    template <class Work>
    static void run_who_comes(int wanted, Work&& work) {
        run(wanted, work, false);
    }

private:
    template <class Work>
    static void run(int wanted, Work& work, bool all) {
        wanted = wanted < max_threads ? wanted : max_threads;
        if (wanted > 1) {
            Pool& pool = current();
            std::unique_lock lock(pool.in_use_, std::try_to_lock);
            if (lock.owns_lock()) {
                const int count = 1 + pool.grow(wanted - 1);
                if (count > 1) {
                    pool.share(count, work, all);
                    return;
                }
            }
        }
        work(0, 1);
    }

    static constexpr int max_threads = 1000;
    static inline std::atomic<Pool*> current_{nullptr};

    static Pool& current() {
        Pool* pool = current_.load(std::memory_order_acquire);
        if (pool) return *pool;
        [[maybe_unused]] static const int registered =
            pthread_atfork(nullptr, nullptr, [] { current_.store(nullptr, std::memory_order_release); });
        auto* fresh = new Pool;  // never freed: its threads may outlive every destructor
        if (current_.compare_exchange_strong(pool, fresh, std::memory_order_acq_rel)) return *fresh;
        delete fresh;
        return *pool;
    }

    // Have at least `wanted` workers, or as many as the system gives; returns how many of them to use.
    int grow(int wanted) {
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are for Python's own threads
        try {
            while (workers_ < wanted) {
                std::thread(&Pool::serve, this, workers_ + 1, turn_.load()).detach();
                ++workers_;
            }
        } catch (const std::system_error&) {
        }
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        return workers_ < wanted ? workers_ : wanted;
    }

    template <class Work>
    void share(int count, Work& work, bool all) {
        call_ = [](void* context, int thread, int n) { (*static_cast<Work*>(context))(thread, n); };
        context_ = const_cast<void*>(static_cast<const void*>(&work));
        left_.store(0, std::memory_order_relaxed);
        const auto turn = (static_cast<unsigned>(turn_.load(std::memory_order_relaxed)) / turn_unit + 1) * turn_unit;
        begun_.store(turn, std::memory_order_release);
        turn_.store(static_cast<int>(turn + static_cast<unsigned>(count)), std::memory_order_release);
        turn_.notify_all();
        work(0, count);
        // From here on nobody begins, unless all have to: then they are waited for.
        const int begun = all ? count - 1 : static_cast<int>(begun_.exchange(closed, std::memory_order_acq_rel) - turn);
        for (int left; (left = left_.load(std::memory_order_acquire)) != begun;) wait_while(left_, left);
    }

    // Whether a thread may take part in `turn`, which its caller may have closed.
    bool begin(unsigned turn) {
        unsigned begun = begun_.load(std::memory_order_acquire);
        while (begun / turn_unit == turn / turn_unit && begun != closed)
            if (begun_.compare_exchange_weak(begun, begun + 1, std::memory_order_acq_rel)) return true;
        return false;
    }

    void serve(int thread, int turn) {
        for (;;) {
            wait_while(turn_, turn);
            turn = turn_.load(std::memory_order_acquire);
            const int count = static_cast<int>(static_cast<unsigned>(turn) % turn_unit);
            // Not this thread's turn, or over: nothing else of the pool may be read.
            if (thread >= count || !begin(static_cast<unsigned>(turn))) continue;
            call_(context_, thread, count);
            left_.fetch_add(1, std::memory_order_release);
            left_.notify_all();
        }
    }

    std::mutex in_use_;
    int workers_ = 0;
    void (*call_)(void*, int, int) = nullptr;
    void* context_ = nullptr;
    // One word says both that there is work and for how many threads: number of the turn * turn_unit + threads.
    static constexpr unsigned turn_unit = 1024, closed = ~0u;
    alignas(64) std::atomic<int> turn_{0};
    alignas(64) std::atomic<unsigned> begun_{closed};  // turn * turn_unit + threads that have begun it, or closed
    alignas(64) std::atomic<int> left_{0};             // threads that are done with it
};

// BACKSTORY_EXACT_THREADS=1: use as many threads as asked for, even where fewer would be faster.
inline bool exact_threads() {
    const char* value = std::getenv("BACKSTORY_EXACT_THREADS");
    return value && value[0] == '1';
}

// A share of `total` things for one of `count` threads: [first, last).
struct Share {
    std::size_t first, last;
};
BS_INLINE Share share(std::size_t total, int thread, int count) {
    if (count == 1) return {0, total};
    const auto t = static_cast<std::size_t>(thread), n = static_cast<std::size_t>(count);
    return {total * t / n, total * (t + 1) / n};
}

}  // namespace bs
