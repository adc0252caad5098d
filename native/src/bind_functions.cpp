// Python's view of activations, losses and tapes: descriptions that the engine of a network is built from, and their
// evaluation on arrays, which the tests compare with the rows of the functions tables.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "backstory/activation.hpp"
#include "backstory/loss.hpp"
#include "backstory/tape.hpp"
#include "bindings.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace bs {
namespace {

template <class T>
using Vector = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using Matrix = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class T>
using Result = nb::ndarray<nb::numpy, T>;

// A name's place in a list of names.
template <class Enum>
Enum named(const std::string& name, std::initializer_list<const char*> names) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) throw std::invalid_argument("There is no kind '" + name + "' here.");
    return static_cast<Enum>(found - names.begin());
}
ActivationKind activation_kind(const std::string& name) {
    return named<ActivationKind>(name, {"identity", "relu", "leaky_relu", "sigmoid", "tanh", "tape", "softmax"});
}
LossKind loss_kind(const std::string& name) {
    return named<LossKind>(name, {"squared", "binary_cross_entropy", "tape", "cross_entropy", "softmax_tape"});
}

int operation_number(const std::string& name) {
    for (int i = 0; i < n_operations<double>; ++i)
        if (name == operations<double>[i].name) return i;
    throw std::invalid_argument("There is no operation '" + name + "' of tapes.");
}

// Memory handed to NumPy: `count` numbers, with room for one vector more, because kernels write whole vectors.
template <class T>
T* allocate(std::size_t count) {
    return new T[padded<T>(count) + static_cast<std::size_t>(lanes<T>)]();
}
template <class T>
Result<T> to_numpy(T* data, std::vector<std::size_t> shape) {
    const nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<T*>(p); });
    return Result<T>(data, shape.size(), shape.data(), owner);
}
template <class T>
std::vector<T> padded_copy(const T* data, std::size_t count) {
    std::vector<T> copy(padded<T>(count) + static_cast<std::size_t>(lanes<T>), T(0));
    std::copy(data, data + count, copy.begin());
    return copy;
}

// Rows with padding between them, as the engine keeps them; and back.
template <class T>
std::vector<T> padded_rows(const Matrix<T>& x, std::size_t stride) {
    std::vector<T> rows(x.shape(0) * stride + static_cast<std::size_t>(lanes<T>), T(0));
    for (std::size_t r = 0; r < x.shape(0); ++r)
        std::copy(x.data() + r * x.shape(1), x.data() + (r + 1) * x.shape(1), rows.begin() + r * stride);
    return rows;
}
template <class T>
Result<T> plain_rows(const std::vector<T>& rows, std::size_t n, std::size_t columns, std::size_t stride) {
    T* out = allocate<T>(n * columns);
    for (std::size_t r = 0; r < n; ++r)
        std::copy(rows.begin() + r * stride, rows.begin() + r * stride + columns, out + r * columns);
    return to_numpy(out, {n, columns});
}

