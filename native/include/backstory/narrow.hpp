// A whole training step of a small network, inlined: every layer fits one register, so a layer's values are one vector,
// and nothing is dispatched, tiled or gathered. Online training of the smallest networks is one chain of operations,
// each waiting for the last; what counts is how many cycles that chain has, so vectors are as narrow as the layers
// allow (moving lanes about costs less in them) and values go from layer to layer without a detour through memory.
// The arithmetic is that of the general step (training.hpp), in the same order: both give the same bits.
#pragma once

#include <algorithm>

#include "backstory/network.hpp"
#include "backstory/optimizer.hpp"
#include "backstory/workspace.hpp"

namespace bs {

// One layer, with its pieces of the workspace. Rows of values, of W and of W^T are lanes<T> apart, as everywhere for
// layers this narrow.
template <class T>
struct NarrowLayer {
    size n_in, n_out;
    ActivationKind kind;
    T parameter;
    bool has_bias;
    T *w, *wt;           // (n_in + 1, n_out), (n_out, n_in)
    T *s, *v;            // the optimizer's slots, like w, or null
    T *a, *dz;           // (n, n_out) this layer's values and dz; of the last layer both are one
    const T* values;     // (n, n_in) the layer's inputs; null for the first layer, whose rows are in X
};

// Rows that a small step takes together, for which there must be room even where a batch has less.
inline constexpr size narrow_rows = 5;

template <class T, int N>
class NarrowStep {
    using X = Vec<T, N>;
    static constexpr size stride = lanes<T>;

public:
    NarrowStep(const Network<T>& net, Workspace<T>& space) : net_(net), at_(space.at) {
        for (size l = 1; l <= net.layers.size(); ++l) {
            const Dense<T>& x = net.layers[l - 1];
            const auto slot = [&](int k) { return space.slot[k] ? space.slot[k] + x.w_at : nullptr; };
            layers_.push_back({x.n_in, x.n_out, x.f.kind, x.f.parameter, x.has_bias, space.w + x.w_at, space.wt + x.wt_at,
                               slot(0), slot(1), at_.a[l].data, at_.d[l].data, l > 1 ? at_.a[l - 1].data : nullptr});
        }
    }

    // One step, on one row or on the n rows of a batch. Their factors are in the buffers; their losses are left there.
    BS_INLINE void online(const Source<T>& source, const Step<T>& step) { rows<1, true>(source, 0, 1, step); }
    BS_INLINE void batch(const Source<T>& source, size n, const Step<T>& step) {
        size i = 0;  // three rows or four cost no less than five, so some are taken again
        for (; i + 2 < n; i += 5) rows<5, false>(source, n < 5 ? 0 : std::min(i, n - 5), n, step);
        if (i + 2 == n) rows<2, false>(source, i, n, step);
        else if (i + 1 == n) rows<1, false>(source, i, n, step);
        for (const NarrowLayer<T>& layer : layers_) weights(layer, source, n, step);
    }

private:
    // R rows forward, through the loss and back to dz^1; online, where they are the batch, W is updated on the way. Where
    // the batch has less than R, its last is taken for those that are missing.
    template <int R, bool ONLINE>
    BS_INLINE void rows(const Source<T>& source, size first, size n, const Step<T>& step) {
        const NarrowLayer<T>*const begin = layers_.data(), *const last = begin + layers_.size() - 1;
        const T* from[R];  // each row's inputs of the layer
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) from[r] = source.x(std::min(first + r, n - 1), net_.n_in);
        X z[R], a[R]{};
        for (const NarrowLayer<T>* layer = begin;; ++layer) {
            const size n_in = layer->n_in;
            const T* wk = layer->w;
            const X bias = load<T, N>(wk + n_in * stride);
#pragma GCC unroll 8
            for (int r = 0; r < R; ++r) z[r] = bias;
            for (size k = 0; k < n_in; ++k, wk += stride)
#pragma GCC unroll 8
                for (int r = 0; r < R; ++r)
                    z[r] = fma(R == 1 && layer != begin ? lane(a[r], k) : all<X>(from[r][k]), load<T, N>(wk), z[r]);
            if (layer == last) break;
            with_functor<T>(layer->kind, layer->parameter, [&](auto f) BS_INLINE_LAMBDA {
#pragma GCC unroll 8
                for (int r = 0; r < R; ++r) a[r] = f.value(z[r]);
            });
            T* to = layer->a + first * stride;
#pragma GCC unroll 8
            for (int r = 0; r < R; ++r, to += stride) {
                store<N>(to, a[r]);
                from[r] = to;
            }
        }
        losses<R>(source, first, n, z);  // z becomes dz

