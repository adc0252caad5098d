// Matrix products by register tiles. Two micro-kernels do all the work of a network:
//   product_tile   C = start + A B     forward (A = activations, B = W) and backward to the data (A = dz, B = W^T)
//   gradient_tile  G = A^T D           gradient of a few rows of W (A = activations, D = dz), summed over the batch
// Every element of a result is one chain of fused multiply-adds, in the order of the inner index, whatever the tile,
// the blocks or the threads. So a result never depends on how the work was cut: it is the same to the bit.
#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include "backstory/panels.hpp"
#include "backstory/simd.hpp"

namespace bs {

// Rows of the register tile: tile_rows x 2 vectors of accumulators, plus the operands, fill the registers.
#if defined(BS_AVX512)
inline constexpr int tile_rows = 12;    // 24 of 32 registers
inline constexpr int gradient_rows = 8;  // 16 of 32
#elif defined(BS_AVX2)
inline constexpr int tile_rows = 6;      // 12 of 16
inline constexpr int gradient_rows = 4;  // 8 of 16
#else
inline constexpr int tile_rows = 4;
inline constexpr int gradient_rows = 4;
#endif

// Inner indices per block: a panel's block (depth_block x panel_width) stays in the first-level cache.
template <class T>
inline constexpr size depth_block = 8 * panel_width<T>;

// Operands of one product tile.
template <class T>
struct ProductTile {
    const T* a;            // (rows, depth) in runs
    size row, run, step;   // of a, as in Rows
    const T* b;            // (depth, NV vectors)
    size b_row;            // elements from one row of b to the next
    size depth;            // > 0
    const T* start;        // (rows, NV vectors); one row for all where start_row = 0, as for a bias
    size start_row;
    T* c;                  // (rows, NV vectors)
    size c_row;
    const T* ahead;        // what will be b next, to fetch meanwhile: `ahead_step` elements for each inner index
    size ahead_step;
};

// c[i, :] = start[i, :] + sum over k of a[i, k] * b[k, :], for MR rows and NV vectors of columns.
template <class T, int MR, int NV>
void product_tile(const ProductTile<T>& x) {
    V<T> sum[MR][NV];
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i)
#pragma GCC unroll 2
        for (int v = 0; v < NV; ++v) sum[i][v] = load(x.start + i * x.start_row + v * lanes<T>);

    const size row = x.row;
    const T* b = x.b;
    const T* ahead = x.ahead;
    const T* run_start = x.a;
    for (size left = x.depth; left > 0;) {
        const size count = std::min(left, x.run);
        left -= count;
        // Every third row has a pointer of its own; the two after it are reached by adding `row`.
        const T* a[(MR + 2) / 3];
#pragma GCC unroll 4
        for (int q = 0; q < (MR + 2) / 3; ++q) a[q] = run_start + 3 * q * row;
        for (size k = 0; k < count; ++k) {
            V<T> bk[NV];
#pragma GCC unroll 2
            for (int v = 0; v < NV; ++v) bk[v] = load(b + v * lanes<T>);
            prefetch(ahead);
            ahead += x.ahead_step;
#pragma GCC unroll 16
            for (int i = 0; i < MR; ++i) {
                const V<T> aik = set1(a[i / 3][(i % 3) * row]);
#pragma GCC unroll 2
                for (int v = 0; v < NV; ++v) sum[i][v] = fma(aik, bk[v], sum[i][v]);
            }
#pragma GCC unroll 4
            for (int q = 0; q < (MR + 2) / 3; ++q) ++a[q];
            b += x.b_row;
        }
        run_start += x.step;
    }

#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i)
#pragma GCC unroll 2
        for (int v = 0; v < NV; ++v) store(x.c + i * x.c_row + v * lanes<T>, sum[i][v]);
}

template <class T>
using ProductKernel = void (*)(const ProductTile<T>&);

// product_kernels<T, NV>[MR - 1]
template <class T, int NV>
inline constexpr auto product_kernels = []<std::size_t... I>(std::index_sequence<I...>) {
    return std::array<ProductKernel<T>, sizeof...(I)>{&product_tile<T, static_cast<int>(I) + 1, NV>...};
}(std::make_index_sequence<tile_rows>());

// One panel of columns: rows [first, last) of c from rows [first, last) of a, in tiles of nearly equal height.
// x.a, x.c (and x.start, unless one row serves all) point at row 0.
template <class T>
BS_INLINE void product_panel(ProductTile<T> x, size width, size first, size last) {
    const auto& kernels = width == static_cast<size>(lanes<T>) ? product_kernels<T, 1> : product_kernels<T, 2>;
    if (last - first <= tile_rows) {  // one tile, as small networks have
        x.a += first * x.row, x.start += first * x.start_row, x.c += first * x.c_row;
        return kernels[last - first - 1](x);
    }
    const size tiles = (last - first + tile_rows - 1) / tile_rows;
    x.ahead_step = (width + tiles - 1) / tiles;  // the tiles share what there is to fetch
    const T *a = x.a, *start = x.start, *ahead = x.ahead;
    T* c = x.c;
    for (size t = 0, i = first; t < tiles; ++t) {
        const size next = first + (last - first) * (t + 1) / tiles;
        x.ahead = ahead + t * x.depth * x.ahead_step;
        x.a = a + i * x.row;
        x.start = start + i * x.start_row;
        x.c = c + i * x.c_row;
        kernels[next - i - 1](x);
        i = next;
    }
}

