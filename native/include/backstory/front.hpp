// What stands before the first dense layer: columns of X in, columns out, by way of periodic embeddings and learned
// factors; the second writing of the formulas in functions/front.py.
//
//   angle = 2 pi frequency[c,k] x[c] + phase[c,k]          c  embedded column, k frequency, m mixture
//   e = shift[c,m] + sum over k of mix[c,k,m] cos(angle)    each column x is followed by its e
//   s[j] = scale[j] e[j]
//
// Rows lie in the lanes of vectors, so that each row's numbers are the same whatever its neighbors are.
#pragma once

#include <algorithm>
#include <numbers>
#include <vector>

#include "backstory/math.hpp"
#include "backstory/panels.hpp"

namespace bs {

// Everything Python knows about a front. Without frequencies and scaling there is none.
struct FrontSource {
    std::vector<std::size_t> columns;  // to embed
    std::size_t frequencies = 0, width = 1;
    bool scaling = false;
};

inline constexpr size most_mixtures = 63;

template <class T>
struct Front {
    struct Column {
        size start, width;  // of the numbers that come out
        size embedded;      // its number among the embedded ones, where width > 1
    };
    std::vector<Column> columns;  // (n_in); empty: there is no front
    size n_out = 0, frequencies = 0, mixtures = 0;
    bool scaling = false;
    size frequency = 0, phase = 0, mix = 0, shift = 0, scale = 0;  // where they begin in the parameters beside W and b
    size count = 0, arrays = 0;                                    // how many numbers and arrays these are

    Front() = default;
    Front(const FrontSource& source, size n_in) {
        const bool embeds = !source.columns.empty();
        if (!embeds && !source.scaling) return;
        frequencies = embeds ? source.frequencies : 0, mixtures = embeds ? source.width - 1 : 0;
        scaling = source.scaling;
        for (size c = 0, embedded = 0; c < n_in; ++c) {
            const bool here = embedded < source.columns.size() && source.columns[embedded] == c;
            columns.push_back({n_out, here ? source.width : 1, embedded});
            n_out += columns.back().width, embedded += here;
        }
        const auto take = [&](size& at, size numbers) { at = count, count += numbers, ++arrays; };
        if (const size e = source.columns.size(); embeds) {
            take(frequency, e * frequencies), take(phase, e * frequencies);
            take(mix, e * frequencies * mixtures), take(shift, e * mixtures);
        }
        if (scaling) take(scale, n_out);
    }
    bool present() const { return !columns.empty(); }

    // Vectors of sums over rows that a column's gradient takes: by frequency, phase and mixtures for each k; by shifts
    // and scales.
    size sums() const { return frequencies * (2 + mixtures) + mixtures + mixtures + 1; }

    // Call f(array, first, count, sum) for the parameters of column c: `count` from number `first` on belong to the
    // array of that number, and their sums are vectors sum, sum + 1, ...
    template <class F>
    void each_part(size c, F f) const {
        const Column& column = columns[c];
        const size e = column.embedded, K = frequencies, M = mixtures;
        size array = 0;
        if (K) {
            if (column.width > 1) {
                f(0, frequency + e * K, K, 0);
                f(1, phase + e * K, K, K);
                f(2, mix + e * K * M, K * M, 2 * K);
                f(3, shift + e * M, M, (2 + M) * K);
            }
            array = 4;
        }
        if (scaling) f(array, scale + column.start, column.width, (2 + M) * K + M);
    }

    // Column c of rows [i, i + lanes), 0 beyond `last`.
    static BS_INLINE V<T> lanes_of_column(const Rows<const T>& x, size c, size i, size last) {
        alignas(BS_VECTOR_BYTES) T values[lanes<T>]{};
        const size n = std::min<size>(lanes<T>, last - i);
        const T* from = x.at(i, c);
        for (size r = 0; r < n; ++r, from += x.row) values[r] = *from;
        return load(values);
    }
    static BS_INLINE void put_column(const Rows<T>& a, size c, size i, size last, V<T> x) {
        alignas(BS_VECTOR_BYTES) T values[lanes<T>];
        store(values, x);
        const size n = std::min<size>(lanes<T>, last - i);
        T* to = a.at(i, c);
        for (size r = 0; r < n; ++r, to += a.row) *to = values[r];
    }

    BS_INLINE V<T> angle(const T* w, size at, V<T> x) const {
        constexpr T turn = static_cast<T>(2 * std::numbers::pi);
        return fma(set1(turn * w[frequency + at]), x, set1(w[phase + at]));
    }

