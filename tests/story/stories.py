"""Stories that every printer is tried on: formulas, a batch with softmax, a dead unit, many layers, odd names."""

from __future__ import annotations

from functools import cache

import numpy as np

import backstory as bs
from backstory.story.story import Story

FORMULAS = """
i1 = 0.05
i2 = 0.1
t1 = 0.01
t2 = 0.99
w1 = 0.15
w2 = 0.2
w5 = 0.4
w7 = 0.5
b = 0.35
net_h1 = w1*i1 + w2*i2 + b
h1 = sigmoid(net_h1)
o1 = sigmoid(w5*h1 + b)
o2 = sigmoid(w7*h1 + b)
L = 1/2*(t1 - o1)^2 + 1/2*(t2 - o2)^2 + 0.01*max(w5, 0)^2
"""

ODD = """
lambda = 0.3
ŷ_n_1 = 2
жук = 3
w_alpha_beta = 0.7
θ₁ = 0.2
e1 = 1.5
hat_β = tanh(w_alpha_beta*lambda + θ₁*ŷ_n_1)
L = (hat_β - жук)^2 + exp(-e1)*where(hat_β > 0, hat_β, 2*hat_β)
"""


def formulas() -> Story:
    return bs.Formulas.read(FORMULAS).explain("w1", optimizer=bs.SGD(0.5))


def odd_names() -> Story:
    return bs.Formulas.read(ODD).explain("w_alpha_beta", optimizer=bs.Adam())


def samples() -> Story:
    text = "samples: x t\n1 0.5\n-2 1\n0.5 0\n\nw = 0.4\nb = 0.1\ny = tanh(w*x + b)\nL = mean((y - t)^2) + 0.1*w^2"
    return bs.Formulas.read(text).explain("w", optimizer=bs.SGD(0.1, momentum=0.9))


def batch() -> Story:
    generator = np.random.default_rng(0)
    net = bs.Network([3, 4, 3], hidden="tanh", output="softmax", loss="cross_entropy", penalty=bs.L2(1e-3), seed=1)
    X, y = generator.normal(size=(20, 3)), generator.integers(0, 3, 20)
    net.fit(X, y, optimizer=bs.Adam(1e-2), epochs=2)
    return net.explain("w1[2->1]", X, y)


def bias() -> Story:
    net = bs.Network([2, 3, 1], hidden="relu", output="sigmoid", loss="binary_cross_entropy", seed=3)
    return net.explain("b1[2]", [0.5, -1.0], 1.0)


def unit() -> Story:
    net = bs.Network([2, 3, 2], hidden="tanh", output="identity", loss="half_squared_error", seed=3)
    return net.explain("da2[1]/dx[0]", [0.5, -1.0], [1.0, 0.0])


def digits() -> Story:
    generator = np.random.default_rng(0)
    net = bs.Network([784, 128, 10], hidden="relu", output="softmax", loss="cross_entropy", seed=1, dtype="float32")
    return net.explain("w1[300->6]", generator.random(784), 3)


def deep() -> Story:
    generator = np.random.default_rng(0)
    net = bs.Network([100] * 20 + [5], hidden="tanh", output="identity", loss="half_squared_error", seed=1)
    return net.explain("w1[3->7]", generator.normal(size=100), generator.normal(size=(1, 5))[0])


def library() -> Story:
    return bias().in_convention("scikit-learn")


def none() -> Story:
    return bs.Formulas.read(FORMULAS).explain("dw7/dh1")


@cache
def story(name: str) -> Story:
    return STORIES[name]()


STORIES = {
    each.__name__: each for each in (formulas, odd_names, samples, batch, bias, unit, digits, deep, library, none)
}
HOSTILE = '<script>alert("&%$#_{}~^\\")</script>'
