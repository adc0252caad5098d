// Training: a chunk of steps as one parallel region. Each step has two phases and two barriers:
//   rows     the batch's rows are shared out; each thread carries its own forward, through the loss and back to dz^1
//   weights  the tiles of all W are shared out; each tile's gradient is summed over the batch and, where the rule needs
//            no more than that, the tile is updated at once (fused), so that the gradient never goes to memory
// Where a rule or clipping needs the whole gradient, or a batch is longer than the buffers, the gradient goes to memory
// and a third phase updates the weights. The arithmetic of each weight is the same in both forms, to the bit.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "backstory/flat.hpp"
#include "backstory/narrow.hpp"
#include "backstory/optimizer.hpp"
#include "backstory/threads.hpp"
#include "backstory/workspace.hpp"

namespace bs {

// Steps of a walk through the rows, epoch after epoch: each epoch visits the rows in an order of its own, batch by
// batch, the last of which may be shorter.
template <class T>
struct Chunk {
    const T* X = nullptr;  // (rows, n_in)
    Targets<T> y;
    const T* sample_weight = nullptr;        // (rows,) or null
    const std::int64_t* order = nullptr;     // (epochs, visits) rows, or null: 0 ... visits - 1 in each epoch
    size visits = 0, batch_size = 1;         // rows of an epoch, and of a batch
    size first_batch = 0, steps = 0;         // step s is batch number first_batch + s of the walk
    double first_step = 0;                   // steps that the optimizer took before
    double learning_rate = 0;                // of every step,
    const double* learning_rates = nullptr;  // unless they are given (steps,)
    std::int64_t epoch = 0;                  // number of the walk's first epoch
    std::uint64_t seed = 0;
    std::vector<double> dropout;             // one per hidden layer, or empty: none
    std::optional<double> clip_norm, clip_value;
    std::vector<bool> frozen;                // W1, b1, W2, b2, ... (W1, W2, ... without biases), and the other arrays
    std::vector<double> rates, decays;       // factors of rate and decay by array likewise; empty: the usual ones
    const double* decay_shares = nullptr;    // what decay is multiplied by at each step, (steps,), or null: 1
    const double* dropout_shares = nullptr;  // what `dropout` is multiplied by likewise
    double penalty_rows = 0;                 // not 0: a mean's penalty is for batches that weigh so much, see Batch
    bool record = false;                     // gradient norms and penalty at the last batch of each epoch

    size longest_batch() const { return std::min(batch_size, visits); }
    size batches() const { return (visits + batch_size - 1) / batch_size; }  // of an epoch
    double rate(size s) const { return learning_rates ? learning_rates[s] : learning_rate; }
    double decay_share(size s) const { return decay_shares ? decay_shares[s] : 1.0; }
    double dropout_share(size s) const { return dropout_shares ? dropout_shares[s] : 1.0; }
    bool records(size s) const { return record && (first_batch + s + 1) % batches() == 0; }

    // The rows of step s: n of them, from number `first` of the epoch's order.
    struct Place {
        size epoch, first, n;
    };
    Place place(size s) const {
        const size at = first_batch + s, epoch = at / batches(), first = (at - epoch * batches()) * batch_size;
        return {epoch, first, std::min(batch_size, visits - first)};
    }
    Place after(const Place& x) const {
        const size first = x.first + x.n;
        if (first == visits) return {x.epoch + 1, 0, longest_batch()};
        return {x.epoch, first, std::min(batch_size, visits - first)};
    }
};

struct Failure {
    size step = 0;
    std::string quantity;
    size layer = 0;
    std::int64_t row = -1;
};

struct ChunkResult {
    size steps = 0;
    double* losses = nullptr;       // (steps asked for,) the caller's
    std::vector<double> norms;      // (recorded steps, L) of the gradient, before the update
    std::vector<double> penalties;  // (recorded steps,) after it
    std::optional<Failure> failure;
};

// Sum over the valid columns of some rows of a panel, by add(x, sum): of squares, of sizes; or f of each number.
//   g (rows, width)
template <class T, class Add>
BS_INLINE double tile_sum(const T* g, size rows, size width, size valid, Add add) {
    V<double> sum{};
    for (size r = 0; r < rows; ++r, g += width)
        for (size j = 0; j < valid; j += lanes<double>) {
            V<double> x = load_double(g + j);
            if (valid - j < static_cast<size>(lanes<double>))
                x = select(first_lanes<double>(static_cast<std::ptrdiff_t>(valid - j)), x, V<double>{});
            sum = add(x, sum);
        }
    return bs::sum(sum);
}
template <class T>
double tile_squares(const T* g, size rows, size width, size valid) {
    return tile_sum(g, rows, width, valid, [](V<double> x, V<double> sum) { return fma(x, x, sum); });
}
template <class T>
double tile_sizes(const T* g, size rows, size width, size valid) {
    return tile_sum(g, rows, width, valid, [](V<double> x, V<double> sum) { return sum + abs(x); });
}
template <class T, class F>
void tile_each(const T* g, size rows, size width, size valid, F f) {
    for (size r = 0; r < rows; ++r, g += width)
        for (size j = 0; j < valid; ++j) f(g[j]);
}

template <class T>
class Training {
public:
    Training(const Network<T>& net, const Rule& rule, const Chunk<T>& chunk, Workspace<T>& space)
        : net_(net), rule_(rule), chunk_(chunk), space_(space) {
        for (size l = 0; l < net.layers.size(); ++l) {
            const size at = net.biases ? 2 * l : l;
            free_weights_.push_back(chunk.frozen.empty() || !chunk.frozen[at]);
            free_biases_.push_back(net.biases && (chunk.frozen.empty() || !chunk.frozen[at + 1]));
        }
        plain_ = net.l1 == 0 && net.l2 == 0 && !whole_needed() && !chunk.clip_value && !rule.hides_nan;
        free_ = std::ranges::count(chunk.frozen, true) == 0;
        usual_ = chunk.rates.empty() && chunk.decays.empty();
        if (plain_ && free_ && usual_ && !net.has_others() && chunk.dropout.empty()) choose_narrow(narrow_width(net));
    }

