// One fast pass over numbers that came from outside.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "backstory/panels.hpp"

namespace bs {

// Whether none of n numbers is NaN or infinite: as words without their sign, these are the largest.
template <class T>
bool all_finite(const T* x, size n) {
    using Word = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    Word largest = 0;
    for (size i = 0; i < n; ++i) largest = std::max(largest, static_cast<Word>(std::bit_cast<Word>(x[i]) << 1));
    return largest < static_cast<Word>(std::bit_cast<Word>(std::numeric_limits<T>::infinity()) << 1);
}

// Whether none of the first `valid` numbers of each of n rows is.
template <class T>
bool rows_finite(const T* x, size n, size row, size valid) {
    bool finite = true;
    for (size i = 0; i < n; ++i) finite &= all_finite(x + i * row, valid);
    return finite;
}

// Whether n numbers all lie in [low, high]; NaN does not.
template <class T>
bool all_within(const T* x, size n, T low, T high) {
    int outside = 0;
    for (size i = 0; i < n; ++i) outside |= !(x[i] >= low) | !(x[i] <= high);
    return outside == 0;
}

}  // namespace bs
