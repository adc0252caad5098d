// A dense layer: z = a_prev W + b forward, and its gradients backward, for blocks of rows and tiles of W.
//
// Notation, as everywhere: layers l = 0 ... L, layer 0 is the input. Of one layer:
//   a_prev (n, n_in)   values of the layer before (X for the first)     n     rows of the batch, index i
//   W (n_in, n_out)    weights, index (k, j)                            b     (n_out,) biases
//   z = a_prev W + b, a = f(z)  (n, n_out)                              d<x>  dL/dx, e.g. dz (n, n_out)
// Packed, the bias is row n_in of W: `w` is panels of (n_in + 1, n_out), `wt` is panels of W transposed, (n_out, n_in).
#pragma once

#include "backstory/activation.hpp"
#include "backstory/matmul.hpp"
#include "backstory/panels.hpp"

namespace bs {

// Some rows of one panel of W, consecutive in memory; the last tile of a panel has the bias as one more row.
struct WeightTile {
    size panel, k, rows;
    bool bias;
    size count() const { return rows + bias; }
};

template <class T>
struct Dense {
    size n_in = 0, n_out = 0;
    bool has_bias = true, first = false;  // first: its inputs are X
    Activation<T> f;
    Panels<T> w, wt;                  // (n_in + 1, n_out), (n_out, n_in)
    size w_at = 0, wt_at = 0;         // where they begin among all layers' packed arrays
    size flat_w = 0, flat_b = 0;      // where W and b begin in the flat parameters
    size tile_at = 0, tile_count = 0; // its tiles' numbers among all layers'

    // Whether a vector of columns would be mostly padding, so that products walk along the rows of W^T instead. Layers
    // that a small step (narrow.hpp) may have are never so.
    static constexpr size most_few_outputs = 4, most_few_inputs = 1024;
    bool few_outputs() const {
        return n_out <= most_few_outputs && n_out < lanes<T> && n_out * lanes<T> <= n_in && n_in > panel_width<T> &&
               n_in <= most_few_inputs && !first;
    }

    size tiles_per_panel() const { return (n_in + gradient_rows - 1) / gradient_rows; }

    // Tile number `t` of this layer, 0 <= t < tile_count: down one panel, then down the next.
    WeightTile tile(size t) const {
        const size per_panel = tiles_per_panel(), panel = per_panel == 1 ? t : t / per_panel;
        const size k = (t - panel * per_panel) * gradient_rows;
        const size rows = std::min<size>(gradient_rows, n_in - k);
        return {panel, k, rows, has_bias && k + rows == n_in};
    }
    // What the gradient of all tiles takes, in vectors of weights, with something for what each tile takes besides.
    double work() const {
        return static_cast<double>(padded<T>(n_out) / lanes<T> * (n_in + 2 * tiles_per_panel()));
    }
    // The tile before which this much of the work is done.
    size tile_after(double work_done) const {
        const double panel = 2.0 * static_cast<double>(n_in + 2 * tiles_per_panel());
        const size p = std::min(static_cast<size>(work_done / panel), w.count() - 1);
        const double rest = (work_done - static_cast<double>(p) * panel) / panel * static_cast<double>(panel_width<T>) /
                            static_cast<double>(w.width(p));
        const double per_panel = static_cast<double>(tiles_per_panel());
        return p * tiles_per_panel() + static_cast<size>(std::min(rest, 1.0) * per_panel + 0.5);
    }

