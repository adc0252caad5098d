// The order in which an epoch visits the rows: Fisher and Yates's shuffle on draws that are a pure function of their
// key. The second writing of `permutations` in engine/counter.py.
#pragma once

#include <bit>
#include <cstdint>

#include "backstory/dropout.hpp"
#include "backstory/panels.hpp"

namespace bs {

// The shuffled order of n rows in one epoch. Row i takes the place of one of the rows 0 ... i, which goes to place i.
//   order (n,)
inline void shuffle(std::uint64_t epoch_key, size n, std::int64_t* order) {
    constexpr size block = 512;  // draws at once, in vectors; the places they name are then on their way from memory
    const int bits = std::bit_width(n);
    std::uint64_t places[block];
    for (size first = 0; first < n; first += block) {
        const size count = std::min(block, n - first);
        for (size i = 0; i < count; ++i) {
            const std::uint64_t rows = first + i + 1;
            const std::uint64_t draw = mix((epoch_key ^ golden) + rows * 0xd1342543de82ef95u) >> bits;
            places[i] = (draw * rows) >> (64 - bits);
        }
        for (size i = 0; i < count; ++i) {
            order[first + i] = order[places[i]];
            order[places[i]] = static_cast<std::int64_t>(first + i);
        }
    }
}

}  // namespace bs
