// A formula as a list of instructions over blocks of numbers: how an activation or a loss that nobody wrote a kernel for
// runs at the speed of one. Instructions are dispatched once per block, registers stay in the first-level cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "backstory/math.hpp"
#include "backstory/simd.hpp"

namespace bs {

// One operand of an instruction in memory: a block of numbers (step = lanes<C>) or one broadcast vector (step = 0).
template <class C>
struct Operand {
    const C* p;
    std::ptrdiff_t step;
};

// ---------------------------------------------------------------------------------------------------------------
// The operations

// What every operation looks like: out[i] = op(a[i], b[i], c[i]) for whole vectors i. `out` may be a, b or c.
template <class C>
using Operation = void (*)(C* out, Operand<C> a, Operand<C> b, Operand<C> c, std::ptrdiff_t vectors);

template <class C, class F>
void apply1(C* out, Operand<C> a, Operand<C>, Operand<C>, std::ptrdiff_t vectors) {
    for (std::ptrdiff_t i = 0; i < vectors; ++i, out += lanes<C>, a.p += a.step) store(out, F{}(load(a.p)));
}
template <class C, class F>
void apply2(C* out, Operand<C> a, Operand<C> b, Operand<C>, std::ptrdiff_t vectors) {
    for (std::ptrdiff_t i = 0; i < vectors; ++i, out += lanes<C>, a.p += a.step, b.p += b.step)
        store(out, F{}(load(a.p), load(b.p)));
}
template <class C, class F>
void apply3(C* out, Operand<C> a, Operand<C> b, Operand<C> c, std::ptrdiff_t vectors) {
    for (std::ptrdiff_t i = 0; i < vectors; ++i, out += lanes<C>, a.p += a.step, b.p += b.step, c.p += c.step)
        store(out, F{}(load(a.p), load(b.p), load(c.p)));
}

// One row per operation: its number is its place, its name is what Python asks for, `operands` how many it reads.
template <class C>
struct OperationRow {
    const char* name;
    int operands;
    Operation<C> run;
};

// What sigmoid, softplus and tanh(softplus) have in common is e = exp(-|z|): where a formula needs several of them, it
// computes e once and gives it to their parts.
template <VectorLike X>
BS_INLINE X exp_minus_abs(X z) {
    return exp(minus_abs(z));
}
// log(1 + e) for e in [0, 1], as 2 artanh(e / (2 + e)).
template <VectorLike X>
BS_INLINE X log1p_of_fraction(X e) {
    const X s = e / (e + set1(element<X>(2)));
    const X w = s * s;
    if constexpr (std::is_same_v<element<X>, float>) {
        static constexpr float c[] = {0.666666673f, 0.399997063f, 0.28592358f, 0.217065758f, 0.232243292f};
        return fma(s * w, polynomial(w, c), s + s);
    } else {
        static constexpr double c[] = {
            0.66666666666666667, 0.39999999999999523, 0.28571428571600099, 0.22222222198236771,
            0.18181819897962714, 0.15384543964860549, 0.13335178631449256, 0.11734279061303197,
            0.10845178394880015, 0.074921437955507673, 0.1563057780092285};
        return fma(s * w, polynomial(w, c), s + s);
    }
}
template <VectorLike X>
BS_INLINE X sigmoid_part(X z, X e) {
    const X one = set1(element<X>(1));
    return select(z >= X{}, one, e) / (one + e);
}
// sigmoid(-z), right to the last places where sigmoid(z) is close to 1.
template <VectorLike X>
BS_INLINE X sigmoid_complement(X z, X e, X sigmoid_of_z) {
    return select(z >= X{}, e * sigmoid_of_z, set1(element<X>(1)) - sigmoid_of_z);
}
template <VectorLike X>
BS_INLINE X softplus_part(X z, X e) {
    return max(X{}, z) + log1p_of_fraction(e);  // NaN stays NaN
}
// tanh(log(1 + exp(z))) = (n^2 + 2 n) / (n^2 + 2 n + 2) for n = exp(z), with e for n or 1 / n so that nothing overflows.
template <VectorLike X>
BS_INLINE X tanh_softplus_part(X z, X e) {
    const auto positive = z >= X{};
    const X two = set1(element<X>(2)), two_e = e + e;
    const X top = select(positive, two_e + set1(element<X>(1)), fma(e, e, two_e));
    return top / (top + select(positive, two_e * e, two));
}

// gelu(z) = z F(z) for the normal distribution F, and its slope F(z) + z F'(z), from F(-y) = exp(-y^2 / 2) R(y), y = |z|.
// In float both are right to the last places, in the tails and where the slope changes its sign too: (y + 3) R(y) is a
// polynomial in t = (y - 3) / (y + 3), and so is (R(y) - y / sqrt(2 pi)) / (root - y).
struct GeluReduced {
    V<float> y, t;
    ExpReduced<V<float>> power;
    BS_INLINE explicit GeluReduced(V<float> z) : y(min(set1(15.0f), abs(z))) {  // beyond, F(-y) is 0
        const V<float> three = set1(3.0f), half = set1(0.5f);
        t = (y - three) / (y + three);
        // y^2 = square + rest without an error: `high` has half of the places of y, and is exact when squared.
        const V<float> high = bits<V<float>>(bits<V<std::uint32_t>>(y) & (V<std::uint32_t>{} + 0xfffff000u));
        const V<float> square = y * y, rest = fma(y - high, y + high, high * high - square);
        power = exp_reduce(-half * square);
        power.r = power.r - half * rest;
    }
    // x exp(-y^2 / 2): through denormals, rounded once.
    BS_INLINE V<float> times_bell(V<float> x) const {
        return scale_by_power(fma(x, expm1_reduced(power.r), x), power);
    }
};
BS_INLINE V<float> gelu(V<float> z) {
    const GeluReduced g(z);
    const V<float> y_times_r = in_double(g.y, [](V<double> y) {  // in float 5 units in the last place would be lost
        static constexpr double c[] = {0.729083691,    -0.509331989,  0.230017677,    -0.0472627619,
                                       -0.010462289,   0.00696992015, 0.00102415732,  -0.00103447655,
                                       -0.000244709321, 0.000133323954, 5.54918717e-5};
        const V<double> three = set1(3.0), over = set1(1.0) / (y + three);
        return y * over * polynomial((y - three) * over, c);
    });
    const V<float> part = g.times_bell(y_times_r);
    return select(z < V<float>{}, (z - z) - part, z - part);  // z - z: NaN at -infinity, as the formula gives
}
BS_INLINE V<float> gelu_slope(V<float> z) {
    static constexpr float c[] = {0.478297677f,   -0.11997544f,    0.0535961513f,   -0.0140744372f,  0.000203620006f,
                                  0.00109256502f, -9.27597228e-5f, -0.000122758453f, 4.55042866e-6f, 1.1316578e-5f};
    const GeluReduced g(z);
    const V<float> to_root = (set1(0.75179154f) - g.y) - set1(1.21144495e-8f);
    const V<float> left = g.times_bell(to_root * polynomial(g.t, c));
    return select(z < V<float>{}, left, set1(1.0f) - left);
}
BS_INLINE V<double> gelu(V<double> z) {
    return set1(0.5) * (z * erfc(z / set1(-1.4142135623730951)));
}
BS_INLINE V<double> gelu_slope(V<double> z) {
    const V<double> half = set1(0.5), bell = exp(-half * (z * z)) / set1(2.5066282746310002);
    return fma(z, bell, half * erfc(z / set1(-1.4142135623730951)));
}

#define BS_UNARY(name, expression) \
    struct name { template <class X> BS_INLINE X operator()(X a) const { return expression; } };
#define BS_BINARY(name, expression) \
    struct name { template <class X> BS_INLINE X operator()(X a, X b) const { return expression; } };
namespace ops {
BS_UNARY(Copy, a)
BS_UNARY(Neg, -a)
BS_UNARY(Square, a * a)
BS_UNARY(Reciprocal, set1(element<X>(1)) / a)
BS_UNARY(Exp, exp(a))
BS_UNARY(Log, log(a))
BS_UNARY(Log1p, log1p(a))
BS_UNARY(Expm1, expm1(a))
BS_UNARY(Sqrt, sqrt(a))
BS_UNARY(Sin, sin(a))
BS_UNARY(Cos, cos(a))
BS_UNARY(Tan, tan(a))
BS_UNARY(Arctan, arctan(a))
BS_UNARY(Sinh, sinh(a))
BS_UNARY(Cosh, cosh(a))
BS_UNARY(Tanh, tanh(a))
BS_UNARY(Erf, erf(a))
BS_UNARY(Erfc, erfc(a))
BS_UNARY(Sigmoid, sigmoid(a))
BS_UNARY(ExpMinusAbs, exp_minus_abs(a))
BS_UNARY(Softplus, softplus_part(a, exp_minus_abs(a)))
BS_UNARY(TanhSoftplus, tanh_softplus_part(a, exp_minus_abs(a)))
BS_UNARY(Gelu, gelu(a))
BS_UNARY(GeluSlope, gelu_slope(a))
BS_UNARY(Abs, abs(a))
BS_UNARY(Sign, sign(a))
BS_BINARY(Add, a + b)
BS_BINARY(Sub, a - b)
BS_BINARY(Mul, a * b)
BS_BINARY(Div, a / b)
BS_BINARY(Pow, pow(a, b))
BS_BINARY(Max, nan_max(a, b))
BS_BINARY(Min, nan_min(a, b))
BS_BINARY(SigmoidPart, sigmoid_part(a, b))
BS_BINARY(SoftplusPart, softplus_part(a, b))
BS_BINARY(TanhSoftplusPart, tanh_softplus_part(a, b))
// A comparison is 1 where it holds, else 0; "where" takes its second operand where the first is not 0.
BS_BINARY(Greater, select(a > b, set1(element<X>(1)), X{}))
BS_BINARY(GreaterEqual, select(a >= b, set1(element<X>(1)), X{}))
BS_BINARY(Less, select(a < b, set1(element<X>(1)), X{}))
BS_BINARY(LessEqual, select(a <= b, set1(element<X>(1)), X{}))
struct Where {
    template <class X>
    BS_INLINE X operator()(X a, X b, X c) const { return select(a != X{}, b, c); }
};
struct SigmoidComplement {
    template <class X>
    BS_INLINE X operator()(X a, X b, X c) const { return sigmoid_complement(a, b, c); }
};
struct MulAdd {
    template <class X>
    BS_INLINE X operator()(X a, X b, X c) const { return fma(a, b, c); }
};
struct MulSub {
    template <class X>
    BS_INLINE X operator()(X a, X b, X c) const { return fma(a, b, -c); }
};
struct SubMul {  // c - a b
    template <class X>
    BS_INLINE X operator()(X a, X b, X c) const { return fma(-a, b, c); }
};
}  // namespace ops
#undef BS_UNARY
#undef BS_BINARY

template <class C>
inline constexpr OperationRow<C> operations[] = {
    {"copy", 1, apply1<C, ops::Copy>},
    {"neg", 1, apply1<C, ops::Neg>},
    {"square", 1, apply1<C, ops::Square>},
    {"reciprocal", 1, apply1<C, ops::Reciprocal>},
    {"exp", 1, apply1<C, ops::Exp>},
    {"log", 1, apply1<C, ops::Log>},
    {"log1p", 1, apply1<C, ops::Log1p>},
    {"expm1", 1, apply1<C, ops::Expm1>},
    {"sqrt", 1, apply1<C, ops::Sqrt>},
    {"sin", 1, apply1<C, ops::Sin>},
    {"cos", 1, apply1<C, ops::Cos>},
    {"tan", 1, apply1<C, ops::Tan>},
    {"arctan", 1, apply1<C, ops::Arctan>},
    {"sinh", 1, apply1<C, ops::Sinh>},
    {"cosh", 1, apply1<C, ops::Cosh>},
    {"tanh", 1, apply1<C, ops::Tanh>},
    {"erf", 1, apply1<C, ops::Erf>},
    {"erfc", 1, apply1<C, ops::Erfc>},
    {"sigmoid", 1, apply1<C, ops::Sigmoid>},
    {"exp_minus_abs", 1, apply1<C, ops::ExpMinusAbs>},
    {"softplus", 1, apply1<C, ops::Softplus>},
    {"tanh_softplus", 1, apply1<C, ops::TanhSoftplus>},
    {"gelu", 1, apply1<C, ops::Gelu>},
    {"gelu_slope", 1, apply1<C, ops::GeluSlope>},
    {"abs", 1, apply1<C, ops::Abs>},
    {"sign", 1, apply1<C, ops::Sign>},
    {"add", 2, apply2<C, ops::Add>},
    {"sub", 2, apply2<C, ops::Sub>},
    {"mul", 2, apply2<C, ops::Mul>},
    {"div", 2, apply2<C, ops::Div>},
    {"pow", 2, apply2<C, ops::Pow>},
    {"max", 2, apply2<C, ops::Max>},
    {"min", 2, apply2<C, ops::Min>},
    {"sigmoid_part", 2, apply2<C, ops::SigmoidPart>},
    {"softplus_part", 2, apply2<C, ops::SoftplusPart>},
    {"tanh_softplus_part", 2, apply2<C, ops::TanhSoftplusPart>},
    {">", 2, apply2<C, ops::Greater>},
    {">=", 2, apply2<C, ops::GreaterEqual>},
    {"<", 2, apply2<C, ops::Less>},
    {"<=", 2, apply2<C, ops::LessEqual>},
    {"where", 3, apply3<C, ops::Where>},
    {"sigmoid_complement", 3, apply3<C, ops::SigmoidComplement>},
    {"muladd", 3, apply3<C, ops::MulAdd>},
    {"mulsub", 3, apply3<C, ops::MulSub>},
    {"submul", 3, apply3<C, ops::SubMul>},
};
template <class C>
inline constexpr int n_operations = static_cast<int>(sizeof(operations<C>) / sizeof(operations<C>[0]));

// ---------------------------------------------------------------------------------------------------------------
// The tape

// operations[operation] from slots a, b, c into slot out. Unused operands are 0.
struct Instruction {
    int operation, out, a, b, c;
};

// What Python hands over. Slots are numbered: inputs, outputs, constants, then temporaries.
// An instruction may write the first output's slot (and later read it) only when no later instruction reads an input:
// that is what lets the first output lie in the same memory as an input.
struct TapeSource {
    int n_inputs = 0;                        // 1 or 2
    int n_outputs = 0;                       // 1 or 2
    int n_temporaries = 0;
    std::vector<double> constants;
    std::vector<Instruction> instructions;   // empty: no tape
};

// A tape that computes in C (float or double), whatever type its inputs and outputs have.
template <class C>
class Tape {
public:
    // Numbers that all temporaries of a block may hold together: 16 KiB of doubles, half a first-level cache.
    static constexpr std::ptrdiff_t workspace = 2048;
    static constexpr std::ptrdiff_t longest_block = 256;
    static constexpr int max_inputs = 2, max_outputs = 2;
    static constexpr int max_slots = 1024;