    // Take the steps on `threads` threads. `interrupted` is asked every `pause_seconds` whether to stop early.
    // Returns false when something non-finite turned up: then the packed weights and state are worth nothing.
    bool run(int threads, const std::function<bool()>& interrupted, ChunkResult& result) {
        last_look_ = Clock::now();
        if (threads == 1 || exact_threads()) {
            window(threads, 0, chunk_.steps, interrupted, result);
        } else {
            Crew& crew = space_.crew;
            crew.expect(threads, space_.at.capacity);
            while (done_ < chunk_.steps && !stop_ && !suspect_.load()) {
                const size first = done_, steps = std::min(crew.window(), chunk_.steps - first);
                const auto start = Clock::now();
                window(crew.threads(), first, first + steps, interrupted, result);
                crew.note(done_ - first, std::chrono::duration<double>(Clock::now() - start).count());
            }
        }
        result.steps = done_;
        return !suspect_.load() && (done_ == 0 || finite(threads));
    }

    // One step's batch, up to where careful.hpp and work() part.
    struct Batch {
        Source<T> rows;
        size n;
        double share;           // what a row's loss is multiplied by, sample weight apart
        std::uint64_t masks;    // what dropout's masks start from
        double dropout_share = 1.0;  // what dropout's rates are multiplied by
        double strength = 1.0;  // what the penalty is multiplied by: more, the less its rows weigh, where asked for

        // The rows from number `begin` of the batch on.
        Source<T> from(size begin) const {
            Source<T> rest = rows;
            if (rest.rows) rest.rows += begin;
            else rest.first += static_cast<std::ptrdiff_t>(begin);
            return rest;
        }
    };
    Batch batch(size s) const {
        Batch b = batch(chunk_.place(s));
        b.dropout_share = chunk_.dropout_share(s);
        return b;
    }
    Batch batch(const typename Chunk<T>::Place& place) const {
        Batch b{{chunk_.X, chunk_.y, nullptr, 0}, place.n, 1.0, 0};
        if (chunk_.order) b.rows.rows = chunk_.order + place.epoch * chunk_.visits + place.first;
        else b.rows.first = static_cast<std::ptrdiff_t>(place.first);
        if (net_.mean) {
            double total = static_cast<double>(b.n);
            if (chunk_.sample_weight) {
                total = 0;
                for (size i = 0; i < b.n; ++i) total += chunk_.sample_weight[b.rows.row(i)];
            }
            b.share = total != 0 ? 1.0 / total : 0.0;
            if (chunk_.penalty_rows != 0) b.strength = total != 0 ? chunk_.penalty_rows / total : 0.0;
        }
        if (!chunk_.dropout.empty())
            b.masks = epoch_key(chunk_.seed, chunk_.epoch + static_cast<std::int64_t>(place.epoch));
        return b;
    }
    double weight(std::ptrdiff_t row) const { return chunk_.sample_weight ? double{chunk_.sample_weight[row]} : 1.0; }

    void set_factors(const Batch& b, const Source<T>& rows, size first, size last) {
        for (size i = first; i < last; ++i) space_.at.factors[i] = static_cast<T>(weight(rows.row(i)) * b.share);
    }

    // The gradient of one tile over the n rows in the buffers, part by part, on top of `start` where that is not null. What
    // is in the buffers is added up by itself first: a sum that grows row by row over a million loses digits in float32.
    void tile_gradient(size l, const WeightTile& tile, const Inputs<T>& x, size n, const T* start, T* g) {
        const size parts = net_.parts(n);
        if (parts == 1 && !start) return rows_gradient(l, tile, x, 0, n, g, true);
        alignas(64) T sum[tile_room<T>], part[tile_room<T>];
        for (size p = 0; p < parts; ++p) {
            const Share rows = share(n, static_cast<int>(p), static_cast<int>(parts));
            rows_gradient(l, tile, x, rows.first, rows.last, p == 0 ? sum : part, true);
            if (p > 0) add(tile.count() * net_.layers[l - 1].w.width(tile.panel), sum, part, sum);
        }
        const size count = tile.count() * net_.layers[l - 1].w.width(tile.panel);
        if (start) add(count, start, sum, g);
        else std::copy_n(sum, count, g);
    }
    // Fetch what the other threads last read or wrote of tiles that are to be updated: all of it at once, as each would
    // have to be waited for alone.
    void fetch_tiles(Share tiles, size parts) const {
        each_tile(tiles.first, tiles.last, [&](size l, const WeightTile& tile, size) {
            const Dense<T>& layer = net_.layers[l - 1];
            const size at = layer.tile_offset(tile), count = tile.count() * layer.w.width(tile.panel);
            for (size i = 0; i < count; i += line<T>) {
                for (size p = 0; p < parts; ++p) prefetch(space_.parts + p * net_.packed + at + i);
                prefetch_write(space_.w + at + i);
            }
            if (layer.first) return;
            const T* to = transposed_tile(layer, tile, space_.wt);
            const size row = layer.wt.width(tile.k / panel_width<T>);
            for (size j = 0; j < layer.w.valid(tile.panel); ++j) prefetch_write(to + j * row);
        });
    }
    // ... and of the weights that the next rows meet.
    void fetch_weights() const {
        for (const Dense<T>& layer : net_.layers) {
            for (size i = 0; i < layer.w.total(); i += line<T>) prefetch(space_.w + layer.w_at + i);
            if (!layer.first)
                for (size i = 0; i < layer.wt.total(); i += line<T>) prefetch(space_.wt + layer.wt_at + i);
        }
    }

