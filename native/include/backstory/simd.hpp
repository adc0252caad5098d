// Portable vectors: the arithmetic every kernel is written in, one vector of the widest register the build allows.
// Built on the vector extension of GCC and Clang, with intrinsics only where that extension has no word (fused
// multiply-add, square root, minimum and maximum, masked memory). Nothing here knows about networks.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#if defined(__AVX512F__) || defined(__AVX2__) || defined(__SSE2__)
// GCC 12's own intrinsics start from a register left undefined on purpose and then warn about it (GCC bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define BS_AVX512 1
#define BS_VECTOR_BYTES 64
#elif defined(__AVX2__) && defined(__FMA__)
#define BS_AVX2 1
#define BS_VECTOR_BYTES 32
#else
#define BS_VECTOR_BYTES 16
#if defined(__SSE2__)
#define BS_SSE2 1
#elif defined(__ARM_NEON) && defined(__aarch64__)
#define BS_NEON 1
#endif
#endif

#define BS_INLINE inline __attribute__((always_inline))
#define BS_INLINE_LAMBDA __attribute__((always_inline))  // stands between a lambda's parameters and its body
#define BS_NOINLINE __attribute__((noinline))
#define BS_RESTRICT __restrict__

namespace bs {

// ---------------------------------------------------------------------------------------------------------------
// Types

// N numbers of type T. `type`: in a register. `unaligned`: the same in memory, at any address a T may have.
template <class T, int N>
struct VectorOf {
    typedef T type __attribute__((vector_size(N * sizeof(T))));
    typedef T unaligned __attribute__((vector_size(N * sizeof(T)), aligned(alignof(T)), may_alias));
};

// Elements in one whole register: 16 / 8 / 4 for float, 8 / 4 / 2 for double.
template <class T>
inline constexpr int lanes = BS_VECTOR_BYTES / static_cast<int>(sizeof(T));

// A whole register, which most kernels work in; and a register of just N numbers, for narrow layers.
template <class T>
using V = typename VectorOf<T, lanes<T>>::type;
template <class T, int N>
using Vec = typename VectorOf<T, N>::type;

// `count` rounded up to whole vectors of T.
template <class T>
constexpr std::size_t padded(std::size_t count) {
    return (count + lanes<T> - 1) / lanes<T> * lanes<T>;
}

// The element type of a vector of floating-point numbers, how many it has, and the integers of the same width.
template <class X>
using element = std::remove_cvref_t<decltype(std::declval<X&>()[0])>;
template <class X>
inline constexpr int lanes_of = static_cast<int>(sizeof(X) / sizeof(element<X>));
template <class T>
using int_of = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
template <class T>
using uint_of = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

// A register of floats or doubles, whole or narrower; and the vectors of integers of its shape.
template <class X>
concept VectorLike = (sizeof(X) == 16 || sizeof(X) == 32 || sizeof(X) == 64) && sizeof(X) <= BS_VECTOR_BYTES &&
                     (std::is_same_v<element<X>, float> || std::is_same_v<element<X>, double>) &&
                     std::is_same_v<X, Vec<element<X>, lanes_of<X>>>;
template <class X>
using IntsOf = Vec<int_of<element<X>>, lanes_of<X>>;
template <class X>
using UintsOf = Vec<uint_of<element<X>>, lanes_of<X>>;

// What comparing two V<T> gives: all ones where true, zero where false.
template <class T>
using Mask = decltype(std::declval<V<T>>() < std::declval<V<T>>());

// The same bits read as another type of the same size.
template <class To, class From>
BS_INLINE To bits(From x) {
    static_assert(sizeof(To) == sizeof(From));
    To y;
    std::memcpy(&y, &x, sizeof y);
    return y;
}

// ---------------------------------------------------------------------------------------------------------------
// Memory

template <class T, int N = lanes<T>>
BS_INLINE Vec<T, N> load(const T* p) {
    return *reinterpret_cast<const typename VectorOf<T, N>::unaligned*>(p);
}

template <class T>
BS_INLINE void store(T* p, std::type_identity_t<V<T>> x) {
    *reinterpret_cast<typename VectorOf<T, lanes<T>>::unaligned*>(p) = x;
}
template <int N, class T>
BS_INLINE void store(T* p, std::type_identity_t<Vec<T, N>> x) {
    *reinterpret_cast<typename VectorOf<T, N>::unaligned*>(p) = x;
}

// Call the intrinsic of this width and type; where the build has none, go on to what follows.
#if defined(BS_AVX512)
#define BS_IF_512(op, ...) BS_IF_BYTES(64, _mm512_##op, __VA_ARGS__)
#else
#define BS_IF_512(op, ...)
#endif
#if defined(BS_AVX512) || defined(BS_AVX2)
#define BS_IF_256(op, ...) BS_IF_BYTES(32, _mm256_##op, __VA_ARGS__)
#else
#define BS_IF_256(op, ...)
#endif
#if defined(BS_AVX512) || defined(BS_AVX2) || defined(BS_SSE2)
#define BS_IF_128(op, ...) BS_IF_BYTES(16, _mm_##op, __VA_ARGS__)
#else
#define BS_IF_128(op, ...)
#endif
#define BS_IF_BYTES(bytes, op, ...)                                                       \
    if constexpr (sizeof(X) == bytes && sizeof(element<X>) == 4) return X(op##_ps(__VA_ARGS__)); \
    else if constexpr (sizeof(X) == bytes) return X(op##_pd(__VA_ARGS__)); else
#define BS_INTRINSIC(op, ...) BS_IF_512(op, __VA_ARGS__) BS_IF_256(op, __VA_ARGS__) BS_IF_128(op, __VA_ARGS__)

// The same number in all lanes: of a given kind of vector, or of a whole register.
template <VectorLike X>
BS_INLINE X all(element<X> x) {
    BS_INTRINSIC(set1, x) {
        X y;
        for (int i = 0; i < lanes_of<X>; ++i) y[i] = x;
        return y;
    }
}
template <class T>
BS_INLINE V<T> set1(T x) {
    if constexpr (std::is_floating_point_v<T>)
        return all<V<T>>(x);
    else
        return V<T>{} + x;
}

// lane_numbers<T>(): 0, 1, 2, ... as the integers of T's width.
template <class T, int N = lanes<T>>
BS_INLINE Vec<int_of<T>, N> lane_numbers() {
    Vec<int_of<T>, N> x;
    for (int i = 0; i < N; ++i) x[i] = i;
    return x;
}

// True in the first `count` lanes (0 <= count; more than lanes<T> means all).
template <class T>
BS_INLINE Mask<T> first_lanes(std::ptrdiff_t count) {
    const int_of<T> n = static_cast<int_of<T>>(count < lanes<T> ? count : lanes<T>);
    return lane_numbers<T>() < (V<int_of<T>>{} + n);
}

// The first `count` elements (0..N), zeros after them; nothing beyond them is touched.
template <int N, class T>
BS_INLINE Vec<T, N> load_first(const T* p, std::ptrdiff_t count) {
    using X = Vec<T, N>;
#if defined(BS_AVX512)
    const auto mask = static_cast<std::conditional_t<N == 16, __mmask16, __mmask8>>((1u << count) - 1u);
    if constexpr (VectorLike<X>) {
        BS_INTRINSIC(maskz_loadu, mask, p) return {};
    } else
#elif defined(BS_AVX2)
    if constexpr (VectorLike<X>) {
        const auto mask = IntsOf<X>{} + static_cast<int_of<T>>(count) > lane_numbers<T, N>();
        if constexpr (sizeof(X) == 32 && sizeof(T) == 4) return X(_mm256_maskload_ps(p, __m256i(mask)));
        else if constexpr (sizeof(X) == 32) return X(_mm256_maskload_pd(p, __m256i(mask)));
        else if constexpr (sizeof(T) == 4) return X(_mm_maskload_ps(p, __m128i(mask)));
        else return X(_mm_maskload_pd(p, __m128i(mask)));
    } else
#endif
    {
        X x{};
        std::memcpy(&x, p, static_cast<std::size_t>(count) * sizeof(T));
        return x;
    }
}
template <class T>
BS_INLINE V<T> load_first(const T* p, std::ptrdiff_t count) {
    return load_first<lanes<T>>(p, count);
}

template <class T>
BS_INLINE void store_first(T* p, std::type_identity_t<V<T>> x, std::ptrdiff_t count) {
#if defined(BS_AVX512)
    if constexpr (std::is_same_v<T, float>)
        _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1u), __m512(x));
    else if constexpr (std::is_same_v<T, double>)
        _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << count) - 1u), __m512d(x));
    else
