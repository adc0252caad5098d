// How many threads steps, or calls of the same kind, are given: tried out while they are taken, as no rule knows what else the machine is doing.
// A second thread that has to wait for its processor makes every barrier wait with it. Results do not depend on the
// number of threads, so it may change from one window of steps to the next.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>

namespace bs {

class Crew {
public:
    // Steps of `rows` rows on at most `most` threads come next; what is known of such steps is kept. Returns whether
    // anything was.
    bool expect(int most, std::size_t rows) {
        if (most == choices_[0].threads && rows == rows_) return true;
        choices_ = {Choice{most}, Choice{1}};
        rows_ = rows;
        try_out(0);
        return false;
    }

    // Threads of the next window, and how many steps it should have.
    int threads() const { return choices_[now_].threads; }
    std::size_t window() const {
        const double seconds = choices_[now_].seconds;
        if (seconds <= 0) return 1;
        const double wanted = trial_ > 0 ? trial_seconds : window_seconds;
        return static_cast<std::size_t>(std::clamp(wanted / seconds, 1.0, 1e9));
    }

    // The window is over: it had `steps` steps and took so many seconds. Chooses the next one.
    void note(std::size_t steps, double seconds) {
        if (steps == 0) return;
        Choice& mine = choices_[now_];
        const double each = seconds / static_cast<double>(steps);
        mine.seconds = trial_ > 0 ? each : 0.5 * (mine.seconds + each);  // a trial tells how it is now, not how it was
        if (now_ == 0 && mine.seconds > long_step) return;
        if (trial_ > 0 && --trial_ > 0) return;
        for (std::size_t c = 0; c < choices_.size(); ++c)
            if (choices_[c].seconds <= 0) return try_out(c);
        const std::size_t before = best_;
        now_ = best_ = choices_[0].seconds <= choices_[1].seconds ? 0 : 1;
        if (best_ != before) patience_ = least_patience;
        since_trial_ += seconds;
        const double cost = trial_windows * std::max(choices_[1 - now_].seconds, trial_seconds);
        if (since_trial_ < patience_ * cost) return;
        patience_ = std::min(2 * patience_, most_patience);
        try_out(1 - now_);
    }

private:
    void try_out(std::size_t choice) {
        now_ = choice;
        trial_ = trial_windows;
        since_trial_ = 0;
    }

    // So long a step goes on while one of its threads is held up, and one thread less would take as long: not tried.
    static constexpr double long_step = 5e-3;
    static constexpr double trial_seconds = 1e-3, window_seconds = 1e-2;
    static constexpr int trial_windows = 2;    // the first wakes the threads and warms their caches
    // Trials of what was slower take at most 1/5 of the time just after a change, 2 % when nothing changes.
    static constexpr double least_patience = 4, most_patience = 50;

    struct Choice {
        int threads = 0;
        double seconds = 0;  // a step, lately; 0 before the first trial
    };
    std::array<Choice, 2> choices_{};
    std::size_t rows_ = 0, now_ = 0, best_ = 0;
    double since_trial_ = 0, patience_ = least_patience;
    int trial_ = trial_windows;  // windows of a trial that are left
};

// The same for calls that come one by one.
class Calls {
public:
    // Call work(threads), which takes `rows` rows, on at most `most` threads.
    template <class Work>
    void run(int most, std::size_t rows, Work&& work) {
        if (!crew_.expect(most, rows)) calls_ = 0, seconds_ = 0;
        const auto start = std::chrono::steady_clock::now();
        work(crew_.threads());
        seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        if (++calls_ < crew_.window()) return;
        crew_.note(calls_, seconds_);
        calls_ = 0, seconds_ = 0;
    }

private:
    Crew crew_;
    std::size_t calls_ = 0;
    double seconds_ = 0;
};

}  // namespace bs
