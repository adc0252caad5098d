"""ONNX models as networks: what backstory and PyTorch export, graphs made by hand, and what is refused, by name."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backstory as bs
from backstory.errors import ConfigurationError, ModelFileError
from tests.interop.everything import can_do_everything, close, survives_saving

onnx = pytest.importorskip("onnx")
helper, numpy_helper, FLOAT = onnx.helper, onnx.numpy_helper, onnx.TensorProto.FLOAT
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 4)).astype(np.float32)
Y = RANDOM.normal(size=(40, 3)).astype(np.float32)


def outputs(model: Any, rows: Any = X) -> Any:
    """By the reference implementation of ONNX."""
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(model)
    dtype = helper.tensor_dtype_to_np_dtype(model.graph.input[0].type.tensor_type.elem_type)
    return evaluator.run(None, {evaluator.input_names[0]: rows.astype(dtype)})[0]


def graph(*nodes: Any, shape: tuple[Any, ...] = ("n", 4), opset: int = 20, **constants: Any) -> Any:
    """A model whose nodes are (operator, inputs, attributes); each gives its number, the last "out"."""
    made = []
    for number, (operator, inputs, *attributes) in enumerate(nodes):
        gives = "out" if number == len(nodes) - 1 else str(number)
        made.append(
            helper.make_node(operator, inputs.split(" "), [gives], gives, **(attributes[0] if attributes else {}))
        )
    kept = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    info = helper.make_tensor_value_info
    whole = helper.make_graph(made, "g", [info("x", FLOAT, shape)], [info("out", FLOAT, ["n", "m"])], kept)
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", opset)])


def array(*shape: int) -> Any:
    return RANDOM.normal(size=shape).astype(np.float32)


W, V, B = array(4, 5), array(5, 3), array(5)


@pytest.mark.parametrize("name", ["leaky_relu", "elu"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parameters_come_back(name: str, dtype: str, tmp_path: Path) -> None:
    row = {"leaky_relu": bs.LeakyReLU(0.2), "elu": bs.ELU(0.7)}[name]
    net = bs.Network([4, 6, 3], hidden=row, seed=0, dtype=dtype)
    net.export(tmp_path / "net.onnx")
    (parameter,) = bs.from_onnx(tmp_path / "net.onnx").spec.activations[0].parameters
    assert parameter[1] == pytest.approx(row.parameters[0][1], rel=1e-12)


def test_everything_works_on_it(tmp_path: Path) -> None:
    model = graph(("Gemm", "x W B"), ("Gelu", "0"), ("MatMul", "1 V"), ("Softmax", "2"), W=W, B=B, V=V)
    net = bs.from_onnx(model, seed=0)
    assert net.spec.loss.name == "cross_entropy"
    close(net.predict(X), outputs(model))
    survives_saving(net, X, tmp_path)
    assert bs.audit(net, X, RANDOM.integers(0, 3, 40)).ok
    can_do_everything(net, X, RANDOM.integers(0, 3, 40))
    onnx.save(model, tmp_path / "model.onnx")
    np.testing.assert_array_equal(bs.from_onnx(str(tmp_path / "model.onnx")).predict(X).shape, (40, 3))


def test_a_story_of_it_is_that_of_pytorchs_gradient() -> None:
    torch = pytest.importorskip("torch")
    model = graph(("MatMul", "x W"), ("Add", "0 B"), ("Sigmoid", "1"), ("Mul", "1 2"), ("Gemm", "3 V"), W=W, B=B, V=V)
    net = bs.from_onnx(model)
    assert [row.name for row in net.spec.activations] == ["silu", "identity"]
    weights = torch.tensor(W, dtype=torch.float64, requires_grad=True)
    z = torch.as_tensor(X).double() @ weights + torch.as_tensor(B)
    a = z * torch.sigmoid(z) @ torch.as_tensor(V).double()
    (0.5 * ((a - torch.as_tensor(Y)) ** 2).sum(dim=1).mean()).backward()
    assert net.explain("w1[2->1]", X, Y).value == pytest.approx(weights.grad[2, 1].item(), rel=1e-9)


GRAPHS: dict[str, tuple[Any, list[str], int]] = {
    "MatMul and Add": (graph(("MatMul", "x W"), ("Add", "B 0"), ("Relu", "1"), W=W, B=B), ["relu"], 0),
    "a bias of one row": (graph(("MatMul", "x W"), ("Add", "0 B"), W=W, B=B[None]), ["identity"], 0),
    "a bias of one unit": (graph(("MatMul", "x W"), ("Add", "0 B"), W=W[:, :1], B=B[:1]), ["identity"], 0),
    "Gemm with constants": (
        graph(("Gemm", "x W B", {"transB": 1, "alpha": 0.5, "beta": 2.0}), ("Tanh", "0"), W=W.T, B=B),
        ["tanh"],
        0,
    ),
    "constants that are computed": (
        graph(("Transpose", "W"), ("Identity", "0"), ("MatMul", "x 1"), ("Softplus", "2"), W=np.ascontiguousarray(W.T)),
        ["softplus"],
        0,
    ),
    "hard_tanh as Clip": (
        graph(("MatMul", "x W"), ("Clip", "0 low high"), W=W, low=np.float32(-1), high=np.float32(1)),
        ["hard_tanh"],
        0,
    ),
    "hard_sigmoid in parts": (
        graph(
            *(("MatMul", "x W"), ("Add", "0 three"), ("Clip", "1 low high"), ("Div", "2 six")),
            W=W, three=np.float32(3), low=np.float32(0), high=np.float32(6), six=np.float32(6),
        ),
        ["hard_sigmoid"],
        0,
    ),
    "gelu in parts": (
        graph(
            *(("MatMul", "x W"), ("Div", "0 root"), ("Erf", "1"), ("Add", "2 one"), ("Mul", "0 3"), ("Mul", "4 half")),
            W=W, root=np.float32(2**0.5), one=np.float32(1), half=np.float32(0.5),
        ),
        ["gelu"],
        0,
    ),
    "leaky_relu in parts": (
        graph(
            *(("MatMul", "x W"), ("Greater", "0 zero"), ("Mul", "0 slope"), ("Where", "1 0 2")),
            W=W, zero=np.float32(0), slope=np.float32(0.125),
        ),
        ["leaky_relu"],
        0,
    ),
    "relu by Max": (graph(("MatMul", "x W"), ("Max", "0 zero"), W=W, zero=np.float32(0)), ["relu"], 0),
    "normalized inputs": (
        graph(
            *(("Sub", "x mean"), ("Div", "0 scale"), ("Gemm", "1 W B")),
            W=W, B=B, mean=array(4), scale=array(4) ** 2 + 1,
        ),
        ["identity"],
        2,
    ),
    "inputs over 255": (
        graph(("Div", "x most"), ("MatMul", "0 W"), W=W, most=np.float32(255)),
        ["identity"],
        1,
    ),
    "batch normalization": (
        graph(
            *(("Gemm", "x W B"), ("BatchNormalization", "0 s b m v", {"epsilon": 0.1}), ("Relu", "1")),
            ("Gemm", "2 V"), W=W, B=B, V=V, s=array(5), b=array(5), m=array(5), v=array(5) ** 2 + 0.1,
        ),
        ["relu", "identity"],
        1,
    ),
    "batch normalization of inputs": (
        graph(
            *(("BatchNormalization", "x s b m v"), ("Gemm", "0 W B")),
            W=W, B=B, s=array(4), b=array(4), m=array(4), v=array(4) ** 2 + 0.1,
        ),
        ["identity"],
        1,
    ),
    "opset 11": (graph(("MatMul", "x W"), ("Softmax", "0"), W=W, opset=11), ["softmax"], 0),
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs(name: str) -> None:
    model, rows, folded = GRAPHS[name]
    onnx.checker.check_model(model)
    net = bs.from_onnx(model)
    assert [row.name for row in net.spec.activations] == rows
    assert len(net.folded) == folded
    close(net.predict(X), outputs(model), "float32")
    if folded:
        with pytest.raises(
            ConfigurationError, match=r"Training would go through '\w+' \((BatchNormalization|Div|Sub)\)"
        ):
            net.fit(X, Y)


def test_images_and_idle_nodes() -> None:
    model = graph(
        *(("Cast", "x", {"to": FLOAT}), ("Flatten", "0"), ("Dropout", "1"), ("Gemm", "2 W B"), ("Identity", "3")),
        *(("Selu", "4"), ("Reshape", "5 rows"), ("Gemm", "6 V"), ("Dropout", "7 ratio no"), ("Sigmoid", "8")),
        shape=("n", 2, 2), W=W, B=B, V=V, rows=np.array([0, -1]), ratio=np.float32(0.5), no=np.array(False),
    )  # fmt: skip
    net = bs.from_onnx(model)
    assert [row.name for row in net.spec.activations] == ["selu", "sigmoid"]
    close(net.predict(X), outputs(model, X.reshape(-1, 2, 2)))
    shaped = graph(("Reshape", "x rows"), ("MatMul", "0 W"), shape=("n", 2, 2), W=W, rows=np.array([-1, 4]))
    close(bs.from_onnx(shaped).predict(X), outputs(shaped, X.reshape(-1, 2, 2)))


def test_labels_may_stand_beside_the_output(tmp_path: Path) -> None:
    net = bs.Network([4, 3], output="softmax", loss="cross_entropy", seed=0, dtype="float32")
    net.classes = ["a", "b", "c"]
    net.export(tmp_path / "net.onnx")
    assert len(onnx.load(tmp_path / "net.onnx").graph.output) == 2
    np.testing.assert_array_equal(bs.from_onnx(tmp_path / "net.onnx").predict(X), net.predict(X))


@pytest.mark.parametrize(
    "name", ["SiLU", "GELU", "Mish", "Hardtanh", "Hardsigmoid", "Softplus", "ELU", "LeakyReLU", "Softsign"]
)
def test_what_pytorch_exports(name: str, tmp_path: Path) -> None:
    """Its exporter writes SiLU, GELU and Mish as several nodes."""
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)
    module = nn.Sequential(
        *(
            nn.Flatten(),
            nn.Linear(4, 6),
            nn.BatchNorm1d(6),
            getattr(nn, name)(),
            nn.Dropout(),
            nn.Linear(6, 3),
            nn.Softmax(1),
        )
    ).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of PyTorch's own code, about its newer exporter
        torch.onnx.export(module, (torch.zeros(1, 4),), tmp_path / "m.onnx", dynamo=False, opset_version=17)
    net, direct = bs.from_onnx(tmp_path / "m.onnx"), bs.from_torch(module)
    assert [row.name for row in net.spec.activations] == [row.name for row in direct.spec.activations]
    assert len(net.folded) == 1
    close(net.predict(X), direct.predict(X))


def test_what_pytorch_exports_by_default(tmp_path: Path) -> None:
    """Its newer exporter goes by way of onnxscript and folds the batch normalization itself."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    nn = torch.nn
    torch.manual_seed(0)
    inner = nn.Sequential(nn.BatchNorm1d(6), nn.GELU(), nn.Dropout(), nn.Linear(6, 3))
    module = nn.Sequential(nn.Flatten(), nn.Linear(4, 6), inner, nn.Softmax(1)).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other libraries' own code
        torch.onnx.export(module, (torch.zeros(2, 4),), tmp_path / "m.onnx", dynamo=True, verbose=False)
    net = bs.from_onnx(tmp_path / "m.onnx")
    assert [row.name for row in net.spec.activations] == ["gelu", "softmax"]
    close(net.predict(X), module(torch.from_numpy(X)).detach().numpy())


