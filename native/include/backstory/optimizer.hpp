// The optimizers' second writing: each rule of training/optimizers.py as one step over a tile of weights.
// A rule knows numbers, not networks. The order of operations is that of the formulas; a division by a number that is
// the same for all weights is a multiplication by its reciprocal.
#pragma once

#include <cmath>
#include <map>
#include <stdexcept>
#include <string>

#include "backstory/panels.hpp"
#include "backstory/simd.hpp"

namespace bs {

enum class RuleKind : int { sgd, momentum, nesterov, adagrad, rmsprop, rmsprop_momentum, adam, lion, rprop, polyak, quotient };

inline constexpr size max_slots = 2;

// An optimizer with its numbers, as Python describes it. Numbers a rule does not have are 0.
struct Rule {
    RuleKind kind = RuleKind::sgd;
    size slots = 0;               // state arrays, in the order of the rule's formulas
    bool whole_gradient = false;  // needs loss, norm or maximum of the whole gradient before any weight may move
    bool hides_nan = false;       // its step can be finite although the gradient is not
    double weight_decay = 0, momentum = 0, rho = 0, beta1 = 0, beta2 = 0, epsilon = 0, epsilon_hat = 0, eta_minus = 0, eta_plus = 0,
           step_min = 0, step_max = 0, minimum = 0, max_rate = 0, floor = 0;

    Rule(const std::string& name, const std::map<std::string, double>& constants, double decay) : weight_decay(decay) {
        const auto number = [&](const char* key) {
            const auto found = constants.find(key);
            return found == constants.end() ? 0.0 : found->second;
        };
        momentum = number("momentum"), rho = number("rho"), beta1 = number("beta1"), beta2 = number("beta2");
        epsilon = number("epsilon"), epsilon_hat = number("epsilon_hat"), eta_minus = number("eta_minus"), eta_plus = number("eta_plus");
        step_min = number("step_min"), step_max = number("step_max"), minimum = number("minimum");
        max_rate = number("max_rate"), floor = number("floor");

        const auto is = [&](RuleKind k, size n) { kind = k, slots = n; };
        if (name == "sgd" && momentum != 0) is(number("nesterov") != 0 ? RuleKind::nesterov : RuleKind::momentum, 1);
        else if (name == "sgd") is(RuleKind::sgd, 0);
        else if (name == "adagrad") is(RuleKind::adagrad, 1);
        else if (name == "rmsprop" && momentum != 0) is(RuleKind::rmsprop_momentum, 2);
        else if (name == "rmsprop") is(RuleKind::rmsprop, 1);
        else if (name == "adam" || name == "adamw") is(RuleKind::adam, 2);
        else if (name == "lion") is(RuleKind::lion, 1);
        else if (name == "rprop") is(RuleKind::rprop, 2);
        else if (name == "polyak") is(RuleKind::polyak, 0);
        else if (name == "quotient") is(RuleKind::quotient, 0);
        else throw std::invalid_argument("The native engine has no optimizer named '" + name + "'.");
        whole_gradient = kind == RuleKind::polyak || kind == RuleKind::quotient;
        hides_nan = whole_gradient || kind == RuleKind::lion || kind == RuleKind::rprop;
    }
};

// What a rule may know of the whole gradient (of the parameters that are not frozen, after clipping) and of the loss.
struct WholeGradient {
    double norm_squared = 0.0, largest = 0.0, loss = 0.0;
};

// sign(x): -1, 0 or 1; NaN stays NaN.
template <VectorLike X>
BS_INLINE X sign_of(X x) {
    const X one = all<X>(1);
    return select(x > X{}, one, select(x < X{}, -one, x));
}

// One rule at one step: every number that all weights share, ready to use.
template <class T>
struct Step {
    RuleKind kind = RuleKind::sgd;
    double exact_rate = 0, exact_decay = 0;  // what rate and decay are, before rounding
    T rate = 0;       // learning rate; adam: with m's correction in it; polyak: the whole rate
    T decay = 0;      // learning rate x decoupled weight decay
    T a = 0, one_minus_a = 0;  // momentum or beta1
    T b = 0, one_minus_b = 0;  // rho or beta2
    T epsilon = 0, v_scale = 0;                        // adam: 1 / (1 - beta2^t)
    T eta_minus = 0, eta_plus = 0, low = 0, high = 0;  // rprop
    T threshold = 0;                                   // quotient

    Step(const Rule& rule, double learning_rate, double t, const WholeGradient& whole = {}, double decay_share = 1.0)
        : kind(rule.kind) {
        double r = learning_rate;
        switch (kind) {
            case RuleKind::sgd: break;
            case RuleKind::momentum:
            case RuleKind::nesterov: a = static_cast<T>(rule.momentum); break;
            case RuleKind::rmsprop:
            case RuleKind::rmsprop_momentum:
                a = static_cast<T>(rule.momentum);
                b = static_cast<T>(rule.rho), one_minus_b = static_cast<T>(1.0 - rule.rho);
                [[fallthrough]];
            case RuleKind::adagrad: epsilon = static_cast<T>(rule.epsilon); break;
            case RuleKind::adam:
                v_scale = static_cast<T>(1.0 / (1.0 - std::pow(rule.beta2, t)));
                epsilon = static_cast<T>(rule.epsilon_hat != 0 ? rule.epsilon / std::sqrt(1.0 - std::pow(rule.beta2, t)) : rule.epsilon);
                r = learning_rate / (1.0 - std::pow(rule.beta1, t));
                [[fallthrough]];
            case RuleKind::lion:
                a = static_cast<T>(rule.beta1), one_minus_a = static_cast<T>(1.0 - rule.beta1);
                b = static_cast<T>(rule.beta2), one_minus_b = static_cast<T>(1.0 - rule.beta2);
                break;
            case RuleKind::rprop:
                eta_minus = static_cast<T>(rule.eta_minus), eta_plus = static_cast<T>(rule.eta_plus);
                low = static_cast<T>(rule.step_min), high = static_cast<T>(rule.step_max);
                break;
            case RuleKind::polyak:
                r = whole.norm_squared > 0.0 ? learning_rate * (whole.loss - rule.minimum) / whole.norm_squared : 0.0;
                if (r > rule.max_rate) r = rule.max_rate;
                break;
            case RuleKind::quotient:
                threshold = static_cast<T>(rule.floor * whole.largest);
                r = learning_rate * whole.loss;
                break;
        }
        exact_rate = r, exact_decay = learning_rate * (rule.weight_decay * decay_share);
        rate = static_cast<T>(r);
        decay = static_cast<T>(exact_decay);
    }

