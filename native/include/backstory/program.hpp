// The engine of one network: what Python calls. Each call packs the flat parameters, works on the packed form, and
// unpacks what it changed. Rows go through in blocks, so memory stays bounded however many there are.
#pragma once

#include <algorithm>
#include <functional>
#include <vector>

#include "backstory/careful.hpp"
#include "backstory/finite.hpp"
#include "backstory/training.hpp"
#include "backstory/workspace.hpp"

namespace bs {

template <class T>
class Program {
public:
    explicit Program(const NetworkSource& source) : net_(source) {}

    const Network<T>& network() const { return net_; }

    // Outputs (n, n_out) of X (n, n_in); returns whether X is finite.
    bool predict(const T* parameters, const T* X, size n, int threads, T* outputs) {
        Loan space(workspaces_);
        const int count = useful_threads(threads, net_.products, n, work_per_waking);
        const size block = block_rows(n, count);
        space->prepare(net_, {.rows = block * static_cast<size>(count), .dropout = {}});
        const WeightsFrom<T> w = pack_for(n, parameters, *space);
        copy_others(parameters, *space);
        std::atomic<bool> finite{true};
        each_block(n, count, block, [&](size first, size last, Source<T> source) {
            source.X = X;
            if (!all_finite(source.x(first, net_.n_in), (last - first) * net_.n_in))
                finite.store(false, std::memory_order_relaxed);
            forward_block(*space, w, source, first, last);
            output_activation(*space, first, last);
            const Rows<T>& a = space->at.a.back();
            for (size i = first; i < last; ++i) std::copy_n(a.at(i, 0), net_.n_out, outputs + source.row(i) * net_.n_out);
        });
        return finite.load();
    }

    // Whether more than one thread may pay for `rows` rows of forward passes, or of steps.
    bool threads_matter(size rows, bool training) const {
        return useful_threads(2, training ? 3 * net_.products : net_.products, rows) > 1;
    }

    // Values of every layer, outputs[l - 1] (n, n_l).
    void activations(const T* parameters, const T* X, size n, const std::vector<T*>& outputs) {
        Loan space(workspaces_);
        const size block = block_rows(n, 1);
        space->prepare(net_, {.rows = block, .dropout = {}});
        net_.pack(parameters, space->w);
        copy_others(parameters, *space);
        each_block(n, 1, block, [&](size first, size last, Source<T> source) {
            source.X = X;
            forward_block(*space, {space->w}, source, first, last);
            output_activation(*space, first, last);
            for (size l = 1; l <= net_.layers.size(); ++l)
                copy_rows(space->at.a[l], net_.layers[l - 1].n_out, source, first, last, outputs[l - 1]);
        });
    }

    // dz^l of each row's own loss, outputs[l - 1] (n, n_l); and with `dX` its gradient by the inputs, (n, n_in).
    void deltas(const T* parameters, const T* X, Targets<T> y, size n, const std::vector<T*>& outputs, T* dX) {
        Loan space(workspaces_);
        const size block = block_rows(n, 1);
        space->prepare(net_, {.rows = block, .backward = true, .inputs = dX != nullptr, .transposed = true, .dropout = {}});
        net_.pack(parameters, space->w, space->wt, dX ? 1 : 2);
        copy_others(parameters, *space);
        each_block(n, 1, block, [&](size first, size last, Source<T> source) {
            source.X = X, source.y = y;
            const Inputs<T> x = forward_block(*space, {space->w}, source, first, last);
            losses<T>(net_, space->at, source, nullptr, true, first, last);
            backward(net_, space->at, space->wt, first, last, x.rows);
            for (size l = 1; l <= outputs.size(); ++l)
                copy_rows(space->at.d[l], net_.layers[l - 1].n_out, source, first, last, outputs[l - 1]);
            if (dX) copy_rows(space->at.dx.data ? space->at.dx : space->at.d[0], net_.n_in, source, first, last, dX);
        });
    }