    // Where a tile begins in the packed array, `width` elements to a row.
    size tile_offset(const WeightTile& x) const { return w_at + w.offset(x.panel) + x.k * w.width(x.panel); }
};

// Where a forward pass reads weights from: the packed copy, or for a few rows, which packing would cost more than the
// product, the flat parameters themselves; then only the last panels that are not full need be in the packed copy.
template <class T>
struct WeightsFrom {
    const T* packed;
    const T* flat = nullptr;
};

// z of rows [first, last) of a layer of few outputs: each a sum of products along a row, in vectors.
//   a_prev (n, n_in) in runs, w (n_in + 1, one vector) its packed panel, z (n, n_out)
template <class T>
BS_NOINLINE void few_outputs_forward(const Dense<T>& layer, const Rows<const T>& a_prev, const T* w, const Rows<T>& z, size first,
                                     size last) {
    const size n_in = layer.n_in, n_out = layer.n_out, vectors = (n_in + lanes<T> - 1) / lanes<T>;
    const std::ptrdiff_t tail = static_cast<std::ptrdiff_t>(n_in - (vectors - 1) * lanes<T>);
    alignas(64) T columns[Dense<T>::most_few_inputs];
    for (size j = 0; j < n_out; ++j) {
        for (size k = 0; k < n_in; ++k) columns[k] = w[k * lanes<T> + j];
        const V<T> last_column = load_first(columns + (vectors - 1) * lanes<T>, tail);
        const T bias = w[n_in * lanes<T> + j];
        for (size i = first; i < last; ++i) {
            const T* a = a_prev.data + i * a_prev.row;
            V<T> total{};
            for (size v = 0; v + 1 < vectors; ++v)
                total = fma(load(a + v / 2 * a_prev.step + v % 2 * lanes<T>), load(columns + v * lanes<T>), total);
            const size v = vectors - 1;
            total = fma(load_first(a + v / 2 * a_prev.step + v % 2 * lanes<T>, tail), last_column, total);
            T* to = z.data + i * z.row;
            if (j == 0) store(to, V<T>{});
            to[j] = bias + sum(total);
        }
    }
}

// The gradient of one tile of such a layer: sums down the columns of a_prev, four side by side, as in `gradient_tile`.
//   a (n, tile.rows) in rows of a_row, d (n, n_out) in rows of d_row, g (tile.count(), one vector)
template <class T>
BS_NOINLINE void few_outputs_gradient(const WeightTile& tile, size n_out, const T* a, size a_row, const T* d, size d_row,
                                      size n, T* g) {
    constexpr int N = std::min(gradient_rows, lanes<T>), pieces = gradient_rows / N, chains = 4;
    using X = Vec<T, N>;
    for (size r = 0; r < tile.count(); ++r) store(g + r * lanes<T>, V<T>{});
    for (size j = 0; j < n_out; ++j) {
        X sum[chains][pieces]{};
        T bias[chains]{};
        for (size i = 0; i < n; i += chains) {
#pragma GCC unroll 4
            for (size c = 0; c < chains; ++c) {
                if (i + c == n) break;
                const T dz = d[(i + c) * d_row + j];
                bias[c] += dz;
#pragma GCC unroll 4
                for (int q = 0; q < pieces; ++q)
                    sum[c][q] = fma(load<T, N>(a + (i + c) * a_row + q * N), all<X>(dz), sum[c][q]);
            }
        }
        alignas(BS_VECTOR_BYTES) T column[gradient_rows];
#pragma GCC unroll 4
        for (int q = 0; q < pieces; ++q) store<N>(column + q * N, (sum[0][q] + sum[1][q]) + (sum[2][q] + sum[3][q]));
        for (size r = 0; r < tile.rows; ++r) g[r * lanes<T> + j] = column[r];
        if (tile.bias) g[tile.rows * lanes<T> + j] = (bias[0] + bias[1]) + (bias[2] + bias[3]);
    }
}

// z of rows [first, last): done(p) is called when the panel p of z is complete.
//   a_prev (n, n_in), z (n, n_out)
template <class T, class Done>
BS_INLINE void dense_forward(const Dense<T>& layer, const Rows<const T>& a_prev, const WeightsFrom<T>& weights, const Rows<T>& z,
                             size first, size last, const Done& done) {
    const T* w = weights.packed + layer.w_at;
    if (layer.few_outputs()) {
        few_outputs_forward(layer, a_prev, w, z, first, last);
        return done(0);
    }
    const auto panel = [&](size p) -> PanelOperand<T> {
        const size width = layer.w.width(p);
        const T* packed = w + layer.w.offset(p);
        const T* bias = packed + layer.n_in * width;
        if (!weights.flat || layer.w.valid(p) < width) return {packed, width, bias};
        const size at = p * panel_width<T>;
        return {weights.flat + layer.flat_w + at, layer.n_out, layer.has_bias ? weights.flat + layer.flat_b + at : bias};
    };
    product(a_prev, first, last, layer.n_in, layer.w, panel, z, done);
}

// da_prev = dz W^T of rows [first, last): done(p) is called when the panel p of da_prev is complete.
//   dz (n, n_out), wt packed, da_prev (n, n_in)
template <class T, class Done>
BS_INLINE void dense_backward(const Dense<T>& layer, const Rows<const T>& dz, const T* wt, const Rows<T>& da_prev, size first,
                              size last, const Done& done) {
    alignas(64) static constexpr T zeros[panel_width<T>] = {};
    const T* w = wt + layer.wt_at;
    const auto panel = [&](size p) -> PanelOperand<T> { return {w + layer.wt.offset(p), layer.wt.width(p), zeros}; };
    product(dz, first, last, layer.n_out, layer.wt, panel, da_prev, done);
}

// dW (and db) of one tile, summed over rows [first, last): g = a_prev^T dz.
//   a_prev (n, n_in), dz (n, n_out); g (tile.count(), width); ahead what comes after
template <class T>
BS_INLINE void dense_gradient(const Dense<T>& layer, const WeightTile& tile, const Rows<const T>& a_prev, const Rows<const T>& dz,
                              size first, size last, T* g, const Ahead<T>& ahead) {
    const T* a = (tile.k == 0 ? a_prev.data : a_prev.at(0, tile.k)) + first * a_prev.row;
    const T* d = dz.data + tile.panel * dz.step + first * dz.row;
    if (layer.few_outputs()) return few_outputs_gradient(tile, layer.n_out, a, a_prev.row, d, dz.row, last - first, g);
    gradient<T>({a, a_prev.row, d, dz.row, last - first, g, ahead}, tile.rows, tile.bias,
                layer.w.width(tile.panel));
}

// N x N numbers transposed in registers: to[j * to_row + i] = from[i * from_row + j].
// Stage S exchanges blocks of S x S: after stages 1, 2, 4, ... every number is in its place.
#if __has_builtin(__builtin_shufflevector)
template <class T, int N>
struct Square {
    typedef T Row __attribute__((vector_size(N * sizeof(T))));
    typedef T Unaligned __attribute__((vector_size(N * sizeof(T)), aligned(alignof(T)), may_alias));

