// Python's view of the engine of a network: shapes and types are checked here, the work is in program.hpp.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "backstory/finite.hpp"
#include "backstory/flat.hpp"
#include "backstory/program.hpp"
#include "backstory/shuffle.hpp"
#include "bindings.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace bs {
namespace {

template <class T>
using Vector = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using Matrix = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

// Targets (n, n_out) of the network's dtype, or (n,) class indices; exactly one of them.
template <class T>
using Dense = std::optional<Matrix<const T>>;
using Classes = std::optional<Vector<const std::int64_t>>;
using Steps = std::optional<Vector<const double>>;  // a number for each step, or all 1
using Order = std::optional<Matrix<const std::int64_t>>;

void must(bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
}

template <class T>
void check_rows(const Network<T>& net, const Vector<T>& parameters, const Matrix<const T>& X) {
    must(parameters.shape(0) == net.parameters, "The flat parameters must have one number per weight and bias.");
    must(X.shape(1) == net.n_in, "X must have one column per input of the network.");
}

template <class T>
Targets<T> targets(const Network<T>& net, const Dense<T>& dense, const Classes& classes, size n) {
    must(dense.has_value() != classes.has_value(), "Targets must be given as numbers or as classes, not both.");
    if (dense) {
        must(dense->shape(0) == n && dense->shape(1) == net.n_out, "Targets must be (rows of X, outputs).");
        return {dense->data(), nullptr};
    }
    must(classes->shape(0) == n && net.loss.kind == LossKind::cross_entropy,
         "Class targets must be (rows of X,) and need softmax with cross-entropy.");
    const std::int64_t* c = classes->data();
    bool inside = true;
    for (size i = 0; i < n; ++i) inside &= c[i] >= 0 && c[i] < static_cast<std::int64_t>(net.n_out);
    must(inside, "Classes must lie in 0..n_out-1.");
    return {nullptr, c};
}

template <class T>
const T* weights_of(const std::optional<Vector<const T>>& sample_weight, size n) {
    must(!sample_weight || sample_weight->shape(0) == n, "Sample weights must be (rows of X,).");
    return sample_weight ? sample_weight->data() : nullptr;
}

// The rows that steps of a walk visit, or null where every epoch takes them as they come.
//   order (epochs, visits)
template <class T>
void set_walk(Chunk<T>& chunk, const Order& order, size rows) {
    must(chunk.batch_size > 0 && rows > 0, "A batch must have at least 1 row.");
    chunk.visits = order ? order->shape(1) : rows;
    must(chunk.visits > 0, "An epoch must visit at least 1 row.");
    if (!order || chunk.steps == 0) return;
    chunk.order = order->data();
    const auto first = chunk.place(0), last = chunk.place(chunk.steps - 1);
    must(last.epoch < order->shape(0), "The steps of a chunk must lie within its order.");
    const std::int64_t* end = chunk.order + last.epoch * chunk.visits + last.first + last.n;
    bool inside = true;
    for (const std::int64_t* row = chunk.order + first.epoch * chunk.visits + first.first; row < end; ++row)
        inside &= static_cast<std::uint64_t>(*row) < static_cast<std::uint64_t>(rows);
    must(inside, "The rows a chunk visits must be rows of X.");
}

// An array (rows, columns) of these numbers, row by row.
nb::object as_array(const std::vector<double>& numbers, size columns) {
    const size n = numbers.size(), shape[] = {n / columns, columns};
    double* copy = new double[n + 1];
    std::copy(numbers.begin(), numbers.end(), copy);
    const nb::capsule owner(copy, [](void* p) noexcept { delete[] static_cast<double*>(p); });
    return nb::cast(nb::ndarray<nb::numpy, double>(copy, 2, shape, owner));
}

// What train() gives back to Python: a plain tuple, and a signal's exception where one stopped it.
nb::tuple as_tuple(const ChunkResult& result, size layers, nb::object interrupt) {
    nb::object failure = nb::none();
    if (result.failure)
        failure = nb::make_tuple(result.failure->step, result.failure->quantity, result.failure->layer, result.failure->row);
    return nb::make_tuple(result.steps, as_array(result.norms, layers), as_array(result.penalties, 1), failure, interrupt);
}

template <class T>
void bind_type(nb::module_& m, const char* name) {
    using P = Program<T>;
    nb::class_<P>(m, name, "The engine of one network, for one dtype.")
        .def(
            "__init__",
            [](P* self, std::vector<size> sizes, std::vector<ActivationSource> activations, const LossSource& loss,
               double l1, double l2, bool mean, bool biases, FrontSource front, bool parametric) {
                must(sizes.size() >= 2 && activations.size() + 1 == sizes.size(), "One activation per layer.");
                new (self) P(NetworkSource{std::move(sizes), std::move(activations), loss, l1, l2, mean, biases, std::move(front),
                                         parametric});
            },
            "sizes"_a, "activations"_a, "loss"_a, "l1"_a, "l2"_a, "mean"_a, "biases"_a, "front"_a, "parametric"_a)
        .def(
            "predict",
            [](P& self, Vector<const T> parameters, Matrix<const T> X, int threads, Matrix<T> out) {
                const Network<T>& net = self.network();
                must(parameters.shape(0) == net.parameters && X.shape(1) == net.n_in && out.shape(0) == X.shape(0) &&
                         out.shape(1) == net.n_out,
                     "parameters, X (n, n_in) and out (n, n_out) must fit the network.");
                const nb::gil_scoped_release release;
                self.predict(parameters.data(), X.data(), X.shape(0), threads, out.data());
            },
            "parameters"_a.noconvert(), "X"_a.noconvert(), "threads"_a, "out"_a.noconvert(), "Outputs into `out`.")
        .def(
            "activations",
            [](P& self, Vector<T> parameters, Matrix<const T> X, std::vector<Matrix<T>> out) {
                const Network<T>& net = self.network();
                check_rows<T>(net, parameters, X);
                must(out.size() == net.layers.size(), "One array per layer.");
                std::vector<T*> outputs;
                for (auto& a : out) outputs.push_back(a.data());
                const nb::gil_scoped_release release;
                self.activations(parameters.data(), X.data(), X.shape(0), outputs);
            },
            "parameters"_a.noconvert(), "X"_a.noconvert(), "out"_a.noconvert(), "Values of layer l into out[l - 1].")
        .def(
            "deltas",
            [](P& self, Vector<T> parameters, Matrix<const T> X, Dense<T> dense, Classes classes,
               std::vector<Matrix<T>> out, std::optional<Matrix<T>> inputs) {
                check_rows<T>(self.network(), parameters, X);
                const Targets<T> y = targets<T>(self.network(), dense, classes, X.shape(0));
                must(out.empty() || out.size() == self.network().layers.size(), "One array per layer, or none.");
                std::vector<T*> outputs;
                for (auto& a : out) outputs.push_back(a.data());
                const nb::gil_scoped_release release;
                self.deltas(parameters.data(), X.data(), y, X.shape(0), outputs, inputs ? inputs->data() : nullptr);
            },
            "parameters"_a.noconvert(), "X"_a.noconvert(), "dense"_a.noconvert().none(), "classes"_a.noconvert().none(),
            "out"_a.noconvert(), "inputs"_a.noconvert().none(),
            "dz of each row's own loss into out[l - 1], its gradient by the inputs into `inputs`.")
        .def(
            "loss",
            [](P& self, Vector<T> parameters, Matrix<const T> X, Dense<T> dense, Classes classes,
               std::optional<Vector<const T>> sample_weight, int threads) {
                check_rows<T>(self.network(), parameters, X);
                const Targets<T> y = targets<T>(self.network(), dense, classes, X.shape(0));
                const T* weights = weights_of<T>(sample_weight, X.shape(0));
                const nb::gil_scoped_release release;
                return self.loss(parameters.data(), X.data(), y, weights, X.shape(0), threads);
            },
            "parameters"_a.noconvert(), "X"_a.noconvert(), "dense"_a.noconvert().none(), "classes"_a.noconvert().none(),
            "sample_weight"_a.noconvert().none(), "threads"_a, "Data loss plus penalty.")
        .def(
            "penalty",
            [](P& self, Vector<const T> parameters) {
                must(parameters.shape(0) == self.network().parameters, "There must be one number per weight and bias.");
                return self.penalty(parameters.data());
            },
            "parameters"_a.noconvert(), "The penalty's value.")
        .def(
            "loss_and_gradient",
            [](P& self, Vector<T> parameters, Matrix<const T> X, Dense<T> dense, Classes classes,
               std::optional<Vector<const T>> sample_weight, int threads, Vector<T> out) {
                check_rows<T>(self.network(), parameters, X);
                must(out.shape(0) == parameters.shape(0), "The gradient is laid out like the parameters.");
                const Targets<T> y = targets<T>(self.network(), dense, classes, X.shape(0));
                const T* weights = weights_of<T>(sample_weight, X.shape(0));
                std::atomic<bool> finite{true};  // as Python has seen to
                const nb::gil_scoped_release release;
                return self.loss_and_gradient(parameters.data(), X.data(), y, weights, X.shape(0), threads, out.data(),
                                              finite);
            },
            "parameters"_a.noconvert(), "X"_a.noconvert(), "dense"_a.noconvert().none(), "classes"_a.noconvert().none(),
            "sample_weight"_a.noconvert().none(), "threads"_a, "out"_a.noconvert(),
            "The loss; its gradient into `out`.")
        .def(
            "train",
            [](P& self, Vector<T> parameters, const Rule& rule, std::vector<Vector<T>> state, Matrix<const T> X,
               Dense<T> dense, Classes classes, std::optional<Vector<const T>> sample_weight,
               Order order, size batch_size, size first_batch, double first_step, double learning_rate,
               std::optional<Vector<const double>> learning_rates, std::int64_t epoch, std::uint64_t seed,
               std::vector<double> dropout, std::optional<double> clip_norm, std::optional<double> clip_value,
               std::vector<bool> frozen, bool record, int threads, Vector<double> losses, double penalty_rows,
               std::vector<double> rates, std::vector<double> decays, Steps decay_shares, Steps dropout_shares) {
                const Network<T>& net = self.network();
                check_rows<T>(net, parameters, X);
                const size steps = losses.shape(0), rows = X.shape(0);
                must(!learning_rates || learning_rates->shape(0) == steps, "One learning rate per step, or one for all.");
                must(state.size() == rule.slots, "The optimizer's state must have the arrays its rule names.");
                std::vector<T*> slots;
                for (auto& s : state) {
                    must(s.shape(0) == net.parameters, "State arrays are laid out like the parameters.");
                    slots.push_back(s.data());
                }
                must(dropout.size() + 1 == net.layers.size(), "One dropout rate per hidden layer.");
                must(frozen.size() == net.arrays(), "One frozen flag per parameter array.");
                must(rates.empty() || rates.size() == net.arrays(), "One rate per parameter array, or none.");
                must(decays.empty() || decays.size() == net.arrays(), "One decay per parameter array, or none.");
                must(!decay_shares || decay_shares->shape(0) == steps, "One share of decay per step, or none.");
                must(!dropout_shares || dropout_shares->shape(0) == steps, "One share of dropout per step, or none.");
                bool drops = false;
                for (double rate : dropout) drops |= rate > 0;
                if (!drops) dropout.clear();

                Chunk<T> chunk{.X = X.data(), .y = targets<T>(net, dense, classes, rows),
                               .sample_weight = weights_of<T>(sample_weight, rows), .batch_size = batch_size,
                               .first_batch = first_batch, .steps = steps, .first_step = first_step,
                               .learning_rate = learning_rate,
                               .learning_rates = learning_rates ? learning_rates->data() : nullptr, .epoch = epoch,
                               .seed = seed, .dropout = std::move(dropout), .clip_norm = clip_norm,
                               .clip_value = clip_value, .frozen = std::move(frozen), .rates = std::move(rates),
                               .decays = std::move(decays), .decay_shares = decay_shares ? decay_shares->data() : nullptr,
                               .dropout_shares = dropout_shares ? dropout_shares->data() : nullptr,
                               .penalty_rows = penalty_rows,
                               .record = record};
                set_walk(chunk, order, rows);
                nb::object interrupt = nb::none();
                const auto interrupted = [&] {
                    const nb::gil_scoped_acquire acquire;
                    if (PyErr_CheckSignals() == 0) return false;
                    const nb::python_error error;
                    interrupt = nb::borrow(error.value());
                    return true;
                };
                ChunkResult result;
                {
                    const nb::gil_scoped_release release;
                    result = self.train(parameters.data(), rule, slots, chunk, threads, interrupted, losses.data());
                }
                return as_tuple(result, net.layers.size(), interrupt);
            },
            "parameters"_a.noconvert(), "rule"_a, "state"_a.noconvert(), "X"_a.noconvert(), "dense"_a.noconvert().none(),
            "classes"_a.noconvert().none(), "sample_weight"_a.noconvert().none(), "order"_a.noconvert().none(),
            "batch_size"_a, "first_batch"_a, "first_step"_a, "learning_rate"_a, "learning_rates"_a.noconvert().none(),
            "epoch"_a, "seed"_a, "dropout"_a, "clip_norm"_a.none(), "clip_value"_a.none(), "frozen"_a, "record"_a,
            "threads"_a, "losses"_a.noconvert(), "penalty_rows"_a, "rates"_a, "decays"_a, "decay_shares"_a.noconvert().none(),
            "dropout_shares"_a.noconvert().none(),
            "Take a chunk of steps in place, their losses into `losses`: (steps, norms, penalties, failure, a signal's exception).");
}

// What the plainest calls need: exact arrays of the network's dtype, in C order and of the right shape. Whatever else
// comes is for Python to convert or to explain; here it is only recognized.
template <class T>
class Plain {
public:
    // `low`, `high`: where targets given as numbers may lie.
    Plain(const Network<T>& net, nb::object array_type, double low, double high)
        : net_(net), array_type_(std::move(array_type)) {
        constexpr double most = std::numeric_limits<T>::max();
        low_ = low < -most ? -std::numeric_limits<T>::max() : static_cast<T>(low);
        high_ = high > most ? std::numeric_limits<T>::max() : static_cast<T>(high);
    }

