// Activations a = f(z): the hand-written ones, softmax, and everything else through a tape.
// Forward and backward stand side by side; derivatives are named d<name>: da is dL/da, dz is dL/dz.
#pragma once

#include <cstddef>
#include <limits>
#include <stdexcept>

#include "backstory/math.hpp"
#include "backstory/simd.hpp"
#include "backstory/tape.hpp"

namespace bs {

enum class ActivationKind : int { identity, relu, leaky_relu, sigmoid, tanh, tape, softmax };

// Everything Python knows about one activation, independent of the type it will run in.
struct ActivationSource {
    ActivationKind kind = ActivationKind::identity;
    double parameter = 0.0;      // leaky_relu: the slope for z < 0
    bool precise = true;         // tapes compute in double whatever T is
    TapeSource value;            // tape: z -> a
    TapeSource slope;            // tape, where the slope needs only a: a -> f'
    TapeSource value_and_slope;  // tape, where it needs z: z -> (a, f')
};

// ---------------------------------------------------------------------------------------------------------------
// The hand-written ones. value(z) = a; backward(da, a) = dz = da * f'(z), with f' taken from a.

struct Identity {
    template <VectorLike X>
    BS_INLINE X value(X z) const { return z; }
    template <VectorLike X>
    BS_INLINE X backward(X da, X) const { return da; }
};

struct Relu {  // the slope at 0 is 0
    template <VectorLike X>
    BS_INLINE X value(X z) const { return max(X{}, z); }
    template <VectorLike X>
    BS_INLINE X backward(X da, X a) const { return select(a > X{}, da, X{}); }
};

template <class T>
struct LeakyRelu {  // slope >= 0, so that a has the sign of z
    T slope;
    template <VectorLike X>
    BS_INLINE X value(X z) const { return select(z > X{}, z, all<X>(slope) * z); }
    template <VectorLike X>
    BS_INLINE X backward(X da, X a) const { return select(a > X{}, da, all<X>(slope) * da); }
};

struct Sigmoid {
    template <VectorLike X>
    BS_INLINE X value(X z) const { return sigmoid(z); }
    template <VectorLike X>
    BS_INLINE X backward(X da, X a) const { return da * (a * (all<X>(1) - a)); }
};

struct Tanh {
    template <VectorLike X>
    BS_INLINE X value(X z) const { return tanh(z); }
    template <VectorLike X>
    BS_INLINE X backward(X da, X a) const { return da * ((all<X>(1) - a) * (all<X>(1) + a)); }
};

// Call `use` with the functor of a hand-written kind: the one place that goes from kinds to functors.
template <class T, class Use>
BS_INLINE void with_functor(ActivationKind kind, T parameter, Use use) {
    switch (kind) {
        case ActivationKind::relu: return use(Relu{});
        case ActivationKind::leaky_relu: return use(LeakyRelu<T>{parameter});
        case ActivationKind::sigmoid: return use(Sigmoid{});
        case ActivationKind::tanh: return use(Tanh{});
        default: return use(Identity{});
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Softmax

// What the stable forms of softmax need of one row: the largest z, and sum exp(z - largest) = 1 + rest. Both sums are
// taken in double, and `rest` leaves out the largest term itself, so that log(sum) = log1p(rest) is right near 0.
struct SoftmaxSums {
    double largest, rest;
    double sum() const { return 1.0 + rest; }
};

// z at columns j .. j + lanes<double> of n, as doubles; `beyond` in the columns from n on, which are never read.
template <class T>
BS_INLINE V<double> row_doubles(const T* z /* (n) */, std::ptrdiff_t j, std::ptrdiff_t n, double beyond) {
    if (n - j >= lanes<double>) return load_double(z + j);
    const auto in_row = first_lanes<double>(n - j);
    if constexpr (std::is_same_v<T, double>)
        return select(in_row, load_first(z + j, n - j), set1(beyond));
    else
        return select(in_row, widen_low(load_first(z + j, n - j)), set1(beyond));
}

// The first columns n - j (all, where there are more) of a vector of doubles become out[j ...].
template <class T>
BS_INLINE void store_row_doubles(T* out /* (n) */, V<double> x, std::ptrdiff_t j, std::ptrdiff_t n) {
    if (n - j >= lanes<double>)
        store_double(out + j, x);
    else if constexpr (std::is_same_v<T, double>)
        store_first(out + j, x, n - j);
    else
        store_first(out + j, narrow(x, x), n - j);
}

// `keep(j, e)` is given e = exp(z - largest) of columns j ... as they are computed (0 beyond n).
template <class T, class Keep>
BS_INLINE SoftmaxSums softmax_sums(const T* z /* (n) */, std::ptrdiff_t n, Keep keep) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    V<double> top = set1(-infinity);
    for (std::ptrdiff_t j = 0; j < n; j += lanes<double>) top = max(top, row_doubles(z, j, n, -infinity));
    const V<double> largest_z = set1(largest(top));
    V<double> rest{}, ties{};
    for (std::ptrdiff_t j = 0; j < n; j += lanes<double>) {
        const V<double> x = row_doubles(z, j, n, -infinity);
        const auto is_largest = x == largest_z;
        const V<double> e = exp(x - largest_z);
        keep(j, e);
        rest = rest + select(is_largest, V<double>{}, e);
        ties = ties + select(is_largest, set1(1.0), V<double>{});
    }
    return {largest_z[0], sum(rest) + (sum(ties) - 1.0)};
}

template <class T>
inline void softmax_row(const T* z /* (n) */, T* a /* (n), may be z */, std::ptrdiff_t n) {
    const SoftmaxSums s = softmax_sums(z, n, [](std::ptrdiff_t, V<double>) {});
    const V<double> scale = set1(1.0 / s.sum()), largest_z = set1(s.largest);
    for (std::ptrdiff_t j = 0; j < n; j += lanes<double>)
        store_row_doubles(a, exp(row_doubles(z, j, n, s.largest) - largest_z) * scale, j, n);
}

// ---------------------------------------------------------------------------------------------------------------
// Any activation

template <class T>
struct Activation {
    Activation() = default;
    explicit Activation(const ActivationSource& source);

    ActivationKind kind = ActivationKind::identity;
    T parameter = 0;
    // True: backward() needs only a. False: forward() must be given d when training and backward() reads it.
    bool slope_from_a = true;

    // a = f(z) and, where d is not null and slope_from_a is false, d = f'(z). Elementwise kinds only (not softmax).
    // a may be z; d may not. All arrays (count,), read and written up to padded<T>(count); what the padding holds
    // afterwards is f of what it held before, which may be infinite or NaN: the caller never reads it as data.
    void forward(const T* z, T* a, T* d, std::ptrdiff_t count) const;

    // dz = da * f'(z), in place: da becomes dz. With slope_from_a d may be null, else a may be null; a is what forward()
    // gave, before any dropout.
    // All arrays (count,), up to padded<T>(count).
    void backward(T* da, const T* a, const T* d, std::ptrdiff_t count) const;

    // forward() for a layer's rows, and the one that also does softmax (over the n_out columns of each row).
    // z, a, d: (rows, stride), stride >= padded<T>(n_out); a may be z. Softmax leaves zeros in columns n_out..padded.
    void forward_rows(const T* z, T* a, T* d, std::ptrdiff_t rows, std::ptrdiff_t n_out, std::ptrdiff_t stride) const;

private:
    Formula<T> value_, slope_, value_and_slope_;
};

template <class T>
Activation<T>::Activation(const ActivationSource& s)
    : kind(s.kind),
      parameter(static_cast<T>(s.parameter)),
      slope_from_a(s.kind != ActivationKind::tape || s.value_and_slope.instructions.empty()),
      value_(s.value, s.precise),
      slope_(s.slope, s.precise),
      value_and_slope_(s.value_and_slope, s.precise) {
    if (kind == ActivationKind::tape && (value_.empty() || (slope_.empty() && value_and_slope_.empty())))
        throw std::invalid_argument("An activation of kind tape needs a tape for its value and one for its slope.");
}

template <class T>
void Activation<T>::forward(const T* z, T* a, T* d, std::ptrdiff_t count) const {
    if (kind == ActivationKind::tape) {
        const T* const inputs[] = {z};
        T* const outputs[] = {a, d};
        return d && !slope_from_a ? value_and_slope_.run(inputs, outputs, count) : value_.run(inputs, outputs, count);
    }
    if (kind == ActivationKind::identity && z == a) return;
    with_functor<T>(kind, parameter, [=](auto f) {
        for (std::ptrdiff_t i = 0; i < count; i += lanes<T>) store(a + i, f.value(load(z + i)));
    });
}

template <class T>
void Activation<T>::backward(T* da, const T* a, const T* d, std::ptrdiff_t count) const {
    if (kind == ActivationKind::identity) return;
    if (kind != ActivationKind::tape)
        return with_functor<T>(kind, parameter, [=](auto f) {
            for (std::ptrdiff_t i = 0; i < count; i += lanes<T>) store(da + i, f.backward(load(da + i), load(a + i)));
        });
    if (!slope_from_a) {
        for (std::ptrdiff_t i = 0; i < count; i += lanes<T>) store(da + i, load(da + i) * load(d + i));
        return;
    }
    constexpr std::ptrdiff_t block = 256;
    alignas(BS_VECTOR_BYTES) T slopes[block];
    for (std::ptrdiff_t start = 0; start < count; start += block) {
        const std::ptrdiff_t length = count - start < block ? count - start : block;
        const T* const inputs[] = {a + start};
        T* const outputs[] = {slopes};
        slope_.run(inputs, outputs, length);
        for (std::ptrdiff_t i = 0; i < length; i += lanes<T>)
            store(da + start + i, load(da + start + i) * load(slopes + i));
    }
}

template <class T>
void Activation<T>::forward_rows(const T* z, T* a, T* d, std::ptrdiff_t rows, std::ptrdiff_t n_out,
                                 std::ptrdiff_t stride) const {
    const std::ptrdiff_t width = static_cast<std::ptrdiff_t>(padded<T>(static_cast<std::size_t>(n_out)));
    if (kind != ActivationKind::softmax && width == stride) return forward(z, a, d, rows * stride);
    for (std::ptrdiff_t r = 0; r < rows; ++r, z += stride, a += stride, d += d ? stride : 0) {
        if (kind != ActivationKind::softmax) {
            forward(z, a, d, width);
            continue;
        }
        softmax_row(z, a, n_out);
        for (std::ptrdiff_t j = n_out; j < width; ++j) a[j] = 0;
    }
}

}  // namespace bs