P = ("Sigmoid", "0")
ONE_MINUS_P = ("Sub", "one 1")


@pytest.mark.parametrize("axis", [1, -1])
def test_the_probabilities_of_two_classes_are_one_output(axis: int) -> None:
    model = graph(("Gemm", "x W"), P, ONE_MINUS_P, ("Concat", "2 1", {"axis": axis}), W=W[:, :1], one=np.float32(1))
    net = bs.from_onnx(model)
    assert (net.spec.n_out, net.spec.loss.name) == (1, "binary_cross_entropy")
    close(net.predict(X)[:, 0], outputs(model)[:, 1])
    for joined, width in (("1 1", 1), ("2 1", 2)):
        other = graph(
            ("Gemm", "x W"), P, ONE_MINUS_P, ("Concat", joined, {"axis": axis}), W=W[:, :width], one=np.float32(1)
        )
        with pytest.raises(ConfigurationError, match=r"\(Concat\): it joins tensors, other than 1 - p and p"):
            bs.from_onnx(other)


def test_maps_of_classes_to_probabilities_are_outputs() -> None:
    model = graph(("Gemm", "x W B"), ("Softmax", "0"), W=W, B=B)
    wanted = outputs(model)
    labels = {"domain": "ai.onnx.ml", "classlabels_int64s": [0, 1, 2, 3, 4]}
    model.graph.node.append(helper.make_node("ZipMap", ["out"], ["maps"], **labels))
    entry = helper.make_map_type_proto(onnx.TensorProto.INT64, helper.make_tensor_type_proto(FLOAT, []))
    info = helper.make_value_info("maps", helper.make_sequence_type_proto(entry))
    model.graph.output[0].CopyFrom(info)
    close(bs.from_onnx(model).predict(X), wanted)