#elif defined(BS_AVX2)
    if constexpr (std::is_same_v<T, float>)
        _mm256_maskstore_ps(p, __m256i(first_lanes<T>(count)), __m256(x));
    else if constexpr (std::is_same_v<T, double>)
        _mm256_maskstore_pd(p, __m256i(first_lanes<T>(count)), __m256d(x));
    else
#endif
        std::memcpy(p, &x, static_cast<std::size_t>(count) * sizeof(T));
}

// ---------------------------------------------------------------------------------------------------------------
// Arithmetic. + - * / and comparisons are the language's own operators.

// a * b + c, rounded once where the instruction set can (AVX2, AVX-512, NEON); twice on plain x86-64.
template <VectorLike X>
BS_INLINE X fma(X a, X b, X c) {
#if defined(BS_AVX512) || defined(BS_AVX2)
    BS_INTRINSIC(fmadd, a, b, c) return {};
#elif defined(BS_NEON)
    if constexpr (sizeof(element<X>) == 4)
        return X(vfmaq_f32(float32x4_t(c), float32x4_t(a), float32x4_t(b)));
    else
        return X(vfmaq_f64(float64x2_t(c), float64x2_t(a), float64x2_t(b)));
#else
    return a * b + c;
#endif
}
template <VectorLike X>
BS_INLINE X fma(X a, X b, element<X> c) {
    return fma(a, b, all<X>(c));
}