    // Data loss, reduced over the rows, plus the penalty.
    double loss(const T* parameters, const T* X, Targets<T> y, const T* sample_weight, size n, int threads) {
        Loan space(workspaces_);
        const int count = useful_threads(threads, net_.products, n, work_per_waking);
        const size block = block_rows(n, count);
        space->prepare(net_, {.rows = block * static_cast<size>(count), .dropout = {}});
        const WeightsFrom<T> w = pack_for(n, parameters, *space);
        copy_others(parameters, *space);
        std::vector<double> rows(n);
        each_block(n, count, block, [&](size first, size last, Source<T> source) {
            source.X = X, source.y = y;
            forward_block(*space, w, source, first, last);
            losses<T>(net_, space->at, source, nullptr, false, first, last);
            for (size i = first; i < last; ++i) rows[static_cast<size>(source.row(i))] = space->at.losses[i];
        });
        const double each = share_of_row(sample_weight, n);
        double total = 0;
        for (size i = 0; i < n; ++i) total += (sample_weight ? double{sample_weight[i]} : 1.0) * each * rows[i];
        return total + penalty(parameters);
    }

    // The loss and its gradient (penalty included), laid out like the parameters; neither counts unless X is `finite`.
    double loss_and_gradient(const T* parameters, const T* X, Targets<T> y, const T* sample_weight, size n, int threads,
                             T* gradient, std::atomic<bool>& finite) {
        Loan space(workspaces_);
        const int most = useful_threads(threads, 3 * net_.products, n, work_per_waking);
        space->prepare(net_, {.rows = std::max<size>(1, std::min(n, rows_at_once)), .backward = true, .transposed = true,
                              .gradient = n > rows_at_once, .dropout = {}});
        const double each = share_of_row(sample_weight, n);
        copy_others(parameters, *space);
        double total = 0;
        const auto work = [&](int count) {
            std::optional<Barrier> barrier;
            std::atomic<bool> ready{false};
            Pool::run(count, [&](int me, int threads_here) {
                if (me == 0) barrier.emplace(threads_here), ready.store(true, std::memory_order_release);
                while (!ready.load(std::memory_order_acquire)) pause();
                net_.pack(parameters, space->w, space->wt, 2, me, threads_here);
                barrier->wait();
                const double sum = gradient_rows_and_tiles(*space, {X, y, nullptr, 0}, sample_weight, each, n, me,
                                                           threads_here, *barrier, gradient, finite);
                if (me == 0) total = sum;
            });
        };
        if (most == 1 || exact_threads()) work(most);
        else space->calls.run(most, n, work);
        return total + penalty(parameters);
    }

    // Take a chunk of steps: parameters and state (the rule's slots, in its order) are updated in place, and `losses`
    // (steps,) holds the loss of each step's batch before its update.
    ChunkResult train(T* parameters, const Rule& rule, const std::vector<T*>& state, const Chunk<T>& chunk, int threads,
                      const std::function<bool()>& interrupted, double* losses) {
        const size longest = std::min(chunk.batch_size, chunk.visits), at_once = std::min(longest, rows_at_once);
        const int count = useful_threads(threads, 3 * net_.products, longest);
        const bool whole = rule.whole_gradient || chunk.clip_norm;
        Needs needs{.rows = std::max(at_once, narrow_rows), .backward = true, .transposed = true,
                    .gradient = whole || longest > rows_at_once,
                    .parts = count > 1 && net_.parts(at_once) > 1 ? net_.parts(at_once) : 0, .slots = rule.slots,
                    .sums = whole || chunk.record, .dropout = chunk.dropout};
        Loan space(workspaces_);
        space->prepare(net_, needs);
        pack_all(*space, parameters, state, count);

        ChunkResult result;
        result.losses = losses;
        if (!Training<T>(net_, rule, chunk, *space).run(count, interrupted, result)) {
            needs.gradient = needs.sums = true;
            space->prepare(net_, needs);
            pack_all(*space, parameters, state, count);
            CarefulTraining<T>(net_, rule, chunk, *space).run(result);
        }
        Pool::run(net_.threads_for_copies(count), [&](int me, int all) {
            net_.unpack(space->w, parameters, me, all);
            for (size k = 0; k < state.size(); ++k) net_.unpack(space->slot[k], state[k], me, all);
        });
        std::copy_n(space->at.others, net_.others, parameters + net_.dense_parameters);
        for (size k = 0; k < state.size(); ++k)
            std::copy_n(space->other_slot[k], net_.others, state[k] + net_.dense_parameters);
        return result;
    }

