// Portable vectors: the arithmetic every kernel is written in, one vector of the widest register the build allows.
// Built on the vector extension of GCC and Clang, with intrinsics only where that extension has no word (fused
// multiply-add, square root, minimum and maximum, masked memory). Nothing here knows about networks.
#pragma once

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
#define BS_NOINLINE __attribute__((noinline))
#define BS_RESTRICT __restrict__

namespace bs {

// ---------------------------------------------------------------------------------------------------------------
// Types

// `type`: a whole register. `unaligned`: the same in memory, at any address a T may have. `half`: half a register.
template <class T>
struct VectorOf;
#define BS_VECTOR_OF(T)                                                                             \
    template <>                                                                                     \
    struct VectorOf<T> {                                                                            \
        typedef T type __attribute__((vector_size(BS_VECTOR_BYTES)));                               \
        typedef T half __attribute__((vector_size(BS_VECTOR_BYTES / 2)));                           \
        typedef T unaligned __attribute__((vector_size(BS_VECTOR_BYTES), aligned(alignof(T)), may_alias));  \
        typedef T half_unaligned __attribute__((vector_size(BS_VECTOR_BYTES / 2), aligned(alignof(T)), may_alias)); \
    };
BS_VECTOR_OF(float)
BS_VECTOR_OF(double)
BS_VECTOR_OF(std::int32_t)
BS_VECTOR_OF(std::uint32_t)
BS_VECTOR_OF(std::int64_t)
BS_VECTOR_OF(std::uint64_t)
#undef BS_VECTOR_OF

template <class T>
using V = typename VectorOf<T>::type;

// Elements in one vector: 16 / 8 / 4 for float, 8 / 4 / 2 for double.
template <class T>
inline constexpr int lanes = BS_VECTOR_BYTES / static_cast<int>(sizeof(T));

// `count` rounded up to whole vectors of T.
template <class T>
constexpr std::size_t padded(std::size_t count) {
    return (count + lanes<T> - 1) / lanes<T> * lanes<T>;
}

template <class X>
concept VectorLike = std::is_same_v<X, V<float>> || std::is_same_v<X, V<double>>;

// The element type of a vector of floating-point numbers, and the integers of the same width.
template <class X>
using element = std::remove_cvref_t<decltype(std::declval<X&>()[0])>;
template <class T>
using int_of = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
template <class T>
using uint_of = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

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

template <class T>
BS_INLINE V<T> load(const T* p) {
    return *reinterpret_cast<const typename VectorOf<T>::unaligned*>(p);
}

template <class T>
BS_INLINE void store(T* p, std::type_identity_t<V<T>> x) {
    *reinterpret_cast<typename VectorOf<T>::unaligned*>(p) = x;
}

template <class T>
BS_INLINE V<T> set1(T x) {
    return V<T>{} + x;  // "+ x" broadcasts; x + 0 keeps every value but turns -0 into +0, hence the overloads below
}
template <>
BS_INLINE V<float> set1(float x) {
#if defined(BS_AVX512)
    return V<float>(_mm512_set1_ps(x));
#elif defined(BS_AVX2)
    return V<float>(_mm256_set1_ps(x));
#else
    return V<float>{x, x, x, x};
#endif
}
template <>
BS_INLINE V<double> set1(double x) {
#if defined(BS_AVX512)
    return V<double>(_mm512_set1_pd(x));
#elif defined(BS_AVX2)
    return V<double>(_mm256_set1_pd(x));
#else
    return V<double>{x, x};
#endif
}

// lane_numbers<T>(): 0, 1, 2, ... as the integers of T's width.
template <class T>
BS_INLINE V<int_of<T>> lane_numbers() {
    V<int_of<T>> x;
    for (int i = 0; i < lanes<T>; ++i) x[i] = i;
    return x;
}

// True in the first `count` lanes (0 <= count; more than lanes<T> means all).
template <class T>
BS_INLINE Mask<T> first_lanes(std::ptrdiff_t count) {
    const int_of<T> n = static_cast<int_of<T>>(count < lanes<T> ? count : lanes<T>);
    return lane_numbers<T>() < (V<int_of<T>>{} + n);
}

// The first `count` elements (0..lanes<T>), zeros after them; nothing beyond them is touched.
template <class T>
BS_INLINE V<T> load_first(const T* p, std::ptrdiff_t count) {
#if defined(BS_AVX512)
    if constexpr (std::is_same_v<T, float>)
        return V<T>(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1u), p));
    else if constexpr (std::is_same_v<T, double>)
        return V<T>(_mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1u), p));
    else
#elif defined(BS_AVX2)
    if constexpr (std::is_same_v<T, float>)
        return V<T>(_mm256_maskload_ps(p, __m256i(first_lanes<T>(count))));
    else if constexpr (std::is_same_v<T, double>)
        return V<T>(_mm256_maskload_pd(p, __m256i(first_lanes<T>(count))));
    else
#endif
    {
        V<T> x{};
        std::memcpy(&x, p, static_cast<std::size_t>(count) * sizeof(T));
        return x;
    }
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
BS_INLINE V<float> fma(V<float> a, V<float> b, V<float> c) {
#if defined(BS_AVX512)
    return V<float>(_mm512_fmadd_ps(__m512(a), __m512(b), __m512(c)));
#elif defined(BS_AVX2)
    return V<float>(_mm256_fmadd_ps(__m256(a), __m256(b), __m256(c)));
#elif defined(BS_NEON)
    return V<float>(vfmaq_f32(float32x4_t(c), float32x4_t(a), float32x4_t(b)));
#else
    return a * b + c;
#endif
}
BS_INLINE V<double> fma(V<double> a, V<double> b, V<double> c) {
#if defined(BS_AVX512)
    return V<double>(_mm512_fmadd_pd(__m512d(a), __m512d(b), __m512d(c)));
#elif defined(BS_AVX2)
    return V<double>(_mm256_fmadd_pd(__m256d(a), __m256d(b), __m256d(c)));
#elif defined(BS_NEON)
    return V<double>(vfmaq_f64(float64x2_t(c), float64x2_t(a), float64x2_t(b)));
#else
    return a * b + c;
#endif
}
template <VectorLike X>
BS_INLINE X fma(X a, X b, element<X> c) {
    return fma(a, b, set1(c));
}