    // ... from the parts' gradients that are there already.
    void add_parts(size l, const WeightTile& tile, size parts, const T* start, T* g) {
        const Dense<T>& layer = net_.layers[l - 1];
        const size count = tile.count() * layer.w.width(tile.panel);
        const T* part = space_.parts + layer.tile_offset(tile);
        for (size i = 0; i < count; i += lanes<T>) {
            V<T> sum = load(part + i);
            for (size p = 1; p < parts; ++p) sum += load(part + p * net_.packed + i);
            store(g + i, start ? load(start + i) + sum : sum);
        }
    }
    static void add(size count, const T* a, const T* b, T* to) {
        for (size i = 0; i < count; i += lanes<T>) store(to + i, load(a + i) + load(b + i));
    }

    // The gradient of one tile over rows [first, last) of the buffers.
    //   updates: the tile's update comes next, on this thread
    void rows_gradient(size l, const WeightTile& tile, const Inputs<T>& x, size first, size last, T* g, bool updates) {
        const Dense<T>& layer = net_.layers[l - 1];
        const size at = layer.tile_offset(tile);
        const auto slot = [&](size k) { return updates && space_.slot[k] ? space_.slot[k] + at : g; };
        const bool transposes = updates && !layer.first;
        const Ahead<T> ahead{{updates ? space_.w + at : g, slot(0), slot(1)},
                             transposes ? transposed_tile(layer, tile, space_.wt) : g,
                             transposes ? layer.wt.width(tile.k / panel_width<T>) : 0};
        const Rows<const T> a_prev = layer.first ? x.rows : Rows<const T>(space_.at.a[l - 1]);
        dense_gradient<T>(layer, tile, a_prev, space_.at.d[l], first, last, g, ahead);
    }

    // Call done(l, tile, number, g) with the gradient of each tile that is this thread's, over the rows in the buffers.
    //   room(l, tile): where a tile's gradient goes, or null: it is only needed until done() returns
    //   further: on top of what is there; frozen: those of frozen weights too; summed: the parts' gradients are there
    template <class Room, class Done>
    void gradients(int me, int count, const Inputs<T>& x, size n, bool further, bool frozen, bool summed, Room room,
                   Done done) {
        alignas(64) T local[most_together * tile_room<T>];
        Share tiles = net_.share_tiles(me, count);
        if (x.nonzeros) {
            if (frozen || free_weights_[0] || free_biases_[0])
                few_gradients(me, count, *x.nonzeros, n, further, room, done, local);
            const size rest = net_.layers[0].tile_count;
            const Share others = share(net_.tiles - rest, me, count);
            tiles = {rest + others.first, rest + others.last};
        }
        if (summed) fetch_tiles(tiles, net_.parts(n));
        each_tile(tiles.first, tiles.last, [&](size l, const WeightTile& tile, size number) {
            if (!frozen && !free_weights_[l - 1] && !(tile.bias && free_biases_[l - 1])) return;
            T* place = room(l, tile);
            T* g = place ? place : local;
            if (summed) add_parts(l, tile, net_.parts(n), further ? g : nullptr, g);
            else tile_gradient(l, tile, x, n, further ? g : nullptr, g);
            done(l, tile, number, g);
        });
    }

