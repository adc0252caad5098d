// A network as a chain of dense layers with a loss at its end, and its way forward and back for a block of rows.
// Blocks are independent: threads take different rows of the same buffers and never wait for each other here.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <vector>

#include "backstory/dense.hpp"
#include "backstory/dropout.hpp"
#include "backstory/finite.hpp"
#include "backstory/front.hpp"
#include "backstory/loss.hpp"
#include "backstory/parametric.hpp"
#include "backstory/sparse.hpp"
#include "backstory/threads.hpp"

namespace bs {

// Everything Python knows about a network, independent of the type it will run in.
struct NetworkSource {
    std::vector<std::size_t> sizes;              // n_0 ... n_L
    std::vector<ActivationSource> activations;   // of layers 1 ... L
    LossSource loss;                             // with the output activation in it
    double l1 = 0.0, l2 = 0.0;                   // penalty: l1 |w| + l2 / 2 w^2, weights only
    bool mean = true;                            // reduction over the rows of a batch: mean or sum
    bool biases = true;
    FrontSource front;                           // what X goes through before the first layer
    bool parametric = false;                     // whether hidden units have an alpha each
};

// What of the parameters beside W and b is summed and updated together: one column's of the front, or one panel of a
// layer's alphas.
struct OtherPart {
    std::size_t column;        // of the front, where layer is 0
    std::size_t layer, panel;  // whose alphas
};

template <class T>
struct Network {
    std::vector<Dense<T>> layers;  // layer l is layers[l - 1]
    Loss<T> loss;
    double l1, l2;
    Front<T> front;
    bool mean, biases, parametric;
    size n_in, n_out;
    size packed = 0, transposed = 0, parameters = 0, tiles = 0;  // totals over the layers
    size dense_parameters = 0, others = 0;                       // W and b, and the rest, which come after them
    std::vector<size> alpha;                                     // [l] where layer l's alphas begin in the rest
    std::vector<OtherPart> other_parts;
    size products = 0;  // multiply-adds of one row forward
    size values = 0;    // of all layers, one row's

    explicit Network(const NetworkSource& source)
        : loss(source.loss), l1(source.l1), l2(source.l2), front(source.front, source.sizes.front()),
          mean(source.mean), biases(source.biases), parametric(source.parametric), n_in(source.sizes.front()),
          n_out(source.sizes.back()) {
        for (size l = 1; l < source.sizes.size(); ++l) {
            Dense<T> x;
            x.n_in = source.sizes[l - 1], x.n_out = source.sizes[l], x.has_bias = biases, x.first = l == 1;
            if (x.first && front.present()) x.n_in = front.n_out, x.first = false;
            x.f = Activation<T>(source.activations[l - 1]);
            x.w = {x.n_in + 1, x.n_out}, x.wt = {x.n_out, x.n_in};
            x.w_at = packed, x.wt_at = transposed;
            x.flat_w = parameters, x.flat_b = parameters + x.n_in * x.n_out;
            x.tile_at = tiles, x.tile_count = x.tiles_per_panel() * x.w.count();
            packed += Arena::bytes<T>(x.w.total()) / sizeof(T);
            if (l > 1) transposed += x.wt.total();
            parameters += (x.n_in + biases) * x.n_out;
            tiles += x.tile_count;
            products += x.n_in * x.n_out;
            values += x.n_out;
            layers.push_back(std::move(x));
        }
        layers.front().wt_at = transposed;  // the last, as only gradients by the inputs, or by a front, need it
        transposed += layers.front().wt.total();
        add_others();
    }
    size transposed_behind_first() const { return front.present() ? transposed : layers.front().wt_at; }

    // What comes after W and b in the flat parameters: the front's arrays, and alphas by layer.
    void add_others() {
        dense_parameters = parameters, others = front.count;
        for (size c = 0; c < front.columns.size(); ++c)
            if (front.scaling || front.columns[c].width > 1) other_parts.push_back({c, 0, 0});
        alpha.assign(layers.size() + 1, 0);
        for (size l = 1; parametric && l < layers.size(); ++l) {
            alpha[l] = others, others += layers[l - 1].n_out;
            for (size p = 0; p < layers[l - 1].w.count(); ++p) other_parts.push_back({0, l, p});
        }
        parameters += others;
    }
    bool has_others() const { return others != 0; }
    size dense_arrays() const { return layers.size() * (biases ? 2 : 1); }
    size arrays() const { return dense_arrays() + front.arrays + (parametric ? layers.size() - 1 : 0); }
    // The layer that numbers of these parameters count to.
    static size layer_of(const OtherPart& part) { return part.layer ? part.layer : 1; }