    // X (n, n_in), finite or not.
    bool rows(nb::handle given, Matrix<const T>& X) const {
        return is_array(given) && nb::try_cast(given, X, false) && X.shape(0) > 0 && X.shape(1) == net_.n_in;
    }
    // y (n, n_out), (n,) where there is one output, or (n,) classes.
    bool targets(nb::handle given, size n, Targets<T>& y) const {
        if (!is_array(given)) return false;
        nb::ndarray<const T, nb::c_contig, nb::device::cpu> numbers;
        if (nb::try_cast(given, numbers, false)) {
            const bool fits = numbers.ndim() == 2 ? numbers.shape(0) == n && numbers.shape(1) == net_.n_out
                                                  : numbers.ndim() == 1 && net_.n_out == 1 && numbers.shape(0) == n;
            y = {numbers.data(), nullptr};
            return fits && all_within(numbers.data(), n * net_.n_out, low_, high_);
        }
        Vector<const std::int64_t> classes;
        if (net_.n_out == 1 || net_.loss.kind != LossKind::cross_entropy || !nb::try_cast(given, classes, false))
            return false;
        y = {nullptr, classes.data()};
        return classes.shape(0) == n &&
               all_within(classes.data(), n, std::int64_t{0}, static_cast<std::int64_t>(net_.n_out) - 1);
    }

private:
    bool is_array(nb::handle x) const { return Py_TYPE(x.ptr()) == reinterpret_cast<PyTypeObject*>(array_type_.ptr()); }

