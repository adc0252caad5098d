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

// ---------------------------------------------------------------------------------------------------------------
// Hand-written losses of one output: from z and y, the loss and dz.

// scale (a - y)^2
template <class T, class F>
struct SquaredError {
    F activation;
    T scale;
    template <VectorLike X>
    BS_INLINE void operator()(X z, X y, X& loss, X& dz) const {
        const X a = activation.value(z), error = a - y;
        loss = all<X>(scale) * error * error;
        if constexpr (std::is_same_v<F, Sigmoid>)
            dz = error * (a * sigmoid(-z, exp_factors(minus_abs(z))));  // sooner than 1 - a, and right for a near 1
        else
            dz = activation.backward(error, a);
        if (2 * scale != 1) dz = dz * all<X>(2 * scale);
    }
};

// -y log a - (1 - y) log(1 - a) with a = sigmoid(z): log(1 + exp(z)) - y z, and dz = a - y.
template <class T>
struct BinaryCrossEntropy {
    T keep, shift;  // label smoothing: y becomes y keep + shift
    template <VectorLike X>
    BS_INLINE void operator()(X z, X y, X& loss, X& dz) const {
        const X target = fma(y, all<X>(keep), all<X>(shift));
        const auto e = exp_factors(minus_abs(z));
        loss = (max(X{}, z) - target * z) + log1p(e.p * e.power);
        dz = sigmoid(z, e) - target;
    }
};

// ---------------------------------------------------------------------------------------------------------------
// Any loss

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

    // Call `use` with the functor of the hand-written loss of one output, where has_head().
    template <class Use>
    BS_INLINE void with_head(Use use) const {
        if (kind == LossKind::binary_cross_entropy)
            return use(BinaryCrossEntropy<T>{static_cast<T>(1 - label_smoothing_), static_cast<T>(label_smoothing_ / 2)});
        with_functor<T>(activation_, static_cast<T>(activation_parameter_),
                        [&](auto f) BS_INLINE_LAMBDA { use(SquaredError<T, decltype(f)>{f, static_cast<T>(scale_)}); });
    }
    bool has_head() const { return kind == LossKind::squared || kind == LossKind::binary_cross_entropy; }

private:
    struct Block;  // the arguments of rows(), for the functions below

    double scale_ = 0, label_smoothing_ = 0;
    ActivationKind activation_ = ActivationKind::identity;
    double activation_parameter_ = 0;
    Tape<double> tape_;

    // loss and dz of each output alone, computed in C by f(z, y, loss, dz, count) on arrays (count,).
    template <class C, class F>
    void elementwise(const Block& block, F f) const;
    template <class F>
    void elementwise_vectors(const Block& block, F f) const;
    void cross_entropy_rows(const Block& block, std::ptrdiff_t first, std::ptrdiff_t rows) const;
    void softmax_tape_row(const Block& block, std::ptrdiff_t r) const;
};

// ---------------------------------------------------------------------------------------------------------------
// Rows

template <class T>
struct Loss<T>::Block {
    const T* z;                        // (rows, stride)
    T* dz;                             // (rows, stride) or null
    std::ptrdiff_t stride, rows;
    Targets<T> targets;
    const std::int64_t* row_numbers;   // (rows,) or null
    std::ptrdiff_t first_row;
    const T* factors;                  // (rows,) or null
    double* losses;                    // (rows,)

    std::ptrdiff_t data_row(std::ptrdiff_t r) const { return row_numbers ? row_numbers[r] : first_row + r; }
    T factor(std::ptrdiff_t r) const { return factors ? factors[r] : T(1); }
};

template <class T>
Loss<T>::Loss(const LossSource& s)
    : kind(s.kind),
      n_out(s.n_out),
      scale_(s.scale),
      label_smoothing_(s.label_smoothing),
      activation_(s.activation.kind),
      activation_parameter_(s.activation.parameter),
      tape_(s.value_and_slope) {
    const bool taped = kind == LossKind::tape || kind == LossKind::softmax_tape;
    if (taped && (tape_.n_inputs() != 2 || tape_.n_outputs() != 2))
        throw std::invalid_argument("A loss of kind tape needs a tape with 2 inputs and 2 outputs.");
    if (kind == LossKind::squared &&
        (activation_ == ActivationKind::tape || activation_ == ActivationKind::softmax))
        throw std::invalid_argument("A loss of kind squared needs a hand-written output activation.");
}