    // The penalty's value, which the loss includes.
    double penalty(const T* parameters) const {
        constexpr size sums = 8;  // side by side, so that no addition waits for the one before
        double sizes[sums] = {}, squares[sums] = {};
        if (net_.l1 != 0 || net_.l2 != 0)
            for (const Dense<T>& layer : net_.layers) {
                const T* w = parameters + layer.flat_w;
                const size n = layer.n_in * layer.n_out;
                const auto add = [&](size j, double x) { sizes[j] += std::abs(x), squares[j] += x * x; };
                size i = 0;
                for (; i + sums <= n; i += sums)
                    for (size j = 0; j < sums; ++j) add(j, w[i + j]);
                for (; i < n; ++i) add(i % sums, w[i]);
            }
        double size_sum = 0, square_sum = 0;
        for (size j = 0; j < sums; ++j) size_sum += sizes[j], square_sum += squares[j];
        return net_.penalty(size_sum, square_sum);
    }

private:
    using Loan = typename Workspaces<T>::Loan;

    // Multiply-adds that a thread should have to itself in one go, for a second one to be worth meeting, or waking.
    static constexpr double work_per_meeting = 40'000, work_per_waking = 500'000;

    static int useful_threads(int threads, size products, size rows, double work_per_thread = work_per_meeting) {
        if (exact_threads()) return std::max(threads, 1);
        const double work = static_cast<double>(products) * static_cast<double>(rows) / work_per_thread;
        return std::max(1, std::min(threads, static_cast<int>(std::min(work, 1e6))));
    }

    // Rows each thread takes at once where rows are all there is to do: whole tiles of them.
    static size block_rows(size n, int threads) {
        const size each = (n + static_cast<size>(threads) - 1) / static_cast<size>(threads);
        const size tiles = std::min<size>((each + tile_rows - 1) / tile_rows, 256 / tile_rows);
        return std::max<size>(1, std::min(tiles * tile_rows, n));
    }

    // Call f(first, last, source) for all n rows in blocks: buffer rows [first, last) hold the rows source says.
    template <class F>
    void each_block(size n, int threads, size block, F f) {
        std::atomic<size> next{0};
        Pool::run_who_comes(threads, [&](int me, int) {
            const size first = static_cast<size>(me) * block;
            for (size row; (row = next.fetch_add(block, std::memory_order_relaxed)) < n;) {
                Source<T> source;
                source.first = static_cast<std::ptrdiff_t>(row) - static_cast<std::ptrdiff_t>(first);
                f(first, first + std::min(block, n - row), source);
            }
        });
    }

    Inputs<T> forward_block(Workspace<T>& space, const WeightsFrom<T>& w, const Source<T>& source, size first, size last) {
        const Inputs<T> x = read_inputs(net_, space.at, source, first, last, first, last, !w.flat);
        forward<T>(net_, space.at, x, w, source, nullptr, first, last);
        return x;
    }

    void output_activation(Workspace<T>& space, size first, size last) {
        const Rows<T>& a = space.at.a.back();
        T* begin = a.data + first * a.row;
        net_.layers.back().f.forward_rows(begin, begin, nullptr, static_cast<std::ptrdiff_t>(last - first),
                                          static_cast<std::ptrdiff_t>(net_.n_out), static_cast<std::ptrdiff_t>(a.row));
    }

    static void copy_rows(Rows<const T> from, size columns, const Source<T>& source, size first, size last, T* to) {
        for (size i = first; i < last; ++i) {
            T* row = to + source.row(i) * static_cast<std::ptrdiff_t>(columns);
            for (size j = 0; j < columns; j += from.run) std::copy_n(from.at(i, j), std::min(from.run, columns - j), row + j);
        }
    }