    const Network<T>& net_;
    nb::object array_type_;
    T low_, high_;
};

// A program with the parameters it works on. It answers plain calls at once, and gives None for any other: where
// something must be converted, chosen, or explained to the user.
template <class T>
class Bound {
public:
    Bound(nb::object program, Vector<T> parameters, double low, double high, nb::object numpy, nb::callable default_threads)
        : keep_(program), program_(nb::cast<Program<T>&>(program)), parameters_(std::move(parameters)),
          plain_(program_.network(), numpy.attr("ndarray"), low, high), empty_(numpy.attr("empty")),
          dtype_(numpy.attr("dtype")(sizeof(T) == 4 ? "float32" : "float64")), default_threads_(default_threads) {
        must(parameters_.shape(0) == program_.network().parameters, "There must be one number per weight and bias.");
    }

    nb::object predict(nb::handle given) {
        Matrix<const T> X;
        if (!plain_.rows(given, X)) return nb::none();
        const size n = X.shape(0);
        auto [outputs, to] = array(nb::make_tuple(n, program_.network().n_out));
        const bool finite = run(n, false, [&](int threads) {
            return program_.predict(parameters_.data(), X.data(), n, threads, to);
        });
        return finite ? outputs : nb::none();
    }

    // (loss, flat gradient)
    nb::object loss_and_gradient(nb::handle given, nb::handle aims) {
        Matrix<const T> X;
        Targets<T> y;
        if (!plain_.rows(given, X) || !plain_.targets(aims, X.shape(0), y)) return nb::none();
        const size n = X.shape(0);
        auto [gradient, to] = array(nb::make_tuple(program_.network().parameters));
        double loss = 0;
        std::atomic<bool> finite{true};
        run(n, true, [&](int threads) {
            loss = program_.loss_and_gradient(parameters_.data(), X.data(), y, nullptr, n, threads, to, finite);
            return true;
        });
        return finite ? nb::object(nb::make_tuple(loss, gradient)) : nb::none();
    }

