"""`from_sklearn`, `from_torch`, `from_keras`, `from_onnx`: networks of other libraries as a `Network`."""

from __future__ import annotations

import dataclasses
from typing import Any

from backstory.functions import Activation, Loss, Penalty
from backstory.interop.trained import Trained
from backstory.model.network import Network, network_of, read_seed


def from_sklearn(
    estimator: Any, *, loss: str | Loss | None = None, penalty: Penalty | None = None, seed: int | None = None
) -> Network:
    """Make a `Network` of a fitted `MLPClassifier` or `MLPRegressor` of scikit-learn, with the same outputs.

    Its `predict` gives the outputs: probabilities of the last class for two classes, of each for more, numbers for a
    regressor. The labels they stand for are in `classes`. Trained on, explained and checked, it takes the loss that
    the estimator reports as `loss_`, without its penalty.

    Parameters
    ----------
    estimator : sklearn.neural_network.MLPClassifier or MLPRegressor
        Left as it is; the weights are copied, in their dtype.
    loss : str or Loss, optional
        In place of the estimator's. With several outputs a regressor's is half the *mean* of the squares, while it
        steps along the derivative of half their sum, ``"half_squared_error"``, which is n_outputs times as long.
    penalty : Penalty, optional
        The estimator's `alpha` is divided by the rows of each batch: ``bs.L2(estimator.alpha / rows)`` for batches of
        that many. By default there is none.
    seed : int, optional
        For what training draws.

    Returns
    -------
    Network

    Raises
    ------
    ConfigurationError
        It is another estimator, or not fitted.

    Examples
    --------
    >>> from sklearn.neural_network import MLPClassifier
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["no", "no", "yes", "yes"]
    >>> estimator = MLPClassifier((4,), solver="lbfgs", random_state=0).fit(X, y)
    >>> net = from_sklearn(estimator)
    >>> net.spec.loss.name, net.classes
    ('binary_cross_entropy', ['no', 'yes'])
    >>> bool(abs(net.predict(X)[:, 0] - estimator.predict_proba(X)[:, 1]).max() < 1e-12)
    True
    """
    from backstory.interop.from_scikit import from_scikit

    return _seeded(from_scikit(estimator, loss=loss, penalty=penalty), seed)


def from_torch(
    module: Any,
    *,
    output: str | Activation | None = None,
    loss: str | Loss | None = None,
    penalty: Penalty | None = None,
    seed: int | None = None,
) -> Network:
    """Make a `Network` of a PyTorch module, with the same outputs as in evaluation mode.

    Its forward pass is traced (``torch.fx``), so a module of one's own is read as exactly as a ``Sequential``: it must
    be a chain of Linear, activations, Dropout, Flatten (or a view as rows), Identity and BatchNorm1d, as modules or
    functions, nested as one likes. BatchNorm1d is folded into a Linear beside it; see `Network.folded`.

    Parameters
    ----------
    module : torch.nn.Module
        Left as it is; weights are copied, in their dtype, float32 or float64. Where only some of the Linear have a
        bias, the others get one of 0 (``freeze=("b2",)`` keeps it so).
    output : str or Activation, optional
        Applied last: what the module leaves to its loss, as softmax with ``nn.CrossEntropyLoss``, sigmoid with
        ``nn.BCEWithLogitsLoss``.
    loss : str or Loss, optional
        A module has none: by default the one that the output's activation is meant for, cross_entropy for softmax,
        binary_cross_entropy for sigmoid, poisson for exp, else half_squared_error.
    penalty, seed
        As for `Network`. Dropout is an argument of `Network.fit`.

    Returns
    -------
    Network
        It takes rows: images come as rows of their pixels in the order that Flatten gives.

    Raises
    ------
    ConfigurationError
        Something that a network of dense layers cannot hold; it is named.

    Notes
    -----
    Above 20 PyTorch rounds softplus(z) to z, which is at most 2e-9 off; the network does not.

    Examples
    --------
    >>> nn = __import__("pytest").importorskip("torch").nn  # from torch import nn
    >>> net = from_torch(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 3)), output="softmax")
    >>> net.spec.sizes, net.spec.loss.name, net.spec.dtype
    ((4, 8, 3), 'cross_entropy', 'float32')
    """
    from backstory.interop.from_pytorch import from_pytorch

    return _seeded(from_pytorch(module, output=output, loss=loss, penalty=penalty), seed)