    // Call f(array, first, count, sum) for what a part has of each parameter array: `array` among all, `first` among
    // the parameters beside W and b, their sums from number `sum` on.
    template <class F>
    void each_other(const OtherPart& part, F f) const {
        if (part.layer == 0) {
            front.each_part(part.column, [&](size array, size first, size count, size sum) {
                f(dense_arrays() + array, first, count, sum);
            });
            return;
        }
        const size at = part.panel * panel_width<T>;
        f(dense_arrays() + front.arrays + part.layer - 1, alpha[part.layer] + at, layers[part.layer - 1].w.valid(part.panel),
          size{0});
    }
    // One panel of a layer's alphas, with zeros in the padding.
    struct AlphaPanel {
        alignas(64) T values[panel_width<T>]{};
    };
    AlphaPanel alpha_panel(const T* others, size l, size p) const {
        AlphaPanel x;
        std::copy_n(others + alpha[l] + p * panel_width<T>, layers[l - 1].w.valid(p), x.values);
        return x;
    }

    // Into how many parts, a power of two, the n rows in the buffers are cut for the gradient, which is then the sum of
    // the parts' own. A thread that has whole parts keeps their values and dz to itself, and only the parts' gradients
    // go from core to core: where weights are few beside the values of the rows, that is less.
    size parts(size n) const {
        static constexpr size most = 8, least_rows = 64, most_bytes = size{1} << 18;
        const bool small = std::ranges::all_of(layers, [](const auto& x) { return x.n_out <= panel_width<T>; });
        if (small || Nonzeros<T>::suits(layers[0]) || n * values < packed) return 1;
        size count = 1;
        while (count < most && 2 * count * packed * sizeof(T) <= most_bytes && (count == 1 || n >= 2 * count * least_rows))
            count *= 2;
        return count;
    }

    // The tiles of one of `count` threads, of about equal work.
    Share share_tiles(int thread, int count) const {
        return {tile_after(thread, count), tile_after(thread + 1, count)};
    }
    size tile_after(int thread, int count) const {
        if (thread == count) return tiles;
        double work = 0;
        for (const Dense<T>& x : layers) work += x.work();
        work *= static_cast<double>(thread) / static_cast<double>(count);
        for (const Dense<T>& x : layers) {
            if (work < x.work()) return x.tile_at + x.tile_after(work);
            work -= x.work();
        }
        return tiles;
    }

    // What the penalty adds to the loss, from the sums of all |w| and of all w^2.
    double penalty(double sizes, double squares) const {
        // Squares may be too large for a number where sizes are not: 0 times them is then no 0.
        return (l1 != 0 ? l1 * sizes : 0) + (l2 != 0 ? l2 / 2 * squares : 0);
    }