    // ... of the first layer's tiles, from inputs that are mostly zeros: panels together, which share finding them.
    template <class Room, class Done>
    void few_gradients(int me, int count, const Nonzeros<T>& x, size n, bool further, Room room, Done done, T* local) {
        const Dense<T>& layer = net_.layers[0];
        const Share mine = share(layer.tiles_per_panel(), me, count);
        const auto number = [&](size panel, size b) { return panel * layer.tiles_per_panel() + b; };
        const T *first[rows_at_once], *next[rows_at_once];
        for (size i = 0; i < n && mine.first < mine.last; ++i) next[i] = x.from(i, mine.first * gradient_rows);
        for (size b = mine.first; b < mine.last; ++b) {
            std::copy_n(next, n, first);
            for (size p = 0, together; p < layer.w.count(); p += together) {
                if (p > 0) std::copy_n(first, n, next);
                together = together_from(layer, p).panels;
                T* places[most_together];
                for (size q = 0; q < together; ++q) {
                    const WeightTile tile = layer.tile(number(p + q, b));
                    places[q] = room(1, tile);
                    const size at = layer.tile_offset(tile), numbers = tile.count() * layer.w.width(tile.panel);
                    for (const T* from : {space_.w, space_.slot[0], space_.slot[1]})
                        for (size i = 0; from && i < numbers; i += line<T>) prefetch_write(from + at + i);
                }
                sparse_gradient<T>(layer, layer.tile(number(p, b)), x, space_.at.d[1], n, next, local);
                for (size q = 0; q < together; ++q) {
                    const WeightTile tile = layer.tile(number(p + q, b));
                    T* g = local + q * tile_room<T>;
                    const size numbers = tile.count() * layer.w.width(tile.panel);
                    if (further) add(numbers, places[q], g, places[q]);
                    else if (places[q]) std::copy_n(g, numbers, places[q]);
                    if (places[q]) g = places[q];
                    done(size{1}, tile, layer.tile_at + number(p + q, b), g);
                }
            }
        }
    }

    // The data's gradient of a tile complete: add the penalty's, note what the whole needs, clip by value.
    //   strength: what the penalty is multiplied by
    void finish_gradient(size l, const WeightTile& tile, bool record, bool whole, double strength, const T* w, T* g,
                         TileSums& sums) {
        const Dense<T>& layer = net_.layers[l - 1];
        const size width = layer.w.width(tile.panel), valid = layer.w.valid(tile.panel), weights = tile.rows * width;
        const double own_l1 = strength * net_.l1, own_l2 = strength * net_.l2;
        if (net_.l2 != 0 || net_.l1 != 0) {
            const V<T> l1 = set1(static_cast<T>(own_l1)), l2 = set1(static_cast<T>(own_l2));
            for (size i = 0; i < weights; i += lanes<T>) {
                const V<T> wi = load(w + i);
                store(g + i, fma(l2, wi, fma(l1, sign_of(wi), load(g + i))));
            }
        }
        if (record) sums.recorded = tile_squares(g, tile.count(), width, valid);
        if (rule_.hides_nan || chunk_.clip_value || chunk_.clip_norm) check(g, tile.count(), width, valid);
        if (chunk_.clip_value) {
            const V<T> high = set1(static_cast<T>(*chunk_.clip_value));
            for (size i = 0; i < tile.count() * width; i += lanes<T>) store(g + i, max(-high, min(high, load(g + i))));
        }
        if (whole) {
            const size skip = free_weights_[l - 1] ? 0 : tile.rows;
            const size rows = tile.rows + (tile.bias && free_biases_[l - 1]) - skip;
            sums.squares = tile_squares(g + skip * width, rows, width, valid);
            double largest = 0, penalty = 0;
            tile_each(g + skip * width, rows, width, valid, [&](T x) { largest = std::max(largest, std::abs(double{x})); });
            if (net_.l1 != 0 || net_.l2 != 0)
                tile_each(w, tile.rows, width, valid, [&](double x) { penalty += own_l1 * std::abs(x) + own_l2 / 2 * x * x; });
            sums.largest = largest, sums.penalty = penalty;
        }
    }

    // The optimizer's step on one tile.
    void update(size l, const WeightTile& tile, const Step<T>& step, const T* g) {
        const Dense<T>& layer = net_.layers[l - 1];
        const size at = layer.tile_offset(tile), width = layer.w.width(tile.panel), weights = tile.rows * width;
        const bool bias = tile.bias && free_biases_[l - 1];
        const auto part = [&](const Step<T>& own, size from, size count) {
            T* s = space_.slot[0] ? space_.slot[0] + at + from : nullptr;
            T* v = space_.slot[1] ? space_.slot[1] + at + from : nullptr;
            own(space_.w + at + from, g + from, s, v, count, own.decay != 0);
        };
        const size array = net_.biases ? 2 * (l - 1) : l - 1;
        const Step<T> of_weights = step_of(step, array);
        const Step<T> of_bias = bias ? step_of(step, array + 1) : of_weights;
        if (free_weights_[l - 1] && bias && of_weights.moves_like(of_bias)) {
            part(of_weights, 0, weights + width);
        } else {
            if (free_weights_[l - 1]) part(of_weights, 0, weights);
            if (bias) part(of_bias, weights, width);
        }
        if (!layer.first && free_weights_[l - 1]) transpose_tile(layer, tile, space_.w + at, space_.wt);
    }

    // The step as parameter array number `array` takes it.
    Step<T> step_of(const Step<T>& step, size array) const {
        const bool is_weights = array < net_.dense_arrays() && (!net_.biases || array % 2 == 0);
        if (usual_ && is_weights) return step;
        return step.with(chunk_.rates.empty() ? 1.0 : chunk_.rates[array],
                         chunk_.decays.empty() ? double(is_weights) : chunk_.decays[array]);
    }
    bool free_array(size array) const { return chunk_.frozen.empty() || !chunk_.frozen[array]; }

