// The head of a network: the last layer's activation, the loss of each row and dz = dL/dz of the last layer, together,
// because the stable forms (softmax + cross-entropy, sigmoid + binary cross-entropy) need z and not only a.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backstory/activation.hpp"
#include "backstory/math.hpp"
#include "backstory/simd.hpp"
#include "backstory/tape.hpp"

namespace bs {

// squared: scale * sum (a - y)^2 after any hand-written activation. binary_cross_entropy: of sigmoid, from z.
// tape: one tape (z, y) -> (loss, dz) with the output activation already in it.
// cross_entropy: of softmax, from z, dense targets or classes. softmax_tape: a tape (a, y) -> (loss, da) after softmax.
enum class LossKind : int { squared, binary_cross_entropy, tape, cross_entropy, softmax_tape };

// Everything Python knows about one loss with its output activation, independent of the type it will run in.
struct LossSource {
    LossKind kind = LossKind::squared;
    int n_out = 1;
    double scale = 0.5;               // squared
    double label_smoothing = 0.0;     // cross-entropies: y becomes y (1 - label_smoothing) + label_smoothing / n_out (/ 2)
    ActivationSource activation;      // squared: the output activation
    TapeSource value_and_slope;       // tape, softmax_tape; always computed in double
};

// Where the targets of a data set lie: either dense (n, n_out), without padding, or classes (n,), in 0..n_out-1.
template <class T>
struct Targets {
    const T* dense = nullptr;                // (n, n_out)
    const std::int64_t* classes = nullptr;   // (n,); cross_entropy only
};

template <class T>
struct Loss {
    Loss() = default;
    explicit Loss(const LossSource& source);

    LossKind kind = LossKind::squared;
    std::ptrdiff_t n_out = 1;

    // For each row r of a block: losses[r] = the loss of that row (not weighted, not divided by n), and
    // dz[r, :] = dL_r/dz[r, :] * factors[r].
    //   z         (rows, stride): the last layer's z, before its activation; stride >= padded<T>(n_out)
    //   dz        (rows, stride): may be z (in place) or null (losses only). Columns n_out..padded<T>(n_out) become 0,
    //             columns beyond are left alone. Padding of z is never used, whatever it holds.
    //   targets   the whole data set's; row r of the block has the targets of data row row_numbers[r],
    //             or of data row first_row + r where row_numbers is null
    //   factors   (rows,) or null (all 1): sample weight and 1/n of the batch
    //   losses    (rows,)
    // A row's results do not depend on the other rows, so not on how a batch is cut into blocks.
    void rows(const T* z, T* dz, std::ptrdiff_t stride, std::ptrdiff_t rows, Targets<T> targets,
              const std::int64_t* row_numbers, std::ptrdiff_t first_row, const T* factors, double* losses) const;

private:
    T scale_ = 0;
    T label_smoothing_ = 0;
    Activation<T> activation_;
    Tape<double> tape_;
};

}  // namespace bs