def test_functions_of_the_models_own_are_written_out() -> None:
    model = graph(("MatMul", "x W"), ("Twice", "0", {"domain": "own"}), W=W)
    body = [helper.make_node("Relu", ["z"], ["h"]), helper.make_node("Identity", ["h"], ["a"])]
    model.functions.append(helper.make_function("own", "Twice", ["z"], ["a"], body, [helper.make_opsetid("", 20)]))
    model.opset_import.append(helper.make_opsetid("own", 1))
    net = bs.from_onnx(model)
    assert net.spec.output.name == "relu"
    close(net.predict(X), outputs(model))


def two_inputs() -> Any:
    model = graph(("Gemm", "x W B"), W=W, B=B)
    model.graph.input.append(helper.make_tensor_value_info("more", FLOAT, ["n", 4]))
    return model


def two_outputs() -> Any:
    model = graph(("Gemm", "x W B"), ("Relu", "0"), W=W, B=B)
    model.graph.output.append(helper.make_tensor_value_info("0", FLOAT, ["n", 5]))
    return model


def foreign() -> Any:
    model = graph(("Gemm", "x W B"), ("Scaler", "0", {"domain": "ai.onnx.ml"}), W=W, B=B)
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    return model


def used_mask() -> Any:
    model = graph(("MatMul", "x W"), ("Dropout", "0"), ("Cast", "mask", {"to": FLOAT}), ("Mul", "1 2"), W=W)
    model.graph.node[1].output.append("mask")
    return model