    // Call done(part, number) for the parts beside W and b that are this thread's, once their gradient over the n rows
    // in the buffers, and those before where it goes `further`, is complete in space.other_g.
    template <class Done>
    void other_gradients(int me, int count, const Rows<const T>& x, size n, bool further, bool complete, Done done) {
        const Share mine = share(net_.other_parts.size(), me, count);
        for (size t = mine.first; t < mine.last; ++t) {
            other_gradient(net_.other_parts[t], x, n, further);
            if (complete) done(net_.other_parts[t], t);
        }
    }
    void other_gradient(const OtherPart& part, const Rows<const T>& x, size n, bool further) {
        const Front<T>& front = net_.front;
        T* sums = part.layer ? nullptr : space_.front_sums + part.column * front.sums() * lanes<T>;
        alignas(64) T alphas[panel_width<T>]{};
        if (sums) std::fill_n(sums, front.sums() * lanes<T>, T(0));
        if (sums) front.gradient(space_.at.others, x, space_.at.d[0], part.column, n, sums);
        net_.each_other(part, [&](size, size first, size count, size sum) {
            T* g = space_.other_g + first;
            if (sums) {
                for (size i = 0; i < count; ++i)
                    g[i] = (further ? g[i] : T(0)) + bs::sum(load(sums + (sum + i) * lanes<T>));
                return;
            }
            const Rows<T>& excess = space_.at.excess[part.layer];
            if (further) std::copy_n(g, count, alphas);
            sum_of_rows(excess.data + part.panel * excess.step, n, excess.row, alphas);
            std::copy_n(alphas, count, g);
        });
    }
    // As finish_gradient() for tiles.
    void finish_other(const OtherPart& part, size number, bool record, bool whole) {
        TileSums unused, &sums = space_.sums ? space_.sums[net_.tiles + number] : unused;
        sums = {};
        const bool checks = rule_.hides_nan || chunk_.clip_value || chunk_.clip_norm;
        net_.each_other(part, [&](size array, size first, size count, size) {
            T* g = space_.other_g + first;
            if (checks && !all_finite(g, count)) suspect_.store(true, std::memory_order_relaxed);
            for (size i = 0; i < count; ++i) {
                if (record) sums.recorded += double{g[i]} * double{g[i]};
                if (chunk_.clip_value) g[i] = std::clamp(g[i], static_cast<T>(-*chunk_.clip_value), static_cast<T>(*chunk_.clip_value));
                if (!whole || !free_array(array)) continue;
                sums.squares += double{g[i]} * double{g[i]};
                sums.largest = std::max(sums.largest, std::abs(double{g[i]}));
            }
        });
    }
    void update_other(const OtherPart& part, const Step<T>& step, T scale) {
        const auto from = [](T* array, size first) { return array ? array + first : nullptr; };
        net_.each_other(part, [&](size array, size first, size count, size) {
            if (!free_array(array)) return;
            const Step<T> own = step_of(step, array);
            T* g = space_.other_g + first;
            for (size i = 0; scale != 1 && i < count; ++i) g[i] *= scale;
            for (size i = 0; i < count; i += flat_block)
                flat_block_step(own, space_.at.others + first + i, g + i, from(space_.other_slot[0], first + i),
                                from(space_.other_slot[1], first + i), std::min(flat_block, count - i), own.decay != 0);
        });
    }

    // What the tiles' sums say together; g is multiplied by `scale` (clipping by norm) before the update.
    struct Whole {
        WholeGradient gradient;
        T scale = 1;
    };
    Whole whole(double data_loss) const {
        Whole x;
        WholeGradient& g = x.gradient;
        g.loss = data_loss;
        for (size t = 0; t < net_.tiles + net_.other_parts.size(); ++t) {
            const TileSums& sums = space_.sums[t];
            g.norm_squared += sums.squares;
            g.largest = std::max(g.largest, sums.largest);
            g.loss += sums.penalty;
        }
        if (!chunk_.clip_norm) return x;
        const bool safe = std::isfinite(g.norm_squared) && g.norm_squared > least_square;
        const double norm = safe ? std::sqrt(g.norm_squared) : norm_by_largest(g.largest);
        if (norm > *chunk_.clip_norm) {
            const double scale = *chunk_.clip_norm / norm;
            g.norm_squared = norm * scale * (norm * scale), g.largest *= scale;
            x.scale = static_cast<T>(scale);
        }
        return x;
    }
    // The norm of a gradient in memory where its square is too large or too small for a number, though it is not.
    double norm_by_largest(double largest) const {
        if (!(largest > 0)) return largest;
        double sum = 0;
        each_tile(0, net_.tiles, [&](size l, const WeightTile& tile, size) {
            const Dense<T>& layer = net_.layers[l - 1];
            const size width = layer.w.width(tile.panel), skip = free_weights_[l - 1] ? 0 : tile.rows;
            const size rows = tile.rows + (tile.bias && free_biases_[l - 1]) - skip;
            tile_each(space_.g + layer.tile_offset(tile) + skip * width, rows, width, layer.w.valid(tile.panel), [&](T x) {
                const double part = double{x} / largest;
                sum += part * part;
            });
        });
        for (const OtherPart& part : net_.other_parts)
            net_.each_other(part, [&](size array, size first, size count, size) {
                for (size i = 0; free_array(array) && i < count; ++i) {
                    const double own = double{space_.other_g[first + i]} / largest;
                    sum += own * own;
                }
            });
        return largest * std::sqrt(sum);
    }
    // Whether the rule's step is made of a squared norm that overflowed.
    bool overflows(const Whole& x) const {
        return rule_.kind == RuleKind::polyak && !std::isfinite(x.gradient.norm_squared);
    }
    void update_from_memory(size l, const WeightTile& tile, const Step<T>& step, T scale) {
        const Dense<T>& layer = net_.layers[l - 1];
        T* g = space_.g + layer.tile_offset(tile);
        if (scale != 1)
            for (size i = 0; i < tile.count() * layer.w.width(tile.panel); i += lanes<T>)
                store(g + i, load(g + i) * set1(scale));
        update(l, tile, step, g);
    }