    // How many of `threads` are worth waking to go once through all parameters.
    int threads_for_copies(int threads) const { return parameters < 200'000 ? 1 : threads; }

    // Call f(l, k, n) for rows [k, k + n) of W^l, for the blocks of rows of one of `count` threads. A block is as high
    // as a panel is wide: of whole tiles of W, and whole lines of memory in W^T.
    template <class F>
    void each_block(int thread, int count, F f) const {
        constexpr size most = panel_width<T>;
        for (size l = 1; l <= layers.size(); ++l) {
            const size rows = layers[l - 1].n_in;
            const Share mine = share((rows + most - 1) / most, thread, count);
            for (size b = mine.first; b < mine.last; ++b) f(l, b * most, std::min(most, rows - b * most));
        }
    }

    // Between the flat parameters (or their gradient, or a slot of state) and the packed form; one thread's part of it.
    //   wt: also bring the transposed copies of layers `from` ... L up to date there, unless null
    void pack(const T* flat, T* w, T* wt = nullptr, size from = 2, int thread = 0, int count = 1) const {
        if (front.present()) from = 1;
        each_block(thread, count, [&](size l, size k, size n) {
            const Dense<T>& x = layers[l - 1];
            x.w.pack(flat + x.flat_w + k * x.n_out, k, n, w + x.w_at);
            if (biases && k + n == x.n_in) x.w.pack(flat + x.flat_b, x.n_in, 1, w + x.w_at);
            if (!wt || l < from) return;
            for (size p = 0; p < x.w.count(); ++p)
                for (size r = 0; r < n; r += gradient_rows) {
                    const WeightTile tile{p, k + r, std::min<size>(gradient_rows, n - r), false};
                    transpose_tile(x, tile, w + x.tile_offset(tile), wt);
                }
        });
    }
    // Only the panels that WeightsFrom cannot read from the flat parameters: those that are not full.
    void pack_tails(const T* flat, T* w) const {
        for (const Dense<T>& x : layers) {
            const size tail = x.w.count() - 1;
            if (x.w.valid(tail) == x.w.width(tail)) continue;
            x.w.pack(flat + x.flat_w, 0, x.n_in, w + x.w_at, tail);
            if (biases) x.w.pack(flat + x.flat_b, x.n_in, 1, w + x.w_at, tail);
        }
    }
    void unpack(const T* w, T* flat, int thread = 0, int count = 1) const {
        each_block(thread, count, [&](size l, size k, size n) {
            const Dense<T>& x = layers[l - 1];
            x.w.unpack(w + x.w_at, k, n, flat + x.flat_w + k * x.n_out);
            if (biases && k + n == x.n_in) x.w.unpack(w + x.w_at, x.n_in, 1, flat + x.flat_b);
        });
    }
    // One tile of a packed gradient to its place in the flat one.
    void unpack_tile(const Dense<T>& x, const WeightTile& tile, const T* g, T* flat) const {
        const size width = x.w.width(tile.panel), valid = x.w.valid(tile.panel), at = tile.panel * panel_width<T>;
        for (size r = 0; r < tile.rows; ++r, g += width)
            Panels<T>::copy_row(g, valid, flat + x.flat_w + (tile.k + r) * x.n_out + at);
        if (tile.bias) Panels<T>::copy_row(g, valid, flat + x.flat_b + at);
    }
    // Whether something packed like the weights is finite throughout.
    bool finite(const T* w, int thread = 0, int count = 1) const {
        for (const Dense<T>& x : layers) {
            const Share mine = share(x.w.count(), thread, count);
            for (size p = mine.first; p < mine.last; ++p) {
                const T* panel = w + x.w_at + x.w.offset(p);
                const size width = x.w.width(p), valid = x.w.valid(p);
                if (!(valid == width ? all_finite(panel, x.w.rows * width) : rows_finite(panel, x.w.rows, width, valid)))
                    return false;
            }
        }
        return true;
    }
};

// The rows of a data set that a block takes: row i of the block is row rows[i], or first + i where rows is null.
template <class T>
struct Source {
    const T* X = nullptr;  // (n, n_in)
    Targets<T> y;
    const std::int64_t* rows = nullptr;
    std::ptrdiff_t first = 0;

    const T* x(size i, size n_in) const { return X + row(i) * static_cast<std::ptrdiff_t>(n_in); }
    std::ptrdiff_t row(size i) const { return rows ? rows[i] : first + static_cast<std::ptrdiff_t>(i); }
};

// Buffers for `capacity` rows: what every layer's forward pass leaves for its backward pass.
template <class T>
struct Buffers {
    size capacity = 0;
    Rows<T> x;                          // (n, n_in) gathered rows of X
    Nonzeros<T> nonzeros;               // ... or what of them is not zero, in the same memory
    std::vector<Rows<T>> a;             // [l] values a^l, 1 <= l < L; [L]: z^L, then dz^L or a^L; [0] what a front gives
    std::vector<Rows<T>> d;             // [l] dz^l; [L] is a[L]; [0] dX where asked for, or the gradient of a[0]
    std::vector<Rows<T>> slope;         // [l] f'(z) where backward needs it
    std::vector<Rows<T>> excess;        // [l] of parametric activations: f(z) - z, then what each row gives dalpha
    Rows<T> dx;                         // (n, n_in) dX, where there is a front
    T* others = nullptr;                // the parameters beside W and b, flat
    std::vector<Rows<T>> scale, raw;    // [l] dropout's factors, and a^l before dropout
    T* factors = nullptr;               // (n,) what each row's loss counts
    double* losses = nullptr;           // (n,) each row's own loss

