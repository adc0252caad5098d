// The memory one call works in: row buffers, packed weights, gradient and optimizer state, in one allocation that the
// program keeps for its next call.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "backstory/crew.hpp"
#include "backstory/network.hpp"

namespace bs {

// What one tile of W adds to numbers about the whole gradient. Summed in the order of the tiles, whoever made them.
struct TileSums {
    double recorded = 0;  // sum of squares, penalty included, before clipping
    double squares = 0;   // sum of squares of what is not frozen, after clipping by value
    double largest = 0;   // its largest |component|
    double penalty = 0;   // the penalty's value
};

// What a call needs room for.
struct Needs {
    size rows = 0;                // rows at once
    bool backward = false;        // buffers for the way back
    bool inputs = false;          // ... to the inputs
    bool transposed = false;      // W^T
    bool gradient = false;        // the packed gradient
    size parts = 0;               // packed gradients of parts of the rows
    size slots = 0;               // packed optimizer state
    bool sums = false;            // TileSums
    std::vector<double> dropout;  // one per hidden layer, or empty

    bool operator==(const Needs&) const = default;
};

template <class T>
class Workspace {
public:
    Buffers<T> at;
    T *w = nullptr, *wt = nullptr, *g = nullptr;
    T* parts = nullptr;  // (parts, packed)
    T* slot[2] = {nullptr, nullptr};
    T* other_slot[2] = {nullptr, nullptr};  // of the parameters beside W and b, flat
    T* other_g = nullptr;                   // their gradient
    T* front_sums = nullptr;                // (columns, sums of a column, lanes) which add up to the front's
    TileSums* sums = nullptr;
    Crew crew;  // what was learned about threads, kept from call to call
    Calls calls;

    void prepare(const Network<T>& net, const Needs& needs) {
        if (needs == needs_) return;
        needs_ = {};  // whatever happens below, the old layout is gone
        size bytes = 0;
        const auto measure = [&]<class X>(X, size count) {
            bytes += Arena::bytes<X>(count);
            return static_cast<X*>(nullptr);
        };
        lay_out(net, needs, measure);
        const size sure = bytes;
        at.lay_out_inputs(net, measure);
        arena_.reserve(bytes, sure);
        const auto take = [&]<class X>(X, size count) { return arena_.take<X>(count); };
        lay_out(net, needs, take);
        at.lay_out_inputs(net, take);
        needs_ = needs;
    }
    // Nobody works here for now: let the system have the memory, if it is much and the system needs it.
    void rest() {
        if (arena_.capacity() > kept && !arena_.offer()) needs_ = {};
    }

private:
    template <class Take>
    void lay_out(const Network<T>& net, const Needs& needs, Take take) {
        at.lay_out(net, needs.rows, needs.backward, needs.inputs, needs.dropout, take);
        const auto packed = [&](bool wanted) { return wanted ? take(T{}, net.packed) : nullptr; };
        w = packed(true);
        wt = needs.transposed ? take(T{}, needs.inputs ? net.transposed : net.transposed_behind_first()) : nullptr;
        g = packed(needs.gradient);
        parts = needs.parts ? take(T{}, needs.parts * net.packed) : nullptr;
        slot[0] = packed(needs.slots > 0);
        slot[1] = packed(needs.slots > 1);
        sums = needs.sums ? take(TileSums{}, net.tiles + net.other_parts.size()) : nullptr;
        const auto beside = [&](bool wanted) { return wanted && net.has_others() ? take(T{}, net.others) : nullptr; };
        other_slot[0] = beside(needs.slots > 0);
        other_slot[1] = beside(needs.slots > 1);
        other_g = beside(needs.backward);
        const size sums_of_all = net.front.columns.size() * net.front.sums() * lanes<T>;
        front_sums = needs.backward && net.front.present() ? take(T{}, sums_of_all) : nullptr;
    }

    static constexpr size kept = size{32} << 20;  // bytes

    Arena arena_;
    Needs needs_;
};

// Lends workspaces to calls. Calls from several threads at once get one each; the last one given back is kept.
template <class T>
class Workspaces {
public:
    class Loan {
    public:
        explicit Loan(Workspaces& owner) : owner_(owner), workspace_(owner.take()) {}
        ~Loan() { owner_.give(std::move(workspace_)); }
        Loan(const Loan&) = delete;
        Loan& operator=(const Loan&) = delete;
        Workspace<T>* operator->() { return workspace_.get(); }
        Workspace<T>& operator*() { return *workspace_; }

    private:
        Workspaces& owner_;
        std::unique_ptr<Workspace<T>> workspace_;
    };

private:
    std::unique_ptr<Workspace<T>> take() {
        const std::lock_guard lock(mutex_);
        return spare_ ? std::move(spare_) : std::make_unique<Workspace<T>>();
    }
    void give(std::unique_ptr<Workspace<T>> workspace) {
        workspace->rest();
        const std::lock_guard lock(mutex_);
        spare_ = std::move(workspace);
    }

    std::mutex mutex_;
    std::unique_ptr<Workspace<T>> spare_;
};

}  // namespace bs