template <class T>
void Loss<T>::rows(const T* z, T* dz, std::ptrdiff_t stride, std::ptrdiff_t rows, Targets<T> targets,
                   const std::int64_t* row_numbers, std::ptrdiff_t first_row, const T* factors,
                   double* losses) const {
    const Block block{z, dz, stride, rows, targets, row_numbers, first_row, factors, losses};
    switch (kind) {
        case LossKind::squared:
        case LossKind::binary_cross_entropy:
            return with_head([&](auto head) { elementwise_vectors(block, head); });
        case LossKind::tape:
            return elementwise<double>(block, [&](const double* z_, const double* y, double* loss, double* dz_,
                                                  std::ptrdiff_t count) {
                const double* const inputs[] = {z_, y};
                double* const outputs[] = {loss, dz_};
                tape_.run(inputs, outputs, count);
            });
        case LossKind::cross_entropy:
            for (std::ptrdiff_t r = 0; r < rows; r += lanes<double>)
                cross_entropy_rows(block, r, std::min<std::ptrdiff_t>(lanes<double>, rows - r));
            return;
        case LossKind::softmax_tape:
            for (std::ptrdiff_t r = 0; r < rows; ++r) softmax_tape_row(block, r);
            return;
    }
}

// The sum of n numbers, always in the same order, in double.
template <class C>
BS_INLINE double ordered_sum(const C* x /* (n), readable to n + lanes<double> */, std::ptrdiff_t n) {
    if (n == 1) return static_cast<double>(x[0]);
    if (n == 2) return static_cast<double>(x[0]) + static_cast<double>(x[1]);
    V<double> total{};
    for (std::ptrdiff_t j = 0; j < n; j += lanes<double>)
        total = total + select(first_lanes<double>(n - j), load_double(x + j), V<double>{});
    return sum(total);
}

// x[j] for j < n (at least; up to a vector more may be written), as C.
template <class C, class T>
BS_INLINE void copy_row(C* out, const T* x /* (n) */, std::ptrdiff_t n) {
    if (n == 1) {
        out[0] = static_cast<C>(x[0]);
        return;
    }
    for (std::ptrdiff_t j = 0; j < n; j += lanes<T>) {
        const V<T> v = n - j >= lanes<T> ? load(x + j) : load_first(x + j, n - j);
        if constexpr (std::is_same_v<C, T>) {
            store(out + j, v);
        } else {
            store(out + j, widen_low(v));
            store(out + j + lanes<C>, widen_high(v));
        }
    }
}

// One vector of T from consecutive numbers of type C.
template <class T, class C>
BS_INLINE V<T> load_as(const C* x /* (lanes<T>) */) {
    if constexpr (std::is_same_v<C, T>)
        return load(x);
    else
        return narrow(load(x), load(x + lanes<C>));
}

// Narrow rows are first packed closely, so that 200 rows of one output are 200 numbers and not 200 padded vectors.
template <class T>
template <class C, class F>
BS_NOINLINE void Loss<T>::elementwise(const Block& block, F f) const {
    constexpr std::ptrdiff_t longest = 256, slack = lanes<float>;
    alignas(BS_VECTOR_BYTES) C z[longest + slack], y[longest + slack], loss[longest + slack], dz[longest + slack];
    const std::ptrdiff_t width = n_out < longest ? n_out : longest;  // columns at a time
    const std::ptrdiff_t height = longest / width;                   // rows at a time
    for (std::ptrdiff_t r0 = 0; r0 < block.rows; r0 += height) {
        const std::ptrdiff_t rows = block.rows - r0 < height ? block.rows - r0 : height;
        for (std::ptrdiff_t j0 = 0; j0 < n_out; j0 += width) {
            const std::ptrdiff_t columns = n_out - j0 < width ? n_out - j0 : width;
            const std::ptrdiff_t count = rows * columns;
            for (std::ptrdiff_t r = 0; r < rows; ++r) {  // in this order: each row overwrites the last one's excess
                copy_row(z + r * columns, block.z + (r0 + r) * block.stride + j0, columns);
                copy_row(y + r * columns, block.targets.dense + block.data_row(r0 + r) * n_out + j0, columns);
            }
            store(z + count, V<C>{});  // the last vector's padding
            store(y + count, V<C>{});
            f(z, y, loss, dz, count);
            for (std::ptrdiff_t r = 0; r < rows; ++r) {
                const double row_loss = ordered_sum(loss + r * columns, columns);
                block.losses[r0 + r] = j0 ? block.losses[r0 + r] + row_loss : row_loss;
            }
            if (!block.dz) continue;
            const auto in_row = first_lanes<T>(columns);
            for (std::ptrdiff_t r = 0; r < rows; ++r) {
                T* out = block.dz + (r0 + r) * block.stride + j0;
                const C* from = dz + r * columns;
                const V<T> factor = set1(block.factor(r0 + r));
                if (columns == 1)
                    store(out, select(in_row, set1(static_cast<T>(from[0])) * factor, V<T>{}));
                else if (columns <= lanes<T>)
                    store(out, select(in_row, load_as<T>(from) * factor, V<T>{}));
                else
                    for (std::ptrdiff_t j = 0; j < columns; j += lanes<T>)
                        store(out + j, select(first_lanes<T>(columns - j), load_as<T>(from + j) * factor, V<T>{}));
            }
        }
    }
}

