"""onnxruntime: predictions from a graph of Gemm and activation nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.peers.contender import Contender, joined
from benchmarks.works import Array, Task

NODES = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "softmax": "Softmax"}


def graph_of(task: Task) -> Any:
    """The network as an ONNX model whose input X has the task's shape and whose output is Y."""
    from onnx import TensorProto, helper, numpy_helper

    work = task.work
    nodes, values, at = [], [], "X"
    for k, (W, b) in enumerate(zip(task.weights, task.biases, strict=True)):
        values += [numpy_helper.from_array(W, f"W{k}"), numpy_helper.from_array(b, f"b{k}")]
        nodes.append(helper.make_node("Gemm", [at, f"W{k}", f"b{k}"], [f"z{k}"]))
        kind = work.output if k == len(task.weights) - 1 else work.hidden
        nodes.append(helper.make_node(NODES.get(kind, "Identity"), [f"z{k}"], [f"a{k}"]))
        at = f"a{k}"
    nodes[-1].output[0] = "Y"
    rows = [("X", work.sizes[0]), ("Y", work.sizes[-1])]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [len(task.X), n]) for name, n in rows]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], values)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


class OnnxRuntime(Contender):
    """`InferenceSession.run`, NumPy in and NumPy out."""

    name = "onnxruntime"
    package = "onnxruntime"

    def __init__(self, task: Task, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        model = graph_of(task).SerializeToString()
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.task = task

    def run(self, times: int) -> None:
        run, names, feed = self.session.run, ["Y"], {"X": self.task.X}
        for _ in range(times):
            (self.found,) = run(names, feed)

    def result(self) -> Array:
        return joined([self.found])


class OnnxRuntimeBound(OnnxRuntime):
    """The same with input and output bound to fixed memory beforehand, a few rows being copied into it at each call."""

    name = "onnxruntime, bound memory"

    def __init__(self, task: Task, threads: int) -> None:
        super().__init__(task, threads)
        import onnxruntime

        self.found = np.empty((len(task.X), task.work.sizes[-1]), dtype=np.float32)
        self.few = len(task.X) < 100
        self.X = task.X.copy() if self.few else task.X  # many rows are read where the caller has them
        ends = [onnxruntime.OrtValue.ortvalue_from_numpy(values) for values in (self.X, self.found)]
        self.binding = self.session.io_binding()
        self.binding.bind_ortvalue_input("X", ends[0])
        self.binding.bind_ortvalue_output("Y", ends[1])
        self.ends = ends

    def run(self, times: int) -> None:
        run, binding, few, bound, X = self.session.run_with_iobinding, self.binding, self.few, self.X, self.task.X
        for _ in range(times):
            if few:
                bound[...] = X
            run(binding)

    def result(self) -> Array:
        return joined([self.ends[1].numpy()])