    // Rows [first, last) of X to those of a.
    //   w (count,), x (n, n_in), a (n, n_out)
    void forward(const T* w, const Rows<const T>& x, const Rows<T>& a, size first, size last) const {
        for (size i = first; i < last; i += lanes<T>)
            for (size c = 0; c < columns.size(); ++c) {
                const Column& column = columns[c];
                const V<T> own = lanes_of_column(x, c, i, last);
                const auto put = [&](size j, V<T> value) {
                    put_column(a, column.start + j, i, last, scaling ? value * set1(w[scale + column.start + j]) : value);
                };
                put(0, own);
                if (column.width == 1) continue;
                V<T> e[most_mixtures];
                const size M = mixtures, at = column.embedded * frequencies;
                for (size m = 0; m < M; ++m) e[m] = set1(w[shift + column.embedded * M + m]);
                for (size k = 0; k < frequencies; ++k) {
                    const V<T> wave = sin_cos(angle(w, at + k, own)).cos;
                    const T* by = w + mix + (at + k) * M;
                    for (size m = 0; m < M; ++m) e[m] = fma(wave, set1(by[m]), e[m]);
                }
                for (size m = 0; m < M; ++m) put(m + 1, e[m]);
            }
    }

    // dX of rows [first, last) from the gradient d of what came out.
    void backward(const T* w, const Rows<const T>& x, const Rows<T>& d, const Rows<T>& dx, size first, size last) const {
        constexpr T turn = static_cast<T>(2 * std::numbers::pi);
        for (size i = first; i < last; i += lanes<T>)
            for (size c = 0; c < columns.size(); ++c) {
                const Column& column = columns[c];
                const V<T> own = lanes_of_column(x, c, i, last);
                V<T> de[most_mixtures + 1]{};
                gradients_of(w, d, column, i, last, de);
                V<T> sum = de[0];
                const size at = column.embedded * frequencies;
                for (size k = 0; column.width > 1 && k < frequencies; ++k) {
                    const V<T> down = downwards(w, at + k, sin_cos(angle(w, at + k, own)).sin, de);
                    sum = fma(down, set1(turn * w[frequency + at + k]), sum);
                }
                put_column(dx, c, i, last, sum);
            }
    }

    // Add to the sums of column c what rows [0, n) give, row i to lane i mod lanes.
    //   sums (sums(), lanes)
    void gradient(const T* w, const Rows<const T>& x, const Rows<T>& d, size c, size n, T* sums) const {
        const Column& column = columns[c];
        const size K = frequencies, M = mixtures, at = column.embedded * K;
        const auto add = [&](size sum, V<T> a, V<T> b) { store(sums + sum * lanes<T>, fma(a, b, load(sums + sum * lanes<T>))); };
        const V<T> one = set1(T(1)), turn = set1(static_cast<T>(2 * std::numbers::pi));
        for (size i = 0; i < n; i += lanes<T>) {
            const V<T> own = lanes_of_column(x, c, i, n);
            V<T> d_out[most_mixtures + 1], de[most_mixtures + 1], e[most_mixtures + 1];
            for (size j = 0; j < column.width; ++j) {
                d_out[j] = lanes_of_column(d, column.start + j, i, n);
                de[j] = scaling ? d_out[j] * set1(w[scale + column.start + j]) : d_out[j];
            }
            e[0] = own;
            if (column.width > 1) {
                for (size m = 0; m < M; ++m) e[m + 1] = set1(w[shift + column.embedded * M + m]);
                const V<T> turned = turn * own;
                for (size k = 0; k < K; ++k) {
                    const auto wave = sin_cos(angle(w, at + k, own));
                    const T* by = w + mix + (at + k) * M;
                    for (size m = 0; m < M; ++m) {
                        e[m + 1] = fma(wave.cos, set1(by[m]), e[m + 1]);
                        add(2 * K + k * M + m, wave.cos, de[m + 1]);
                    }
                    const V<T> down = downwards(w, at + k, wave.sin, de);
                    add(k, down, turned);
                    add(K + k, down, one);
                }
                for (size m = 0; m < M; ++m) add((2 + M) * K + m, de[m + 1], one);
            }
            for (size j = 0; scaling && j < column.width; ++j) add((2 + M) * K + M + j, d_out[j], e[j]);
        }
    }

private:
    // The gradients of a column's numbers before their scales, rows [i, i + lanes) of them.
    BS_INLINE void gradients_of(const T* w, const Rows<T>& d, const Column& column, size i, size last, V<T>* de) const {
        for (size j = 0; j < std::max<size>(1, column.width); ++j) {
            de[j] = lanes_of_column(d, column.start + j, i, last);
            if (scaling) de[j] = de[j] * set1(w[scale + column.start + j]);
        }
    }
    // The gradient of an angle, from its sine: d cos(angle) = -sin(angle).
    BS_INLINE V<T> downwards(const T* w, size at, V<T> sine, const V<T>* de) const {
        V<T> wave{};
        const T* by = w + mix + at * mixtures;
        for (size m = 0; m < mixtures; ++m) wave = fma(set1(by[m]), de[m + 1], wave);
        return -sine * wave;
    }
};

}  // namespace bs