    // The data's loss (thread 0's return value) and the flat gradient; one thread's part of it.
    double gradient_rows_and_tiles(Workspace<T>& space, Source<T> source, const T* sample_weight, double each, size n,
                                   int me, int count, Barrier& barrier, T* gradient, std::atomic<bool>& finite) {
        double total = 0;
        for (size begin = 0; begin < n || begin == 0; begin += space.at.capacity) {
            const size rows = std::min(n - begin, space.at.capacity);
            const Share mine = share(rows, me, count);
            source.first = static_cast<std::ptrdiff_t>(begin);
            if (!all_finite(source.x(mine.first, net_.n_in), (mine.last - mine.first) * net_.n_in))
                finite.store(false, std::memory_order_relaxed);
            const Inputs<T> x = read_inputs(net_, space.at, source, 0, rows, mine.first, mine.last);
            const auto weight = [&](size i) { return (sample_weight ? double{sample_weight[begin + i]} : 1.0) * each; };
            for (size i = mine.first; i < mine.last; ++i) space.at.factors[i] = static_cast<T>(weight(i));
            if (mine.first < mine.last) {
                forward<T>(net_, space.at, x, {space.w}, source, nullptr, mine.first, mine.last);
                losses<T>(net_, space.at, source, space.at.factors, true, mine.first, mine.last);
                backward(net_, space.at, space.wt, mine.first, mine.last);
            }
            barrier.wait();
            if (me == 0)
                for (size i = 0; i < rows; ++i) total += weight(i) * space.at.losses[i];
            gradient_tiles(space, x, rows, me, count, begin > 0, begin + rows == n ? gradient : nullptr);
            if (begin + rows < n) barrier.wait();
        }
        return total;
    }

    //   gradient: where the flat gradient goes once it is complete, else null
    void gradient_tiles(Workspace<T>& space, const Inputs<T>& x, size rows, int me, int count, bool further, T* gradient) {
        const Rule none("sgd", {}, 0.0);
        const Chunk<T> nothing;
        Training<T> training(net_, none, nothing, space);
        TileSums unused;
        training.gradients(
            me, count, x, rows, further, true, false,
            [&](size l, const WeightTile& tile) { return space.g ? space.g + net_.layers[l - 1].tile_offset(tile) : nullptr; },
            [&](size l, const WeightTile& tile, size, T* g) {
                if (!gradient) return;
                const Dense<T>& layer = net_.layers[l - 1];
                training.finish_gradient(l, tile, false, false, 1.0, space.w + layer.tile_offset(tile), g, unused);
                net_.unpack_tile(layer, tile, g, gradient);
            });
        training.other_gradients(me, count, x.rows, rows, further, gradient != nullptr, [&](const OtherPart& part, size) {
            net_.each_other(part, [&](size, size first, size n, size) {
                std::copy_n(space.other_g + first, n, gradient + net_.dense_parameters + first);
            });
        });
    }

    // What a forward pass over n rows reads; packing pays from more than one tile of rows.
    WeightsFrom<T> pack_for(size n, const T* parameters, Workspace<T>& space) {
        if (n <= tile_rows) {
            net_.pack_tails(parameters, space.w);
            return {space.w, parameters};
        }
        net_.pack(parameters, space.w);
        return {space.w};
    }

    void pack_all(Workspace<T>& space, const T* parameters, const std::vector<T*>& state, int threads) {
        Pool::run(net_.threads_for_copies(threads), [&](int me, int count) {
            net_.pack(parameters, space.w, space.wt, 2, me, count);
            for (size k = 0; k < state.size(); ++k) net_.pack(state[k], space.slot[k], nullptr, 2, me, count);
        });
        copy_others(parameters, space);
        for (size k = 0; k < state.size(); ++k)
            std::copy_n(state[k] + net_.dense_parameters, net_.others, space.other_slot[k]);
    }

    // The parameters beside W and b to where they are worked with.
    void copy_others(const T* parameters, Workspace<T>& space) const {
        std::copy_n(parameters + net_.dense_parameters, net_.others, space.at.others);
    }

    double share_of_row(const T* sample_weight, size n) const {
        if (!net_.mean) return 1.0;
        double total = static_cast<double>(n);
        if (sample_weight) {
            total = 0;
            for (size i = 0; i < n; ++i) total += sample_weight[i];
        }
        return total != 0 ? 1.0 / total : 0.0;
    }

    Network<T> net_;
    Workspaces<T> workspaces_;
};

}  // namespace bs