    // Lay the buffers out in `arena`; called twice, first to measure with a null base.
    template <class Take>
    void lay_out(const Network<T>& net, size n, bool backward, bool inputs, const std::vector<double>& dropout, Take take) {
        const size L = net.layers.size();
        capacity = n;
        a.assign(L + 1, {}), d.assign(L + 1, {}), slope.assign(L + 1, {}), scale.assign(L + 1, {}), raw.assign(L + 1, {});
        excess.assign(L + 1, {}), dx = {};
        const auto rows = [&](size columns) { return in_runs<T>(take(T{}, n * run_columns<T>(columns)), n, columns); };
        if (net.front.present()) {
            a[0] = rows(net.front.n_out);
            if (backward) d[0] = rows(net.front.n_out);
            if (inputs) dx = rows(net.n_in);
        } else if (inputs) {
            d[0] = rows(net.n_in);
        }
        others = net.has_others() ? take(T{}, net.others) : nullptr;
        for (size l = 1; l < L; ++l) {
            const Dense<T>& layer = net.layers[l - 1];
            a[l] = rows(layer.n_out);
            if (!backward) continue;
            d[l] = rows(layer.n_out);
            if (!layer.f.slope_from_a || net.parametric) slope[l] = rows(layer.n_out);
            if (net.parametric) excess[l] = rows(layer.n_out);
            if (dropout.empty() || dropout[l - 1] == 0) continue;
            scale[l] = rows(layer.n_out);
            if (layer.f.slope_from_a && !net.parametric) raw[l] = rows(layer.n_out);
        }
        a[L] = d[L] = row_major<T>(take(T{}, n * padded<T>(net.n_out)), padded<T>(net.n_out));
        factors = take(T{}, n);
        losses = take(double{}, n);
    }
    // ... and those for the inputs, which stay untouched where rows are read in place.
    template <class Take>
    void lay_out_inputs(const Network<T>& net, Take take) {
        x = in_runs<T>(take(T{}, capacity * run_columns<T>(net.n_in)), capacity, net.n_in);
        nonzeros = {};
        if (Nonzeros<T>::suits(net.layers[0])) nonzeros.lay_out(capacity, net.n_in, x.data, take);
    }
};

// Rows of X as the first layer reads them: in place where they follow each other, else gathered into the buffers.
template <class T>
Rows<const T> inputs_in_place(const Network<T>& net, const Source<T>& source, size begin, size end) {
    const std::ptrdiff_t start = source.row(begin) - static_cast<std::ptrdiff_t>(begin);
    if (source.rows)
        for (size i = begin + 1; i < end; ++i)
            if (source.row(i) != start + static_cast<std::ptrdiff_t>(i)) return {};
    // Rows a multiple of 2 KiB apart would share a few cache sets.
    if (end - begin > 8 && net.n_in * sizeof(T) % 2048 == 0) return {};
    return {source.X + start * static_cast<std::ptrdiff_t>(net.n_in), net.n_in, net.n_in, 0};
}

template <class T>
void gather(const Network<T>& net, const Source<T>& source, const Rows<T>& x, size first, size last) {
    for (size i = first; i < last; ++i) {
        const T *from = source.x(i, net.n_in), *next = source.x(std::min(i + 1, last - 1), net.n_in);
        T* to = x.data + i * x.row;
        size k = 0;
        for (; k + x.run <= net.n_in; k += x.run, to += x.step)
            for (size v = 0; v < x.run; v += lanes<T>) {
                prefetch(next + k + v);  // the rows may be anywhere
                store(to + v, load(from + k + v));
            }
        std::copy_n(from + k, net.n_in - k, to);
    }
}

// What the first layer reads: rows of numbers, or their numbers that are not zero.
template <class T>
struct Inputs {
    Rows<const T> rows;
    const Nonzeros<T>* nonzeros = nullptr;
};

// Whether rows [first, last) are mostly zeros, by a few of them.
template <class T>
bool mostly_zeros(const Source<T>& source, size n_in, size first, size last) {
    size found = 0, asked = 0;
    for (size i = first; i < last; i += std::max<size>(1, (last - first) / 8), asked += n_in)
        found += count_nonzeros(source.x(i, n_in), n_in);
    return static_cast<double>(found) < most_nonzeros * static_cast<double>(asked);
}

// Read rows [first, last) for the first layer. All threads that share the rows [begin, end) read them the same way.
template <class T>
Inputs<T> read_inputs(const Network<T>& net, const Buffers<T>& at, const Source<T>& source, size begin, size end, size first,
                      size last, bool may_skip_zeros = true) {
    if (begin == end) return {};
    if (may_skip_zeros && at.nonzeros.columns && mostly_zeros(source, net.n_in, begin, end)) {
        for (size i = first; i < last; ++i)
            read_nonzeros(at.nonzeros, source.x(i, net.n_in), source.x(std::min(i + 1, last - 1), net.n_in), net.n_in, i);
        return {{}, &at.nonzeros};
    }
    const Rows<const T> there = inputs_in_place(net, source, begin, end);
    if (there.data) return {there};
    gather(net, source, at.x, first, last);
    return {at.x};
}

// Dropout of one training step; `rates` empty: none.
struct Dropout {
    const std::vector<double>& rates;  // one per hidden layer
    std::uint64_t key;                 // epoch_key
    double share = 1.0;                // what they are multiplied by
};

// Rows [first, last) forward to z^L in a[L].
//   x (n, n_in); where the buffers have room for it, what backward() needs is left behind
template <class T>
void forward(const Network<T>& net, Buffers<T>& at, const Inputs<T>& x, const WeightsFrom<T>& w, const Source<T>& source,
             const Dropout* dropout, size first, size last) {
    if (first == last) return;
    const size L = net.layers.size();
    Rows<const T> a_prev = x.rows;
    if (net.front.present()) {
        net.front.forward(at.others, x.rows, at.a[0], first, last);
        a_prev = at.a[0];
    }
    const auto products = [&](size l, const auto& done) {
        if (l == 1 && x.nonzeros) return sparse_forward<T>(net.layers[0], *x.nonzeros, w.packed, at.a[1], first, last, done);
        dense_forward<T>(net.layers[l - 1], a_prev, w, at.a[l], first, last, done);
    };
    for (size l = 1; l < L; ++l) {
        const Dense<T>& layer = net.layers[l - 1];
        const Rows<T>& a = at.a[l];
        products(l, [&](size p) {
            const size begin = p * a.step + first * a.row, count = (last - first) * a.row;
            T* slope = at.slope[l].data ? at.slope[l].data + begin : nullptr;
            if (net.parametric)
                return blend(layer.f, net.alpha_panel(at.others, l, p).values, a.data + begin, slope,
                             slope ? at.excess[l].data + begin : nullptr, last - first, a.row);
            layer.f.forward(a.data + begin, a.data + begin, slope, static_cast<std::ptrdiff_t>(count));
            if (at.raw[l].data) std::copy_n(a.data + begin, count, at.raw[l].data + begin);
        });
        if (at.scale[l].data)
            for (size i = first; i < last; ++i)
                drop_row(dropout->key, source.row(i), l, dropout->rates[l - 1] * dropout->share, layer.n_out, a, at.scale[l], i);
        a_prev = a;
    }
    products(L, [](size) {});
}

// Each row's loss from z^L, and dz^L = dL/dz * factor in its place (`slopes` false: losses only).
template <class T>
void losses(const Network<T>& net, Buffers<T>& at, const Source<T>& source, const T* factors, bool slopes, size first,
            size last) {
    const Rows<T>& z = at.a.back();
    T* begin = z.data + first * z.row;
    net.loss.rows(begin, slopes ? begin : nullptr, static_cast<std::ptrdiff_t>(z.row),
                  static_cast<std::ptrdiff_t>(last - first), source.y, source.rows ? source.rows + first : nullptr,
                  source.first + static_cast<std::ptrdiff_t>(first), factors ? factors + first : nullptr,
                  at.losses + first);
}

// Rows [first, last) from dz^L back to dz^1 in d[1], and with buffers for it to dX in d[0], or through a front in dx.
//   x (n, n_in), which a front's dX needs
template <class T>
void backward(const Network<T>& net, Buffers<T>& at, const T* wt, size first, size last, const Rows<const T>& x = {}) {
    if (first == last) return;
    for (size l = net.layers.size(); l > (at.d[0].data ? 0 : 1); --l) {
        const Rows<T>& da = at.d[l - 1];
        dense_backward<T>(net.layers[l - 1], at.d[l], wt, da, first, last, [&](size p) {
            if (l == 1) return;
            const size begin = p * da.step + first * da.row, count = (last - first) * da.row;
            const T* a = at.a[l - 1].data + begin;
            if (const T* factor = at.scale[l - 1].data) {
                for (size i = 0; i < count; i += lanes<T>)
                    store(da.data + begin + i, load(da.data + begin + i) * load(factor + begin + i));
                if (at.raw[l - 1].data) a = at.raw[l - 1].data + begin;
            }
            const T* slope = at.slope[l - 1].data;
            if (net.parametric)
                return blend_backward(da.data + begin, slope + begin, at.excess[l - 1].data + begin, count);
            net.layers[l - 2].f.backward(da.data + begin, a, slope ? slope + begin : nullptr,
                                         static_cast<std::ptrdiff_t>(count));
        });
    }
    if (at.dx.data) net.front.backward(at.others, x, at.d[0], at.dx, first, last);
}

}  // namespace bs