    Tape() = default;
    explicit Tape(const TapeSource& source);

    bool empty() const { return instructions_.empty(); }
    int n_inputs() const { return n_inputs_; }
    int n_outputs() const { return n_outputs_; }

    // outputs[j][i] = formula j at inputs[.][i], i < count. An output may be null (not wanted); the first, and only the
    // first, may be one of the inputs.
    // Reads and writes whole vectors of C: all arrays reach padded<T>(count). Results do not depend on how a call is cut.
    template <class T>
    void run(const T* const* inputs /* (n_inputs)(count) */, T* const* outputs /* (n_outputs)(count) */,
             std::ptrdiff_t count) const;

private:
    struct alignas(BS_VECTOR_BYTES) Broadcast {
        C x[lanes<C>];
    };
    int n_inputs_ = 0, n_outputs_ = 0, n_slots_ = 0;
    std::ptrdiff_t block_ = 0;  // numbers per block, a multiple of lanes
    std::vector<Broadcast> constants_;
    std::vector<Instruction> instructions_;
};

template <class C>
Tape<C>::Tape(const TapeSource& s)
    : n_inputs_(s.n_inputs), n_outputs_(s.n_outputs), instructions_(s.instructions) {
    if (empty()) return;
    const int first_constant = n_inputs_ + n_outputs_;
    const int first_temporary = first_constant + static_cast<int>(s.constants.size());
    n_slots_ = first_temporary + s.n_temporaries;
    if (n_inputs_ < 1 || n_inputs_ > max_inputs || n_outputs_ < 1 || n_outputs_ > max_outputs)
        throw std::invalid_argument("A tape must have 1 or 2 inputs and 1 or 2 outputs.");
    // Inputs and outputs need room of their own where their type is not C, so they count as temporaries.
    const std::ptrdiff_t rows = s.n_temporaries + n_inputs_ + n_outputs_;
    if (n_slots_ > max_slots || rows * lanes<C> > workspace)
        throw std::invalid_argument("The formula is too large for the native engine: it needs " +
                                    std::to_string(s.n_temporaries) + " intermediate values and " +
                                    std::to_string(s.constants.size()) + " constants at once. Use a shorter formula.");
    for (const Instruction& i : instructions_) {
        const bool reads_ok = i.a >= 0 && i.a < n_slots_ && i.b >= 0 && i.b < n_slots_ && i.c >= 0 && i.c < n_slots_;
        const bool writes_ok = i.out >= n_inputs_ && i.out < n_slots_ &&
                               !(i.out >= first_constant && i.out < first_temporary);
        if (i.operation < 0 || i.operation >= n_operations<C> || !reads_ok || !writes_ok)
            throw std::invalid_argument("An instruction of a tape names a slot or an operation that is not there.");
    }
    block_ = workspace / rows / lanes<C> * lanes<C>;
    if (block_ > longest_block) block_ = longest_block;
    for (double value : s.constants) {
        Broadcast b;
        for (C& x : b.x) x = static_cast<C>(value);
        constants_.push_back(b);
    }
}

template <class C>
template <class T>
void Tape<C>::run(const T* const* inputs, T* const* outputs, std::ptrdiff_t count) const {
    constexpr bool same = std::is_same_v<T, C>;
    alignas(BS_VECTOR_BYTES) C memory[workspace];
    Operand<C> slot[max_slots];
    C* free = memory;
    const auto take = [&](int index) {
        slot[index] = {free, lanes<C>};
        free += block_;
    };
    const int first_constant = n_inputs_ + n_outputs_;
    const int first_temporary = first_constant + static_cast<int>(constants_.size());
    for (int j = 0; j < first_constant; ++j) take(j);
    for (int j = first_constant; j < first_temporary; ++j) slot[j] = {constants_[j - first_constant].x, 0};
    for (int j = first_temporary; j < n_slots_; ++j) take(j);

    for (std::ptrdiff_t start = 0; start < count; start += block_) {
        const std::ptrdiff_t length = count - start < block_ ? count - start : block_;
        const std::ptrdiff_t vectors = (length + lanes<C> - 1) / lanes<C>;
        for (int j = 0; j < n_inputs_; ++j) {
            if constexpr (same)
                slot[j].p = inputs[j] + start;
            else
                for (std::ptrdiff_t i = 0; i < vectors; ++i)
                    store(const_cast<C*>(slot[j].p) + i * lanes<C>, load_double(inputs[j] + start + i * lanes<C>));
        }
        if constexpr (same)
            for (int j = 0; j < n_outputs_; ++j)
                if (outputs[j]) slot[n_inputs_ + j].p = outputs[j] + start;
        for (const Instruction& i : instructions_)
            operations<C>[i.operation].run(const_cast<C*>(slot[i.out].p), slot[i.a], slot[i.b], slot[i.c], vectors);
        if constexpr (!same)
            for (int j = 0; j < n_outputs_; ++j)
                if (outputs[j])
                    for (std::ptrdiff_t i = 0; i < vectors; ++i)
                        store_double(outputs[j] + start + i * lanes<C>, load(slot[n_inputs_ + j].p + i * lanes<C>));
    }
}

// A tape for arrays of T that computes in T, or in double where `precise` asks for it.
template <class T>
class Formula {
public:
    Formula() = default;
    Formula(const TapeSource& source, bool precise) {
        if (precise)
            precise_ = Tape<double>(source);
        else
            plain_ = Tape<T>(source);
    }
    bool empty() const { return plain_.empty() && precise_.empty(); }
    int n_inputs() const { return plain_.empty() ? precise_.n_inputs() : plain_.n_inputs(); }
    int n_outputs() const { return plain_.empty() ? precise_.n_outputs() : plain_.n_outputs(); }
    void run(const T* const* inputs, T* const* outputs, std::ptrdiff_t count) const {
        plain_.empty() ? precise_.run(inputs, outputs, count) : plain_.run(inputs, outputs, count);
    }

private:
    Tape<T> plain_;
    Tape<double> precise_;
};

}  // namespace bs