    // What is recorded of a step: sqrt(|dW|^2 + |db|^2) of each layer, from the tiles' sums, and the penalty after it.
    void append_record(ChunkResult& result) const {
        for (size l = 1; l <= net_.layers.size(); ++l) {
            const Dense<T>& layer = net_.layers[l - 1];
            double squares = 0;
            for (size t = 0; t < layer.tile_count; ++t) squares += space_.sums[layer.tile_at + t].recorded;
            for (size t = 0; t < net_.other_parts.size(); ++t)
                if (net_.layer_of(net_.other_parts[t]) == l) squares += space_.sums[net_.tiles + t].recorded;
            result.norms.push_back(std::sqrt(squares));
        }
        result.penalties.push_back(penalty());
    }
    double penalty() const {
        double sizes = 0, squares = 0;
        for (const Dense<T>& layer : net_.layers)
            for (size p = 0; p < layer.w.count(); ++p) {
                const T* w = space_.w + layer.w_at + layer.w.offset(p);
                if (net_.l1 != 0) sizes += tile_sizes(w, layer.n_in, layer.w.width(p), layer.w.valid(p));
                if (net_.l2 != 0) squares += tile_squares(w, layer.n_in, layer.w.width(p), layer.w.valid(p));
            }
        return net_.penalty(sizes, squares);
    }

    // Call f(l, tile, number) for tiles [first, last) of all layers' tiles.
    template <class F>
    BS_INLINE void each_tile(size first, size last, F f) const {
        for (size l = 1; l <= net_.layers.size(); ++l) {
            const Dense<T>& layer = net_.layers[l - 1];
            const size begin = std::max(first, layer.tile_at), end = std::min(last, layer.tile_at + layer.tile_count);
            for (size t = begin; t < end; ++t) f(l, layer.tile(t - layer.tile_at), t);
        }
    }

    bool whole_needed() const { return rule_.whole_gradient || chunk_.clip_norm; }

private:
    static constexpr double pause_seconds = 0.05;
    static constexpr double least_square = 1e-280;  // squares below it have lost digits
    static constexpr size work_between_looks = 2'000'000;
    using Clock = std::chrono::steady_clock;

    // Whether the weights and the optimizer's state are finite throughout.
    bool finite(int threads) const {
        std::atomic<bool> all{true};
        for (const T* flat : {space_.at.others, space_.other_slot[0], space_.other_slot[1]})
            if (flat && !all_finite(flat, net_.others)) return false;
        Pool::run(net_.threads_for_copies(threads), [&](int me, int count) {
            for (const T* packed : {space_.w, space_.slot[0], space_.slot[1]})
                if (packed && !net_.finite(packed, me, count)) all.store(false, std::memory_order_relaxed);
        });
        return all.load();
    }
    void check(const T* g, size rows, size width, size valid) {
        if (!rows_finite(g, rows, width, valid)) suspect_.store(true, std::memory_order_relaxed);
    }

    // Steps [first, last) as one parallel region.
    void window(int threads, size first, size last, const std::function<bool()>& interrupted, ChunkResult& result) {
        ready_.store(false, std::memory_order_relaxed);
        Pool::run(threads, [&, this](int me, int count) {
            if (me == 0) barrier_.emplace(count), ready_.store(true, std::memory_order_release);
            while (!ready_.load(std::memory_order_acquire)) pause();
            work(me, count, first, last, interrupted, result);
        });
    }

