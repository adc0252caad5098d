"""PyTorch's modules as networks: every activation, every way of writing a chain, and what is refused, by name."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backstory as bs
from backstory.errors import ConfigurationError
from backstory.functions import ACTIVATIONS as ROWS
from tests.interop.everything import can_do_everything, close, survives_saving

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 4)).astype(np.float32)
Y = RANDOM.normal(size=(40, 3)).astype(np.float32)
LABELS = RANDOM.integers(0, 3, 40)

ACTIVATIONS = {
    "elu": nn.ELU(0.7),
    "gelu": nn.GELU(),
    "gelu_tanh": nn.GELU("tanh"),
    "hard_sigmoid": nn.Hardsigmoid(),
    "hard_tanh": nn.Hardtanh(),
    "identity": nn.Identity(),
    "leaky_relu": nn.LeakyReLU(0.3),
    "mish": nn.Mish(),
    "relu": nn.ReLU(),
    "selu": nn.SELU(),
    "sigmoid": nn.Sigmoid(),
    "silu": nn.SiLU(),
    "softplus": nn.Softplus(),
    "softsign": nn.Softsign(),
    "tanh": nn.Tanh(),
}

SLOPES = {"hard_sigmoid": 1e-7}
"""PyTorch 2.13 takes 1/6 in float32 as the slope of a float64 Hardsigmoid; all else agrees to 1e-12."""


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def outputs(module: Any, rows: Any = X) -> Any:
    module = copy.deepcopy(module).eval()
    dtype = next(module.parameters()).dtype
    with torch.no_grad():
        return module(torch.as_tensor(rows).to(dtype)).numpy()


def wide(module: Any) -> Any:
    """Weights large enough for every part of an activation to be met."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(3)
    return module


def test_every_row_that_pytorch_has_is_met() -> None:
    assert set(ROWS) - set(ACTIVATIONS) == {"arctan", "exp", "softmax"}, "these are functions, or for the output"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_outputs_and_gradients_are_pytorchs(name: str, dtype: str) -> None:
    module = nn.Sequential(nn.Linear(4, 16), ACTIVATIONS[name], nn.Linear(16, 8), ACTIVATIONS[name], nn.Linear(8, 3))
    module = wide(module).to(getattr(torch, dtype))
    net = bs.from_torch(module)
    assert [row.name for row in net.spec.activations] == [name, name, "identity"]
    assert net.spec.dtype == dtype
    close(net.predict(X), outputs(module))
    inputs, aims = (torch.as_tensor(each).to(getattr(torch, dtype)) for each in (X, Y))
    (0.5 * ((module(inputs) - aims) ** 2).sum(dim=1).mean()).backward()
    found = net.gradients(X, Y)
    relative = 1e-5 if dtype == "float32" else SLOPES.get(name, 1e-12)
    for index, weights in enumerate(found.weights):
        theirs = module[2 * index].weight.grad.numpy().T
        np.testing.assert_allclose(weights, theirs, rtol=0, atol=relative * abs(theirs).max())
    story = net.explain("w1[2->5]", X, Y)
    assert story.value == pytest.approx(float(module[0].weight.grad[5, 2]), rel=1e2 * relative)
    can_do_everything(net, X, Y)


HEADS = {
    "softmax": (lambda: nn.Softmax(dim=1), "cross_entropy", LABELS),
    "sigmoid": (nn.Sigmoid, "binary_cross_entropy", (Y > 0).astype(np.float32)),
    "identity": (nn.Identity, "half_squared_error", Y),
}


@pytest.mark.parametrize("head", HEADS)
def test_the_loss_is_the_one_that_the_output_is_for(head: str, tmp_path: Path) -> None:
    make, loss, y = HEADS[head]
    module = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3), make())
    net = bs.from_torch(module, seed=0)
    assert (net.spec.output.name, net.spec.loss.name) == (head, loss)
    close(net.predict(X), outputs(module))
    survives_saving(net, X, tmp_path)
    assert bs.audit(net, X, y).ok
    can_do_everything(net, X, y)