        for (const NarrowLayer<T>* layer = last;; --layer) {
            const size n_in = layer->n_in, n_out = layer->n_out;
            T* dz = layer->dz + first * stride;
            if (!ONLINE)
#pragma GCC unroll 8
                for (int r = 0; r < R; ++r) store<N>(dz + r * stride, z[r]);
            X da[R]{};
            if (layer != begin) {
                const T* wj = layer->wt;
                const auto dzj = [&](int r, size j) BS_INLINE_LAMBDA {
                    return R == 1 ? lane(z[r], j) : all<X>(dz[r * stride + j]);
                };
#pragma GCC unroll 8
                for (int r = 0; r < R; ++r) da[r] = dzj(r, 0) * load<T, N>(wj);
                for (size j = 1; j < n_out; ++j)
#pragma GCC unroll 8
                    for (int r = 0; r < R; ++r) da[r] = fma(dzj(r, j), load<T, N>(wj + j * stride), da[r]);
            }
            if (ONLINE) {
                const T* values = layer == begin ? source.x(0, net_.n_in) : layer->values;
                for (size k = 0; k < n_in; ++k) update(*layer, k, all<X>(values[k]) * z[0], step, true);
                if (layer->has_bias) update(*layer, n_in, z[0], step, false);
                if (layer != begin) transpose(*layer);
            }
            if (layer == begin) return;
            const T* values = layer->values + first * stride;
            with_functor<T>(layer[-1].kind, layer[-1].parameter, [&](auto f) BS_INLINE_LAMBDA {
#pragma GCC unroll 8
                for (int r = 0; r < R; ++r) z[r] = f.backward(da[r], load<T, N>(values + r * stride));
            });
        }
    }

    // Losses of R rows from z^L, which becomes dz^L.
    template <int R>
    BS_INLINE void losses(const Source<T>& source, size first, size n, X (&z)[R]) {
        const auto outputs = static_cast<std::ptrdiff_t>(net_.n_out);
        if (!net_.loss.has_head()) {
            T* block = at_.a.back().data + first * stride;
#pragma GCC unroll 8
            for (int r = 0; r < R; ++r) store<N>(block + r * stride, z[r]);
            bs::losses(net_, at_, source, at_.factors, true, first, std::min(first + R, n));
#pragma GCC unroll 8
            for (int r = 0; r < R; ++r) z[r] = load<T, N>(block + r * stride);
            return;
        }
        net_.loss.with_head([&](auto head) BS_INLINE_LAMBDA {
#pragma GCC unroll 8
            for (int r = 0; r < R; ++r) {
                const size row = std::min(first + r, n - 1);
                const X y = load_first<N>(source.y.dense + source.row(row) * outputs, outputs);
                X loss, dz;
                head(z[r], y, loss, dz);
                const T factor = at_.factors[row];
                if (factor != 1) dz = dz * all<X>(factor);
                z[r] = keep_first(dz, outputs);
                alignas(BS_VECTOR_BYTES) T each[2 * lanes<T>];
                store<N>(each, loss);
                at_.losses[first + r] = ordered_sum(each, outputs);
            }
        });
    }

