// An optimizer's step along a gradient that is given, on flat arrays: for sums that were made elsewhere.
#pragma once

#include <algorithm>

#include "backstory/optimizer.hpp"
#include "backstory/panels.hpp"
#include "backstory/threads.hpp"

namespace bs {

// Parameters that a thread should have to itself, for a second one to be worth waking.
inline constexpr size flat_per_thread = 65'536;

inline constexpr size flat_block = 512;

// Take the step for n <= flat_block parameters, in aligned buffers, as a step takes whole vectors; see flat_step.
template <class T>
void flat_block_step(const Step<T>& step, T* w, const T* g, T* s, T* v, size n, bool shrinks) {
    alignas(64) T room[4][flat_block];
    const size whole = (n + lanes<T> - 1) / lanes<T> * lanes<T>;
    const auto in = [&](const T* from, T* to) {
        if (!from) return;
        std::copy_n(from, n, to);
        std::fill(to + n, to + whole, T(0));
    };
    const auto out = [&](const T* from, T* to) {
        if (to) std::copy_n(from, n, to);
    };
    in(w, room[0]), in(g, room[1]), in(s, room[2]), in(v, room[3]);
    step(room[0], room[1], s ? room[2] : nullptr, v ? room[3] : nullptr, whole, shrinks);
    out(room[0], w), out(room[2], s), out(room[3], v);
}

// Take the step for n parameters, block by block.
//   w, g, s, v (n,); s and v are the rule's first and second slot, null where it has none
//   shrinks: decoupled weight decay applies (weights, not biases)
template <class T>
void flat_step(const Step<T>& step, T* w, const T* g, T* s, T* v, size n, bool shrinks, int threads) {
    const size blocks = (n + flat_block - 1) / flat_block;
    const int useful = static_cast<int>(std::min<size>(n / flat_per_thread + 1, 1 << 16));
    const auto at = [](T* array, size first) { return array ? array + first : nullptr; };
    Pool::run(std::max(1, std::min(threads, useful)), [&](int me, int count) {
        const Share mine = share(blocks, me, count);
        for (size b = mine.first; b < mine.last; ++b) {
            const size first = b * flat_block, here = std::min(flat_block, n - first);
            flat_block_step(step, w + first, g + first, at(s, first), at(v, first), here, shrinks);
        }
    });
}

}  // namespace bs