    // The same step for parameters with factors of their own for rate and decay.
    Step with(double rate_factor, double decay_factor) const {
        Step x = *this;
        x.rate = static_cast<T>(exact_rate * rate_factor);
        x.decay = static_cast<T>(exact_decay * rate_factor * decay_factor);
        return x;
    }
    bool moves_like(const Step& other) const { return rate == other.rate && decay == other.decay; }

    // Plain gradient descent for one vector of weights.
    template <VectorLike X>
    BS_INLINE X plain(X w, X g, bool shrinks) const {
        return fma(all<X>(-rate), g, fma(all<X>(shrinks ? -decay : T(0)), w, w));
    }

    // Take the step for `count` weights (whole vectors): w and the slots are updated from g.
    //   w, g, s, v (count,); s and v are the rule's first and second slot, null where it has none
    //   shrinks: decoupled weight decay applies (weights, not biases)
    // Narrower vectors X than a whole register take only the first numbers of every lanes<T>.
    template <VectorLike X = V<T>>
    void operator()(T* w, const T* g, T* s, T* v, size count, bool shrinks) const {
        constexpr int N = lanes_of<X>;
        const auto each = [&](auto&& step) {
            for (size i = 0; i < count; i += lanes<T>) store<N>(w + i, step(load<T, N>(w + i), load<T, N>(g + i), i));
        };
        const X lr = all<X>(rate), shrink = all<X>(shrinks ? -decay : T(0));
        switch (kind) {
            case RuleKind::polyak:
            case RuleKind::sgd:
                return each([&](X wi, X gi, size) { return plain(wi, gi, shrinks); });
            case RuleKind::momentum:
            case RuleKind::nesterov: {
                const X keep = all<X>(a), look = all<X>(T(kind == RuleKind::nesterov));
                return each([&](X wi, X gi, size i) {
                    const X m = fma(keep, load<T, N>(s + i), gi);
                    store<N>(s + i, m);
                    const X ahead = look > X{} ? fma(keep, m, gi) : m;
                    return fma(-lr, ahead, fma(shrink, wi, wi));
                });
            }
            case RuleKind::adagrad:
                return each([&](X wi, X gi, size i) {
                    const X sum = fma(gi, gi, load<T, N>(s + i));
                    store<N>(s + i, sum);
                    return wi - lr * gi / (sqrt(sum) + all<X>(epsilon));
                });
            case RuleKind::rmsprop:
            case RuleKind::rmsprop_momentum:
                return each([&](X wi, X gi, size i) {
                    const X mean = fma(all<X>(b), load<T, N>(s + i), all<X>(one_minus_b) * (gi * gi));
                    store<N>(s + i, mean);
                    X move = gi / (sqrt(mean) + all<X>(epsilon));
                    if (v) {
                        move = fma(all<X>(a), load<T, N>(v + i), move);
                        store<N>(v + i, move);
                    }
                    return fma(-lr, move, wi);
                });
            case RuleKind::adam:
                return each([&](X wi, X gi, size i) {
                    const X m = fma(all<X>(a), load<T, N>(s + i), all<X>(one_minus_a) * gi);
                    const X mean = fma(all<X>(b), load<T, N>(v + i), all<X>(one_minus_b) * (gi * gi));
                    store<N>(s + i, m);
                    store<N>(v + i, mean);
                    return fma(shrink, wi, wi) - lr * m / (sqrt(mean * all<X>(v_scale)) + all<X>(epsilon));
                });
            case RuleKind::lion:
                return each([&](X wi, X gi, size i) {
                    const X m = load<T, N>(s + i);
                    store<N>(s + i, fma(all<X>(b), m, all<X>(one_minus_b) * gi));
                    const X u = sign_of(fma(all<X>(a), m, all<X>(one_minus_a) * gi));
                    return fma(-lr, u, fma(shrink, wi, wi));
                });
            case RuleKind::rprop:
                return each([&](X wi, X gi, size i) {
                    const X zero{}, k = sign_of(gi) * sign_of(load<T, N>(s + i)), old = load<T, N>(v + i);
                    const X grown = min(old * all<X>(eta_plus), all<X>(high)), cut = max(old * all<X>(eta_minus), all<X>(low));
                    const X now = select(k > zero, grown, select(k < zero, cut, old));
                    const X q = select(k < zero, zero, gi);
                    store<N>(s + i, q);
                    store<N>(v + i, now);
                    return wi - sign_of(q) * now;
                });
            case RuleKind::quotient:
                return each([&](X wi, X gi, size) {
                    const X step = lr / gi;
                    return wi - select(abs(gi) > all<X>(threshold), step, X{});
                });
        }
    }
};

}  // namespace bs