// True where fma() rounds once.
#if defined(BS_AVX512) || defined(BS_AVX2) || defined(BS_NEON)
inline constexpr bool has_fma = true;
#else
inline constexpr bool has_fma = false;
#endif

template <VectorLike X>
BS_INLINE X sqrt(X a) {
    BS_INTRINSIC(sqrt, a) {
        for (int i = 0; i < lanes_of<X>; ++i) a[i] = std::sqrt(a[i]);
        return a;
    }
}

// mask ? a : b, lane by lane.
template <class M, VectorLike X>
BS_INLINE X select(M mask, X a, X b) {
    return mask ? a : b;
}

// The first `count` lanes, zeros after them.
template <VectorLike X>
BS_INLINE X keep_first(X a, std::ptrdiff_t count) {
    using T = element<X>;
    return lane_numbers<T, lanes_of<X>>() < IntsOf<X>{} + static_cast<int_of<T>>(count) ? a : X{};
}

// a < b ? a : b and a > b ? a : b: where either is NaN, b. So clamp(x) = max(low, min(high, x)) keeps a NaN x.
template <VectorLike X>
BS_INLINE X min(X a, X b) {
    BS_INTRINSIC(min, a, b) return a < b ? a : b;
}
template <VectorLike X>
BS_INLINE X max(X a, X b) {
    BS_INTRINSIC(max, a, b) return a > b ? a : b;
}

// The sign bit of each lane, alone; |a|; -|a|; |a| with the sign of b.
template <VectorLike X>
BS_INLINE UintsOf<X> sign_bits(X a) {
    using U = uint_of<element<X>>;
    return bits<UintsOf<X>>(a) & (UintsOf<X>{} + (U(1) << (8 * sizeof(U) - 1)));
}
template <VectorLike X>
BS_INLINE X abs(X a) {
    using U = uint_of<element<X>>;
    return bits<X>(bits<UintsOf<X>>(a) & (UintsOf<X>{} + static_cast<U>(~(U(1) << (8 * sizeof(U) - 1)))));
}
template <VectorLike X>
BS_INLINE X minus_abs(X a) {
    using U = uint_of<element<X>>;
    return bits<X>(bits<UintsOf<X>>(a) | (UintsOf<X>{} + (U(1) << (8 * sizeof(U) - 1))));
}
template <VectorLike X>
BS_INLINE X copy_sign(X a, X b) {
    return bits<X>(bits<UintsOf<X>>(abs(a)) | sign_bits(b));
}

