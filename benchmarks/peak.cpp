// The processor's peak: how many floating-point operations a second its fused multiply-adds reach on all threads, when
// nothing but them is done; or, with a third argument, how many bytes a second its memory moves.
// Arguments: threads, seconds[, bytes for each thread to add a number to, over and over].
// Prints operations a second, or bytes read and written a second: the best of ten samples.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#if defined(__AVX512F__)
constexpr int lanes = 16;
#elif defined(__AVX__)
constexpr int lanes = 8;
#else
constexpr int lanes = 4;
#endif
constexpr int sums = 12;  // as many as hide the latency and fit the registers of every instruction set
constexpr int samples = 10;

typedef float Vector __attribute__((vector_size(lanes * sizeof(float))));
using Clock = std::chrono::steady_clock;

// Adds multiples to `sums` independent accumulators, `rounds` times; the result keeps the compiler from leaving it out.
static float work(long rounds, float scale, float step) {
    Vector a[sums], x = Vector{} + scale, y = Vector{} + step;
    for (int i = 0; i < sums; ++i) a[i] = Vector{} + float(i);
    for (long k = 0; k < rounds; ++k) {
        for (int i = 0; i < sums; ++i) a[i] = a[i] * x + y;  // contracted to one fused multiply-add where there is one
        asm volatile("" : "+x"(x));
    }
    Vector total{};
    for (int i = 0; i < sums; ++i) total += a[i];
    return total[0];
}

// Adds a number to each of `size` values, `rounds` times: reads and writes them.
static float stream(long rounds, Vector* values, long size) {
    for (long k = 0; k < rounds; ++k) {
        for (long i = 0; i < size; ++i) values[i] += 1.0f;
        asm volatile("" : : "r"(values) : "memory");
    }
    return values[0][0];
}

int main(int count, char** arguments) {
    const int threads = count > 1 ? std::atoi(arguments[1]) : 1;
    const double seconds = count > 2 ? std::atof(arguments[2]) : 0.1;
    const long size = (count > 3 ? std::atol(arguments[3]) : 0) / long(sizeof(Vector));
    std::vector<std::vector<Vector>> memory(threads, std::vector<Vector>(size));
    std::atomic<float> sink{0};
    const auto timed = [&](long rounds) {
        const auto start = Clock::now();
        std::vector<std::thread> crew;
        for (int i = 0; i < threads; ++i) {
            crew.emplace_back([&, i] {
                sink = sink + (size ? stream(rounds, memory[i].data(), size) : work(rounds, 0.999f, 0.001f));
            });
        }
        for (auto& each : crew) each.join();
        return std::chrono::duration<double>(Clock::now() - start).count();
    };
    const double round = threads * (size ? 2.0 * double(size) * sizeof(Vector) : 2.0 * lanes * sums);
    long rounds = size ? 1 + (1 << 24) / (size * long(sizeof(Vector))) : 1 << 20;
    rounds = std::max(rounds, long(double(rounds) * seconds / samples / timed(rounds)));
    double best = 0;
    for (int k = 0; k < samples; ++k) best = std::max(best, round * double(rounds) / timed(rounds));
    std::printf("%.6g\n", best);
}
