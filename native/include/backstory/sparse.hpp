// Inputs that are mostly zeros, as images of digits and encoded categories are: the first layer's products skip them.
// What is left out is x w = 0 for x = 0, so results are the same to the bit (but for the sign of a zero), and each
// batch may be read either way.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "backstory/dense.hpp"

namespace bs {

// Rows of a batch that are in the buffers at once.
inline constexpr size rows_at_once = 1024;

// The share of numbers that are not zero below which skipping the others pays, as measured; less where finding them
// takes a loop instead of an instruction.
#if defined(BS_AVX512)
inline constexpr double most_nonzeros = 0.4;
#else
inline constexpr double most_nonzeros = 0.1;
#endif

// Rows of X (n, n_in) by their numbers that are not zero.
template <class T>
struct Nonzeros {
    static constexpr size group = 16;  // columns to a mask

    size capacity = 0;                 // rows there is room for
    size row = 0;                      // elements from one row of `values` and `columns` to the next
    T* values = nullptr;               // (n, row) row i's numbers, one after another; the first counts[i] are set
    std::uint16_t* columns = nullptr;  // (n, row) their columns
    std::uint32_t* counts = nullptr;   // (n,)
    std::uint16_t* masks = nullptr;    // (groups, capacity) for each group of columns and row: which are not zero

    // The first of a row's numbers that stands in column k or behind.
    const T* from(size i, size k) const {
        const std::uint16_t* const own = columns + i * row;
        return values + i * row + (k == 0 ? 0 : std::lower_bound(own, own + counts[i], k) - own);
    }

    // Whether a first layer is worth it: enough inputs to skip, enough outputs to do something with each number.
    static bool suits(const Dense<T>& layer) {
        return layer.first && layer.n_in >= 64 && layer.n_in < 65536 && layer.n_out > lanes<T>;
    }