#if defined(BS_AVX512)
// x rounded to the nearest multiple of 2^-FRACTION.
template <int FRACTION, VectorLike X>
BS_INLINE X round_to(X x) {
    BS_INTRINSIC(roundscale, x, FRACTION << 4 | _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC) return {};
}
// x * 2^floor(n), through denormals to 0 and up to infinity.
template <VectorLike X>
BS_INLINE X scale_by_power(X x, X n) {
    BS_INTRINSIC(scalef, x, n) return {};
}
// Lane by lane the entry of `table` that the low four bits of `index` number.
template <VectorLike X>
BS_INLINE X from_table(const float (&table)[16], IntsOf<X> index) {
    const __m512 entries = _mm512_load_ps(table);
    if constexpr (sizeof(X) == 64)
        return X(_mm512_permutexvar_ps(__m512i(index), entries));
    else if constexpr (sizeof(X) == 32)
        return X(_mm512_castps512_ps256(_mm512_permutexvar_ps(_mm512_castsi256_si512(__m256i(index)), entries)));
    else
        return X(_mm512_castps512_ps128(_mm512_permutexvar_ps(_mm512_castsi128_si512(__m128i(index)), entries)));
}
#endif

// Lane `k` in all lanes.
template <VectorLike X>
BS_INLINE X lane(X a, std::size_t k) {
#if defined(__GNUC__) && !defined(__clang__)
    return __builtin_shuffle(a, IntsOf<X>{} + static_cast<int_of<element<X>>>(k));
#else
    return all<X>(a[k]);
#endif
}

// ---------------------------------------------------------------------------------------------------------------
// Across lanes

// True if any lane of a mask is set.
template <class M>
BS_INLINE bool any(M mask) {
    static_assert(sizeof(M) == BS_VECTOR_BYTES);
#if defined(BS_AVX512)
    return _mm512_test_epi64_mask(__m512i(mask), __m512i(mask)) != 0;
#elif defined(BS_AVX2)
    return !_mm256_testz_si256(__m256i(mask), __m256i(mask));
#elif defined(BS_SSE2)
    return _mm_movemask_epi8(__m128i(mask)) != 0;
#else
    const auto words = bits<V<std::uint64_t>>(mask);
    return (words[0] | words[1]) != 0;
#endif
}

// Fold all lanes with `combine(a, b)`, always in the same order: the upper half onto the lower half, and again.
template <VectorLike X, class F>
BS_INLINE element<X> fold(X a, F combine) {
    using T = element<X>;
    alignas(BS_VECTOR_BYTES) T x[lanes<T>];
    store(x, a);
    for (int half = lanes<T> / 2; half >= 1; half /= 2)
        for (int i = 0; i < half; ++i) x[i] = combine(x[i], x[i + half]);
    return x[0];
}
template <VectorLike X>
BS_INLINE element<X> sum(X a) {
    using T = element<X>;
#if defined(BS_AVX512)  // the same order as fold(), in registers
    if constexpr (std::is_same_v<T, float>) {
        const __m256 v8 = _mm256_add_ps(_mm512_castps512_ps256(__m512(a)), _mm512_extractf32x8_ps(__m512(a), 1));
        const __m128 v4 = _mm_add_ps(_mm256_castps256_ps128(v8), _mm256_extractf128_ps(v8, 1));
        const __m128 v2 = _mm_add_ps(v4, _mm_movehl_ps(v4, v4));
        return _mm_cvtss_f32(_mm_add_ss(v2, _mm_shuffle_ps(v2, v2, 1)));
    } else {
        const __m256d v4 = _mm256_add_pd(_mm512_castpd512_pd256(__m512d(a)), _mm512_extractf64x4_pd(__m512d(a), 1));
        const __m128d v2 = _mm_add_pd(_mm256_castpd256_pd128(v4), _mm256_extractf128_pd(v4, 1));
        return _mm_cvtsd_f64(_mm_add_sd(v2, _mm_unpackhi_pd(v2, v2)));
    }
#else
    return fold(a, [](T p, T q) { return p + q; });
#endif
}
// The largest lane; where a lane is NaN the result is one of the others or NaN.
template <VectorLike X>
BS_INLINE element<X> largest(X a) {
    using T = element<X>;
#if defined(BS_AVX512)
    if constexpr (std::is_same_v<T, float>)
        return _mm512_reduce_max_ps(__m512(a));
    else
        return _mm512_reduce_max_pd(__m512d(a));
#else
    return fold(a, [](T p, T q) { return p > q ? p : q; });
#endif
}

