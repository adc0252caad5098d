"""PyTorch: modules and custom functions, right and wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backstory as bs
from backstory.errors import ConfigurationError, DataError

torch = pytest.importorskip("torch")
nn = torch.nn
RANDOM = np.random.default_rng(2)
X = RANDOM.normal(size=(8, 3)).astype(np.float32)
Y = RANDOM.normal(size=(8, 2)).astype(np.float32)
mse = torch.nn.functional.mse_loss


def custom(backward: Any) -> Any:
    """tanh with a backward pass of one's own, as a function and as a module."""

    class Tanh(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, z: Any) -> Any:
            a = torch.tanh(z)
            ctx.save_for_backward(z, a)
            return a

        @staticmethod
        def backward(ctx: Any, da: Any) -> Any:
            return backward(da, *ctx.saved_tensors)

    class Module(nn.Module):
        def forward(self, z: Any) -> Any:
            return Tanh.apply(z)

    return Tanh, Module


def stack(activation: Any) -> Any:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), activation(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))


RIGHT = custom(lambda da, z, a: da * (1 - a * a))
CASES = {
    "missing_activation_derivative": custom(lambda da, z, a: da),
    "sign": custom(lambda da, z, a: -da * (1 - a * a)),
    "scale": custom(lambda da, z, a: 0.5 * da * (1 - a * a)),
    "wrong_function": custom(lambda da, z, a: da * (1 - z * z)),
}


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Sigmoid, nn.GELU, nn.Softplus, RIGHT[1]])
def test_right_modules_pass(activation: Any) -> None:
    module = stack(activation)
    report = bs.audit(module, X, Y, loss=mse)
    assert report.ok, str(report)
    assert next(module.parameters()).dtype == torch.float32
    assert report.worst[0].name.split(".")[0] in "024"


def test_classes_as_targets() -> None:
    report = bs.audit(stack(nn.ReLU), torch.from_numpy(X), torch.arange(8) % 2, loss=nn.functional.cross_entropy)
    assert report.ok, str(report)


@pytest.mark.parametrize("kind", CASES)
def test_the_module_with_a_wrong_backward_is_named(kind: str) -> None:
    report = bs.audit(stack(CASES[kind][1]), X, Y, loss=mse)
    assert report.verdict == "fail"
    assert report.kind == kind, str(report)
    assert "'1' (Module)" in report.cause


@pytest.mark.parametrize("kind", CASES)
def test_a_custom_function_by_itself(kind: str) -> None:
    z = torch.from_numpy(RANDOM.normal(size=(4, 3)))
    assert bs.audit(RIGHT[0].apply, z).ok
    report = bs.audit(CASES[kind][0].apply, z)
    assert report.verdict == "fail"
    if kind in ("scale", "sign"):
        assert report.kind == kind


def test_a_custom_function_within_a_forward_pass_is_named() -> None:
    function = CASES["missing_activation_derivative"][0]

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 2)

        def forward(self, x: Any) -> Any:
            return self.last(function.apply(self.first(x)))

    torch.manual_seed(1)
    report = bs.audit(Net(), X, Y, loss=mse)
    assert (report.verdict, report.kind) == ("fail", "missing_activation_derivative")
    assert "Tanh" in report.cause


def test_a_detached_part_is_found() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 2)

        def forward(self, x: Any) -> Any:
            return self.last(torch.tanh(self.first(x)).detach())

    torch.manual_seed(1)
    report = bs.audit(Net(), X, Y, loss=mse)
    assert (report.verdict, report.kind) == ("fail", "one_layer")
    assert "first.weight and first.bias" in report.cause


def test_dropout_is_inconclusive_in_training_and_passes_in_evaluation() -> None:
    module = nn.Sequential(nn.Linear(3, 6), nn.Dropout(0.5), nn.Linear(6, 2))
    report = bs.audit(module, X, Y, loss=mse)
    assert (report.verdict, report.kind) == ("inconclusive", "not_deterministic")
    assert bs.audit(module.eval(), X, Y, loss=mse).ok


def test_a_module_that_only_takes_float32_is_audited_in_it() -> None:
    class Single(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.tensor([0.5, -1.5, 2.0]))

        def forward(self, x: Any) -> Any:
            if self.w.dtype != torch.float32:
                raise RuntimeError("expected scalar type Float")
            return torch.tanh(x @ self.w)

    assert bs.audit(Single(), X, Y[:, 0], loss=mse).ok


def test_bad_arguments() -> None:
    with pytest.raises(ConfigurationError, match="needs the loss that is differentiated"):
        bs.audit(stack(nn.ReLU), X, Y)
    with pytest.raises(DataError, match="must return one number. Got a tensor of shape"):
        bs.audit(stack(nn.ReLU), X, Y, loss=lambda a, y: a - y)
    with pytest.raises(DataError, match="at must be an array of numbers. Got a tensor; for PyTorch write bs.audit"):
        bs.audit(lambda x: x.sum(), lambda x: x, torch.ones(2))
    with pytest.raises(ConfigurationError, match="to differentiate by. Got neither"):
        bs.audit(nn.Flatten(), torch.ones(2, 2, dtype=torch.int64))