// True where fma() rounds once.
#if defined(BS_AVX512) || defined(BS_AVX2) || defined(BS_NEON)
inline constexpr bool has_fma = true;
#else
inline constexpr bool has_fma = false;
#endif

BS_INLINE V<float> sqrt(V<float> a) {
#if defined(BS_AVX512)
    return V<float>(_mm512_sqrt_ps(__m512(a)));
#elif defined(BS_AVX2)
    return V<float>(_mm256_sqrt_ps(__m256(a)));
#elif defined(BS_SSE2)
    return V<float>(_mm_sqrt_ps(__m128(a)));
#else
    for (int i = 0; i < lanes<float>; ++i) a[i] = __builtin_sqrtf(a[i]);
    return a;
#endif
}
BS_INLINE V<double> sqrt(V<double> a) {
#if defined(BS_AVX512)
    return V<double>(_mm512_sqrt_pd(__m512d(a)));
#elif defined(BS_AVX2)
    return V<double>(_mm256_sqrt_pd(__m256d(a)));
#elif defined(BS_SSE2)
    return V<double>(_mm_sqrt_pd(__m128d(a)));
#else
    for (int i = 0; i < lanes<double>; ++i) a[i] = __builtin_sqrt(a[i]);
    return a;
#endif
}

// mask ? a : b, lane by lane.
template <class M, VectorLike X>
BS_INLINE X select(M mask, X a, X b) {
    return mask ? a : b;
}

// a < b ? a : b and a > b ? a : b: where either is NaN, b. So clamp(x) = max(low, min(high, x)) keeps a NaN x.
BS_INLINE V<float> min(V<float> a, V<float> b) {
#if defined(BS_AVX512)
    return V<float>(_mm512_min_ps(__m512(a), __m512(b)));
#elif defined(BS_AVX2)
    return V<float>(_mm256_min_ps(__m256(a), __m256(b)));
#elif defined(BS_SSE2)
    return V<float>(_mm_min_ps(__m128(a), __m128(b)));
#else
    return a < b ? a : b;
#endif
}
BS_INLINE V<double> min(V<double> a, V<double> b) {
#if defined(BS_AVX512)
    return V<double>(_mm512_min_pd(__m512d(a), __m512d(b)));
#elif defined(BS_AVX2)
    return V<double>(_mm256_min_pd(__m256d(a), __m256d(b)));
#elif defined(BS_SSE2)
    return V<double>(_mm_min_pd(__m128d(a), __m128d(b)));
#else
    return a < b ? a : b;
#endif
}
BS_INLINE V<float> max(V<float> a, V<float> b) {
#if defined(BS_AVX512)
    return V<float>(_mm512_max_ps(__m512(a), __m512(b)));
#elif defined(BS_AVX2)
    return V<float>(_mm256_max_ps(__m256(a), __m256(b)));
#elif defined(BS_SSE2)
    return V<float>(_mm_max_ps(__m128(a), __m128(b)));
#else
    return a > b ? a : b;
#endif
}
BS_INLINE V<double> max(V<double> a, V<double> b) {
#if defined(BS_AVX512)
    return V<double>(_mm512_max_pd(__m512d(a), __m512d(b)));
#elif defined(BS_AVX2)
    return V<double>(_mm256_max_pd(__m256d(a), __m256d(b)));
#elif defined(BS_SSE2)
    return V<double>(_mm_max_pd(__m128d(a), __m128d(b)));
#else
    return a > b ? a : b;
#endif
}

// The sign bit of each lane, alone; |a|; |a| with the sign of b.
template <VectorLike X>
BS_INLINE V<uint_of<element<X>>> sign_bits(X a) {
    using U = uint_of<element<X>>;
    return bits<V<U>>(a) & (V<U>{} + (U(1) << (8 * sizeof(U) - 1)));
}
template <VectorLike X>
BS_INLINE X abs(X a) {
    using U = uint_of<element<X>>;
    return bits<X>(bits<V<U>>(a) & (V<U>{} + static_cast<U>(~(U(1) << (8 * sizeof(U) - 1)))));
}
template <VectorLike X>
BS_INLINE X copy_sign(X a, X b) {
    using U = uint_of<element<X>>;
    return bits<X>(bits<V<U>>(abs(a)) | sign_bits(b));
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
    const auto half = *reinterpret_cast<const VectorOf<float>::half_unaligned*>(p);
#if defined(BS_AVX512)
    return V<double>(_mm512_cvtps_pd(__m256(half)));
#elif defined(BS_AVX2)
    return V<double>(_mm256_cvtps_pd(__m128(half)));
#else
    return V<double>{half[0], half[1]};
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
    return !(abs(a) <= set1(std::numeric_limits<element<X>>::max()));
}

BS_INLINE void prefetch(const void* p) { __builtin_prefetch(p, 0, 3); }
BS_INLINE void prefetch_write(const void* p) { __builtin_prefetch(p, 1, 3); }

}  // namespace bs