// ---------------------------------------------------------------------------------------------------------------
// Between float and double

// The lower and the upper half of a vector of floats, as two vectors of doubles; and back (rounded to nearest).
BS_INLINE V<double> widen_low(V<float> x) {
#if defined(BS_AVX512)
    return V<double>(_mm512_cvtps_pd(_mm512_castps512_ps256(__m512(x))));
#elif defined(BS_AVX2)
    return V<double>(_mm256_cvtps_pd(_mm256_castps256_ps128(__m256(x))));
#elif defined(BS_SSE2)
    return V<double>(_mm_cvtps_pd(__m128(x)));
#else
    return V<double>{x[0], x[1]};
#endif
}
BS_INLINE V<double> widen_high(V<float> x) {
#if defined(BS_AVX512)
    return V<double>(_mm512_cvtps_pd(_mm512_extractf32x8_ps(__m512(x), 1)));
#elif defined(BS_AVX2)
    return V<double>(_mm256_cvtps_pd(_mm256_extractf128_ps(__m256(x), 1)));
#elif defined(BS_SSE2)
    return V<double>(_mm_cvtps_pd(_mm_movehl_ps(__m128(x), __m128(x))));
#else
    return V<double>{x[2], x[3]};
#endif
}
BS_INLINE V<float> narrow(V<double> low, V<double> high) {
#if defined(BS_AVX512)
    const __m512 lower = _mm512_castps256_ps512(_mm512_cvtpd_ps(__m512d(low)));
    return V<float>(_mm512_insertf32x8(lower, _mm512_cvtpd_ps(__m512d(high)), 1));
#elif defined(BS_AVX2)
    return V<float>(_mm256_set_m128(_mm256_cvtpd_ps(__m256d(high)), _mm256_cvtpd_ps(__m256d(low))));
#elif defined(BS_SSE2)
    return V<float>(_mm_movelh_ps(_mm_cvtpd_ps(__m128d(low)), _mm_cvtpd_ps(__m128d(high))));
#else
    return V<float>{static_cast<float>(low[0]), static_cast<float>(low[1]), static_cast<float>(high[0]),
                    static_cast<float>(high[1])};
#endif
}

// lanes<double> consecutive numbers of either type, as doubles, and back: one body serves both types.
BS_INLINE V<double> load_double(const double* p) { return load(p); }
BS_INLINE V<double> load_double(const float* p) {
#if defined(BS_AVX512)
    return V<double>(_mm512_cvtps_pd(_mm256_loadu_ps(p)));
#elif defined(BS_AVX2)
    return V<double>(_mm256_cvtps_pd(_mm_loadu_ps(p)));
#else
    return V<double>{p[0], p[1]};
#endif
}
BS_INLINE void store_double(double* p, V<double> x) { store(p, x); }
BS_INLINE void store_double(float* p, V<double> x) {
#if defined(BS_AVX512)
    _mm256_storeu_ps(p, _mm512_cvtpd_ps(__m512d(x)));
#elif defined(BS_AVX2)
    _mm_storeu_ps(p, _mm256_cvtpd_ps(__m256d(x)));
#else
    p[0] = static_cast<float>(x[0]);
    p[1] = static_cast<float>(x[1]);
#endif
}

// ---------------------------------------------------------------------------------------------------------------
// Non-finite numbers

// True where a lane is infinite or NaN.
template <VectorLike X>
BS_INLINE auto non_finite(X a) {
    return !(abs(a) <= all<X>(std::numeric_limits<element<X>>::max()));
}

BS_INLINE void prefetch(const void* p) { __builtin_prefetch(p, 0, 3); }
BS_INLINE void prefetch_write(const void* p) { __builtin_prefetch(p, 1, 3); }

}  // namespace bs
