"""The node tests that the onnx wheel itself generates, for Gemm, the activations and the losses: inputs and outputs.

Each single node is set into a model of one layer, which is imported. Those that cannot be are listed with the reason,
and the import must name it.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
import pytest

import backstory as bs
from backstory.engine.reference import NUMPY
from backstory.errors import ConfigurationError
from backstory.expressions import evaluate
from backstory.functions import loss as find_loss

onnx = pytest.importorskip("onnx")
helper, numpy_helper = onnx.helper, onnx.numpy_helper

OPERATORS = (
    *("Atan", "Celu", "Elu", "Exp", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Mish", "PRelu", "Relu"),
    *("Selu", "Shrink", "Sigmoid", "Softplus", "Softsign", "Swish", "Tanh", "ThresholdedRelu"),
)

_NONE = "make is none of the library's activations"
SKIPPED = {
    "celu": r"it is known with alpha=1. Got 2",  # the row elu is celu only there
    "celu_bfloat16": r"it is known with alpha=1. Got 2",
    "celu_float16": r"it is known with alpha=1. Got 2",
    "celu_expanded": _NONE,
    "celu_bfloat16_expanded": _NONE,
    "celu_float16_expanded": _NONE,
    "hardsigmoid": r"it is known with alpha=0.166667. Got 0.5",  # the row has the slope 1/6 of PyTorch and Keras
    "hardsigmoid_default": r"it is known with alpha=0.166667. Got 0.2",
    "hardsigmoid_default_expanded_ver18": _NONE,
    "hardsigmoid_example": r"it is known with alpha=0.166667. Got 0.5",
    "hardsigmoid_example_expanded_ver18": _NONE,
    "hardsigmoid_expanded_ver18": _NONE,
    "hardswish": _NONE,  # no row
    "hardswish_expanded": _NONE,
    "prelu_broadcast": r"its slope is learned",
    "prelu_broadcast_expanded": r"it joins two branches of the graph",
    "prelu_example": r"its slope is learned",
    "prelu_example_expanded": r"must be the same for all rows",
    "selu_example_expanded_ver18": _NONE,  # made of parts, only selu's own alpha and scale are recognized
    "selu_expanded_ver18": _NONE,
    "shrink_hard": r"only these are known",  # no row
    "shrink_hard_expanded_ver18": _NONE,
    "shrink_soft": r"only these are known",
    "shrink_soft_expanded_ver18": _NONE,
    "thresholdedrelu": r"it is known with alpha=0. Got 2",  # no row but relu, where alpha is 0
    "thresholdedrelu_default": r"it is known with alpha=0. Got 1",
    "thresholdedrelu_default_expanded_ver18": _NONE,
    "thresholdedrelu_example": r"it is known with alpha=0. Got 2",
    "thresholdedrelu_example_expanded_ver18": _NONE,
    "thresholdedrelu_expanded_ver18": _NONE,
    "gemm_all_attributes": r"it transposes the rows \(transA=1\)",  # a network's rows come as rows
    "gemm_default_matrix_bias": r"a constant must be the same for all rows. Got one of shape \(3, 4\)",
    "gemm_transposeA": r"it transposes the rows \(transA=1\)",
}


@cache
def cases() -> dict[str, Any]:
    """All node tests by name."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the generating code: overflows on purpose
        return {case.name.removeprefix("test_"): case for case in collect_testcases(None) if case.model is not None}


def of_operator(operator: str, *, expanded: bool = False) -> dict[str, Any]:
    """The tests of one operator: its node alone, and with `expanded` the function body that defines it too."""
    stem = operator.lower()
    found = {}
    for name, case in cases().items():
        operators = [node.op_type for node in case.model.graph.node]
        if operators == [operator] or (expanded and name.split("_")[0] == stem and "_expanded" in name):
            found[name] = case
    assert found, f"the onnx wheel has no test of {operator}"
    return found


def arrays(values: Any) -> list[Any]:
    return [np.asarray(each) for each in values]


