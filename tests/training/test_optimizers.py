"""Every optimizer against PyTorch's, or against its formula written out by hand; and what its fields may be."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import backstory as bs
from backstory.training.optimizers import OPTIMIZERS

ENGINES = ("native", "reference")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(9, 3))
Y = RNG.normal(size=(9, 2))


def network() -> bs.Network:
    return bs.Network([3, 4, 2], hidden="tanh", seed=2)


def trained(optimizer: Any, engine: str, steps: int = 12) -> Any:
    net = network()
    net.fit(X, Y, optimizer=optimizer, batch_size=9, epochs=steps, shuffle=False, engine=engine)
    return net.parameters


def trained_by_torch(make: Any, steps: int = 12) -> Any:
    torch = pytest.importorskip("torch")
    net = network()
    arrays = [part for pair in zip(net.weights, net.biases, strict=True) for part in pair]
    tensors = [torch.tensor(part.copy(), requires_grad=True) for part in arrays]
    optimizer = make(torch, tensors)
    for _ in range(steps):
        optimizer.zero_grad()
        hidden = torch.tanh(torch.tensor(X) @ tensors[0] + tensors[1])
        (0.5 * ((hidden @ tensors[2] + tensors[3] - torch.tensor(Y)) ** 2).sum(1).mean()).backward()
        optimizer.step()
    return np.concatenate([tensor.detach().numpy().ravel() for tensor in tensors])


def decayed(tensors: Any, **options: Any) -> list[dict[str, Any]]:
    """PyTorch's parameter groups for decay of weights but not of biases."""
    return [{"params": tensors[0::2], **options}, {"params": tensors[1::2], "weight_decay": 0.0}]