template <class T>
void bind_evaluation(nb::module_& m) {
    m.def(
        "evaluate_tape",
        [](const TapeSource& tape, const std::vector<Vector<T>>& inputs, bool precise) {
            const Formula<T> formula(tape, precise);
            if (static_cast<int>(inputs.size()) != formula.n_inputs())
                throw std::invalid_argument("A tape must be given as many arrays as it has inputs.");
            const std::size_t count = inputs[0].shape(0);
            std::vector<std::vector<T>> copies;
            for (const auto& input : inputs) {
                if (input.shape(0) != count) throw std::invalid_argument("The inputs of a tape must be equally long.");
                copies.push_back(padded_copy(input.data(), count));
            }
            const T* in[] = {copies[0].data(), copies.back().data()};
            T* out[] = {nullptr, nullptr};
            std::vector<Result<T>> results;
            for (int j = 0; j < formula.n_outputs(); ++j) {
                out[j] = allocate<T>(count);
                results.push_back(to_numpy(out[j], {count}));
            }
            formula.run(in, out, static_cast<std::ptrdiff_t>(count));
            return results;
        },
        "tape"_a, "inputs"_a, "precise"_a, "The outputs of a tape at arrays (count,) of one dtype.");

    m.def(
        "evaluate_activation",
        [](const ActivationSource& source, const Matrix<T>& z) {
            const Activation<T> f(source);
            const std::size_t n = z.shape(0), columns = z.shape(1), stride = padded<T>(columns);
            std::vector<T> a = padded_rows(z, stride), d(a.size(), T(0)), da(a.size(), T(1));
            const auto rows = static_cast<std::ptrdiff_t>(n), n_out = static_cast<std::ptrdiff_t>(columns);
            f.forward_rows(a.data(), a.data(), d.data(), rows, n_out, static_cast<std::ptrdiff_t>(stride));
            if (f.kind != ActivationKind::softmax)
                f.backward(da.data(), a.data(), d.data(), static_cast<std::ptrdiff_t>(n * stride));
            return std::make_tuple(plain_rows(a, n, columns, stride), plain_rows(da, n, columns, stride));
        },
        "activation"_a, "z"_a,
        "a = f(z) and the slope f'(z), both (rows, columns); softmax, which has no slope of one unit, gives ones.");

    m.def(
        "evaluate_loss",
        [](const LossSource& source, const Matrix<T>& z, std::optional<Matrix<T>> dense,
           std::optional<Vector<std::int64_t>> classes, std::optional<Vector<T>> factors, bool in_place) {
            const Loss<T> loss(source);
            const std::size_t n = z.shape(0), columns = z.shape(1), stride = padded<T>(columns);
            const bool dense_fits = dense && dense->shape(0) == n && dense->shape(1) == columns;
            const bool classes_fit = classes && classes->shape(0) == n && source.kind == LossKind::cross_entropy;
            if (columns != static_cast<std::size_t>(source.n_out) || dense_fits == classes_fit ||
                (factors && factors->shape(0) != n))
                throw std::invalid_argument("z, targets and factors of a loss must have as many rows, and n_out columns.");
            if (classes)
                for (std::size_t r = 0; r < n; ++r)
                    if ((*classes)(r) < 0 || (*classes)(r) >= source.n_out)
                        throw std::invalid_argument("Classes must lie in 0..n_out-1.");
            std::vector<T> values = padded_rows(z, stride), dz(in_place ? 0 : values.size());
            double* losses = allocate<double>(n);
            auto result = to_numpy(losses, {n});
            T* out = in_place ? values.data() : dz.data();
            loss.rows(values.data(), out, static_cast<std::ptrdiff_t>(stride), static_cast<std::ptrdiff_t>(n),
                      {dense ? dense->data() : nullptr, classes ? classes->data() : nullptr}, nullptr, 0,
                      factors ? factors->data() : nullptr, losses);
            return std::make_tuple(result, plain_rows(in_place ? values : dz, n, columns, stride));
        },
        "loss"_a, "z"_a, "dense"_a = nb::none(), "classes"_a = nb::none(), "factors"_a = nb::none(),
        "in_place"_a = false, "The loss of each row (rows,), and dz (rows, n_out) times the row's factor.");
}

}  // namespace

void bind_functions(nb::module_& m) {
    nb::class_<TapeSource>(m, "Tape", "A formula as instructions; slots: inputs, outputs, constants, temporaries.")
        .def(
            "__init__",
            [](TapeSource* self, int n_inputs, int n_outputs, int n_temporaries, std::vector<double> constants,
               const std::vector<std::tuple<std::string, int, int, int, int>>& instructions) {
                TapeSource source{n_inputs, n_outputs, n_temporaries, std::move(constants), {}};
                for (const auto& [name, out, a, b, c] : instructions)
                    source.instructions.push_back({operation_number(name), out, a, b, c});
                (void)Tape<double>(source);  // refuses what does not hold together
                new (self) TapeSource(std::move(source));
            },
            "n_inputs"_a, "n_outputs"_a, "n_temporaries"_a, "constants"_a, "instructions"_a);

    nb::class_<ActivationSource>(m, "Activation", "An activation, for the engine of either dtype.")
        .def(
            "__init__",
            [](ActivationSource* self, const std::string& kind, double parameter, bool precise,
               std::optional<TapeSource> value, std::optional<TapeSource> slope,
               std::optional<TapeSource> value_and_slope) {
                new (self) ActivationSource{activation_kind(kind),
                                            parameter,
                                            precise,
                                            value.value_or(TapeSource{}),
                                            slope.value_or(TapeSource{}),
                                            value_and_slope.value_or(TapeSource{})};
            },
            "kind"_a, "parameter"_a = 0.0, "precise"_a = true, "value"_a = nb::none(), "slope"_a = nb::none(),
            "value_and_slope"_a = nb::none());

    nb::class_<LossSource>(m, "Loss", "A loss with its output activation, for the engine of either dtype.")
        .def(
            "__init__",
            [](LossSource* self, const std::string& kind, int n_out, double scale, double label_smoothing,
               std::optional<ActivationSource> activation, std::optional<TapeSource> value_and_slope) {
                new (self) LossSource{loss_kind(kind),
                                      n_out,
                                      scale,
                                      label_smoothing,
                                      activation.value_or(ActivationSource{}),
                                      value_and_slope.value_or(TapeSource{})};
            },
            "kind"_a, "n_out"_a, "scale"_a = 1.0, "label_smoothing"_a = 0.0, "activation"_a = nb::none(),
            "value_and_slope"_a = nb::none());

    m.def(
        "operations",
        [] {
            std::vector<std::tuple<std::string, int>> rows;
            for (const auto& row : operations<double>) rows.emplace_back(row.name, row.operands);
            return rows;
        },
        "Name and number of operands of every operation of tapes.");

    bind_evaluation<float>(m);
    bind_evaluation<double>(m);
}

}  // namespace bs
