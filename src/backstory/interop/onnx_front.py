"""What stands before the first layer, as nodes of an ONNX graph."""

from __future__ import annotations

from backstory.functions.front import ANGLE, SCALED, WAVE
from backstory.interop.onnx_graph import Graph
from backstory.interop.trained import Trained


def through_front(graph: Graph, trained: Trained, X: str) -> str:
    """From the columns (n, n_in) to those that the first layer reads, (n, n_front).

    The mixtures of all columns are one product of stacks of matrices, c columns of (n, k) and (k, m).
    """
    front, embedding, scale = trained.spec.front, trained.others.embedding, trained.others.scale
    assert front is not None
    if embedding is not None:
        columns, mixtures = list(front.columns), embedding.mix.shape[2]
        x = graph.add("Gather", X, graph.constant(columns, dtype="int64"), axis=1)
        x = graph.add("Unsqueeze", x, graph.constant([2], dtype="int64"))
        arrays = {"frequency": embedding.frequency, "phase": embedding.phase}
        names = {name: graph.constant(array, name) for name, array in arrays.items()}
        angle = graph.expression(ANGLE.value, {"x": x, **names})
        waves = graph.add("Transpose", graph.expression(WAVE.value, {"angle": angle}), perm=[1, 0, 2])
        mixed = graph.add("MatMul", waves, graph.constant(embedding.mix, "mix"))
        mixed = graph.add("Add", mixed, graph.constant(embedding.shift[:, None, :], "shift"))
        flat = graph.add("Transpose", mixed, perm=[1, 0, 2])
        flat = graph.add("Reshape", flat, graph.constant([0, len(columns) * mixtures], dtype="int64"))
        order = []
        for output in range(front.n_out):
            column, embedded, mixture = front.source(output)
            order.append(column if mixture is None else front.n_in + embedded * mixtures + mixture)
        together = graph.add("Concat", X, flat, axis=1)
        X = graph.add("Gather", together, graph.constant(order, dtype="int64"), axis=1)
    if scale is not None:
        X = graph.expression(SCALED.value, {"scale": graph.constant(scale, "scale"), "column": X})
    return X
