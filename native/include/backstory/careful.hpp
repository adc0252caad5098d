// After something non-finite turned up: the same steps again, one thread, every number looked at, to find where it began.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "backstory/training.hpp"

namespace bs {

template <class T>
class CarefulTraining {
public:
    CarefulTraining(const Network<T>& net, const Rule& rule, const Chunk<T>& chunk, Workspace<T>& space)
        : net_(net), rule_(rule), chunk_(chunk), space_(space), training_(net, rule, chunk, space) {}

    // Take the steps, stopping before the first that makes something non-finite. The workspace holds the weights and
    // the state of the chunk's start, and afterwards those before that step; it has room for a gradient and sums.
    void run(ChunkResult& result) {
        result.steps = 0, result.norms.clear(), result.penalties.clear();
        for (size s = 0; s < chunk_.steps; ++s) {
            save();
            if (!step(s, result)) {
                restore();
                return;
            }
            result.steps = s + 1;
            if (chunk_.records(s)) training_.append_record(result);
        }
    }

private:
    using Rows1 = Rows<const T>;

    bool step(size s, ChunkResult& result) {
        const auto fail = [&](const char* quantity, size layer, std::ptrdiff_t row) {
            result.failure = Failure{s, quantity, layer, row};
            return false;
        };
        const auto batch = training_.batch(s);
        const double t = chunk_.first_step + static_cast<double>(s) + 1;
        const Dropout dropout{chunk_.dropout, batch.masks, batch.dropout_share};
        double loss = 0;
        for (size begin = 0; begin < batch.n || begin == 0; begin += space_.at.capacity) {
            const Source<T> from = batch.from(begin);
            const size n = std::min(batch.n - begin, space_.at.capacity);
            Buffers<T>& at = space_.at;
            gather(net_, from, at.x, 0, n);
            if (const size i = bad_row(at.x, n, net_.n_in); i < n) return fail("input", 0, from.row(i));

            training_.set_factors(batch, from, 0, n);
            forward<T>(net_, at, {at.x}, {space_.w}, from, &dropout, 0, n);
            for (size l = 1; l <= net_.layers.size(); ++l)
                if (const size i = bad_row(at.a[l], n, net_.layers[l - 1].n_out); i < n)
                    return fail("activation", l, from.row(i));

            losses(net_, at, from, at.factors, true, 0, n);
            for (size i = 0; i < n; ++i) {
                if (!std::isfinite(at.losses[i])) return fail("loss", 0, from.row(i));
                loss += training_.weight(from.row(i)) * batch.share * at.losses[i];
            }

            backward(net_, at, space_.wt, 0, n);
            for (size l = net_.layers.size(); l >= 1; --l)
                if (const size i = bad_row(at.d[l], n, net_.layers[l - 1].n_out); i < n) return fail("delta", l, from.row(i));

            if (const size l = bad_gradient(s, n, begin > 0, begin + n == batch.n, batch.strength)) return fail("gradient", l, -1);
        }
        if (!std::isfinite(loss)) return fail("loss", 0, -1);
        result.losses[s] = loss;

        const bool whole = training_.whole_needed();
        const auto all = whole ? training_.whole(loss) : typename Training<T>::Whole{};
        if (training_.overflows(all)) return fail("norm", 0, -1);
        const Step<T> now(rule_, chunk_.rate(s), t, all.gradient, chunk_.decay_share(s));
        training_.each_tile(0, net_.tiles, [&](size l, const WeightTile& tile, size) {
            training_.update_from_memory(l, tile, now, all.scale);
        });
        for (const OtherPart& part : net_.other_parts) training_.update_other(part, now, all.scale);
        const T *packed[] = {space_.w, space_.slot[0], space_.slot[1]};
        const T *flat[] = {space_.at.others, space_.other_slot[0], space_.other_slot[1]};
        for (size k = 0; k < 3; ++k)
            if (const size l = first_of(packed[k] ? bad_layer(packed[k]) : 0, bad_other(flat[k])))
                return fail(k == 0 ? "weight" : "state", l, -1);
        return true;
    }