def from_keras(
    model: Any,
    *,
    output: str | Activation | None = None,
    loss: str | Loss | None = None,
    penalty: Penalty | None = None,
    seed: int | None = None,
) -> Network:
    """Make a `Network` of a Keras model, with the same outputs as `model.predict`.

    The model is ``Sequential`` or functional, with any backend: one chain of Dense, activations (of a layer, as layers,
    or from `keras.ops`), Dropout and noise, Flatten, Reshape to rows and Identity; models may stand in models.
    BatchNormalization, Normalization and Rescaling are folded into a Dense beside them; see `Network.folded`.

    Parameters
    ----------
    model : keras.Model
        Of Keras 3. Left as it is; weights are copied, in their dtype.
    output : str or Activation, optional
        Applied last: what the model leaves to a loss ``from_logits=True``.
    loss : str or Loss, optional
        What the model was compiled with is not read: by default the loss that the output's activation is meant for,
        cross_entropy for softmax, binary_cross_entropy for sigmoid, poisson for exponential, else half_squared_error.
    penalty : Penalty, optional
        The layers' regularizers are not read.
    seed : int, optional
        For what training draws. Dropout is an argument of `Network.fit`.

    Returns
    -------
    Network
        It takes rows: images come as rows of their pixels in the order that Flatten gives.

    Raises
    ------
    ConfigurationError
        Something that a network of dense layers cannot hold; it is named.

    Examples
    --------
    ::

        model = keras.Sequential([keras.Input((4,)), layers.Dense(8, "relu"), layers.Dense(3, "softmax")])
        net = bs.from_keras(model)
        print(net.explain("w1[0->0]", X, y))
    """
    from backstory.interop import from_keras as reader

    return _seeded(reader.from_keras(model, output=output, loss=loss, penalty=penalty), seed)


def from_onnx(
    model: Any,
    *,
    output: str | Activation | None = None,
    loss: str | Loss | None = None,
    penalty: Penalty | None = None,
    seed: int | None = None,
) -> Network:
    """Make a `Network` of an ONNX model, with the same outputs.

    The graph from its one input to its one output of real numbers is a chain of Gemm, MatMul and Add with constants,
    activations, Softmax, Flatten, Reshape to rows, Identity, Dropout and Cast. An activation may be one operator or
    several elementwise ones (Sigmoid and Mul are silu): these are recognized by their values. BatchNormalization and
    other scalings are folded into a layer beside them; see `Network.folded`. Of two classes whose probabilities are
    joined as 1 - p and p, as skl2onnx writes them, p is the network's one output.

    Parameters
    ----------
    model : path or onnx.ModelProto
        Files with external data are read too. Where only some layers have a bias, the others get one of 0.
    output : str or Activation, optional
        Applied last: what the model leaves to its loss.
    loss : str or Loss, optional
        A graph has none: by default the one that the output's activation is meant for, cross_entropy for softmax,
        binary_cross_entropy for sigmoid, poisson for exp, else half_squared_error.
    penalty, seed
        As for `Network`. Dropout is an argument of `Network.fit`.

    Returns
    -------
    Network
        It takes rows: images come as rows of their pixels in the order that Flatten gives.

    Raises
    ------
    ConfigurationError
        A node that a network of dense layers cannot hold, which is named; or the package onnx is missing.
    ModelFileError
        The file is damaged, or no ONNX model.
    FileNotFoundError
        There is none.

    Examples
    --------
    ::

        net = bs.from_onnx("model.onnx", output="softmax")
        print(net.explain("w1[0->0]", X, y))
    """
    from backstory.interop import from_onnx as reader

    return _seeded(reader.from_onnx(model, output=output, loss=loss, penalty=penalty), seed)


def _seeded(trained: Trained, seed: int | None) -> Network:
    return network_of(dataclasses.replace(trained, seed=read_seed(seed)))
