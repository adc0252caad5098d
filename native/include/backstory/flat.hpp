// An optimizer's step along a gradient that is given, on flat arrays: for sums that were made elsewhere.
#pragma once

#include <algorithm>

#include "backstory/optimizer.hpp"
#include "backstory/panels.hpp"
#include "backstory/threads.hpp"

namespace bs {

// Parameters that a thread should have to itself, for a second one to be worth waking.
inline constexpr size flat_per_thread = 65'536;

// Take the step for n parameters, in blocks that go through aligned buffers, as a step takes whole vectors.
//   w, g, s, v (n,); s and v are the rule's first and second slot, null where it has none
//   shrinks: decoupled weight decay applies (weights, not biases)
template <class T>
void flat_step(const Step<T>& step, T* w, const T* g, T* s, T* v, size n, bool shrinks, int threads) {
    constexpr size block = 512;
    const size blocks = (n + block - 1) / block;
    const int useful = static_cast<int>(std::min<size>(n / flat_per_thread + 1, 1 << 16));
    Pool::run(std::max(1, std::min(threads, useful)), [&](int me, int count) {
        alignas(64) T room[4][block];
        const Share mine = share(blocks, me, count);
        for (size b = mine.first; b < mine.last; ++b) {
            const size first = b * block, here = std::min(block, n - first);
            const size whole = (here + lanes<T> - 1) / lanes<T> * lanes<T>;
            const auto in = [&](const T* from, T* to) {
                if (!from) return;
                std::copy_n(from + first, here, to);
                std::fill(to + here, to + whole, T(0));
            };
            const auto out = [&](const T* from, T* to) {
                if (to) std::copy_n(from, here, to + first);
            };
            in(w, room[0]), in(g, room[1]), in(s, room[2]), in(v, room[3]);
            step(room[0], room[1], s ? room[2] : nullptr, v ? room[3] : nullptr, whole, shrinks);
            out(room[0], w), out(room[2], s), out(room[3], v);
        }
    });
}

}  // namespace bs