    template <int S, int... J>
    static BS_INLINE void exchange(Row& a, Row& b, std::integer_sequence<int, J...>) {
        const Row low = __builtin_shufflevector(a, b, ((J & S) == 0 ? J : N + J - S)...);
        b = __builtin_shufflevector(a, b, ((J & S) == 0 ? J + S : N + J)...);
        a = low;
    }
    template <int S>
    static BS_INLINE void stages(Row (&x)[N]) {
        if constexpr (S < N) {
#pragma GCC unroll 16
            for (int i = 0; i < N; ++i)
                if ((i & S) == 0) exchange<S>(x[i], x[i + S], std::make_integer_sequence<int, N>());
            stages<2 * S>(x);
        }
    }
    static BS_INLINE void transpose(Row (&x)[N]) { stages<1>(x); }
    static BS_INLINE void transpose(const T* from, size from_row, T* to, size to_row) {
        Row x[N];
#pragma GCC unroll 8
        for (int i = 0; i < N; ++i) x[i] = *reinterpret_cast<const Unaligned*>(from + i * from_row);
        transpose(x);
#pragma GCC unroll 8
        for (int i = 0; i < N; ++i) *reinterpret_cast<Unaligned*>(to + i * to_row) = x[i];
    }
};
#else
template <class T, int N>
struct Square {
    template <class Row>
    static void transpose(Row (&x)[N]) {
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < i; ++j) {
                const T swapped = x[i][j];
                x[i][j] = x[j][i], x[j][i] = swapped;
            }
    }
    static void transpose(const T* from, size from_row, T* to, size to_row) {
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) to[j * to_row + i] = from[i * from_row + j];
    }
};
#endif

// Where one tile begins in the transposed copy.
//   wt all layers' transposed panels
template <class T>
BS_INLINE T* transposed_tile(const Dense<T>& layer, const WeightTile& tile, T* wt) {
    const size p = tile.k / panel_width<T>;
    return wt + layer.wt_at + layer.wt.offset(p) + tile.panel * panel_width<T> * layer.wt.width(p) +
           tile.k % panel_width<T>;
}

// Bring the transposed copy of one tile up to date.
//   w (tile.rows, width) the tile's weights; wt all layers' transposed panels
template <class T>
BS_INLINE void transpose_tile(const Dense<T>& layer, const WeightTile& tile, const T* w, T* wt) {
    const size width = layer.w.width(tile.panel), columns = layer.w.valid(tile.panel);
    const size row = layer.wt.width(tile.k / panel_width<T>);
    T* to = transposed_tile(layer, tile, wt);
    constexpr size N = gradient_rows;
    size j = 0;
    if (tile.rows == N)
        for (; j + N <= columns; j += N) Square<T, N>::transpose(w + j, width, to + j * row, row);
    constexpr size step = std::min<size>(N, lanes<T>);
    for (; j < columns; j += N) {  // with zeros in the padding of W^T
        T block[N * N]{}, turned[N * N];
        for (size r = 0; r < tile.rows; ++r)
            for (size c = 0; c < N && j + c < width; c += step) std::copy_n(w + r * width + j + c, step, block + r * N + c);
        Square<T, N>::transpose(block, N, turned, N);
        for (size r = 0; r < N && j + r < columns; ++r)
            for (size c = 0; c < tile.rows; c += step) std::copy_n(turned + r * N + c, step, to + (j + r) * row + c);
    }
}

}  // namespace bs
