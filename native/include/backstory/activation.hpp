// Activations a = f(z): the hand-written ones, softmax, and everything else through a tape.
// Forward and backward stand side by side; derivatives are named d<name>: da is dL/da, dz is dL/dz.
#pragma once

#include <cstddef>

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

    // dz = da * f'(z), in place: da becomes dz. With slope_from_a d may be null, else a may be null.
    // All arrays (count,), up to padded<T>(count).
    void backward(T* da, const T* a, const T* d, std::ptrdiff_t count) const;

    // forward() for a layer's rows, and the one that also does softmax (over the n_out columns of each row).
    // z, a, d: (rows, stride), stride >= padded<T>(n_out); a may be z. Softmax leaves zeros in columns n_out..padded.
    void forward_rows(const T* z, T* a, T* d, std::ptrdiff_t rows, std::ptrdiff_t n_out, std::ptrdiff_t stride) const;

private:
    Formula<T> value_, slope_, value_and_slope_;
};

}  // namespace bs