    // The loss before one training step, which is taken; nothing is changed where the answer is None.
    nb::object step(const Rule& rule, const std::vector<T*>& state, double learning_rate, double first_step,
                    nb::handle given, nb::handle aims) {
        Chunk<T> chunk;
        Matrix<const T> X;
        if (!plain_.rows(given, X) || !plain_.targets(aims, X.shape(0), chunk.y)) return nb::none();
        const size n = X.shape(0);
        chunk.X = X.data(), chunk.visits = chunk.batch_size = n, chunk.steps = 1;
        chunk.learning_rate = learning_rate, chunk.first_step = first_step;
        double loss = 0;
        const bool taken = run(n, true, [&](int threads) {
            if (!all_finite(X.data(), n * X.shape(1))) return false;
            return !program_.train(parameters_.data(), rule, state, chunk, threads, [] { return false; }, &loss).failure;
        });
        return taken ? nb::cast(loss) : nb::none();
    }

    size parameters() const { return parameters_.shape(0); }

private:
    std::pair<nb::object, T*> array(nb::tuple shape) const {
        nb::object made = empty_(shape, dtype_);
        return {made, nb::cast<nb::ndarray<T, nb::c_contig, nb::device::cpu>>(made, false).data()};
    }

    // work(threads) without Python's lock where it takes longer than giving the lock back and forth.
    template <class Work>
    bool run(size rows, bool training, Work work) {
        if (!program_.threads_matter(rows, training)) return work(1);
        const int threads = nb::cast<int>(default_threads_());
        const nb::gil_scoped_release release;
        return work(threads);
    }

