"""From a PyTorch module, or a function of tensors, to a `Problem`: values of its forward pass against autograd."""

from __future__ import annotations

import copy
import dataclasses
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from backstory.auditing.problem import Alternative, Block, Floats, Problem
from backstory.errors import ConfigurationError, DataError

Judge = Callable[[Problem], Any]


def torch() -> Any:
    """The module PyTorch; only called where something of it was given."""
    import torch as module

    return module


def is_torch(subject: Any) -> bool:
    """Whether it is a module or a tensor, asked without loading PyTorch."""
    module = sys.modules.get("torch")
    return module is not None and isinstance(subject, module.nn.Module | module.Tensor)


def from_torch(subject: Any, X: Any, y: Any, loss: Any, judge: Judge) -> Problem:
    """Make a problem of a module, or of a function such as ``MyFunction.apply``.

    Parameters
    ----------
    subject : torch.nn.Module or callable
        A module is left as it is: a copy computes in float64 where it can. Of a function, and of a module without
        parameters, the derivatives are by X.
    X : tensor or array, or a tuple of them for several inputs
    y : tensor or array, optional
    loss : callable, optional
        From (outputs, y), or from outputs where there is no y, to a number; by default a fixed weighted sum of all
        outputs, so that every output counts.
    judge : callable
        From a `Problem` to its report: used to ask parts by themselves.

    Raises
    ------
    ConfigurationError
        y without a loss, or nothing to differentiate by.
    DataError
        The loss is not a number.
    """
    if y is not None and loss is None:
        raise ConfigurationError(
            "bs.audit(module, X, y) needs the loss that is differentiated; add loss=torch.nn.functional.mse_loss, say."
        )
    for double in (True, False):
        audited = _Audited(subject, X, y, loss, double=double)
        if not len(audited.at):
            raise ConfigurationError(
                "A module must have parameters, or inputs of floating point, to differentiate by. Got neither."
            )
        try:
            audited.loss(audited.at)
            audited.gradient(audited.at)
            break
        except RuntimeError:
            if not double:
                raise
    name = type(subject).__name__ if is_torch(subject) else getattr(subject, "__qualname__", type(subject).__name__)
    return Problem(
        subject=f"autograd's gradient of {name}",
        loss=audited.loss,
        gradient=audited.gradient,
        at=audited.at,
        blocks=audited.blocks(),
        sizes=audited.sizes,
        coarse=not double,
        locate=lambda: audited.located(judge),
    )