// One panel of B, and the row that its products start from.
template <class T>
struct PanelOperand {
    const T* b;      // (depth, width), `row` elements from one row to the next
    size row;
    const T* start;  // (width)
};

// C = start + A B for rows [first, last): operand(p) is panel p of B and its start, done(p) is called when panel p of C
// is complete.
//   A (n, depth); B (depth, columns) in panels as `shape` says; C (n, columns)
template <class T, class Operand, class Done>
BS_INLINE void product(const Rows<const T>& A, size first, size last, size depth, const Panels<T>& shape, Operand operand,
                       const Rows<T>& C, const Done& done) {
    const size panels = shape.count();
    for (size k = 0; k < depth; k += depth_block<T>) {
        const size block = std::min(depth_block<T>, depth - k);
        const T* a = k == 0 ? A.data : A.at(0, k);
        PanelOperand<T> next = operand(0);
        for (size p = 0; p < panels; ++p) {
            const PanelOperand<T> now = next;
            next = operand(p + 1 < panels ? p + 1 : 0);
            const T* b = now.b + k * now.row;
            const T* ahead = next.b + (p + 1 < panels ? k : k + block) * next.row;
            T* c = C.data + p * C.step;
            product_panel<T>({a, A.row, A.run, A.step, b, now.row, block, k == 0 ? now.start : c, k == 0 ? 0 : C.row, c,
                              C.row, ahead, now.row},
                             shape.width(p), first, last);
            if (k + block == depth) done(p);
        }
    }
}

// What the update after a gradient tile is going to change, to fetch while the gradient is summed.
template <class T>
struct Ahead {
    const T* tile[3];  // each read from front to back
    const T* row;      // rows of which it writes a little each, `next_row` elements from one to the next
    size next_row;
};

// Rows of the batch from one fetch to the next, cache lines that a tile has for each of Ahead's `tile`.
inline constexpr size fetch_every = 8;
template <class T>
inline constexpr size line = 64 / sizeof(T);
template <class T>
inline constexpr size tile_room = (gradient_rows + 1) * panel_width<T>;  // elements of a tile, at most
template <class T>
inline constexpr size tile_lines = tile_room<T> / line<T>;

// Operands of one gradient tile.
template <class T>
struct GradientTile {
    const T* a;  // (n, R) rows of activations, from the tile's first column
    size a_row;
    const T* d;  // (n, NV vectors) dz
    size d_row;
    size n;  // rows of the batch
    T* g;    // (R + bias, NV vectors)
    Ahead<T> ahead;
};

// g[r, :] = sum over i of a[i, r] * d[i, :], for R rows of W; with BIAS one more row, the sum of d.
template <class T, int R, bool BIAS, int NV>
void gradient_tile(const GradientTile<T>& x) {
    constexpr int rows = R + BIAS;
    V<T> sum[rows][NV]{};

    const T* a = x.a;
    const T* d = x.d;
    Ahead<T> ahead = x.ahead;
    for (size i = 0; i < x.n;) {
        if (i < tile_lines<T> * fetch_every) {
            for (const T*& tile : ahead.tile) prefetch_write(tile), tile += line<T>;
            for (int r = 0; r < 2; ++r) prefetch_write(ahead.row), ahead.row += ahead.next_row;
        }
        for (const size stop = std::min(i + fetch_every, x.n); i < stop; ++i) {
            V<T> di[NV];
            prefetch(a + R);  // for the tile below
#pragma GCC unroll 2
            for (int v = 0; v < NV; ++v) di[v] = load(d + v * lanes<T>);
#pragma GCC unroll 16
            for (int r = 0; r < R; ++r) {
                const V<T> air = set1(a[r]);
#pragma GCC unroll 2
                for (int v = 0; v < NV; ++v) sum[r][v] = fma(air, di[v], sum[r][v]);
            }
            if constexpr (BIAS) {
#pragma GCC unroll 2
                for (int v = 0; v < NV; ++v) sum[R][v] += di[v];
            }
            a += x.a_row;
            d += x.d_row;
        }
    }

#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < NV; ++v) store(x.g + (r * NV + v) * lanes<T>, sum[r][v]);
}

template <class T>
using GradientKernel = void (*)(const GradientTile<T>&);

// gradient_kernels<T, BIAS, NV>[R]; R = 0 exists with BIAS only.
template <class T, bool BIAS, int NV>
inline constexpr auto gradient_kernels = []<std::size_t... I>(std::index_sequence<I...>) {
    return std::array<GradientKernel<T>, sizeof...(I) + 1>{
        BIAS ? &gradient_tile<T, 0, true, NV> : nullptr, &gradient_tile<T, static_cast<int>(I) + 1, BIAS, NV>...};
}(std::make_index_sequence<gradient_rows>());

template <class T>
BS_INLINE void gradient(const GradientTile<T>& x, size rows, bool bias, size width) {
    if (width == static_cast<size>(lanes<T>))
        (bias ? gradient_kernels<T, true, 1> : gradient_kernels<T, false, 1>)[rows](x);
    else
        (bias ? gradient_kernels<T, true, 2> : gradient_kernels<T, false, 2>)[rows](x);
}

}  // namespace bs