PAIRS: dict[str, tuple[Any, Any]] = {
    "SGD": (bs.SGD(0.1), lambda t, p: t.optim.SGD(p, lr=0.1)),
    "momentum": (bs.SGD(0.1, momentum=0.9), lambda t, p: t.optim.SGD(p, lr=0.1, momentum=0.9)),
    "Nesterov": (
        bs.SGD(0.1, momentum=0.9, nesterov=True),
        lambda t, p: t.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    ),
    "Adagrad": (bs.Adagrad(0.1), lambda t, p: t.optim.Adagrad(p, lr=0.1)),
    "RMSProp": (bs.RMSProp(0.01), lambda t, p: t.optim.RMSprop(p, lr=0.01, alpha=0.9)),
    "RMSProp with momentum": (
        bs.RMSProp(0.01, momentum=0.5),
        lambda t, p: t.optim.RMSprop(p, lr=0.01, alpha=0.9, momentum=0.5),
    ),
    "Adam": (bs.Adam(0.01), lambda t, p: t.optim.Adam(p, lr=0.01)),
    "AdamW": (bs.AdamW(0.01, weight_decay=0.3), lambda t, p: t.optim.AdamW(decayed(p, weight_decay=0.3), lr=0.01)),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", PAIRS)
def test_the_steps_are_pytorchs(name: str, engine: str) -> None:
    optimizer, make = PAIRS[name]
    np.testing.assert_allclose(trained(optimizer, engine), trained_by_torch(make), rtol=1e-9, atol=1e-12)


def by_hand(update: Any, steps: int = 12) -> Any:
    """Train with `update(net, gradient, loss)`, the gradient laid out like the parameters."""
    net = network()
    for _ in range(steps):
        g = net.gradients(X, Y, engine="reference")
        flat = np.concatenate([part.ravel() for pair in zip(g.weights, g.biases, strict=True) for part in pair])
        update(net.parameters, flat, g.loss)
    return net.parameters


@pytest.mark.parametrize("engine", ENGINES)
def test_polyaks_step_divides_the_loss_by_the_squared_gradient(engine: str) -> None:
    def update(w: Any, g: Any, loss: float) -> None:
        w -= min(0.5 * (loss - 0.1) / (g @ g), 0.7) * g

    found = trained(bs.Polyak(0.5, minimum=0.1, max_rate=0.7), engine)
    np.testing.assert_allclose(found, by_hand(update), rtol=1e-10)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_quotient_rule_divides_the_loss_by_each_derivative(engine: str) -> None:
    def update(w: Any, g: Any, loss: float) -> None:
        big = np.abs(g) > 0.2 * np.abs(g).max()
        w[big] -= 1e-3 * loss / g[big]

    found = trained(bs.Quotient(1e-3, floor=0.2), engine, steps=3)
    np.testing.assert_allclose(found, by_hand(update, steps=3), rtol=1e-10)


@pytest.mark.parametrize("engine", ENGINES)
def test_with_one_parameter_the_quotient_rule_is_newtons_step_towards_zero_cost(engine: str) -> None:
    net = bs.Network([1, 1], biases=False, loss="absolute_error", seed=0)
    net.weights[0][:] = 3.0
    net.step([[2.0]], [1.0], optimizer=bs.Quotient(1.0), engine=engine)  # |2w - 1| is linear: one step reaches 0
    assert net.weights[0][0, 0] == pytest.approx(0.5)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_quotient_rule_rests_where_the_gradient_vanishes(engine: str) -> None:
    net = bs.Network([2, 1], seed=0)
    before = net.parameters.copy()
    net.step([[0.0, 1.0]], [5.0], optimizer=bs.Quotient(0.1), engine=engine)  # the first input is 0
    assert net.parameters[0] == before[0]
    assert (net.parameters[1:] != before[1:]).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_lion_moves_every_parameter_by_the_rate(engine: str) -> None:
    def update(w: Any, g: Any, loss: float, m: Any = np.zeros(26)) -> None:  # noqa: B008 - the memory of one run
        w -= 1e-3 * np.sign(0.9 * m + 0.1 * g)
        m[:] = 0.99 * m + 0.01 * g

    np.testing.assert_allclose(trained(bs.Lion(1e-3), engine), by_hand(update), rtol=1e-10)


@pytest.mark.parametrize("engine", ENGINES)
def test_rprop_grows_its_steps_while_the_sign_stays(engine: str) -> None:
    net = bs.Network([1, 1], biases=False, seed=0)
    net.weights[0][:] = 0.0
    moves = []
    for _ in range(5):
        before = net.weights[0][0, 0]
        net.step([[1.0]], [0.5], optimizer=bs.Rprop(0.1), engine=engine)
        moves.append(net.weights[0][0, 0] - before)
    # 0.1, 0.12, 0.144, 0.1728 pass 0.5 at 0.5368; the sign turns: the parameter rests
    np.testing.assert_allclose(moves, [0.1, 0.12, 0.144, 0.1728, 0.0], atol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_lbfgs_solves_least_squares(engine: str) -> None:
    net = bs.Network([3, 2], seed=0)
    history = net.fit(X, Y, optimizer=bs.LBFGS(tolerance=1e-12), epochs=200, engine=engine)
    with_ones = np.column_stack([X, np.ones(9)])
    wanted = np.linalg.lstsq(with_ones, Y, rcond=None)[0]
    np.testing.assert_allclose(np.vstack([net.weights[0], net.biases[0]]), wanted, atol=1e-6)
    assert history.stopped == "converged"
    assert (np.diff(history.loss) <= 0).all()


def test_lbfgs_respects_what_is_frozen() -> None:
    net = network()
    before = net.weights[0].copy()
    net.fit(X, Y, optimizer=bs.LBFGS(), epochs=5, freeze=("w1",))
    assert (net.weights[0] == before).all()


@pytest.mark.parametrize("options", [{"dropout": 0.5}, {"clip": 1.0}, {"callbacks": bs.EverySteps(1, print)}])
def test_lbfgs_refuses_what_it_cannot_do(options: Any) -> None:
    with pytest.raises(bs.ConfigurationError, match="LBFGS works on the whole data set"):
        network().fit(X, Y, optimizer=bs.LBFGS(), **options)


def test_every_optimizer_has_a_row_and_a_paper() -> None:
    for name, kind in OPTIMIZERS.items():
        assert "\nParameters\n" in inspect.cleandoc(str(kind.__doc__)), name
        assert kind.paper, name


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: bs.SGD(0.0), "'learning_rate' parameter of SGD must be a finite number > 0. Got 0.0"),
        (lambda: bs.SGD(0.1, momentum=1.0), r"'momentum' parameter of SGD must be in \[0, 1\). Got 1.0"),
        (lambda: bs.SGD(0.1, nesterov=True), "SGD with nesterov=True needs momentum > 0"),
        (lambda: bs.SGD("fast"), "'learning_rate' parameter of SGD must be a finite number > 0. Got 'fast'"),
        (lambda: bs.Adam(beta2=1.5), r"'beta2' parameter of Adam must be in \[0, 1\). Got 1.5"),
        (lambda: bs.Adam(epsilon=0.0), "'epsilon' parameter of Adam must be a finite number > 0. Got 0.0"),
        (lambda: bs.AdamW(weight_decay=-1), "'weight_decay' parameter of AdamW must be a finite number >= 0. Got -1"),
        (lambda: bs.Rprop(eta_plus=0.9), "Rprop needs eta_minus < 1 < eta_plus. Got 0.5 and 0.9"),
        (lambda: bs.Rprop(step_min=1.0, step_max=0.1), "Rprop needs step_min <= step_max. Got 1.0 and 0.1"),
        (lambda: bs.Polyak(minimum=float("nan")), "'minimum' parameter of Polyak must be a finite number. Got nan"),
        (lambda: bs.LBFGS(memory=0), "'memory' parameter of LBFGS must be an integer >= 1. Got 0"),
        (lambda: bs.Clip(norm=0.0), "'norm' parameter of Clip must be a finite number > 0. Got 0.0"),
        (lambda: network().fit(X, Y, optimizer="adamm"), "Unknown optimizer 'adamm'. Did you mean 'adam'"),
        (lambda: network().fit(X, Y, optimizer=3), r"optimizer= must be an optimizer such as Adam\(1e-3\)"),
    ],
)
def test_fields_outside_their_domain_are_refused(make: Any, message: str) -> None:
    with pytest.raises(bs.ConfigurationError, match=message):
        make()


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_lbfgs_goes_on_from_what_a_callback_writes(engine: str) -> None:
    net, other = network(), network()
    mine = other.parameters + 0.5

    def write(event: bs.Event) -> None:
        if event.epoch == 2:
            event.network.parameters[:] = mine

    other.parameters[:] = mine
    history = net.fit(X, Y, optimizer=bs.LBFGS(), epochs=5, callbacks=write, engine=engine)
    other.fit(X, Y, optimizer=bs.LBFGS(), epochs=3, engine=engine)
    assert len(history) == 5
    assert (net.parameters == other.parameters).all()


def test_lbfgs_gives_advice_that_it_can_follow() -> None:
    net = bs.Network([3, 4, 2], seed=2)
    net.weights[0][:] = 1e200
    with pytest.raises(bs.DivergenceError, match=r"before that step. Try inputs and targets scaled to about 1.$"):
        net.fit(X * 1e200, Y, optimizer=bs.LBFGS())