def test_an_output_that_is_left_to_the_loss_is_given() -> None:
    """CrossEntropyLoss of the logits: the same loss and gradient as softmax with cross_entropy."""
    module = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).double()
    net = bs.from_torch(module, output="softmax", penalty=bs.L2(0.0))
    loss = F.cross_entropy(module(torch.as_tensor(X).double()), torch.as_tensor(LABELS))
    loss.backward()
    assert net.loss(X, LABELS) == pytest.approx(loss.item(), rel=1e-12)
    np.testing.assert_allclose(net.gradients(X, LABELS).weights[0], module[0].weight.grad.numpy().T, atol=1e-13)


class Functions(nn.Module):
    """As most modules are written: layers as attributes, activations as functions, in an order of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(5, 3, bias=False)
        self.first = nn.Linear(4, 6)
        self.block = nn.Sequential(nn.Linear(6, 5), nn.Sequential(nn.Dropout(0.5), nn.Identity()))
        self.unused = nn.Conv2d(1, 1, 3)

    def forward(self, x: Any) -> Any:
        x = torch.flatten(x.view(x.size(0), -1), 1)
        x = F.leaky_relu(self.first(x), 0.2, inplace=True)
        x = F.dropout(x, 0.4, self.training)
        x = self.block(x).reshape(x.shape[0], -1).relu_()
        return torch.softmax(self.last(x.view(-1, 5)), dim=-1)


def test_a_module_of_ones_own_is_read_as_it_runs() -> None:
    module = Functions()
    module.block.eval()
    net = bs.from_torch(module)
    assert [str(row) for row in net.spec.activations] == ["leaky_relu(slope=0.2)", "relu", "softmax"]
    close(net.predict(X), outputs(module))
    assert module.training, "the module is left as it was"
    assert not module.block.training


def test_weights_may_be_parameters_of_the_module_itself() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.W, self.b = nn.Parameter(torch.randn(3, 4)), nn.Parameter(torch.randn(3))

        def forward(self, x: Any) -> Any:
            return torch.atan(F.linear(x, self.W, bias=self.b))

    module = Own()
    close(bs.from_torch(module).predict(X), outputs(module))


def test_images_become_rows() -> None:
    images = RANDOM.normal(size=(7, 1, 4, 4)).astype(np.float32)
    module = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    net = bs.from_torch(module)
    close(net.predict(images.reshape(7, -1)), outputs(module, images))


def test_linear_layers_in_a_row_stay_layers_of_their_own() -> None:
    module = nn.Sequential(nn.Linear(4, 3, bias=False), nn.Linear(3, 3), nn.Linear(3, 2, bias=False), nn.Tanh())
    net = bs.from_torch(module)
    assert [row.name for row in net.spec.activations] == ["identity", "identity", "tanh"]
    assert not net.biases[0].any()
    close(net.predict(X), outputs(module))
    assert not bs.from_torch(nn.Sequential(nn.Linear(4, 3, bias=False))).spec.biases
    assert bs.from_torch(nn.Linear(4, 3)).spec.sizes == (4, 3)


def trained_norms(module: Any) -> Any:
    """Batch normalization with statistics and parameters that are not those at the start."""
    module.train()
    for _ in range(5):
        module(torch.randn(32, 4) * 3 + 1)
    with torch.no_grad():
        for each in module.modules():
            if isinstance(each, nn.BatchNorm1d) and each.affine:
                each.weight.uniform_(-2, 2)
                each.bias.uniform_(-1, 1)
    return module


NORMALIZED = {
    "after": lambda: [nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2)],
    "before": lambda: [nn.BatchNorm1d(4), nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)],
    "between": lambda: [nn.Linear(4, 6, bias=False), nn.ReLU(), nn.BatchNorm1d(6), nn.Linear(6, 2, bias=False)],
    "several": lambda: [
        *(nn.BatchNorm1d(4), nn.BatchNorm1d(4, affine=False), nn.Linear(4, 6), nn.BatchNorm1d(6)),
        *(nn.BatchNorm1d(6), nn.Tanh(), nn.BatchNorm1d(6), nn.Dropout(), nn.BatchNorm1d(6), nn.Linear(6, 2)),
    ],
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("place", NORMALIZED)
def test_batch_normalization_is_folded_for_prediction(place: str, dtype: str, tmp_path: Path) -> None:
    module = trained_norms(nn.Sequential(*NORMALIZED[place]())).to(getattr(torch, dtype))
    net = bs.from_torch(module)
    count = sum(isinstance(each, nn.BatchNorm1d) for each in module.modules())
    assert len(net.folded) == count
    assert all("(BatchNorm1d)" in name for name in net.folded)
    theirs = outputs(module)
    np.testing.assert_allclose(
        net.predict(X), theirs, rtol=0, atol=(1e-5 if dtype == "float32" else 1e-12) * abs(theirs).max()
    )
    survives_saving(net, X, tmp_path)


def test_training_and_stories_through_batch_normalization_are_refused_by_name(tmp_path: Path) -> None:
    module = trained_norms(nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3)))
    net = bs.from_torch(module)
    assert net.folded == ("'1' (BatchNorm1d)",)
    asked = {
        "Training": lambda net: net.fit(X, Y),
        "A training step": lambda net: net.step(X, Y),
        "A gradient": lambda net: net.gradients(X, Y),
        "Deltas": lambda net: net.deltas(X, Y),
        "A story": lambda net: net.explain("w1[0->0]", X, Y),
        "A check": lambda net: net.check("dL/dw1[0->0] = delta1[0]*x[0]"),
        "The flow of gradients": lambda net: net.gradient_flow(X, Y),
        "Gradients by row": lambda net: net.sample_gradients(X, Y, "b1[0]"),
        "The story of a layer": lambda net: net.explain_layer(1),
    }
    net.save(tmp_path / "net.safetensors")
    for each in (net, net.copy(), bs.load(tmp_path / "net.safetensors")):
        for what, ask in asked.items():
            with pytest.raises(
                ConfigurationError, match=rf"^{what} would go through '1' \(BatchNorm1d\), which the import"
            ):
                ask(each)
        with pytest.raises(ConfigurationError, match="BatchNorm1d"):
            bs.audit(each, X, Y)
        assert each.loss(X, Y) > 0, "prediction and its loss are right"
        assert each.input_gradients(X, Y).shape == X.shape
    net.folded = ()
    can_do_everything(net, X, Y)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        return x + self.fc(x)


class Branching(Residual):
    def forward(self, x: Any) -> Any:
        return self.fc(x) if x.sum() > 0 else x


class Pair(Residual):
    def forward(self, x: Any) -> Any:
        return self.fc(x), x


class AlwaysDropping(Residual):
    def forward(self, x: Any) -> Any:
        return F.dropout(self.fc(x), 0.5)


class Scaled(Residual):
    def forward(self, x: Any) -> Any:
        return self.fc(x) * 2


class WeightsMade(Residual):
    def forward(self, x: Any) -> Any:
        return F.linear(x, self.fc.weight.exp())


class Transposed(Residual):
    def forward(self, x: Any) -> Any:
        return self.fc(x.view(4, -1))


class Logarithms(Residual):
    def forward(self, x: Any) -> Any:
        return F.log_softmax(self.fc(x), dim=1)


class Cumulated(Residual):
    def forward(self, x: Any) -> Any:
        return torch.cumsum(self.fc(x), 1)


def hooked() -> Any:
    module = nn.Sequential(nn.Linear(4, 2))
    module[0].register_forward_hook(lambda *_: None)
    return module


def line(*layers: Any) -> Any:
    return nn.Sequential(*layers)


REFUSED = {
    r"'1' \(PReLU\): its slope is learned": lambda: line(nn.Linear(4, 3), nn.PReLU()),
    r"'2' \(LogSoftmax\): the library has probabilities": lambda: line(nn.Linear(4, 3), nn.Tanh(), nn.LogSoftmax(1)),
    r"'1' \(LayerNorm\): it divides each row": lambda: line(nn.Linear(4, 3), nn.LayerNorm(3)),
    r"'0.1' \(Conv1d\): only these are known: AlphaDropout": lambda: line(line(nn.Linear(4, 3), nn.Conv1d(1, 1, 1))),
    r"'1' \(Softplus\): it is known with beta=1. Got 2": lambda: line(nn.Linear(4, 3), nn.Softplus(2.0)),
    r"'1' \(Softplus\): it is known with threshold=20 or 40. Got 1": lambda: line(
        nn.Linear(4, 3), nn.Softplus(1.0, 1.0)
    ),
    r"'1' \(Hardtanh\): it is known with max_val=1. Got 2": lambda: line(nn.Linear(4, 3), nn.Hardtanh(-1.0, 2.0)),
    r"'1' \(ReLU6\)": lambda: line(nn.Linear(4, 3), nn.ReLU6()),
    r"'1' \(LeakyReLU\): The 'slope' parameter of .*Got -0.1": lambda: line(nn.Linear(4, 3), nn.LeakyReLU(-0.1)),
    r"'1' \(Softmax\): it is known with dim=1 or -1 or None. Got 0": lambda: line(nn.Linear(4, 3), nn.Softmax(0)),
    r"'1' \(Softmax\): softmax couples": lambda: line(nn.Linear(4, 3), nn.Softmax(1), nn.Linear(3, 2)),
    r"'0' \(ReLU\): an activation must follow a dense layer": lambda: line(nn.ReLU(), nn.Linear(4, 3)),
    r"'2' \(Tanh\): a layer has one activation, and '0' \(Linear\) has '1' \(ReLU\)": lambda: line(
        nn.Linear(4, 3), nn.ReLU(), nn.Tanh()
    ),
    r"'1' \(Flatten\): only a flattening of each row": lambda: line(nn.Linear(4, 3), nn.Flatten(0)),
    r"'2' \(Linear\): it takes rows of 15 numbers, and '0' \(Linear\) before it gives 5": lambda: line(
        nn.Linear(4, 5), nn.Flatten(), nn.Linear(15, 2)
    ),
    r"'2' \(BatchNorm1d\): it stands beside no dense layer": lambda: line(
        nn.Linear(4, 3), nn.ReLU(), nn.BatchNorm1d(3)
    ),
    r"'2' \(BatchNorm1d\): it stands beside no dense layer.*; '3' \(Tanh\) follows": lambda: line(
        nn.Linear(4, 3), nn.ReLU(), nn.BatchNorm1d(3), nn.Tanh(), nn.Linear(3, 1)
    ),
    r"'1' \(BatchNorm1d\): it normalizes by each batch's own": lambda: line(
        nn.Linear(4, 3), nn.BatchNorm1d(3, track_running_stats=False)
    ),
    r"'0' \(ParametrizedLinear\)": lambda: line(nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))),
    r"'0' \(Linear\): it has hooks": hooked,
    r"'0' \(Linear\): its numbers must be float32 or float64. Got bfloat16": lambda: line(nn.Linear(4, 3)).bfloat16(),
    r"'1' \(Linear\): its weights are float64, and those of '0' \(Linear\) float32": lambda: line(
        nn.Linear(4, 3), nn.Linear(3, 2).double()
    ),
    r"'0' \(LazyLinear\)": lambda: line(nn.LazyLinear(3)),
    r"'0' \(Linear\): its parameters have no values yet": lambda: line(nn.Linear(4, 3, device="meta")),
    r"the call of add": Residual,
    r"Branching: its forward pass cannot be traced as one fixed chain": Branching,
    r"Pair: it must compute one tensor from one tensor": Pair,
    r"the call of dropout: it drops units in evaluation mode too": AlwaysDropping,
    r"the call of mul": Scaled,
    r"the call of linear: its weight must be a parameter of the module, and is computed": WeightsMade,
    r"the call of view: only a view as rows is known": Transposed,
    r"the call of log_softmax: the library has probabilities": Logarithms,
    r"the call of cumsum: only these are known": Cumulated,
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_imported_is_named(message: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^Cannot import {message}"):
        bs.from_torch(REFUSED[message]())


def test_other_refusals() -> None:
    with pytest.raises(ConfigurationError, match=r"from_torch takes a torch.nn.Module. Got MLPClassifier"):
        bs.from_torch(bs.MLPClassifier())
    with pytest.raises(ConfigurationError, match=r"A model must have a dense layer to be imported. Got none"):
        bs.from_torch(nn.Sequential(nn.Flatten()))
    ended = nn.Sequential(nn.Linear(4, 3), nn.Sigmoid())
    with pytest.raises(ConfigurationError, match=r"Got 'softmax', and the model ends with '1' \(Sigmoid\) already"):
        bs.from_torch(ended, output="softmax")
    with pytest.raises(ConfigurationError, match=r"The loss 'cross_entropy' is defined for outputs that sum to 1"):
        bs.from_torch(ended, loss="cross_entropy")