def with_constants(case: Any, inputs: list[Any]) -> Any:
    """The model with all inputs but the first as constants, and before it a layer that changes nothing."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    graph, first = model.graph, model.graph.input[0].name
    for value, array in zip(graph.input[1:], inputs[1:], strict=True):
        graph.initializer.append(numpy_helper.from_array(array, value.name))
    graph.initializer.append(numpy_helper.from_array(np.eye(1, dtype=np.float32), "one"))
    nodes = [helper.make_node("MatMul", ["rows", "one"], [first]), *graph.node]
    del graph.node[:], graph.input[:]
    graph.node.extend(nodes)
    graph.input.append(helper.make_tensor_value_info("rows", onnx.TensorProto.FLOAT, ["n", 1]))
    graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    return model


@pytest.mark.parametrize("operator", OPERATORS)
def test_activations(operator: str) -> None:
    for name, case in of_operator(operator, expanded=True).items():
        inputs, outputs = case.data_sets[0]
        inputs = arrays(inputs)
        model = with_constants(case, inputs)
        if name in SKIPPED:
            with pytest.raises(ConfigurationError, match=SKIPPED[name]):
                bs.from_onnx(model)
            continue
        net = bs.from_onnx(model)
        x, wanted = np.asarray(inputs[0], np.float32).reshape(-1, 1), np.asarray(outputs[0], np.float32).reshape(-1, 1)
        np.testing.assert_allclose(net.predict(x), wanted, rtol=2e-6, atol=2e-7, err_msg=name)
        values = evaluate(net.spec.output.value, {"z": x.astype(np.float64)}, NUMPY)
        np.testing.assert_allclose(values, wanted, rtol=2e-6, atol=2e-7, err_msg=f"{name}: the row")


def test_gemm() -> None:
    """alpha, beta, transB and every shape of C that is the same for all rows."""
    met = []
    for name, case in of_operator("Gemm").items():
        inputs, (wanted,) = (arrays(each) for each in case.data_sets[0])
        model = onnx.ModelProto()
        model.CopyFrom(case.model)
        for value, array in zip(model.graph.input[1:], inputs[1:], strict=True):
            model.graph.initializer.append(numpy_helper.from_array(array, value.name))
        if name in SKIPPED:
            with pytest.raises(ConfigurationError, match=SKIPPED[name]):
                bs.from_onnx(model)
            continue
        net = bs.from_onnx(model)
        np.testing.assert_allclose(net.predict(inputs[0]), wanted, rtol=1e-6, atol=1e-6, err_msg=name)
        met.append(name.removeprefix("gemm_"))
    assert {"alpha", "beta", "transposeB", "default_no_bias", "default_scalar_bias", "default_vector_bias"} <= set(met)


def softmax_layer(n: int) -> Any:
    """n logits in, probabilities out."""
    rows = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", n]) for name in ("x", "a")]
    nodes = [helper.make_node("MatMul", ["x", "eye"], ["z"]), helper.make_node("Softmax", ["z"], ["a"])]
    graph = helper.make_graph(
        nodes, "softmax", rows[:1], rows[1:], [numpy_helper.from_array(np.eye(n, dtype=np.float32), "eye")]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])


def as_rows(array: Any, axis: int) -> Any:
    """The entries along an axis as rows."""
    return np.moveaxis(array, axis, -1).reshape(-1, array.shape[axis])


UNDERFLOWS = ("logsoftmax_large_number",)
"""Its least probability is exp(-10000), of which a logarithm cannot be taken afterwards."""


@pytest.mark.parametrize("operator", ["Softmax", "LogSoftmax"])
def test_softmax_along_any_axis(operator: str) -> None:
    for name, case in of_operator(operator).items():
        (x,), (wanted,) = (arrays(each) for each in case.data_sets[0])
        axis = next((each.i for each in case.model.graph.node[0].attribute if each.name == "axis"), -1)
        rows = as_rows(x, axis)
        found = bs.from_onnx(softmax_layer(rows.shape[1])).predict(rows)
        assert len(found) == len(rows)
        if name not in UNDERFLOWS:
            found = np.log(found) if operator == "LogSoftmax" else found
            np.testing.assert_allclose(found, as_rows(wanted, axis), rtol=1e-5, atol=2e-7, err_msg=name)


def loss_arguments(case: Any) -> tuple[Any, Any, Any, str]:
    """Rows of classes, labels, the weight of each row (0 where it is ignored), and the reduction."""
    scores, labels, *weights = arrays(case.data_sets[0][0])
    attributes = {each.name: helper.get_attribute_value(each) for each in case.model.graph.node[0].attribute}
    ignored = labels.reshape(-1) == attributes.get("ignore_index", np.nan)
    y = np.where(ignored, 0, labels.reshape(-1))
    weight = np.where(ignored, 0.0, (weights[0] if weights else np.ones(scores.shape[1]))[y])
    return as_rows(scores, 1), y, weight, attributes.get("reduction", b"mean").decode()


def test_softmax_cross_entropy_loss() -> None:
    """Of logits: softmax with cross_entropy, class weights and ignored rows as sample weights, all reductions."""
    reductions = set()
    for name, case in of_operator("SoftmaxCrossEntropyLoss").items():
        rows, y, weight, reduction = loss_arguments(case)
        outputs = arrays(case.data_sets[0][1])
        net = bs.from_onnx(softmax_layer(rows.shape[1]))
        assert net.spec.loss.name == "cross_entropy"
        total = net.loss(rows, y, sample_weight=weight)
        found = {"mean": total, "sum": total * weight.sum()}.get(reduction)
        if found is None:
            found = -np.log(net.predict(rows)[np.arange(len(y)), y]) * weight
        np.testing.assert_allclose(
            found, outputs[0].reshape(-1) if reduction == "none" else outputs[0], rtol=2e-5, err_msg=name
        )
        reductions.add(reduction)
        if len(outputs) > 1:
            np.testing.assert_allclose(np.log(net.predict(rows)), as_rows(outputs[1], 1), rtol=2e-5, atol=2e-6)
    assert reductions == {"none", "sum", "mean"}


def test_negative_log_likelihood_loss() -> None:
    """Of any numbers instead of logarithms that add up, so the row cross_entropy is asked by its formula."""
    formula = find_loss("cross_entropy").value(5)
    for name, case in of_operator("NegativeLogLikelihoodLoss").items():
        rows, y, weight, reduction = loss_arguments(case)
        (wanted,) = arrays(case.data_sets[0][1])
        values = evaluate(formula, {"a": np.exp(rows.astype(np.float64)), "y": np.eye(rows.shape[1])[y]}, NUMPY)
        each = values.sum(axis=1) * weight
        found = {"none": each, "sum": each.sum(), "mean": each.sum() / weight.sum()}[reduction]
        np.testing.assert_allclose(
            found, wanted.reshape(-1) if reduction == "none" else wanted, rtol=1e-5, err_msg=name
        )


def test_every_test_that_is_skipped_exists() -> None:
    assert set(SKIPPED) | set(UNDERFLOWS) <= set(cases())
