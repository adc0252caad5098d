"""Keras models as networks: every activation as name, layer and operation, nested models, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backstory as bs
from backstory.errors import ConfigurationError
from backstory.functions import ACTIVATIONS as ROWS
from tests.interop.everything import can_do_everything, close, survives_saving

pytest.importorskip("torch")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")
layers, ops, Input = keras.layers, keras.ops, keras.Input
# Keras makes arrays of PyTorch's tensors in a way that NumPy 2.4 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 4)).astype(np.float32)
Y = RANDOM.normal(size=(40, 3)).astype(np.float32)

ACTIVATIONS: dict[str, tuple[Any, ...]] = {
    "arctan": (ops.arctan,),
    "elu": ("elu", layers.ELU(0.7), lambda x: ops.elu(x, 0.7)),
    "exp": ("exponential", ops.exp),
    "gelu": ("gelu", lambda x: ops.gelu(x, approximate=False)),
    "gelu_tanh": (ops.gelu,),
    "hard_sigmoid": ("hard_sigmoid", ops.hard_sigmoid),
    "hard_tanh": ("hard_tanh", ops.hard_tanh),
    "identity": ("linear", None, layers.Identity()),
    "leaky_relu": ("leaky_relu", layers.LeakyReLU(negative_slope=0.3), lambda x: ops.leaky_relu(x, 0.1)),
    "mish": ("mish",),
    "relu": ("relu", layers.ReLU(), ops.relu),
    "selu": ("selu", ops.selu),
    "sigmoid": ("sigmoid", ops.sigmoid),
    "silu": ("silu", "swish", ops.silu),
    "softplus": ("softplus", ops.softplus),
    "softsign": ("softsign", ops.softsign),
    "tanh": ("tanh", ops.tanh),
}
CASES = [(name, form) for name, forms in ACTIVATIONS.items() for form in forms]


@pytest.fixture(autouse=True)
def _plain_names() -> Iterator[None]:
    """Names that begin anew in each test: dense, dense_1, ..."""
    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")


def outputs(model: Any, rows: Any = X) -> Any:
    return keras.ops.convert_to_numpy(model(rows, training=False))


def functional(shape: tuple[int, ...], *steps: Any) -> Any:
    """A model that applies steps one after another: layers and functions of `keras.ops`."""
    start = tensor = Input(shape)
    for step in steps:
        tensor = step(tensor)
    return keras.Model(start, tensor)


def line(*steps: Any, shape: tuple[int, ...] = (4,)) -> Any:
    return keras.Sequential([Input(shape), *steps])


def varied(model: Any) -> Any:
    """Biases, statistics and scalings that are not those at the start."""
    for variable in model.variables:
        if "seed" not in variable.path:
            low = 0.5 if "variance" in variable.path else -2.0
            variable.assign(RANDOM.uniform(low, 2.0, variable.shape))
    return model


def test_every_row_is_met() -> None:
    assert set(ROWS) - set(ACTIVATIONS) == {"softmax"}


# With PyTorch, Keras 3.15 multiplies in float32 whatever the policy: its result_type("float64", "float64") is float32.
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "form"), CASES)
def test_outputs_are_those_of_keras(name: str, form: Any, dtype: str) -> None:
    keras.config.set_dtype_policy(dtype)
    if form is None or isinstance(form, str):
        hidden = [layers.Dense(16, activation=form)]
    elif isinstance(form, layers.Layer):
        hidden = [layers.Dense(16, activation=type(form).from_config(form.get_config() | {"dtype": dtype}))]
    else:
        hidden = [layers.Dense(16), form]
    model = varied(functional((4,), *hidden, layers.Dense(3)))
    net = bs.from_keras(model)
    assert [row.name for row in net.spec.activations] == [name, "identity"]
    assert net.spec.dtype == dtype
    close(net.predict(X), outputs(model, X.astype(dtype)), "float32")


@pytest.mark.parametrize(
    ("head", "loss", "y"),
    [
        ("softmax", "cross_entropy", RANDOM.integers(0, 3, 40)),
        ("sigmoid", "binary_cross_entropy", (Y > 0).astype(np.float32)),
        ("exponential", "poisson", RANDOM.poisson(2.0, (40, 3))),
        ("linear", "half_squared_error", Y),
    ],
)
def test_everything_works_on_it(head: str, loss: str, y: Any, tmp_path: Path) -> None:
    model = line(layers.Dense(6, activation="tanh"), layers.Dropout(0.5), layers.Dense(3, activation=head))
    net = bs.from_keras(model, seed=0)
    assert net.spec.loss.name == loss
    close(net.predict(X), outputs(model))
    survives_saving(net, X, tmp_path)
    can_do_everything(net, X, y)


def test_a_gradient_is_that_of_autograd() -> None:
    """Keras computes with PyTorch's tensors here, so that PyTorch differentiates it."""
    import torch

    model = line(layers.Dense(6, activation="gelu"), layers.Dense(3))
    net = bs.from_keras(model, output="softmax")
    labels = RANDOM.integers(0, 3, 40)
    loss = torch.nn.functional.cross_entropy(model(X), torch.as_tensor(labels))
    loss.backward()
    theirs = model.layers[0].kernel.value.grad.numpy()
    assert net.loss(X, labels) == pytest.approx(loss.item(), rel=1e-6)
    np.testing.assert_allclose(net.gradients(X, labels).weights[0], theirs, atol=1e-7)
    assert net.explain("w1[1->2]", X, labels).value == pytest.approx(theirs[1, 2], rel=1e-4)