REFUSED = {
    r"Cannot import '2' \(Cast\): its input 'mask' comes from no chain of layers": used_mask(),
    r"Cannot import '1' \(LogSoftmax\): the library has prob": graph(
        ("MatMul", "x W"), ("LogSoftmax", "0"), ("Identity", "1"), W=W
    ),
    r"Cannot import 'out' \(PRelu\): its slope is learned": graph(("MatMul", "x W"), ("PRelu", "0 s"), W=W, s=B),
    r"Cannot import 'out' \(Softmax\): it is known with axis=-1 or 1. Got 0": graph(
        ("MatMul", "x W"), ("Softmax", "0", {"axis": 0}), W=W
    ),
    r"Cannot import '1' \(Softmax\): softmax couples": graph(
        ("MatMul", "x W"), ("Softmax", "0"), ("MatMul", "1 V"), W=W, V=V
    ),
    r"Cannot import '0' \(Conv\): only these are known: Add, Atan": graph(
        ("Conv", "x K"), ("Flatten", "0"), ("Gemm", "1 W"), shape=("n", 1, 4), K=array(1, 1, 1), W=W
    ),
    r"Cannot import 'out' \(Scaler\): only operators of ONNX itself are known. Got the domain 'ai.onnx.ml'": foreign(),
    r"Cannot import 'out' \(HardSigmoid\): it is known with alpha=0.166667. Got 0.2": graph(
        ("MatMul", "x W"), ("HardSigmoid", "0"), W=W
    ),
    r"Cannot import 'out' \(LeakyRelu\): The 'slope' parameter": graph(
        ("MatMul", "x W"), ("LeakyRelu", "0", {"alpha": -1.0}), W=W
    ),
    r"Cannot import 'out' \(Mul\): the function that Sin, Mul make is none of the library's": graph(
        ("MatMul", "x W"), ("Sin", "0"), ("Mul", "0 1"), W=W
    ),
    r"Cannot import 'out' \(Add\): it joins two branches of the graph": graph(
        ("MatMul", "x W"), ("MatMul", "0 U"), ("Add", "0 1"), W=W, U=array(5, 5)
    ),
    r"Cannot import 'out' \(Gemm\): it transposes the rows \(transA=1\)": graph(("Gemm", "x W", {"transA": 1}), W=W),
    r"Cannot import 'out' \(Gemm\): its second and third input must be constants": graph(("Gemm", "W x"), W=W.T),
    r"Cannot import 'out' \(MatMul\): its first input must be the rows": graph(("MatMul", "W x"), W=W.T),
    r"Cannot import '0' \(MatMul\): it must be given rows. Got a tensor of 3 dim": graph(
        ("MatMul", "x W"), ("Flatten", "0"), W=W, shape=("n", 2, 4)
    ),
    r"Cannot import 'out' \(Add\): a constant must be the same for all rows. Got one of shape \(40, 5\)": graph(
        ("MatMul", "x W"), ("Add", "0 B"), W=W, B=array(40, 5)
    ),
    r"Cannot import '1' \(Div\): a constant per unit must come second": graph(
        ("MatMul", "x W"), ("Div", "B 0"), ("Identity", "1"), W=W, B=B
    ),
    r"Cannot import 'out' \(Max\): with a constant per unit only Add, Sub": graph(
        ("MatMul", "x W"), ("Max", "0 B"), W=W, B=B
    ),
    r"Cannot import '1' \(Reshape\): it takes rows of 10 numbers, and '0' \(MatMul\)": graph(
        ("MatMul", "x W"), ("Reshape", "0 s"), ("Gemm", "1 V"), W=W, V=V, s=np.array([-1, 10])
    ),
    r"Cannot import '0' \(Reshape\): only a reshaping to rows is known.*Got \(2, -1\)": graph(
        ("Reshape", "x s"), ("Gemm", "0 W"), W=W, s=np.array([2, -1])
    ),
    r"Cannot import '0' \(Flatten\): only a flattening of each row is known: axis=1. Got 2": graph(
        ("Flatten", "x", {"axis": 2}), ("Gemm", "0 W"), W=W
    ),
    r"Cannot import '0' \(Cast\): only a cast to FLOAT or DOUBLE is known. Got FLOAT16": graph(
        ("Cast", "x", {"to": onnx.TensorProto.FLOAT16}), ("Gemm", "0 W"), W=W
    ),
    r"Cannot import '0' \(Dropout\): it drops units when the model predicts too": graph(
        ("Dropout", "x ratio yes"), ("Gemm", "0 W"), W=W, ratio=np.float32(0.5), yes=np.array(True)
    ),
    r"Cannot import '0' \(BatchNormalization\): it normalizes by each batch's own mean": graph(
        ("BatchNormalization", "x s s s v", {"training_mode": 1}), ("Gemm", "0 W"), W=W, s=array(4), v=array(4) ** 2
    ),
    r"Cannot import 'out' \(BatchNormalization\): it stands beside no dense layer": graph(
        ("MatMul", "x W"), ("Relu", "0"), ("BatchNormalization", "1 s s s v"), W=W, s=array(5), v=array(5) ** 2
    ),
    r"Cannot import '0' \(Relu\): an activation must follow a dense layer": graph(
        ("Relu", "x"), ("MatMul", "0 W"), W=W
    ),
    r"Cannot import 'out' \(Gemm\): its weights must be float32 or float64. Got int64": graph(
        ("Gemm", "x W"), W=np.ones((4, 2), np.int64)
    ),
    r"Cannot import 'out' \(Gemm\): its weights must be finite. Got NaN": graph(("Gemm", "x W"), W=W * np.nan),
    r"An ONNX graph must have one input to be imported. Got 'x', 'more'": two_inputs(),
    r"An ONNX graph must have one output of float32 or float64 to be imported. Got 'out', '0'": two_outputs(),
    r"The output 'out' of an ONNX graph must depend on its input": graph(("Identity", "W"), W=W),
    r"A model must have a dense layer to be imported. Got none": graph(("Identity", "x")),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_imported_is_named(message: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{message}"):
        bs.from_onnx(REFUSED[message])


def test_files_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match=r"No ONNX file at .*nowhere"):
        bs.from_onnx(tmp_path / "nowhere.onnx")
    with pytest.raises(ConfigurationError, match=r"from_onnx takes a path or an onnx.ModelProto. Got int"):
        bs.from_onnx(3)
    (tmp_path / "text.onnx").write_text("no protobuf at all")
    with pytest.raises(ModelFileError, match=r"text.onnx' is not a whole ONNX file"):
        bs.from_onnx(tmp_path / "text.onnx")
    (tmp_path / "empty.onnx").write_bytes(b"")
    with pytest.raises(ModelFileError, match=r"empty.onnx' holds no ONNX graph"):
        bs.from_onnx(tmp_path / "empty.onnx")
    whole = graph(("Gemm", "x W B"), W=W, B=B).SerializeToString()
    (tmp_path / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelFileError, match=r"cut.onnx'"):
        bs.from_onnx(tmp_path / "cut.onnx")