// The same for a function of whole vectors; a single narrow row, as in online training, is not copied at all.
template <class T>
template <class F>
BS_INLINE void Loss<T>::elementwise_vectors(const Block& block, F f) const {
    if (block.rows == 1 && n_out <= lanes<T>) {
        const V<T> y = load_first(block.targets.dense + block.data_row(0) * n_out, n_out);
        alignas(BS_VECTOR_BYTES) T losses[2 * lanes<T>];
        V<T> loss, dz;
        f(load_first(block.z, n_out), y, loss, dz);
        store(losses, loss);
        block.losses[0] = ordered_sum(losses, n_out);
        if (block.dz) store(block.dz, select(first_lanes<T>(n_out), dz * set1(block.factor(0)), V<T>{}));
        return;
    }
    elementwise<T>(block, [f](const T* z, const T* y, T* losses, T* dzs, std::ptrdiff_t count) {
        for (std::ptrdiff_t i = 0; i < count; i += lanes<T>) {
            V<T> loss, dz;
            f(load(z + i), load(y + i), loss, dz);
            store(losses + i, loss);
            store(dzs + i, dz);
        }
    });
}

// With targets t (smoothed): loss = log(sum exp z) sum t - sum t z, dz = softmax(z) sum t - t; z counted from its
// largest, so that nothing overflows. What is one number of a row is computed for several rows at once, a lane each.
template <class T>
void Loss<T>::cross_entropy_rows(const Block& block, std::ptrdiff_t first, std::ptrdiff_t rows) const {
    constexpr std::ptrdiff_t kept = 64;  // columns of which exp(z - largest) is kept; wider rows compute it again
    constexpr int most = lanes<double>;
    alignas(BS_VECTOR_BYTES) double e[most][kept], rest[most] = {}, sums[most] = {}, largest[most] = {};
    alignas(BS_VECTOR_BYTES) double sum_t[most] = {}, sum_tz[most] = {}, chosen_z[most] = {};
    const bool narrow_row = n_out <= kept, dense = block.targets.dense != nullptr;
    const double keep = 1.0 - label_smoothing_, shift = label_smoothing_ / static_cast<double>(n_out);
    const auto z_of = [&](std::ptrdiff_t q) { return block.z + (first + q) * block.stride; };  // (n_out,)
    const auto chosen = [&](std::ptrdiff_t q) { return block.targets.classes[block.data_row(first + q)]; };
    const auto target = [&](std::ptrdiff_t q, std::ptrdiff_t j) {  // t of columns j ..., 0 beyond n_out
        const T* y = block.targets.dense + block.data_row(first + q) * n_out;
        const V<double> plain = dense ? row_doubles(y, j, n_out, 0.0) : V<double>{};
        return select(first_lanes<double>(n_out - j), fma(plain, set1(keep), set1(shift)), V<double>{});
    };

    for (std::ptrdiff_t q = 0; q < rows; ++q) {
        const T* z = z_of(q);
        const SoftmaxSums s = softmax_sums(z, n_out, [&](std::ptrdiff_t j, V<double> x) {
            if (narrow_row) store(e[q] + j, x);
        });
        rest[q] = s.rest, sums[q] = s.sum(), largest[q] = s.largest;
        V<double> total{}, product{};
        if (dense || shift != 0.0)
            for (std::ptrdiff_t j = 0; j < n_out; j += lanes<double>) {
                const V<double> t = target(q, j);
                total = total + t;
                product = fma(t, row_doubles(z, j, n_out, s.largest) - set1(s.largest), product);
            }
        sum_t[q] = dense ? sum(total) : 1.0, sum_tz[q] = sum(product);
        if (dense) continue;
        chosen_z[q] = static_cast<double>(z[chosen(q)]) - s.largest;
        sum_tz[q] += keep * chosen_z[q];
    }

    alignas(BS_VECTOR_BYTES) double losses[most], scale[most], chosen_e[most];
    store(losses, log1p(load(rest)) * load(sum_t) - load(sum_tz));
    std::copy_n(losses, rows, block.losses + first);
    if (!block.dz) return;

    store(scale, load(sum_t) / load(sums));
    store(chosen_e, exp(load(chosen_z)));
    for (std::ptrdiff_t q = 0; q < rows; ++q) {
        const T* z = z_of(q);
        T* dz = block.dz + (first + q) * block.stride;  // (n_out,), which may lie over z
        const double factor = static_cast<double>(block.factor(first + q));
        for (std::ptrdiff_t j = 0; j < n_out; j += lanes<double>) {
            const V<double> x = narrow_row ? load(e[q] + j) : exp(row_doubles(z, j, n_out, largest[q]) - set1(largest[q]));
            const V<double> p = x * set1(scale[q]);
            store_row_doubles(dz, (dense || shift != 0.0 ? p - target(q, j) : p) * set1(factor), j, n_out);
        }
        if (!dense) dz[chosen(q)] = static_cast<T>((chosen_e[q] * scale[q] - shift - keep) * factor);
        for (std::ptrdiff_t j = n_out; j % lanes<T> != 0; ++j) dz[j] = 0;
    }
}

