// Elementary functions on whole vectors, for float and double: right to about 2 units in the last place for float and
// 4 for double, at denormals and infinities too; NaN stays NaN. No branch depends on a lane's neighbors, except that
// sine and cosine of huge arguments take a slow path lane by lane, which leaves the other lanes as they are.
//
// The polynomials are Chebyshev fits on the interval that the reduction leaves (errors below a tenth of a rounding);
// the reductions are the usual ones: powers of two for exp and log, pi/2 for sine, tan(pi/8) for the arctangent.
#pragma once

#include <cmath>
#include <limits>

#include "backstory/simd.hpp"

namespace bs {

// ---------------------------------------------------------------------------------------------------------------
// Tools

// c[0] + c[1] x + c[2] x^2 + ..., in pairs (Estrin's way): a chain of about log2 N steps instead of N.
template <std::size_t N, VectorLike X>
BS_INLINE X sum_of_powers(X x, const X (&c)[N]) {
    if constexpr (N == 1) {
        return c[0];
    } else if constexpr (N <= 3) {
        X sum = c[N - 1];
        for (std::size_t i = N - 1; i-- > 0;) sum = fma(sum, x, c[i]);
        return sum;
    } else {
        X pairs[(N + 1) / 2];
        for (std::size_t i = 0; i < N / 2; ++i) pairs[i] = fma(c[2 * i + 1], x, c[2 * i]);
        if constexpr (N % 2 != 0) pairs[N / 2] = c[N - 1];
        return sum_of_powers<(N + 1) / 2>(x * x, pairs);
    }
}
template <VectorLike X, std::size_t N>
BS_INLINE X polynomial(X x, const element<X> (&c)[N]) {
    X coefficients[N];
    for (std::size_t i = 0; i < N; ++i) coefficients[i] = all<X>(c[i]);
    return sum_of_powers<N>(x, coefficients);
}

// What differs between float and double.
template <class T>
struct Format;
template <>
struct Format<float> {
    static constexpr int mantissa = 23, bias = 127;
    static constexpr float rounder = 0x1.8p23f;               // adding it rounds to an integer, left in the low bits
    static constexpr float normal = 0x1p-126f;                // the smallest number that is not denormal
    static constexpr float into_normal = 0x1p25f;             // times a denormal is normal
    static constexpr float into_normal_exponent = 25;
    static constexpr float ln2_high = 0x1.62ep-1f, ln2_low = 0x1.0bfbe8p-15f;  // n * ln2_high is exact
    static constexpr float exp_low = -104.0f, exp_high = 89.0f;               // beyond: 0 and infinity
    static constexpr float expm1_low = -18.0f;                                // beyond: -1
    static constexpr float tiny = 0x1p-26f;                                   // expm1(x) = log1p(x) = x below it
    static constexpr float expm1_tail[] = {0.5f,          0.166666672f,   0.0416664667f,
                                           0.00833331048f, 0.00139336498f, 0.000198909911f};
    static constexpr float log_tail[] = {0.666666687f, 0.400001228f, 0.285507798f, 0.233316138f};
};
template <>
struct Format<double> {
    static constexpr int mantissa = 52, bias = 1023;
    static constexpr double rounder = 0x1.8p52;
    static constexpr double normal = 0x1p-1022;
    static constexpr double into_normal = 0x1p54;
    static constexpr double into_normal_exponent = 54;
    static constexpr double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
    static constexpr double exp_low = -746.0, exp_high = 710.0;
    static constexpr double expm1_low = -40.0;
    static constexpr double tiny = 0x1p-55;
    static constexpr double expm1_tail[] = {
        0.5,                   0.16666666666666671,   0.041666666666666671,  0.0083333333333261358,
        0.0013888888888883748, 0.00019841269874820627, 2.4801587325547743e-05, 2.7557255400206422e-06,
        2.7557273643110297e-07, 2.5105217004720745e-08, 2.0914686968086876e-09};
    static constexpr double log_tail[] = {0.66666666666666663, 0.40000000000000885, 0.28571428570799784,
                                          0.22222222392581045, 0.18181795547521137, 0.15386244737621665,
                                          0.13268638369266825, 0.13088034850927555};
};

// max and min as a textbook means them: NaN where either side is.
template <VectorLike X>
BS_INLINE X nan_max(X a, X b) {
    return select(a != a, a, max(a, b));
}
template <VectorLike X>
BS_INLINE X nan_min(X a, X b) {
    return select(a != a, a, min(a, b));
}

// -1, 0 or 1; NaN for NaN.
template <VectorLike X>
BS_INLINE X sign(X a) {
    const X one = all<X>(element<X>(1));
    return select(a > X{}, one, select(a < X{}, -one, select(a == X{}, X{}, a)));
}

// Run a function written for double on each half of a vector of floats: slower by two, right to the last place.
template <class F>
BS_INLINE V<float> in_double(V<float> x, F f) {
    return narrow(f(widen_low(x)), f(widen_high(x)));
}

// ---------------------------------------------------------------------------------------------------------------
// Exponentials

// x = n ln 2 + r with |r| <= ln 2 / 2.
template <VectorLike X>
struct ExpReduced {
    using I = IntsOf<X>;
    X r;
    X n_float;
    I n;
};
template <VectorLike X>
BS_INLINE ExpReduced<X> exp_reduce(X x) {
    using T = element<X>;
    using F = Format<T>;
    using I = IntsOf<X>;
#if defined(BS_AVX512)
    const X n = round_to<0>(x * all<X>(T(1.4426950408889634074)));
    const I whole = __builtin_convertvector(n, I);
#else
    const X rounder = all<X>(F::rounder);
    const X shifted = fma(x, all<X>(T(1.4426950408889634074)), rounder);
    const X n = shifted - rounder;
    const I whole = bits<I>(bits<UintsOf<X>>(shifted) - bits<UintsOf<X>>(rounder));
#endif
    return {fma(n, all<X>(-F::ln2_low), fma(n, all<X>(-F::ln2_high), x)), n, whole};
}

// 2^n for n within the exponents of normal numbers; of a NaN's lane n is anything, so that sums of it may wrap around.
template <VectorLike X>
BS_INLINE X power_of_two(IntsOf<X> n) {
    using F = Format<element<X>>;
    using U = uint_of<element<X>>;
    return bits<X>((bits<UintsOf<X>>(n) + U(F::bias)) << F::mantissa);
}

// p * 2^n for any n, through denormals to 0 and up to infinity.
template <VectorLike X>
BS_INLINE X scale_by_power(X p, const ExpReduced<X>& e) {
#if defined(BS_AVX512)
    return scale_by_power(p, e.n_float);
#else
    using U = uint_of<element<X>>;
    using I = IntsOf<X>;
    using Us = UintsOf<X>;
    // n / 2 rounded down, by a logical shift (AVX2 has no arithmetic one for 64 bits) of a number made positive.
    const Us n = bits<Us>(e.n), half = ((n + U(2048)) >> 1) - U(1024);
    return p * power_of_two<X>(bits<I>(half)) * power_of_two<X>(bits<I>(n - half));
#endif
}

// exp(r) - 1 for |r| <= ln 2 / 2.
template <VectorLike X>
BS_INLINE X expm1_reduced(X r) {
    return fma(r * r, polynomial(r, Format<element<X>>::expm1_tail), r);
}

template <VectorLike X>
BS_INLINE X exp(X x) {
    using T = element<X>;
    using F = Format<T>;
    const auto e = exp_reduce(max(all<X>(F::exp_low), min(all<X>(F::exp_high), x)));
    return scale_by_power(expm1_reduced(e.r) + all<X>(T(1)), e);
}

// exp(x) - 1 for x <= 80: the part of expm1 that tanh and the ELU family need.
template <VectorLike X>
BS_INLINE X expm1_not_large(X x) {
    using T = element<X>;
    const auto e = exp_reduce(max(all<X>(Format<T>::expm1_low), x));
    const X power = power_of_two<X>(e.n);
    return fma(power, expm1_reduced(e.r), power - all<X>(T(1)));
}

template <VectorLike X>
BS_INLINE X expm1(X x) {
    using T = element<X>;
    using F = Format<T>;
    const auto e = exp_reduce(max(all<X>(F::expm1_low), min(all<X>(F::exp_high), x)));
    const X half_power = power_of_two<X>(e.n - 1);  // half, so that 2^1024 is no infinity before its time
    const X y = fma(half_power, expm1_reduced(e.r), half_power - all<X>(T(0.5))) * all<X>(T(2));
    return select(abs(x) < all<X>(F::tiny), x, y);
}

// exp(x) = p * power for x <= 0, where p is about 1: two factors, as some can use them so.
template <VectorLike X>
struct ExpFactors {
    X p, power;
};
template <VectorLike X>
BS_INLINE ExpFactors<X> exp_factors(X x) {
    using T = element<X>;
    x = max(all<X>(Format<T>::exp_low), x);
#if defined(BS_AVX512)
    if constexpr (sizeof(T) == 4) {  // 2^(i/16) from a table in a register: what is left to a polynomial is smaller
        alignas(64) static constexpr float roots[16] = {
            1.0f,         1.04427378f, 1.09050773f, 1.13878863f, 1.18920712f, 1.24185781f, 1.29683955f, 1.35425555f,
            1.41421356f,  1.47682615f, 1.54221083f, 1.61049033f, 1.68179283f, 1.75625216f, 1.83400809f, 1.91520656f};
        const X n = round_to<4>(x * all<X>(1.44269504f));  // in sixteenths
        const X r = fma(n, all<X>(-Format<T>::ln2_low), fma(n, all<X>(-Format<T>::ln2_high), x));
        const X p = fma(r * r, fma(r, all<X>(0.166668236f), all<X>(0.500000060f)), r + all<X>(1.0f));
        const X root = from_table<X>(roots, __builtin_convertvector(n * all<X>(16.0f), IntsOf<X>));
        return {p, scale_by_power(root, n)};
    }
#endif
    const auto e = exp_reduce(x);
    return {expm1_reduced(e.r) + all<X>(T(1)), scale_by_power(all<X>(T(1)), e)};
}

// 1 / (1 + exp(-x)); with exp(-|x|) at hand, as some need it for more than this.
template <VectorLike X>
BS_INLINE X sigmoid(X x, const ExpFactors<X>& e) {
    const X one = all<X>(element<X>(1));
    return select(x >= X{}, one, e.p * e.power) / fma(e.p, e.power, one);
}
template <VectorLike X>
BS_INLINE X sigmoid(X x) {
    return sigmoid(x, exp_factors(minus_abs(x)));
}

template <VectorLike X>
BS_INLINE X tanh(X x) {
    using T = element<X>;
    const X t = expm1_not_large(all<X>(T(2)) * minus_abs(x));
    return copy_sign(t / (t + all<X>(T(2))), x);
}

template <VectorLike X>
BS_INLINE X sinh(X x) {
    using T = element<X>;
    const X y = abs(x), half = all<X>(T(0.5)), one = all<X>(T(1));
    const X t = expm1(min(all<X>(T(20)), y));            // exact differences where they matter ...
    const X root = exp(half * y);                      // ... and exp(y) / 2 without overflow where they do not
    const X value = select(y > all<X>(T(20)), (half * root) * root, half * (t + t / (t + one)));
    return copy_sign(select(y != y, y, value), x);
}

template <VectorLike X>
BS_INLINE X cosh(X x) {
    using T = element<X>;
    const X half = all<X>(T(0.5));
    const X root = exp(half * abs(x));
    return fma(half * root, root, half / (root * root));
}

// ---------------------------------------------------------------------------------------------------------------
// Logarithms

// k ln 2 + log(1 + f) + correction, for 1 + f in [sqrt(1/2), sqrt(2)]: log(1 + f) = 2 artanh(s), s = f / (2 + f).
template <VectorLike X>
BS_INLINE X log_reduced(X k, X f, X correction) {
    using T = element<X>;
    using F = Format<T>;
    const X s = f / (f + all<X>(T(2)));
    const X w = s * s;
    const X tail = w * polynomial(w, F::log_tail);
    const X half_square = all<X>(T(0.5)) * f * f;
    const X low = fma(k, all<X>(F::ln2_low), correction);
    return fma(k, all<X>(F::ln2_high), f - (half_square - fma(s, half_square + tail, low)));
}

// x = 2^k (1 + f) for a normal x > 0.
template <VectorLike X>
struct LogReduced {
    X k, f;
};
template <VectorLike X>
BS_INLINE LogReduced<X> log_reduce(X x) {
    using T = element<X>;
    using F = Format<T>;
    using U = UintsOf<X>;
    const U one = bits<U>(all<X>(T(1))), root_half = bits<U>(all<X>(T(0.70710678118654752440)));
    const U mantissa_mask = U{} + ((uint_of<T>(1) << F::mantissa) - 1);
    const U shifted = bits<U>(x) + (one - root_half);
    // The biased exponent as a number: put it into the mantissa of 2^mantissa and subtract that again.
    const X power = all<X>(static_cast<T>(uint_of<T>(1) << F::mantissa));
    const X k = bits<X>((shifted >> F::mantissa) | bits<U>(power)) - (power + all<X>(T(F::bias)));
    return {k, bits<X>((shifted & mantissa_mask) + root_half) - all<X>(T(1))};
}

template <VectorLike X>
BS_INLINE X log(X x) {
    using T = element<X>;
    using F = Format<T>;
    const X infinity = all<X>(std::numeric_limits<T>::infinity());
    const auto denormal = x < all<X>(F::normal);
    LogReduced<X> e = log_reduce(select(denormal, x * all<X>(F::into_normal), x));
    e.k = e.k - select(denormal, all<X>(F::into_normal_exponent), X{});
    const X y = select(x == infinity, infinity, log_reduced(e.k, e.f, X{}));
    return select(x > X{}, y, select(x == X{}, -infinity, all<X>(std::numeric_limits<T>::quiet_NaN())));
}

template <VectorLike X>
BS_INLINE X log1p(X x) {
    using T = element<X>;
    const X one = all<X>(T(1)), infinity = all<X>(std::numeric_limits<T>::infinity());
    const X u = one + x;
    const LogReduced<X> e = log_reduce(u);
    // Near 0 f is x itself; elsewhere what rounding 1 + x lost comes back as a correction.
    const auto near = (x > all<X>(T(-0.2928))) & (x < all<X>(T(0.4142)));
    const X lost = select(x > one, one - (u - x), x - (u - one)) / u;
    const X y = log_reduced(select(near, X{}, e.k), select(near, x, e.f), select(near, X{}, lost));
    const X bounded = select(abs(x) < all<X>(Format<T>::tiny), x, select(x == infinity, infinity, y));
    return select(x > -one, bounded, select(x == -one, -infinity, all<X>(std::numeric_limits<T>::quiet_NaN())));
}

// ---------------------------------------------------------------------------------------------------------------
// Trigonometry

// sin and cos of r, |r| <= pi / 4.
BS_INLINE V<double> sin_reduced(V<double> r) {
    static constexpr double c[] = {-0.16666666666666666,    0.0083333333333333315,  -0.00019841269841265063, 2.7557319219337312e-06,
                                   -2.5052106231802837e-08, 1.6058531516797758e-10, -7.5866910941979582e-13};
    const V<double> w = r * r;
    return fma(r * w, polynomial(w, c), r);
}
BS_INLINE V<double> cos_reduced(V<double> r) {
    static constexpr double c[] = {0.041666666666666664,   -0.0013888888888888887, 2.4801587301584645e-05, -2.7557319221401792e-07,
                                   2.0876755790721963e-09, -1.1470460830795304e-11, 4.7458685530816656e-14};
    const V<double> w = r * r, one = set1(1.0);
    const V<double> h = set1(0.5) * w, high = one - h;
    return high + fma(w * w, polynomial(w, c), (one - high) - h);
}

// sin(x + quarter_turns pi / 2). pi/2 is subtracted in three parts, exactly, up to 2^19 quarter turns; the C library
// takes over beyond. Infinity gives NaN.
BS_NOINLINE inline V<double> sin_far(V<double> x, V<double> near, double limit, int quarter_turns) {
    for (int i = 0; i < lanes<double>; ++i)
        if (!(std::fabs(x[i]) <= limit)) near[i] = quarter_turns ? std::cos(x[i]) : std::sin(x[i]);
    return near;
}
BS_INLINE V<double> sin_shifted(V<double> x, int quarter_turns) {
    constexpr double limit = 8.0e5;
    const V<double> rounder = set1(Format<double>::rounder);
    const auto far = !(abs(x) <= set1(limit));
    const V<double> shifted = fma(x, set1(0.63661977236758134308), rounder);
    const V<double> n = shifted - rounder;
    const V<double> r1 = fma(-n, set1(1.57079632673412561417e+00), x);
    const V<double> r2 = fma(-n, set1(6.07710050630396597660e-11), r1);
    const V<double> r = fma(-n, set1(2.02226624879595063154e-21), r2);
    const auto turns = bits<V<std::int64_t>>(shifted) + quarter_turns;
    const V<double> s = sin_reduced(r), c = cos_reduced(r);
    const V<double> value = select((turns & 1) != 0, c, s);
    const V<double> y = bits<V<double>>(bits<V<std::uint64_t>>(value) ^ (bits<V<std::uint64_t>>(turns & 2) << 62));
    return any(far) ? sin_far(x, y, limit, quarter_turns) : y;
}
// Both at once, from one reduction.
template <VectorLike X>
struct SinCos {
    X sin, cos;
};
BS_INLINE SinCos<V<double>> sin_cos(V<double> x) { return {sin_shifted(x, 0), sin_shifted(x, 1)}; }
BS_NOINLINE inline SinCos<V<float>> sin_cos_far(V<float> x, SinCos<V<float>> near, float limit) {
    for (int i = 0; i < lanes<float>; ++i)
        if (!(std::fabs(x[i]) <= limit)) {
            near.sin[i] = static_cast<float>(std::sin(static_cast<double>(x[i])));
            near.cos[i] = static_cast<float>(std::cos(static_cast<double>(x[i])));
        }
    return near;
}
// In float itself: right to 2 units in the last place, as pi/2 is subtracted in three parts, which takes fused steps.
BS_INLINE SinCos<V<float>> sin_cos(V<float> x) {
    if constexpr (!has_fma)
        return {in_double(x, [](V<double> h) { return sin_shifted(h, 0); }),
                in_double(x, [](V<double> h) { return sin_shifted(h, 1); })};
    static constexpr float s[] = {-1.6666654611e-1f, 8.3321608736e-3f, -1.9515295891e-4f};
    static constexpr float c[] = {4.166664568298827e-2f, -1.388731625493765e-3f, 2.443315711809948e-5f};
    constexpr float limit = 3.0e4f;
    using I = IntsOf<V<float>>;
    using U = UintsOf<V<float>>;
    const V<float> rounder = set1(Format<float>::rounder), one = set1(1.0f);
    const V<float> shifted = fma(x, set1(0.636619772f), rounder), n = shifted - rounder;
    const V<float> r1 = fma(-n, set1(0x1.921fb6p+0f), x), r2 = fma(-n, set1(-0x1.777a5cp-25f), r1);
    const V<float> r = fma(-n, set1(-0x1.ee59dap-50f), r2), w = r * r;
    const V<float> sine = fma(r * w, polynomial(w, s), r);
    const V<float> h = set1(0.5f) * w, high = one - h;
    const V<float> cosine = high + fma(w * w, polynomial(w, c), (one - high) - h);
    const I turns = bits<I>(shifted);
    const auto odd = (turns & 1) != 0;
    const auto turned = [](V<float> y, I by) { return bits<V<float>>(bits<U>(y) ^ (bits<U>(by & 2) << 30)); };
    const SinCos<V<float>> near{turned(select(odd, cosine, sine), turns), turned(select(odd, sine, cosine), turns + 1)};
    return any(!(abs(x) <= set1(limit))) ? sin_cos_far(x, near, limit) : near;
}
BS_INLINE V<double> sin(V<double> x) { return select(x == V<double>{}, x, sin_shifted(x, 0)); }
BS_INLINE V<double> cos(V<double> x) { return sin_shifted(x, 1); }
BS_INLINE V<double> tan(V<double> x) { return sin(x) / cos(x); }
BS_INLINE V<float> sin(V<float> x) { return in_double(x, [](V<double> h) { return sin(h); }); }
BS_INLINE V<float> cos(V<float> x) { return in_double(x, [](V<double> h) { return cos(h); }); }
BS_INLINE V<float> tan(V<float> x) { return in_double(x, [](V<double> h) { return tan(h); }); }

BS_INLINE V<double> arctan(V<double> x) {
    static constexpr double c[] = {-0.33333333333333331, 0.19999999999999804,   -0.14285714285659779, 0.11111111105150588,
                                   -0.090909087532591124, 0.076922963680422965, -0.066664247602005205, 0.058789275544738069,
                                   -0.052304436406869478, 0.045515447340221615, -0.034569315063326091, 0.016284375050043393};
    const V<double> y = abs(x), one = set1(1.0);
    // arctan y = pi/4 + arctan((y - 1)/(y + 1)) = pi/2 - arctan(1/y): what is left is below tan(pi/8).
    const auto middle = y > set1(0.41421356237309503), high = y > set1(2.4142135623730949);
    const V<double> top = select(high, -one, select(middle, y - one, y));
    const V<double> bottom = select(high, y, select(middle, y + one, one));
    const V<double> offset = select(high, set1(1.5707963267948966), select(middle, set1(0.78539816339744828), V<double>{}));
    const V<double> offset_low = select(high, set1(6.123233995736766e-17), select(middle, set1(3.061616997868383e-17), V<double>{}));
    const V<double> r = top / bottom, w = r * r;
    return copy_sign(offset + (fma(r * w, polynomial(w, c), offset_low) + r), x);
}
BS_INLINE V<float> arctan(V<float> x) { return in_double(x, [](V<double> h) { return arctan(h); }); }

// ---------------------------------------------------------------------------------------------------------------
// Error function

// exp(-y^2) erfcx(y) for y >= 1/2, where (1 + 2 y) erfcx(y) is a polynomial in (y - 3) / (y + 3).
BS_INLINE V<double> erfc_tail(V<double> y) {
    static constexpr double c[] = {
        1.2530080582697296,      -0.13562110612458134,    -0.047562294353450579,  0.12964515870278351,
        -0.11927366341532432,    0.068308027343070774,    -0.023770514918036445,  0.0025293918326751859,
        0.0018886903466049378,   -0.00077983243987931326, -0.0001051596522473519, 0.00012510037313823361,
        4.9484535339192485e-06,  -2.0104454851557477e-05, -7.2706031098829307e-07, 3.4816869834520462e-06,
        3.4482536968247793e-07,  -6.2991291032825409e-07, -1.2169240627639653e-07, 1.1177528463195771e-07,
        2.2923930099218989e-08,  -1.5410552924746669e-08};
    const V<double> one = set1(1.0), three = set1(3.0);
    y = min(set1(28.0), y);  // beyond, the result is 0
    const V<double> scaled = polynomial((y - three) / (y + three), c);
    // y^2 = high^2 - d with high^2 exact, so that exp(-y^2) keeps its last places.
    const V<double> high = bits<V<double>>(bits<V<std::uint64_t>>(y) & (V<std::uint64_t>{} + 0xfffffffff8000000ull));
    const V<double> d = (high - y) * (high + y);
    const V<double> correction = fma(fma(fma(d, set1(1.0 / 6), set1(0.5)), d, one), d, one);
    return exp(-high * high) * (correction * (scaled / fma(y, set1(2.0), one)));
}
BS_INLINE V<double> erf_middle(V<double> x) {  // |x| <= 1
    static constexpr double c[] = {1.1283791670955126,      -0.37612638903183748,   0.11283791670954879,     -0.026866170645076792,
                                   0.0052239776248180145,   -0.000854832698083379,  0.0001205533111164271,   -1.4925595266831182e-05,
                                   1.6461000484121368e-06,  -1.6350312701054695e-07, 1.4659775274047436e-08, -1.1372848856791674e-09,
                                   5.9571761477489113e-11};
    return x * polynomial(x * x, c);
}
BS_INLINE V<double> erf(V<double> x) {
    const V<double> y = abs(x), one = set1(1.0);
    const V<double> outer = copy_sign(one - erfc_tail(max(set1(0.5), y)), x);
    return select(y > one, outer, erf_middle(x));
}
// 1 - erf(x), without the cancellation where erf(x) is close to 1.
BS_INLINE V<double> erfc(V<double> x) {
    const V<double> y = abs(x), one = set1(1.0);
    const V<double> tail = erfc_tail(max(set1(0.5), y));
    const V<double> outer = select(x > V<double>{}, tail, set1(2.0) - tail);
    return select(y > set1(0.5), outer, one - erf_middle(x));
}
BS_INLINE V<float> erf(V<float> x) { return in_double(x, [](V<double> h) { return erf(h); }); }
BS_INLINE V<float> erfc(V<float> x) { return in_double(x, [](V<double> h) { return erfc(h); }); }

// ---------------------------------------------------------------------------------------------------------------
// Powers

// Any real exponent, lane by lane through the C library; whole exponents become products before they come here.
template <VectorLike X>
BS_NOINLINE inline X pow(X x, X exponent) {
    for (int i = 0; i < lanes<element<X>>; ++i)
        x[i] = static_cast<element<X>>(std::pow(static_cast<double>(x[i]), static_cast<double>(exponent[i])));
    return x;
}

}  // namespace bs
