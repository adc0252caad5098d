"""Random networks written as formulas, with their SymPy twins."""

from __future__ import annotations

from hypothesis import strategies as st

FUNCTIONS = ("sigmoid", "tanh", "relu", "sin", "softplus")


@st.composite
def formula_texts(draw: st.DrawFn) -> str:
    """An acyclic set of formulas: units that take any earlier ones, skip connections and shared parameters included."""
    n_inputs, n_units = draw(st.integers(1, 3)), draw(st.integers(1, 5))
    number = st.integers(-17, 17).filter(lambda k: abs(k) >= 3).map(lambda k: k / 10 + 0.013)
    lines = [f"x{i} = {draw(number)}" for i in range(n_inputs)]
    lines += [f"w{i} = {draw(number)}" for i in range(4)] + [f"b = {draw(number)}", f"t = {draw(number)}"]
    sources = [f"x{i}" for i in range(n_inputs)]
    for unit in range(n_units):
        chosen = draw(st.lists(st.sampled_from(sources), min_size=1, max_size=3, unique=True))
        terms = " + ".join(f"w{draw(st.integers(0, 3))}*{source}" for source in chosen)
        function = draw(st.sampled_from(FUNCTIONS))
        lines.append(f"h{unit} = {function}({terms} + b)")
        sources.append(f"h{unit}")
    used = [name for name in sources if name.startswith("h")]
    loss = draw(st.sampled_from(("1/2*(t - {})^2", "({} - t)^2 + 0.05*w0^2", "log(1 + exp(-t*{}))")))
    lines.append("y = " + " + ".join(used))
    lines.append("L = " + loss.format("y"))
    return "\n".join(lines)