    // What each thread does: the steps, meeting the others at the barriers.
    void work(int me, int count, size first, size last, const std::function<bool()>& interrupted, ChunkResult& result) {
        Barrier& barrier = *barrier_;
        const Share tiles = net_.share_tiles(me, count);
        for (size s = first; s < last; ++s) {
            const size next = narrow_ && count == 1 ? stretch(s, last) : s;
            if (next > s) {
                (this->*narrow_)(s, next, result);
                end_steps(next - s, (next - s) * chunk_.longest_batch(), interrupted);
                if (stop_ || suspect_.load(std::memory_order_relaxed)) return;
                s = next - 1;
                continue;
            }
            const Batch b = batch(s);
            const bool record = chunk_.records(s);
            const bool to_memory = whole_needed() || b.n > space_.at.capacity;
            const double t = chunk_.first_step + static_cast<double>(s) + 1;
            const Step<T> step(rule_, chunk_.rate(s), t, {}, chunk_.decay_share(s));

            const bool online = b.n == 1 && free_ && usual_ && !net_.has_others() && plain_ && !record && !to_memory && step.kind == RuleKind::sgd;

            double loss = 0;
            for (size begin = 0; begin < b.n || begin == 0; begin += space_.at.capacity) {
                const Source<T> rows = b.from(begin);
                const size n = std::min(b.n - begin, space_.at.capacity);
                const bool complete = begin + n == b.n;
                const size parts = space_.parts ? net_.parts(n) : 1;
                const bool own = count > 1 && static_cast<size>(count) <= parts;
                const Inputs<T> x = own ? parts_phase(b, rows, n, parts, me, count) : rows_phase(b, rows, n, share(n, me, count));
                barrier.wait();
                if (me == 0)
                    for (size i = 0; i < n; ++i) loss += weight(rows.row(i)) * b.share * space_.at.losses[i];
                if (online && !x.nonzeros) online_phase(me, count, x.rows, step);
                else weights_phase(me, count, x, n, begin > 0, complete, to_memory, record, own, b.strength, step);
                other_gradients(me, count, x.rows, n, begin > 0, complete, [&](const OtherPart& part, size number) {
                    if (!plain_ || record) finish_other(part, number, record, whole_needed());
                    if (!to_memory) update_other(part, step, 1);
                });
                if (me == 0 && complete) note_loss(s, loss, result);
                if (!complete || to_memory) barrier.wait();
            }
            if (to_memory) {
                const Whole all = whole_needed() ? whole(result.losses[s]) : Whole{};
                if (me == 0 && overflows(all)) suspect_.store(true, std::memory_order_relaxed);
                const Step<T> now(rule_, chunk_.rate(s), t, all.gradient, chunk_.decay_share(s));
                each_tile(tiles.first, tiles.last,
                          [&](size l, const WeightTile& tile, size) { update_from_memory(l, tile, now, all.scale); });
                const Share others = share(net_.other_parts.size(), me, count);
                for (size o = others.first; o < others.last; ++o) update_other(net_.other_parts[o], now, all.scale);
            }
            if (me == 0) end_steps(1, b.n, interrupted);
            barrier.wait();
            if (record && me == 0) append_record(result);
            if (stop_ || suspect_.load(std::memory_order_relaxed)) return;
        }
    }

    void note_loss(size s, double loss, ChunkResult& result) {
        result.losses[s] = loss;
        if (!std::isfinite(loss)) suspect_.store(true, std::memory_order_relaxed);
    }

    // So many steps of so many rows together are done; now and then ask whether to stop.
    void end_steps(size steps, size rows, const std::function<bool()>& interrupted) {
        done_ += steps;
        work_since_look_ += 3 * net_.products * rows + 1000 * steps;
        if (work_since_look_ <= work_between_looks) return;
        work_since_look_ = 0;
        const auto now = Clock::now();
        if (std::chrono::duration<double>(now - last_look_).count() <= pause_seconds) return;
        last_look_ = now;
        stop_ = interrupted();
    }

    // Where the steps from `first` on end that narrow_ takes in one go: none of them recorded, none too long.
    size stretch(size first, size last) const {
        if (chunk_.longest_batch() > space_.at.capacity) return first;
        const size batches = chunk_.batches(), work = 3 * net_.products * chunk_.longest_batch() + 1000;
        const size unrecorded = chunk_.record ? batches - 1 - (chunk_.first_batch + first) % batches : last;
        return std::min({last, first + unrecorded, first + 1 + work_between_looks / work});
    }

    void choose_narrow(int width) {
        const auto choose = [&]<int N>(std::integral_constant<int, N>) {
            if (width != N) return;
            narrow_ = chunk_.longest_batch() == 1 ? &Training::narrow_steps<N, true> : &Training::narrow_steps<N, false>;
        };
        choose(std::integral_constant<int, lanes<T>>());
        if constexpr (BS_VECTOR_BYTES >= 32) choose(std::integral_constant<int, lanes<T> / 2>());
        if constexpr (BS_VECTOR_BYTES >= 64) choose(std::integral_constant<int, lanes<T> / 4>());
    }

    // Steps [first, last) on this thread alone, N numbers to a row; online: of one row each.
    template <int N, bool ONLINE>
    BS_NOINLINE void narrow_steps(size first, size last, ChunkResult& result) {
        NarrowStep<T, N> narrow(net_, space_);
        auto place = chunk_.place(first);
        for (size s = first; s < last; ++s, place = chunk_.after(place)) {
            const Batch b = batch(place);
            const Step<T> step(rule_, chunk_.rate(s), chunk_.first_step + static_cast<double>(s) + 1, {}, chunk_.decay_share(s));
            set_factors(b, b.rows, 0, b.n);
            if constexpr (ONLINE) narrow.online(b.rows, step);
            else narrow.batch(b.rows, b.n, step);
            double loss = 0;
            for (size i = 0; i < b.n; ++i) loss += weight(b.rows.row(i)) * b.share * space_.at.losses[i];
            note_loss(s, loss, result);
        }
    }

    // Phase 1: some rows of the buffers from X to dz^1. Returns where the first layer reads its rows from.
    Inputs<T> rows_phase(const Batch& b, const Source<T>& from, size n, Share mine) {
        const Inputs<T> x = read_inputs(net_, space_.at, from, 0, n, mine.first, mine.last);
        if (mine.first == mine.last) return x;
        set_factors(b, from, mine.first, mine.last);
        const Dropout dropout{chunk_.dropout, b.masks, b.dropout_share};
        forward<T>(net_, space_.at, x, {space_.w}, from, &dropout, mine.first, mine.last);
        losses(net_, space_.at, from, space_.at.factors, true, mine.first, mine.last);
        backward(net_, space_.at, space_.wt, mine.first, mine.last);
        return x;
    }