class _Audited:
    """A module, or a function, and its inputs, of which some are differentiated by; all in one precision."""

    def __init__(self, subject: Any, X: Any, y: Any, loss: Any, *, double: bool) -> None:
        library = torch()
        self.dtype = library.float64 if double else library.float32
        self.subject = copy.deepcopy(subject) if is_torch(subject) else subject
        if is_torch(subject):
            self.subject = self.subject.to("cpu", self.dtype)
        self.inputs = [self._tensor(each) for each in (X if isinstance(X, tuple) else (X,))]
        self.y = None if y is None else self._tensor(y)
        self.given_loss = loss
        self.by: dict[str, Any] = dict(self.subject.named_parameters()) if is_torch(subject) else {}
        self.by = {name: tensor for name, tensor in self.by.items() if tensor.requires_grad}
        if not self.by:
            floating = [(place, each) for place, each in enumerate(self.inputs) if each.is_floating_point()]
            self.by = {f"x{place}" if len(self.inputs) > 1 else "x": each.requires_grad_() for place, each in floating}
        parts = [tensor.detach().numpy().ravel().astype(np.float64) for tensor in self.by.values()]
        self.at: Floats = np.concatenate(parts) if parts else np.zeros(0)
        self.weights: Any = None
        self.sizes = {"rows": len(self.inputs[0])} if self.inputs and self.inputs[0].ndim else {}

    def _tensor(self, values: Any) -> Any:
        library = torch()
        tensor = values.detach().cpu().clone() if isinstance(values, library.Tensor) else library.as_tensor(values)
        return tensor.to(self.dtype) if tensor.is_floating_point() else tensor

    def blocks(self) -> tuple[Block, ...]:
        """The tensors differentiated by as parts of the flat vector; those of one module are one layer."""
        found, start = [], 0
        for name, tensor in self.by.items():
            found.append(Block(name, start, tuple(tensor.shape), name.rpartition(".")[0] or name))
            start += tensor.numel()
        return tuple(found)

    def _put(self, flat: Floats) -> None:
        start = 0
        for tensor in self.by.values():
            part = flat[start : start + tensor.numel()].reshape(tuple(tensor.shape))
            tensor.data.copy_(torch().from_numpy(np.ascontiguousarray(part)))
            start += tensor.numel()

    def _value(self) -> Any:
        outputs = self.subject(*self.inputs)
        if isinstance(outputs, torch().Tensor) and "outputs" not in self.sizes and outputs.ndim > 1:
            self.sizes |= {"outputs": outputs.shape[-1], "outputs of all rows": outputs.numel()}
        if self.given_loss is None:
            return self._weighted(outputs)
        value = self.given_loss(outputs) if self.y is None else self.given_loss(outputs, self.y)
        if value.numel() != 1:
            raise DataError(f"The loss must return one number. Got a tensor of shape {tuple(value.shape)}.")
        return value.reshape(())

    def _weighted(self, outputs: Any) -> Any:
        """A fixed weighted sum of outputs, so that each of them counts differently."""
        if outputs.numel() == 1:
            return outputs.reshape(())
        if self.weights is None:
            drawn = np.random.default_rng(1).uniform(0.5, 1.5, size=tuple(outputs.shape))
            self.weights = torch().from_numpy(drawn).to(self.dtype)
        return (outputs * self.weights).sum()

    def loss(self, flat: Floats) -> float:
        """The loss at parameters."""
        self._put(flat)
        with torch().no_grad():
            return float(self._value())

    def gradient(self, flat: Floats) -> Floats:
        """What autograd gives at parameters."""
        self._put(flat)
        found = torch().autograd.grad(self._value(), list(self.by.values()), allow_unused=True)
        parts = [
            np.zeros(tensor.numel()) if each is None else each.detach().numpy().ravel().astype(np.float64)
            for each, tensor in zip(found, self.by.values(), strict=True)
        ]
        return np.concatenate(parts)

    def located(self, judge: Judge) -> tuple[str, str, float | None] | None:
        """The submodule, or custom function, whose backward pass is wrong by itself."""
        self._put(self.at)
        if is_torch(self.subject):
            for name, module, inputs in self._calls():
                report = judge(_part(module, inputs, judge))
                if report.verdict == "fail":
                    what = f"The backward pass of {name!r} ({type(module).__name__}) is wrong by itself. {report.cause}"
                    return report.kind, what, report.ratio
        for name in self._identities():
            return (
                "missing_activation_derivative",
                f"{name}.backward hands its gradient on unchanged, as if the derivative were 1: multiply by it.",
                None,
            )
        return None

    def _calls(self) -> Iterator[tuple[str, Any, tuple[Any, ...]]]:
        """Every innermost module with the inputs of its first call."""
        calls: dict[str, tuple[Any, ...]] = {}
        inner = {name: each for name, each in self.subject.named_modules() if name and not list(each.children())}

        def recorder(name: str) -> Any:
            def record(_: Any, inputs: tuple[Any, ...]) -> None:
                calls.setdefault(name, tuple(each.detach().clone() for each in inputs))

            return record

        hooks = [module.register_forward_pre_hook(recorder(name)) for name, module in inner.items()]
        try:
            with torch().no_grad():
                self._value()
        finally:
            for hook in hooks:
                hook.remove()
        for name, inputs in calls.items():
            yield name, inner[name], inputs

    def _identities(self) -> list[str]:
        """Custom functions of the graph whose backward pass returns what it was given."""
        found: list[str] = []
        value = self._value()
        nodes, todo = set(), [value.grad_fn]
        hooks = []
        while todo:
            node = todo.pop()
            if node is None or node in nodes:
                continue
            nodes.add(node)
            todo += [each for each, _ in node.next_functions]
            if hasattr(node, "_forward_cls"):
                hooks.append(node.register_hook(_watch(found, node._forward_cls.__name__)))
        torch().autograd.grad(value, list(self.by.values()), allow_unused=True)
        return list(dict.fromkeys(found))


def _watch(found: list[str], name: str) -> Any:
    """A hook that notes a name where the gradient that comes out is the one that went in."""

    def hook(grad_inputs: tuple[Any, ...], grad_outputs: tuple[Any, ...]) -> None:
        first, last = grad_inputs[0], grad_outputs[0]
        if first is not None and last is not None and first.shape == last.shape and bool((first == last).all()):
            found.append(name)

    return hook


def _part(module: Any, inputs: tuple[Any, ...], judge: Judge) -> Problem:
    """One submodule as a problem of its own: by its inputs, and its parameters where it has any."""
    floating = [each for each in inputs if each.is_floating_point()]
    others = tuple(each for each in inputs if not each.is_floating_point())
    problem = from_torch(_with_inputs(module, inputs), others, None, None, judge)
    if len(floating) != 1 or list(module.parameters()):
        return dataclasses.replace(problem, locate=None)

    def alternatives() -> Iterator[Alternative]:
        weights = np.random.default_rng(1).uniform(0.5, 1.5, size=tuple(floating[0].shape)).ravel()
        yield Alternative(
            "missing_activation_derivative",
            weights,
            "It hands the gradient on unchanged, as if the activation's derivative were 1. Multiply by f'(z).",
        )

    return dataclasses.replace(problem, locate=None, alternatives=alternatives)


def _with_inputs(module: Any, inputs: tuple[Any, ...]) -> Any:
    """A module without floating inputs, which are parameters of it, that calls `module` with them."""
    library = torch()

    class WithInputs(library.nn.Module):  # type: ignore[misc,name-defined]  # PyTorch is loaded here only
        def __init__(self) -> None:
            super().__init__()
            self.inner = module
            self.x = library.nn.ParameterList([each for each in inputs if each.is_floating_point()])

        def forward(self, *others: Any) -> Any:
            floating, rest = iter(self.x), iter(others)
            return self.inner(*(next(floating if each.is_floating_point() else rest) for each in inputs))

    return WithInputs()