def test_models_within_models_and_layers_used_elsewhere_too() -> None:
    shared = layers.Dense(6, activation="relu")
    inner = functional((5,), shared, layers.Dense(4))
    model = functional(
        *(
            (2, 2),
            layers.Flatten(),
            layers.Dense(5, "tanh", use_bias=False),
            keras.Sequential([layers.GaussianNoise(1.0)]),
        ),
        *(inner, layers.Activation("silu"), layers.Reshape((4,)), layers.AlphaDropout(0.2), layers.Dense(2)),
        layers.Activation("softmax"),
    )
    functional((5,), shared, layers.Dense(1))
    net = bs.from_keras(varied(model))
    assert net.spec.sizes == (4, 5, 6, 4, 2)
    assert [row.name for row in net.spec.activations] == ["tanh", "relu", "silu", "softmax"]
    close(net.predict(X), outputs(model, X.reshape(-1, 2, 2)))


NORMALIZED = {
    "after": lambda: line(layers.Dense(6), layers.BatchNormalization(), layers.ReLU(), layers.Dense(2)),
    "before": lambda: line(layers.BatchNormalization(center=False), layers.Dense(6, "tanh"), layers.Dense(2)),
    "between": lambda: line(layers.Dense(6, "relu"), layers.BatchNormalization(scale=False), layers.Dense(2)),
    "constant": lambda: line(layers.Normalization(mean=[1, 2, 3, 4], variance=[4, 3, 2, 1]), layers.Dense(2)),
    "rescaled": lambda: line(layers.Rescaling(2.0, offset=[1.0, 2.0, 3.0, 4.0]), layers.Dense(2)),
    "image": lambda: line(layers.Rescaling(1 / 3, -0.5), layers.Flatten(), layers.Dense(2), shape=(2, 2)),
}


@pytest.mark.parametrize("place", NORMALIZED)
def test_scalings_are_folded_and_training_is_refused_by_name(place: str, tmp_path: Path) -> None:
    model = varied(NORMALIZED[place]())
    net = bs.from_keras(model)
    theirs = outputs(model, X.reshape(-1, *model.input_shape[1:]))
    np.testing.assert_allclose(net.predict(X), theirs, rtol=0, atol=1e-5 * abs(theirs).max())
    assert len(net.folded) == 1
    survives_saving(net, X, tmp_path)
    with pytest.raises(ConfigurationError, match=r"Training would go through '\w+' \(\w+\), which the import folded"):
        net.fit(X, Y[:, :2])


class OwnCall(keras.Model):
    def call(self, x: Any) -> Any:
        return x


class OwnLayer(layers.Dense):
    def call(self, x: Any) -> Any:
        return 2 * super().call(x)