    // The gradient to memory; the first layer where it is not finite, or 0.
    size bad_gradient(size s, size n, bool further, bool complete, double strength) {
        const bool record = chunk_.records(s);
        size bad = 0;
        training_.each_tile(0, net_.tiles, [&](size l, const WeightTile& tile, size number) {
            const Dense<T>& layer = net_.layers[l - 1];
            T* g = space_.g + layer.tile_offset(tile);
            training_.tile_gradient(l, tile, {space_.at.x}, n, further ? g : nullptr, g);
            if (!rows_finite(g, tile.count(), layer.w.width(tile.panel), layer.w.valid(tile.panel)) && !bad) bad = l;
            if (complete)
                training_.finish_gradient(l, tile, record, training_.whole_needed(), strength,
                                          space_.w + layer.tile_offset(tile), g, space_.sums[number]);
        });
        for (size t = 0; t < net_.other_parts.size(); ++t) {
            const OtherPart& part = net_.other_parts[t];
            training_.other_gradient(part, space_.at.x, n, further);
            if (complete) bad = first_of(bad, bad_other(space_.other_g, part));
            if (complete) training_.finish_other(part, t, record, training_.whole_needed());
        }
        return bad;
    }

    // The layer found first, 0 being none.
    static size first_of(size a, size b) { return a ? a : b; }
    // The layer that numbers beside W and b belong to, where they are not finite, or 0.
    size bad_other(const T* flat, const OtherPart& part) const {
        bool finite = true;
        net_.each_other(part, [&](size, size first, size count, size) { finite &= all_finite(flat + first, count); });
        return finite ? 0 : net_.layer_of(part);
    }
    size bad_other(const T* flat) const {
        size bad = 0;
        for (const OtherPart& part : net_.other_parts) bad = first_of(bad, flat ? bad_other(flat, part) : 0);
        return bad;
    }

    size bad_layer(const T* w) const {
        for (size l = 1; l <= net_.layers.size(); ++l) {
            const Dense<T>& layer = net_.layers[l - 1];
            for (size p = 0; p < layer.w.count(); ++p)
                if (!rows_finite(w + layer.w_at + layer.w.offset(p), layer.w.rows, layer.w.width(p), layer.w.valid(p)))
                    return l;
        }
        return 0;
    }

    // The first of n rows that holds something non-finite, or n.
    static size bad_row(Rows1 x, size n, size columns) {
        for (size i = 0; i < n; ++i)
            for (size j = 0; j < columns; ++j)
                if (!std::isfinite(*x.at(i, j))) return i;
        return n;
    }

    void save() {
        const auto copy = [&](const T* from, size n, std::vector<T>& to) {
            if (from) to.assign(from, from + n);
        };
        const size n = net_.packed, o = net_.others;
        copy(space_.w, n, saved_[0]), copy(space_.slot[0], n, saved_[1]), copy(space_.slot[1], n, saved_[2]);
        copy(space_.at.others, o, saved_[3]), copy(space_.other_slot[0], o, saved_[4]), copy(space_.other_slot[1], o, saved_[5]);
    }
    void restore() {
        const auto copy = [&](const std::vector<T>& from, T* to) {
            if (to) std::copy(from.begin(), from.end(), to);
        };
        copy(saved_[0], space_.w), copy(saved_[1], space_.slot[0]), copy(saved_[2], space_.slot[1]);
        copy(saved_[3], space_.at.others), copy(saved_[4], space_.other_slot[0]), copy(saved_[5], space_.other_slot[1]);
    }

    const Network<T>& net_;
    const Rule& rule_;
    const Chunk<T>& chunk_;
    Workspace<T>& space_;
    Training<T> training_;
    std::vector<T> saved_[6];
};

}  // namespace bs