    // A layer's gradient over the batch, and its update.
    BS_INLINE void weights(const NarrowLayer<T>& layer, const Source<T>& source, size n, const Step<T>& step) {
        const size n_in = layer.n_in;
        size k = 0;
        for (; k + 8 < n_in; k += 8) gradient<8>(layer, source, n, k, step, false);
        for (; k + 4 < n_in && n_in - k != 8; k += 4) gradient<4>(layer, source, n, k, step, false);
        switch (n_in - k) {  // the last rows of W, and the bias
            case 8: gradient<8>(layer, source, n, k, step, layer.has_bias); break;
            case 4: gradient<4>(layer, source, n, k, step, layer.has_bias); break;
            case 3: gradient<3>(layer, source, n, k, step, layer.has_bias); break;
            case 2: gradient<2>(layer, source, n, k, step, layer.has_bias); break;
            default: gradient<1>(layer, source, n, k, step, layer.has_bias);
        }
        if (layer.values) transpose(layer);
    }

    // The gradient of rows k ... k + K of W, and of the bias, over the batch, and their update.
    template <int K>
    BS_INLINE void gradient(const NarrowLayer<T>& layer, const Source<T>& source, size n, size k, const Step<T>& step,
                            bool bias) {
        const T *d = layer.dz, *values = layer.values;
        X g[K]{}, sum{};
        for (size r = 0; r < n; ++r, d += stride) {
            const T* a = (values ? values + r * stride : source.x(r, net_.n_in)) + k;
            const X dz = load<T, N>(d);
#pragma GCC unroll 8
            for (int q = 0; q < K; ++q) g[q] = fma(all<X>(a[q]), dz, g[q]);
            sum += dz;
        }
#pragma GCC unroll 8
        for (int q = 0; q < K; ++q) update(layer, k + q, g[q], step, true);
        if (bias) update(layer, layer.n_in, sum, step, false);
    }

    // Update row k of W (the bias, where it is the last) by its gradient.
    BS_INLINE void update(const NarrowLayer<T>& layer, size k, X g, const Step<T>& step, bool shrinks) {
        const size at = k * stride;
        T* w = layer.w + at;
        if (step.kind == RuleKind::sgd) {
            store<N>(w, step.plain(load<T, N>(w), g, shrinks));
            return;
        }
        alignas(BS_VECTOR_BYTES) T gradient[lanes<T>];
        store<N>(gradient, g);
        step.template operator()<X>(w, gradient, layer.s ? layer.s + at : nullptr, layer.v ? layer.v + at : nullptr,
                                    stride, shrinks);
    }

    // Bring W^T up to date.
    BS_INLINE void transpose(const NarrowLayer<T>& layer) {
        const size n_in = layer.n_in, n_out = layer.n_out;
        X x[N];
#pragma GCC unroll 16
        for (size k = 0; k < N; ++k) x[k] = k < n_in ? load<T, N>(layer.w + k * stride) : X{};
        Square<T, N>::transpose(x);
#pragma GCC unroll 16
        for (size j = 0; j < N; ++j)
            if (j < n_out) store<N>(layer.wt + j * stride, x[j]);
    }

    const Network<T>& net_;
    Buffers<T>& at_;
    std::vector<NarrowLayer<T>> layers_;
};

// How many numbers to a row a small step of this network takes; 0 where it has a layer that needs the general step.
template <class T>
int narrow_width(const Network<T>& net) {
    static constexpr size most_inputs = 64;
    size widest = 0;
    for (const Dense<T>& layer : net.layers) widest = std::max(widest, layer.n_out);
    if (widest > lanes<T> || net.n_in > most_inputs) return 0;
    for (size l = 1; l < net.layers.size(); ++l)
        if (net.layers[l - 1].f.kind == ActivationKind::tape) return 0;
    int width = lanes<T>;
    while (width * sizeof(T) > 16 && widest <= static_cast<size>(width) / 2) width /= 2;
    return width;
}

}  // namespace bs