def two_outputs() -> Any:
    start = Input((4,))
    return keras.Model(start, [layers.Dense(2)(start), layers.Dense(3)(start)])


def joined() -> Any:
    start = Input((4,))
    return keras.Model(start, layers.Add()([layers.Dense(2)(start), layers.Dense(2)(start)]))


def my_square(x: Any) -> Any:
    return x * x


REFUSED = {
    r"'own_call' \(OwnCall\): it has a call of its own": OwnCall,
    r"'sequential' \(Sequential\): it has no weights yet": lambda: keras.Sequential([layers.Dense(2)]),
    r"'functional' \(Functional\): it must have one output. Got 2": two_outputs,
    r"'add' \(Add\): it must compute one tensor from one tensor. Got 2": joined,
    r"'own_layer' \(OwnLayer\): it is no layer of Keras itself": lambda: line(OwnLayer(2)),
    r"'dense' \(Dense\): it must be given rows. Got a tensor of shape \(None, 2, 4\)": lambda: line(
        layers.Dense(3), layers.Flatten(), shape=(2, 4)
    ),
    r"'dense' \(Dense\): its activation 'my_square' is not one of elu, ": lambda: line(layers.Dense(2, my_square)),
    r"'dense' \(Dense\): its activation 'relu6' is not one of": lambda: line(layers.Dense(2, "relu6")),
    r"'dense' \(Dense\): the library has probabilities": lambda: line(layers.Dense(2, "log_softmax")),
    r"'dense' \(Dense\): it must compute in float32 or float64. Got float16": lambda: line(
        layers.Dense(2, dtype="mixed_float16")
    ),
    r"'conv1d' \(Conv1D\): only these are known: Activation": lambda: line(
        layers.Conv1D(2, 2), layers.Flatten(), layers.Dense(1), shape=(4, 1)
    ),
    r"'p_re_lu' \(PReLU\): its slope is learned": lambda: line(layers.Dense(2), layers.PReLU()),
    r"'layer_normalization' \(LayerNormalization\): it divides": lambda: line(
        layers.LayerNormalization(), layers.Dense(1)
    ),
    r"'re_lu' \(ReLU\): it is known with max_value=None. Got 6": lambda: line(
        layers.Dense(2), layers.ReLU(max_value=6.0)
    ),
    r"'softmax' \(Softmax\): it is known with axis=-1 or 1. Got 0": lambda: line(
        layers.Dense(2), layers.Softmax(axis=0)
    ),
    r"'softmax' \(Softmax\): softmax couples": lambda: line(layers.Dense(2), layers.Softmax(), layers.Dense(1)),
    r"'multiply' \(Multiply\): only these are known": lambda: functional((4,), layers.Dense(2), lambda x: x * 2),
    r"'batch_normalization' \(BatchNormalization\): it stands beside no dense": lambda: line(
        layers.Dense(2, "relu"), layers.BatchNormalization()
    ),
    r"'batch_normalization' \(BatchNormalization\): it must be given rows": lambda: line(
        layers.BatchNormalization(), layers.Flatten(), layers.Dense(1), shape=(2, 2)
    ),
    r"'normalization' \(Normalization\): only invert=False": lambda: line(
        layers.Normalization(mean=1.0, variance=2.0, invert=True), layers.Dense(1)
    ),
    r"'reshape' \(Reshape\): only a reshaping to rows": lambda: line(
        layers.Reshape((2, 2)), layers.Flatten(), layers.Dense(1)
    ),
    r"'flatten' \(Flatten\): only a reshaping to rows in the order of memory": lambda: line(
        layers.Flatten(data_format="channels_first"), layers.Dense(1), shape=(2, 2)
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_imported_is_named(message: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^Cannot import {message}"):
        bs.from_keras(REFUSED[message]())


def test_other_things_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"from_keras takes a keras.Model of Keras 3. Got Dense"):
        bs.from_keras(layers.Dense(2))
    with pytest.raises(ConfigurationError, match=r"Got 'softmax', and the model ends with 'dense_1' \(Dense\) already"):
        bs.from_keras(line(layers.Dense(2, "sigmoid")), output="softmax")
