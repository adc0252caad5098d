// Parametric activations: a = (1 - alpha) z + alpha f(z), an alpha for each unit; see functions/front.py.
#pragma once

#include <algorithm>

#include "backstory/activation.hpp"
#include "backstory/panels.hpp"

namespace bs {

// Rows of one panel of z to a, in place. With `slope`, it becomes da/dz and `excess` da/dalpha = f(z) - z.
//   alpha (width,); a, slope, excess (rows, width)
template <class T>
void blend(const Activation<T>& f, const T* alpha, T* a, T* slope, T* excess, size rows, size width) {
    constexpr size room = 512;
    alignas(64) T z[room];
    const size step = room / width;
    const V<T> one = set1(T(1));
    for (size first = 0; first < rows; first += step) {
        const size n = std::min(step, rows - first), count = n * width, at = first * width;
        T *to = a + at, *down = slope ? slope + at : nullptr, *over = excess ? excess + at : nullptr;
        std::copy_n(to, count, z);
        f.forward(to, to, f.slope_from_a ? nullptr : down, static_cast<std::ptrdiff_t>(count));
        if (down && f.slope_from_a) {
            std::fill_n(down, count, T(1));
            f.backward(down, to, nullptr, static_cast<std::ptrdiff_t>(count));
        }
        for (size v = 0; v < width; v += lanes<T>) {
            const V<T> share = load(alpha + v), rest = one - share;
            for (size i = v; i < count; i += width) {
                const V<T> zi = load(z + i), fi = load(to + i);
                store(to + i, fma(share, fi, rest * zi));
                if (!down) continue;
                store(down + i, fma(share, load(down + i), rest));
                store(over + i, fi - zi);
            }
        }
    }
}

// da becomes dz, and excess each row's part of dalpha; all (count,).
template <class T>
void blend_backward(T* da, const T* slope, T* excess, size count) {
    for (size i = 0; i < count; i += lanes<T>) {
        const V<T> d = load(da + i);
        store(excess + i, load(excess + i) * d);
        store(da + i, load(slope + i) * d);
    }
}

// Add the sums over rows [0, n) of one panel to `sum`, in four chains.
//   parts (n, width), sum (width,)
template <class T>
void sum_of_rows(const T* parts, size n, size width, T* sum) {
    constexpr size chains = 4;
    for (size v = 0; v < width; v += lanes<T>) {
        V<T> total[chains]{};
        for (size i = 0; i < n; i += chains)
            for (size c = 0; c < std::min(chains, n - i); ++c) total[c] += load(parts + (i + c) * width + v);
        store(sum + v, load(sum + v) + ((total[0] + total[1]) + (total[2] + total[3])));
    }
}

}  // namespace bs
