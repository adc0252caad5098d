// How matrices lie in memory while the engine works on them: weights in column panels, activations in runs of columns.
// A panel is as wide as the register tile of the matrix product, so that the product reads weights front to back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "backstory/simd.hpp"

namespace bs {

using size = std::size_t;

// Columns of a full panel. The last panel is one vector wide where that is enough.
template <class T>
inline constexpr size panel_width = 2 * lanes<T>;

// A matrix (rows, columns) as column panels, one after another; within a panel the rows follow each other. Columns are
// padded to whole vectors; nothing ever reads a padded column into a real one.
template <class T>
struct Panels {
    size rows = 0, columns = 0;

    size count() const { return (columns + panel_width<T> - 1) / panel_width<T>; }
    size width(size p) const { return columns - p * panel_width<T> > lanes<T> ? panel_width<T> : lanes<T>; }
    size valid(size p) const { return std::min(panel_width<T>, columns - p * panel_width<T>); }
    size offset(size p) const { return p * panel_width<T> * rows; }
    size total() const { return padded<T>(columns) * rows; }

    // Copy rows [first, first + n) from a row-major array (n, columns) into the panels `from` ... and, back, out of them.
    void pack(const T* flat, size first, size n, T* packed, size from = 0) const {
        for (size p = from; p < count(); ++p)
            for (size r = 0; r < n; ++r)
                copy_row(flat + r * columns + p * panel_width<T>, valid(p), packed + offset(p) + (first + r) * width(p));
    }
    void unpack(const T* packed, size first, size n, T* flat) const {
        for (size p = 0; p < count(); ++p)
            for (size r = 0; r < n; ++r)
                copy_row(packed + offset(p) + (first + r) * width(p), valid(p), flat + r * columns + p * panel_width<T>);
    }

    static BS_INLINE void copy_row(const T* from, size n, T* to) {
        if (n < panel_width<T>) std::copy_n(from, n, to);
        else store(to, load(from)), store(to + lanes<T>, load(from + lanes<T>));
    }
};

// Rows of values (n, columns) in runs of `run` columns: element (i, j) is data[i * row + (j / run) * step + j % run].
// Hidden layers keep each run of panel_width columns together for all rows (row = run, step = n * run), so that walking
// down the rows is walking through memory. Row-major arrays fit too: their runs follow each other (step = run).
template <class T>
struct Rows {
    T* data = nullptr;
    size row = 0, run = 1, step = 0;

    T* at(size i, size j) const { return data + i * row + (j / run) * step + j % run; }
    operator Rows<const T>() const requires(!std::is_const_v<T>) { return {data, row, run, step}; }
};

// Columns of memory a row of `columns` values takes in runs.
template <class T>
size run_columns(size columns) {
    return columns <= lanes<T> ? lanes<T> : (columns + panel_width<T> - 1) / panel_width<T> * panel_width<T>;
}

// Rows (n, columns) in runs over `data`, which holds n * run_columns<T>(columns) elements.
template <class T>
Rows<T> in_runs(T* data, size n, size columns) {
    const size run = std::min(panel_width<T>, run_columns<T>(columns));
    return {data, run, run, n * run};
}

// Row-major rows, each `row` elements long.
template <class T>
Rows<T> row_major(T* data, size row) {
    return {data, row, std::min(panel_width<std::remove_const_t<T>>, row), panel_width<std::remove_const_t<T>>};
}

// One zero-filled allocation, aligned to cache lines, from which arrays are handed out. Large ones are pages of their
// own, which are clear when they come, and there only once they are touched.
class Arena {
public:
    // The bytes `count` elements take, arrays starting on cache lines.
    template <class T>
    static size bytes(size count) {
        return (count * sizeof(T) + 63) / 64 * 64;
    }
    // Room for `capacity` bytes, cleared, of which the first `sure` will all be used.
    void reserve(size capacity, size sure) {
        used_ = 0;
        if (capacity > capacity_) {
            release();
            if (map(capacity, sure)) return;
            memory_ = {static_cast<char*>(std::aligned_alloc(64, (capacity + 63) / 64 * 64)), {nullptr, 0}};
            if (!memory_) throw std::bad_alloc();
            capacity_ = capacity;
        }
        std::fill_n(memory_.get(), capacity, 0);
    }
    // Let the system take pages back where it runs short; what it takes is clear when it is used again. Returns false,
    // and gives all back at once, where that cannot be.
    bool offer() {
#if defined(MADV_FREE)
        if (memory_.get_deleter().mapped && madvise(memory_.get(), capacity_, MADV_FREE) == 0) return true;
#endif
        release();
        return false;
    }
    template <class T>
    T* take(size count) {
        T* p = reinterpret_cast<T*>(memory_.get() + used_);
        used_ += bytes<T>(count);
        return p;
    }
    size capacity() const { return capacity_; }

private:
    // Large networks walk through more memory than the small pages that a core keeps the addresses of.
    static constexpr size huge_page = size{2} << 20;

    // Pages of its own, where there is enough to fill large ones; false where there is not, or the system has none.
    bool map([[maybe_unused]] size capacity, [[maybe_unused]] size sure) {
#if defined(MADV_HUGEPAGE)
        if (capacity < huge_page) return false;
        const size length = capacity + huge_page;  // from a multiple of the page on there is room for `capacity`
        void* all = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (all == MAP_FAILED) return false;
        char* begin = static_cast<char*>(all);
        begin += (huge_page - reinterpret_cast<std::uintptr_t>(begin) % huge_page) % huge_page;
        memory_ = {begin, {all, length}};
        capacity_ = capacity;
        // A wish: nothing depends on it. What may not fill a page stays small, as a page once touched is all there.
        madvise(begin, sure / huge_page * huge_page, MADV_HUGEPAGE);
        return true;
#else
        return false;
#endif
    }

    struct Free {
        void* mapped;  // null: from the heap
        size length;
        void operator()(char* p) const {
#if defined(MADV_HUGEPAGE)
            if (mapped) return static_cast<void>(munmap(mapped, length));
#endif
            std::free(p);
        }
    };
    std::unique_ptr<char, Free> memory_;
    size capacity_ = 0, used_ = 0;

    void release() {
        memory_.reset();
        capacity_ = 0;
    }
};

}  // namespace bs