    nb::object keep_;
    Program<T>& program_;
    Vector<T> parameters_;
    Plain<T> plain_;
    nb::object empty_, dtype_, default_threads_;
};

// A bound program with the optimizer it is trained by, step by step.
template <class T>
class Stepper {
public:
    Stepper(nb::object bound, nb::object rule, std::vector<Vector<T>> state, double learning_rate)
        : keep_(bound), keep_rule_(rule), bound_(nb::cast<Bound<T>&>(bound)), rule_(nb::cast<const Rule&>(rule)),
          state_(std::move(state)), learning_rate_(learning_rate) {
        must(state_.size() == rule_.slots, "The optimizer's state must have the arrays its rule names.");
        for (auto& slot : state_) {
            must(slot.shape(0) == bound_.parameters(), "State arrays are laid out like the parameters.");
            slots_.push_back(slot.data());
        }
    }
    nb::object step(nb::handle X, nb::handle y, double first_step) {
        return bound_.step(rule_, slots_, learning_rate_, first_step, X, y);
    }

private:
    nb::object keep_, keep_rule_;
    Bound<T>& bound_;
    const Rule& rule_;
    std::vector<Vector<T>> state_;
    std::vector<T*> slots_;
    double learning_rate_;
};

template <class T>
void bind_plain_calls(nb::module_& m, const char* bound, const char* stepper) {
    nb::class_<Bound<T>>(m, bound, "A program with its parameters: answers plain calls at once, others with None.")
        .def(nb::init<nb::object, Vector<T>, double, double, nb::object, nb::callable>(), "program"_a,
             "parameters"_a.noconvert(), "low"_a, "high"_a, "numpy"_a, "default_threads"_a)
        .def("predict", &Bound<T>::predict, "X"_a, "Outputs, or None.")
        .def("loss_and_gradient", &Bound<T>::loss_and_gradient, "X"_a, "y"_a, "(loss, flat gradient), or None.");
    nb::class_<Stepper<T>>(m, stepper, "A bound program with the optimizer that trains it.")
        .def(nb::init<nb::object, nb::object, std::vector<Vector<T>>, double>(), "bound"_a, "rule"_a,
             "state"_a.noconvert(), "learning_rate"_a)
        .def("step", &Stepper<T>::step, "X"_a, "y"_a, "first_step"_a, "The loss before the step, or None: none taken.");
}

// Flat arrays laid out like the parameters, and which parts of them may change: (first, last, factors of rate and decay).
template <class T>
void bind_flat_step(nb::module_& m) {
    m.def(
        "flat_step",
        [](const Rule& rule, Vector<T> parameters, Vector<const T> gradient, std::vector<Vector<T>> state,
           std::vector<std::tuple<size, size, double, double>> parts, double learning_rate, double t, double norm_squared,
           double largest, double loss, double decay_share, int threads) {
            const size n = parameters.shape(0);
            must(gradient.shape(0) == n, "The gradient is laid out like the parameters.");
            must(state.size() == rule.slots, "The optimizer's state must have the arrays its rule names.");
            T* slots[max_slots] = {};
            for (size k = 0; k < state.size(); ++k) {
                must(state[k].shape(0) == n, "State arrays are laid out like the parameters.");
                slots[k] = state[k].data();
            }
            for (const auto& [first, last, rate, decay] : parts)
                must(first <= last && last <= n, "Parts must lie within the parameters.");
            const nb::gil_scoped_release release;
            const Step<T> all(rule, learning_rate, t, {norm_squared, largest, loss}, decay_share);
            const auto from = [](T* array, size first) { return array ? array + first : nullptr; };
            for (const auto& [first, last, rate, decay] : parts) {
                const Step<T> step = all.with(rate, decay);
                flat_step(step, parameters.data() + first, gradient.data() + first, from(slots[0], first),
                          from(slots[1], first), last - first, step.decay != 0, threads);
            }
        },
        "rule"_a, "parameters"_a.noconvert(), "gradient"_a.noconvert(), "state"_a.noconvert(), "parts"_a,
        "learning_rate"_a, "t"_a, "norm_squared"_a, "largest"_a, "loss"_a, "decay_share"_a, "threads"_a,
        "Take an optimizer's step along a given gradient, in place.");
}

}  // namespace