    template <class Take>
    void lay_out(size n, size n_in, T* room /* (n, run_columns<T>(n_in)) */, Take take) {
        capacity = n, row = run_columns<T>(n_in), values = room;
        columns = take(std::uint16_t{}, n * row + group);
        counts = take(std::uint32_t{}, n);
        masks = take(std::uint16_t{}, (n_in + group - 1) / group * n);
    }
};

// Which of 16 numbers, or of the first `count`, are not zero (NaN is not): bit j for x[j].
template <class T>
BS_INLINE std::uint32_t nonzero_mask(const T* x, size count) {
    std::uint32_t mask = 0;
#if defined(BS_AVX512)
    for (size from = 0; from < 16 && from < count; from += lanes<T>) {
        const V<T> part = load_first(x + from, static_cast<std::ptrdiff_t>(std::min<size>(count - from, lanes<T>)));
        if constexpr (sizeof(T) == 4) mask |= _mm512_cmp_ps_mask(__m512(part), _mm512_setzero_ps(), _CMP_NEQ_UQ);
        else mask |= static_cast<std::uint32_t>(_mm512_cmp_pd_mask(__m512d(part), _mm512_setzero_pd(), _CMP_NEQ_UQ)) << from;
    }
#else
    for (size j = 0; j < 16 && j < count; ++j) mask |= std::uint32_t{x[j] != 0} << j;
#endif
    return mask;
}

// Those of 16 numbers whose bits are set, one after another, and their columns, of which the first is `k`.
//   to, columns: room for 16
template <class T>
BS_INLINE void squeeze(const T* x, std::uint32_t mask, size k, T* to, std::uint16_t* columns) {
#if defined(BS_AVX512)
    const __m512i numbers = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i kept = _mm512_maskz_compress_epi32(static_cast<__mmask16>(mask), numbers);
    const __m512i shifted = _mm512_add_epi32(kept, _mm512_set1_epi32(static_cast<int>(k)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(columns), _mm512_cvtepi32_epi16(shifted));
    if constexpr (sizeof(T) == 4) {
        const auto m = static_cast<__mmask16>(mask);
        _mm512_storeu_ps(to, _mm512_maskz_compress_ps(m, _mm512_maskz_loadu_ps(m, x)));
    } else {
        const auto low = static_cast<__mmask8>(mask), high = static_cast<__mmask8>(mask >> 8);
        _mm512_storeu_pd(to, _mm512_maskz_compress_pd(low, _mm512_maskz_loadu_pd(low, x)));
        _mm512_storeu_pd(to + std::popcount(mask & 0xffu), _mm512_maskz_compress_pd(high, _mm512_maskz_loadu_pd(high, x + 8)));
    }
#else
    for (size j = 0; j < 16; ++j)
        if (mask >> j & 1) *to++ = x[j], *columns++ = static_cast<std::uint16_t>(k + j);
#endif
}

// The rows i < n for which bit `c` of masks[i] is set, one after another; returns how many.
//   to: room for n + 32
BS_INLINE size rows_with(const std::uint16_t* masks, size n, size c, std::uint32_t* to) {
    size count = 0;
#if defined(BS_AVX512)
    const __m512i wanted = _mm512_set1_epi16(static_cast<short>(1u << c)), step = _mm512_set1_epi32(16);
    __m512i rows = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (size from = 0; from < n; from += 32) {
        const auto within = static_cast<__mmask32>(n - from < 32 ? (1u << (n - from)) - 1u : ~0u);
        const std::uint32_t bits = _mm512_test_epi16_mask(_mm512_maskz_loadu_epi16(within, masks + from), wanted);
        for (const std::uint32_t half : {bits & 0xffffu, bits >> 16}) {
            _mm512_storeu_si512(to + count, _mm512_maskz_compress_epi32(static_cast<__mmask16>(half), rows));
            rows = _mm512_add_epi32(rows, step);
            count += static_cast<size>(std::popcount(half));
        }
    }
#else
    for (size i = 0; i < n; ++i) {
        to[count] = static_cast<std::uint32_t>(i);
        count += masks[i] >> c & 1u;
    }
#endif
    return count;
}

// Read one row of X into row i, and fetch the one to be read next, which may be anywhere.
template <class T>
void read_nonzeros(const Nonzeros<T>& to, const T* x /* (n_in) */, const T* next /* (n_in) */, size n_in, size i) {
    size count = 0;
    for (size k = 0; k < n_in; k += to.group) {
        prefetch(next + k);
        const std::uint32_t mask = nonzero_mask(x + k, n_in - k);
        squeeze(x + k, mask, k, to.values + i * to.row + count, to.columns + i * to.row + count);
        to.masks[k / to.group * to.capacity + i] = static_cast<std::uint16_t>(mask);
        count += static_cast<size>(std::popcount(mask));
    }
    to.counts[i] = static_cast<std::uint32_t>(count);
}

// How many of a row's numbers are not zero.
template <class T>
size count_nonzeros(const T* x, size n_in) {
    size count = 0;
    for (size k = 0; k < n_in; k += 16) count += static_cast<size>(std::popcount(nonzero_mask(x + k, n_in - k)));
    return count;
}

// Panels that are worked on together: they share the finding of each number that is not zero.
inline constexpr size most_together = 5;  // 4 full ones, and the narrow last one

// Vector v of a row that lies in P full panels and, where there is one more vector, the narrow last panel.
//   panel: elements from one panel to the next; row: from one row of a full panel to the next, times the row's number
template <class T, int P>
BS_INLINE size vector_at(int v, size panel, size k) {
    const size row = k * lanes<T>;
    return static_cast<size>(v / 2) * panel + (v / 2 < P ? 2 * row : row) + static_cast<size>(v % 2) * lanes<T>;
}

// z of one row for NV vectors of columns: c = bias + the sum of x[k] w[k, :] over the row's nonzero x[k].
//   w (n_in + 1, NV vectors) panels, the last row is the bias; c (NV vectors), c_panel from one panel to the next
template <class T, int P, int NV>
BS_INLINE void sparse_row(const T* values, const std::uint16_t* columns, size count, const T* w, size panel, size bias,
                          T* c, size c_panel) {
    V<T> sum[NV];
#pragma GCC unroll 16
    for (int v = 0; v < NV; ++v) sum[v] = load(w + vector_at<T, P>(v, panel, bias));
    for (size t = 0; t < count; ++t) {
        const V<T> x = set1(values[t]);
        const size k = columns[t];
#pragma GCC unroll 16
        for (int v = 0; v < NV; ++v) sum[v] = fma(x, load(w + vector_at<T, P>(v, panel, k)), sum[v]);
    }
#pragma GCC unroll 16
    for (int v = 0; v < NV; ++v) store(c + vector_at<T, P>(v, c_panel, 0), sum[v]);
}

// How many of the panels from `p` on go together, and how many of them are full.
struct Together {
    size panels, full;
};
template <class T>
Together together_from(const Dense<T>& layer, size p) {
    const size count = layer.w.count(), all_full = count - (layer.w.width(count - 1) < panel_width<T>);
    const size full = std::min<size>(all_full > p ? all_full - p : 0, most_together - 1);
    return {full + (all_full < count && p + full == all_full), full};
}

// Call use<P, NV>() for these P full panels, NV vectors in all.
template <class Use>
BS_INLINE void with_panels(const Together& x, Use use) {
    const auto narrow_or_not = [&]<int P>() {
        if (x.panels > x.full) return use.template operator()<P, 2 * P + 1>();
        if constexpr (P > 0) use.template operator()<P, 2 * P>();
    };
    switch (x.full) {
        case 0: return narrow_or_not.template operator()<0>();
        case 1: return narrow_or_not.template operator()<1>();
        case 2: return narrow_or_not.template operator()<2>();
        case 3: return narrow_or_not.template operator()<3>();
        default: return narrow_or_not.template operator()<4>();
    }
}

// The sparse twin of dense_forward.
template <class T, class Done>
void sparse_forward(const Dense<T>& layer, const Nonzeros<T>& x, const T* packed, const Rows<T>& z, size first, size last,
                    const Done& done) {
    const T* w = packed + layer.w_at;
    for (size p = 0; p < layer.w.count();) {
        const Together together = together_from(layer, p);
        with_panels(together, [&]<int P, int NV>() {
            for (size i = first; i < last; ++i)
                sparse_row<T, P, NV>(x.values + i * x.row, x.columns + i * x.row, x.counts[i], w + layer.w.offset(p),
                                     layer.w.offset(1), layer.n_in, z.data + p * z.step + i * z.row, z.step);
        });
        for (const size end = p + together.panels; p < end; ++p) done(p);
    }
}

// The gradients of the tiles at the same rows of W in some panels, over n rows: tile p's g is `g + p * tile_room`.
//   d (n, NV vectors) dz of the first panel, d_panel to the next
//   next (n,) each row's first number in the tile's columns; afterwards the first behind them
template <class T, int P, int NV>
void sparse_tiles(const WeightTile& tile, const Nonzeros<T>& x, const T* d, size d_row, size d_panel, size n,
                  const T** next, T* g) {
    std::uint32_t rows[2][rows_at_once + 32];  // of this column and of the next: finding them is no wait for the sums
    size count[2];
    const auto find = [&](size r) {
        const size k = tile.k + r;
        count[r % 2] = rows_with(x.masks + k / x.group * x.capacity, n, k % x.group, rows[r % 2]);
    };
    find(0);
    for (size r = 0; r < tile.count(); ++r) {
        if (r + 1 < tile.rows) find(r + 1);
        V<T> sum[NV]{};
        if (r == tile.rows) {  // the bias
            for (size i = 0; i < n; ++i)
#pragma GCC unroll 16
                for (int v = 0; v < NV; ++v) sum[v] += load(d + i * d_row + vector_at<T, P>(v, d_panel, 0));
        } else {
            const std::uint32_t *at = rows[r % 2], *const end = at + count[r % 2];
            for (; at < end; ++at) {
                const V<T> xk = set1(*next[*at]++);
                const T* di = d + *at * d_row;
#pragma GCC unroll 16
                for (int v = 0; v < NV; ++v) sum[v] = fma(xk, load(di + vector_at<T, P>(v, d_panel, 0)), sum[v]);
            }
        }
#pragma GCC unroll 16
        for (int v = 0; v < NV; ++v) store(g + vector_at<T, P>(v, tile_room<T>, r), sum[v]);
    }
}

// The sparse twin of dense_gradient, for the tiles of all panels that go together from tile.panel on.
template <class T>
void sparse_gradient(const Dense<T>& layer, const WeightTile& tile, const Nonzeros<T>& x, const Rows<const T>& dz, size n,
                     const T** next, T* g) {
    with_panels(together_from(layer, tile.panel), [&]<int P, int NV>() {
        sparse_tiles<T, P, NV>(tile, x, dz.data + tile.panel * dz.step, dz.row, dz.step, n, next, g);
    });
}

}  // namespace bs