// Any loss after softmax: dz = p (da - sum p da), the product with the Jacobian diag(p) - p p^T. The tape runs twice,
// once for the sum and once for dz, so that rows of any length need no memory of their own.
template <class T>
void Loss<T>::softmax_tape_row(const Block& block, std::ptrdiff_t r) const {
    constexpr std::ptrdiff_t longest = 256;
    alignas(BS_VECTOR_BYTES) double p[longest + lanes<double>], y[longest + lanes<double>];
    alignas(BS_VECTOR_BYTES) double loss[longest + lanes<double>], da[longest + lanes<double>];
    const T* z = block.z + r * block.stride;                                        // (n_out,)
    const T* targets = block.targets.dense + block.data_row(r) * n_out;             // (n_out,)
    const SoftmaxSums s = softmax_sums(z, n_out, [](std::ptrdiff_t, V<double>) {});
    const V<double> largest_z = set1(s.largest), scale = set1(1.0 / s.sum());
    const auto run = [&](std::ptrdiff_t j0) {  // p, y, loss and da of columns j0 ...; returns how many
        const std::ptrdiff_t columns = n_out - j0 < longest ? n_out - j0 : longest;
        for (std::ptrdiff_t j = 0; j < columns; j += lanes<double>) {
            store(p + j, exp(row_doubles(z, j0 + j, n_out, s.largest) - largest_z) * scale);
            store(y + j, row_doubles(targets, j0 + j, n_out, 0.0));
        }
        const double* const inputs[] = {p, y};
        double* const outputs[] = {loss, da};
        tape_.run(inputs, outputs, columns);
        return columns;
    };

    double total = 0.0, dot = 0.0;
    for (std::ptrdiff_t j0 = 0; j0 < n_out; j0 += longest) {
        const std::ptrdiff_t columns = run(j0);
        total += ordered_sum(loss, columns);
        for (std::ptrdiff_t j = 0; j < columns; j += lanes<double>) store(loss + j, load(p + j) * load(da + j));
        dot += ordered_sum(loss, columns);
    }
    block.losses[r] = total;
    if (!block.dz) return;
    T* dz = block.dz + r * block.stride;  // (n_out,)
    const V<double> factor = set1(static_cast<double>(block.factor(r)));
    for (std::ptrdiff_t j0 = 0; j0 < n_out; j0 += longest) {
        const std::ptrdiff_t columns = n_out <= longest ? n_out : run(j0);
        for (std::ptrdiff_t j = 0; j < columns; j += lanes<double>)
            store_row_doubles(dz, load(p + j) * (load(da + j) - set1(dot)) * factor, j0 + j, n_out);
    }
    for (std::ptrdiff_t j = n_out; j % lanes<T> != 0; ++j) dz[j] = 0;
}

}  // namespace bs