void bind_program(nb::module_& m) {
    nb::class_<FrontSource>(m, "Front", "What columns go through before the first layer.")
        .def(
            "__init__",
            [](FrontSource* self, std::vector<size> columns, size frequencies, size width, bool scaling) {
                must(width >= 1 && width <= most_mixtures + 1, "A column must become 1 to 64 numbers.");
                new (self) FrontSource{std::move(columns), frequencies, width, scaling};
            },
            "columns"_a, "frequencies"_a, "width"_a, "scaling"_a);
    nb::class_<Rule>(m, "Rule", "An optimizer's hand-written form, with its numbers.")
        .def(nb::init<const std::string&, const std::map<std::string, double>&, double>(), "name"_a, "constants"_a,
             "weight_decay"_a);
    m.def(
        "permutations",
        [](std::uint64_t seed, std::int64_t first_epoch, Matrix<std::int64_t> out) {
            const nb::gil_scoped_release release;
            for (size e = 0; e < out.shape(0); ++e)
                shuffle(epoch_key(seed, first_epoch + static_cast<std::int64_t>(e)), out.shape(1),
                        out.data() + e * out.shape(1));
        },
        "seed"_a, "first_epoch"_a, "out"_a.noconvert(), "The shuffled order of the rows, one epoch to a row of `out`.");
    bind_type<float>(m, "Program32");
    bind_type<double>(m, "Program64");
    bind_flat_step<float>(m);
    bind_flat_step<double>(m);
    bind_plain_calls<float>(m, "Bound32", "Stepper32");
    bind_plain_calls<double>(m, "Bound64", "Stepper64");
}

}  // namespace bs