    // Phase 1 in parts: the rows of some of them, and the gradient of all W over each.
    Inputs<T> parts_phase(const Batch& b, const Source<T>& from, size n, size parts, int me, int count) {
        Inputs<T> x;
        const Share mine = share(parts, me, count);
        fetch_weights();
        for (size p = mine.first; p < mine.last; ++p) {
            const Share rows = share(n, static_cast<int>(p), static_cast<int>(parts));
            x = rows_phase(b, from, n, rows);
            T* g = space_.parts + p * net_.packed;
            each_tile(0, net_.tiles, [&](size l, const WeightTile& tile, size) {
                rows_gradient(l, tile, x, rows.first, rows.last, g + net_.layers[l - 1].tile_offset(tile), false);
            });
        }
        return x;
    }

    // Phase 2: some tiles' gradients over the n rows in the buffers, and their update where that is all it takes.
    void weights_phase(int me, int count, const Inputs<T>& x, size n, bool further, bool complete, bool to_memory,
                       bool record, bool summed, double strength, const Step<T>& step) {
        const bool whole = whole_needed();
        TileSums unused;
        gradients(
            me, count, x, n, further, record || whole, summed,
            [&](size l, const WeightTile& tile) { return to_memory ? space_.g + net_.layers[l - 1].tile_offset(tile) : nullptr; },
            [&](size l, const WeightTile& tile, size number, T* g) {
                if (!complete) return;
                const T* w = space_.w + net_.layers[l - 1].tile_offset(tile);
                if (!plain_ || record)
                    finish_gradient(l, tile, record, whole, strength, w, g, space_.sums ? space_.sums[number] : unused);
                if (!to_memory) update(l, tile, step, g);
            });
    }

    // Phase 2 of plain gradient descent on a single row: no sums, and W^T takes the step that W takes, number by number.
    void online_phase(int me, int count, const Rows<const T>& x, const Step<T>& of_all) {
        const Step<T> step = of_all;  // the compiler knows that no weight is part of it
        for (size l = 1; l <= net_.layers.size(); ++l) {
            const Dense<T>& layer = net_.layers[l - 1];
            const Rows<const T> a = l == 1 ? x : Rows<const T>(space_.at.a[l - 1]), dz = space_.at.d[l];
            online_step(layer.w, space_.w + layer.w_at, share(layer.n_in, me, count), a, dz, step);
            if (layer.has_bias && me + 1 == count)
                for (size p = 0; p < layer.w.count(); ++p) {
                    T* bias = space_.w + layer.w_at + layer.w.offset(p) + layer.n_in * layer.w.width(p);
                    for (size v = 0; v < layer.w.width(p); v += lanes<T>)
                        store(bias + v, step.plain(load(bias + v), load(dz.data + p * dz.step + v), false));
                }
            if (l > 1) online_step(layer.wt, space_.wt + layer.wt_at, share(layer.n_out, me, count), dz, a, step);
        }
    }
    // Rows [rows.first, rows.last) of W, or of W^T, whose gradient is a column times a row.
    BS_INLINE void online_step(const Panels<T>& shape, T* w, Share rows, const Rows<const T>& column, const Rows<const T>& row,
                               const Step<T>& step) {
        for (size p = 0; p < shape.count(); ++p) {
            const size width = shape.width(p), valid = shape.valid(p);
            const T* from = row.data + p * row.step;
            const auto part = [&](size v) { return keep_first(load(from + v), static_cast<std::ptrdiff_t>(valid - v)); };
            const V<T> low = part(0), high = width > lanes<T> ? part(lanes<T>) : V<T>{};
            T* to = w + shape.offset(p) + rows.first * width;
            for (size k = rows.first; k < rows.last;) {
                const T* at = column.at(0, k);
                for (const size end = std::min(rows.last, k - k % column.run + column.run); k < end; ++k, ++at, to += width) {
                    const V<T> x = set1(*at);
                    store(to, step.plain(load(to), x * low, true));
                    if (width > lanes<T>) store(to + lanes<T>, step.plain(load(to + lanes<T>), x * high, true));
                }
            }
        }
    }

    const Network<T>& net_;
    const Rule& rule_;
    const Chunk<T>& chunk_;
    Workspace<T>& space_;
    std::vector<char> free_weights_, free_biases_;  // per layer
    bool free_ = false;                             // no parameter is frozen
    bool usual_ = false;                            // no array has a rate or a decay of its own
    bool plain_ = false;                            // a gradient not recorded needs no finish_gradient()
    // Steps of a small network that needs nothing special, or null.
    void (Training::*narrow_)(size first, size last, ChunkResult& result) = nullptr;
    std::optional<Barrier> barrier_;
    std::atomic<bool> ready_{false}, suspect_{false};
    bool stop_ = false;
    size done_ = 0;
    Clock::time_point last_look_;  // when `interrupted` was last asked
    size work_since_look_ = 0;
};

}  // namespace bs
