// How many threads steps are given: tried out while they are taken, as no rule knows what else the machine is doing.
// A second thread that has to wait for its processor makes every barrier wait with it. Results do not depend on the
// number of threads, so it may change from one window of steps to the next.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

namespace bs {

class Crew {
public:
    // Steps of `rows` rows on at most `most` threads come next; what is known of such steps is kept.
    void expect(int most, std::size_t rows) {
        if (most == choices_[0].threads && rows == rows_) return;
        choices_ = {Choice{most}, Choice{1}};
        rows_ = rows;
        now_ = 0;
        since_trial_ = 0;
    }

    // Threads of the next window, and how many steps it should have.
    int threads() const { return choices_[now_].threads; }
    std::size_t window() const {
        const double seconds = choices_[now_].seconds;
        if (seconds <= 0) return 1;
        const double wanted = trial_ ? trial_seconds : window_seconds;
        return static_cast<std::size_t>(std::clamp(wanted / seconds, 1.0, 1e9));
    }

    // The window is over: it had `steps` steps and took so many seconds. Chooses the next one.
    void note(std::size_t steps, double seconds) {
        if (steps == 0) return;
        Choice& mine = choices_[now_];
        const double each = seconds / static_cast<double>(steps);
        mine.seconds = mine.windows < settled ? each : 0.5 * (mine.seconds + each);  // the first windows warm up
        ++mine.windows;
        since_trial_ = trial_ ? 0 : since_trial_ + seconds;
        for (std::size_t c = 0; c < choices_.size(); ++c)
            if (choices_[c].windows <= settled) {
                now_ = c, trial_ = true;
                return;
            }
        const std::size_t best = choices_[0].seconds <= choices_[1].seconds ? 0 : 1;
        const std::size_t other = 1 - best;
        const double cost = choices_[other].seconds * std::max(1.0, trial_seconds / choices_[other].seconds);
        trial_ = since_trial_ > trial_every * cost;
        now_ = trial_ ? other : best;
    }

private:
    static constexpr double trial_seconds = 1e-3, window_seconds = 1e-2;
    static constexpr double trial_every = 50;  // trials of what was slower take 2 % of the time
    static constexpr int settled = 1;

    struct Choice {
        int threads = 0;
        double seconds = 0;  // a step, lately
        int windows = 0;
    };
    std::array<Choice, 2> choices_{};
    std::size_t rows_ = 0, now_ = 0;
    double since_trial_ = 0;
    bool trial_ = true;
};

}  // namespace bs
