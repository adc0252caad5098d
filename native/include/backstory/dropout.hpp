// Dropout masks: every unit of every row of every epoch has a number of its own, a pure function of its key, so masks
// do not depend on batches, threads or chunks. The second writing of `dropout_keep` in engine/counter.py.
#pragma once

#include <cstdint>

#include "backstory/panels.hpp"
#include "backstory/simd.hpp"

namespace bs {

// The finalizer of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014), for one word or a vector of them.
template <class U>
BS_INLINE U mix(U x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

inline constexpr std::uint64_t golden = 0x9e3779b97f4a7c15u;

// What one epoch's masks start from.
inline std::uint64_t epoch_key(std::uint64_t seed, std::int64_t epoch) {
    return mix(seed + golden * (static_cast<std::uint64_t>(epoch) + 1));
}

// The factors of one row of hidden layer `layer` (1 ...): 0 for a dropped unit, 1 / (1 - rate) for a kept one.
//   scale, a (row of `units` in runs); a is multiplied by the factors
template <class T>
void drop_row(std::uint64_t epoch_key, std::int64_t row, size layer, double rate, size units, Rows<T> a, Rows<T> scale,
              size i) {
    const std::uint64_t of_row = mix(epoch_key + (static_cast<std::uint64_t>(row) + 1) * 0xd1342543de82ef95u);
    const std::uint64_t key = mix(of_row + layer * 0x2545f4914f6cdd1du);
    const auto threshold = static_cast<std::uint64_t>(rate * 16777216.0);
    const T kept = static_cast<T>(1.0 / (1.0 - rate));
    for (size first = 0; first < units; first += a.run) {
        T* ai = a.at(i, first);
        T* si = scale.at(i, first);
        const size count = std::min(a.run, units - first);
        for (size u = 0; u < count; ++u) {
            const std::uint64_t draw = mix(key + (first + u + 1) * golden);
            si[u] = (draw >> 40) >= threshold ? kept : T(0);
            ai[u] *= si[u];
        }
    }
}

}  // namespace bs
