"""Every row of the functions tables, natively: the same numbers as its formula, in both dtypes, extremes included."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backstory as bs
from backstory.engine.functors import native_activation, native_loss
from backstory.engine.native import INSTRUCTION_SETS, usable
from backstory.engine.reference import NUMPY
from backstory.errors import ConfigurationError
from backstory.expressions import ELEMENTARY, evaluate, parse
from backstory.functions import ACTIVATIONS, LOSSES, Activation, CrossEntropy, fitting_outputs, loss
from tests.native.oracle import MP, assert_within, long_value, points, sensitivity, spacing

COUNT = 100_000
DTYPES = ("float32", "float64")
COUPLED = [name for name, row in ACTIVATIONS.items() if row.couples]
ELEMENTWISE = [name for name, row in ACTIVATIONS.items() if not row.couples]
PAIRS = [(name, output) for name, row in LOSSES.items() for output in fitting_outputs(row) if output not in COUPLED]
FULL_PAIRS = {(name, output) for name, output in PAIRS if output == "identity" or output in LOSSES[name].fused}
OWN = Activation("own_sine", "sin(2*z) + z/(1 + exp(-z))")


def load(isa: str) -> ModuleType:
    """The extension module of an instruction set, where it is built and this machine runs it."""
    if isa not in usable():
        pytest.skip(f"{isa} is not built, or this machine does not have it")
    return importlib.import_module(f"backstory._native_{isa}")


def every_isa() -> list[ModuleType]:
    """All that this machine runs, for tests in which the oracle takes longer than they do."""
    return [load(isa) for isa in usable()]


@pytest.fixture(scope="module", params=INSTRUCTION_SETS)
def native(request: pytest.FixtureRequest) -> ModuleType:
    """Each instruction set that this machine runs."""
    return load(request.param)


def allowed(dtype: str, want: Any, scale: Any) -> Any:
    """4 ulp of the value; in float64 also 1e-13 of what rounding the argument itself may do."""
    ulps = 4 * spacing(dtype, want)
    return ulps if dtype == "float32" else np.maximum(1e-13 * scale, ulps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_activation_equals_its_row(name: str, dtype: str) -> None:
    row = ACTIVATIONS[name]
    z = points(dtype, COUNT)
    value = long_value(row.value, z=z)
    oracle_itself = 4e-19 * np.maximum(1, np.abs(z).astype(np.longdouble))  # 1 + erf(z) cancels in long double too
    scale = sensitivity(lambda z: long_value(row.value, z=z), z)
    value_allowed = allowed(dtype, value, scale) + oracle_itself
    slopes: dict[bytes, Any] = {}  # by a: a slope from a alone is that of the a which the engine has
    for native in every_isa():
        a, slope = (x[:, 0] for x in native.evaluate_activation(native_activation(native, row), z[:, None]))
        with np.errstate(all="ignore"):  # where the formula itself overflows in float64, so may the native one
            in_double = {"z": z.astype("float64"), "a": a.astype("float64")}
            finite = [np.isfinite(evaluate(expr, in_double, NUMPY)) for expr in (row.value, row.slope)]
        unsure = ~(finite[0] & finite[1])
        assert_within(a, value, value_allowed, z, f"{name}, value", unsure)

        exact_a = value if "z" in row.slope_uses else a
        if exact_a.tobytes() not in slopes:
            want = long_value(row.slope, z=z, a=exact_a)
            scale = sensitivity(lambda z, a: long_value(row.slope, z=z, a=a), z, exact_a)
            slopes[exact_a.tobytes()] = want, allowed(dtype, want, scale) + oracle_itself
        want, slope_allowed = slopes[exact_a.tobytes()]
        assert_within(slope, want, slope_allowed, z, f"{name}, slope", unsure)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_activation_keeps_its_tails(name: str) -> None:
    """Against 400 digits, far out on both sides, where the long double oracle cancels: 1 + erf(-27) is 1e-318."""
    row = ACTIVATIONS[name]
    z = np.concatenate([np.linspace(-38.0, 38.0, 101), [-700.0, -100.0, 100.0, 700.0]])
    with mpmath.workdps(400):
        ends = [[evaluate(row.value, {"z": mpmath.mpf(x) * (1 + h)}, MP) for h in (0, 1e-9)] for x in z.tolist()]
        want = [value for value, _ in ends]
        may = [1e-13 * (abs(value) + abs(moved - value) / 1e-9) + 1e-322 for value, moved in ends]
        for native in every_isa():
            a, _ = native.evaluate_activation(native_activation(native, row), z[:, None])
            wrong = [i for i, got in enumerate(a[:, 0].tolist()) if abs(mpmath.mpf(got) - want[i]) > may[i]]
            assert not wrong, (name, z[wrong], a[wrong, 0])


@pytest.mark.parametrize("name", [name for name in ELEMENTARY if name not in ("where", "max", "min", "sign", "abs")])
@pytest.mark.parametrize("dtype", DTYPES)
def test_elementary_function_of_a_tape(name: str, dtype: str) -> None:
    x = points(dtype, COUNT)
    want = long_value(parse(f"{name}(x)"), x=x)
    # Beyond 1e5 the argument of sine and cosine says more about rounding than about the angle: NumPy's long double is
    # reduced with fewer digits of pi than those need, so the C library's double is the better judge there.
    near = np.abs(x) < 1e5 if name in ("sin", "cos", "tan") else np.full(len(x), True)
    rtol = 1e-6 if dtype == "float32" else 1e-13
    with np.errstate(all="ignore"):
        far = NUMPY[name](x[~near].astype("float64"))
    for native in every_isa():
        (got,) = native.evaluate_tape(native.Tape(1, 1, 0, [], [(name, 1, 0, 0, 0)]), [x], False)
        assert_within(got[near], want[near], 4 * spacing(dtype, want[near]), x[near], name)
        np.testing.assert_allclose(got[~near], far, rtol=rtol)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", DTYPES)
def test_non_finite_arguments(native: ModuleType, value: float, dtype: str) -> None:
    """NaN stays NaN, so that divergence cannot hide; infinities give what the row's formula gives."""
    for name in ELEMENTWISE:
        z = np.full((3, 5), value, dtype=dtype)
        a, _ = native.evaluate_activation(native_activation(native, ACTIVATIONS[name]), z)
        with np.errstate(all="ignore"):
            want = np.broadcast_to(evaluate(ACTIVATIONS[name].value, {"z": z.astype("float64")}, NUMPY), z.shape)
        np.testing.assert_array_equal(a, want.astype(dtype), err_msg=name)


def targets_for(name: str, shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> Any:
    """Targets that a loss allows, its edges among them."""
    unit = np.clip(rng.uniform(-0.3, 1.3, shape), 0.0, 1.0)
    if name == "hinge":
        return rng.choice([-1.0, 1.0], shape).astype(dtype)
    if name == "poisson":
        return rng.poisson(3.0, shape).astype(dtype)
    return (unit if name == "binary_cross_entropy" else 3.0 * rng.standard_normal(shape)).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "output"), PAIRS)
def test_loss_equals_its_row(name: str, output: str, dtype: str) -> None:
    """One output, so that nothing is summed: value and dz, within what rounding z, a and y explains."""
    row, activation = LOSSES[name], ACTIVATIONS[output]
    rng = np.random.default_rng(1)
    low = (
        -4.0 if output == "gelu" else -80.0
    )  # the oracle's 1 + erf(z) cancels below; the activation's own test goes on
    z = np.clip(points(dtype, COUNT if (name, output) in FULL_PAIRS else 2000), low, 80.0).astype(dtype)
    y = targets_for(name, z.shape, dtype, rng)
    form = row.fused_with(activation, 1)
    formula = form.value if form else row.value(1)

    def value(z: Any, a: Any, y: Any) -> Any:
        return long_value(formula, z=z, a=a, y=y)

    def slope(z: Any, a: Any, y: Any) -> Any:
        if form:
            return long_value(form.slope, z=z, a=a, y=y)
        return long_value(row.slope(1), a=a, y=y) * long_value(activation.slope, z=z, a=a)

    a = long_value(activation.value, z=z)
    want = {"value": value(z, a, y), "dz": slope(z, a, y)}
    unit = 4 * np.finfo(dtype).eps if dtype == "float32" else 1e-13
    least = np.longdouble(np.finfo(dtype).tiny)  # what underflows need not be right
    may = {"value": unit * sensitivity(value, z, a, y) + least, "dz": unit * sensitivity(slope, z, a, y) + least}
    for kink in row.kinks:  # rounding a alone decides on which side of it a point lies
        at_kink = np.abs(a - long_value(parse(kink), y=y)) <= 8 * np.finfo(dtype).eps * np.abs(a)
        may["dz"] = np.where(at_kink, np.inf, may["dz"])
    for native in every_isa():
        losses, dz = native.evaluate_loss(native_loss(native, row, activation, 1), z[:, None], dense=y[:, None])
        assert_within(losses, want["value"], may["value"], np.c_[z, y], f"{name}, value")
        assert_within(dz[:, 0], want["dz"], may["dz"], np.c_[z, y], f"{name}, dz")


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_equals_its_formula(native: ModuleType, dtype: str) -> None:
    z = points(dtype, COUNT)[: COUNT // 10 * 10 - 100].reshape(-1, 10)
    z = np.clip(z, -90.0, 90.0)
    a, _ = native.evaluate_activation(native.Activation("softmax"), z)
    e = np.exp(z.astype(np.longdouble) - z.max(axis=1, keepdims=True))
    want = e / e.sum(axis=1, keepdims=True)
    scale = want * np.maximum(1, np.abs(z - z.max(axis=1, keepdims=True)) / 100)
    assert_within(a, want, allowed(dtype, want, scale), z, "softmax")


@pytest.mark.parametrize("n_out", [1, 2, 3, 10, 300])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_cross_entropy_of_softmax(native: ModuleType, dtype: str, smoothing: float, n_out: int) -> None:
    """Dense targets and classes, wide range of z, against log-sum-exp in long double."""
    rng = np.random.default_rng(2)
    n = COUNT // n_out if n_out > 1 else 1000
    z = (rng.standard_normal((n, n_out)) * rng.choice([0.1, 1.0, 10.0, 30.0], (n, 1))).astype(dtype)
    classes = rng.integers(0, n_out, n)
    dense = rng.dirichlet(np.ones(n_out), n).astype(dtype)
    spec = native_loss(native, CrossEntropy(smoothing), ACTIVATIONS["softmax"], n_out)
    top = z.max(axis=1, keepdims=True).astype(np.longdouble)
    e = np.exp(z - top)
    lse, p = np.log(e.sum(axis=1, keepdims=True)), e / e.sum(axis=1, keepdims=True)
    for given_targets, y in (({"dense": dense}, dense), ({"classes": classes}, np.eye(n_out)[classes])):
        t = np.asarray(y, dtype=np.longdouble) * (1 - smoothing) + smoothing / n_out
        want = np.sum(t * (lse - (z - top)), axis=1)
        want_dz = p * t.sum(axis=1, keepdims=True) - t
        got, dz = native.evaluate_loss(spec, z, **given_targets)
        assert (got.dtype, dz.dtype) == (np.float64, dtype)
        np.testing.assert_allclose(got, want.astype("float64"), rtol=1e-13, atol=2e-14)
        np.testing.assert_allclose(
            dz,
            want_dz.astype("float64"),
            rtol=1e-6 if dtype == "float32" else 1e-13,
            atol=2e-7 if dtype == "float32" else 1e-15,
        )


@pytest.mark.parametrize(
    "name", [name for name, row in LOSSES.items() if "softmax" in fitting_outputs(row) and name != "cross_entropy"]
)
@pytest.mark.parametrize("n_out", [2, 7, 300])
def test_any_loss_after_softmax(native: ModuleType, name: str, n_out: int) -> None:
    """dz is da times the Jacobian diag(p) - p p^T."""
    rng = np.random.default_rng(3)
    z = rng.standard_normal((50, n_out))
    y = (
        np.abs(targets_for(name, z.shape, "float64", rng))
        if name == "poisson"
        else targets_for(name, z.shape, "float64", rng)
    )
    got, dz = native.evaluate_loss(native_loss(native, LOSSES[name], ACTIVATIONS["softmax"], n_out), z, dense=y)
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    value, da = (evaluate(e, {"a": p, "y": y}, NUMPY) for e in (LOSSES[name].value(n_out), LOSSES[name].slope(n_out)))
    np.testing.assert_allclose(got, value.sum(axis=1), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(dz, p * (da - np.sum(p * da, axis=1, keepdims=True)), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("n_out", [1, 2, 3, 5, 16, 17, 255, 300])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["mean_squared_error", "binary_cross_entropy", "huber"])
def test_rows_are_independent_of_their_block(native: ModuleType, name: str, dtype: str, n_out: int) -> None:
    """To the bit: one row alone, many packed, in place or not; and the sum over outputs, times the row's factor."""
    rng = np.random.default_rng(4)
    z = rng.standard_normal((37, n_out)).astype(dtype)
    y = targets_for(name, z.shape, dtype, rng)
    factors = rng.uniform(0.5, 2.0, 37).astype(dtype)
    spec = native_loss(native, loss(name), ACTIVATIONS["sigmoid"], n_out)
    losses, dz = native.evaluate_loss(spec, z, dense=y)
    for r in range(37):
        one, dz_one = native.evaluate_loss(spec, z[r : r + 1], dense=y[r : r + 1])
        assert one[0] == losses[r]
        np.testing.assert_array_equal(dz_one[0], dz[r])
    _, in_place = native.evaluate_loss(spec, z, dense=y, factors=factors, in_place=True)
    np.testing.assert_array_equal(in_place, dz * factors[:, None])
    a = evaluate(ACTIVATIONS["sigmoid"].value, {"z": z.astype("float64")}, NUMPY)
    want = np.sum(evaluate(loss(name).value(n_out), {"a": a, "y": y.astype("float64")}, NUMPY), axis=1)
    np.testing.assert_allclose(losses, want, rtol=1e-5 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row", [*(row for row in ACTIVATIONS.values() if not row.couples), OWN], ids=str)
def test_activation_is_independent_of_its_block(native: ModuleType, row: Activation, dtype: str) -> None:
    """To the bit: where in a block an element stands changes nothing."""
    source = native_activation(native, row)
    z = points(dtype, 2000)[:1777, None]
    a, slope = native.evaluate_activation(source, z)
    for start, stop in ((0, 1), (5, 9), (100, 401), (1000, 1777)):
        part, part_slope = native.evaluate_activation(source, np.ascontiguousarray(z[start:stop]))
        np.testing.assert_array_equal(part, a[start:stop])
        np.testing.assert_array_equal(part_slope, slope[start:stop])


@pytest.mark.parametrize("dtype", DTYPES)
def test_own_activation_computes_in_the_dtype_of_the_network(native: ModuleType, dtype: str) -> None:
    z = np.linspace(-4.0, 4.0, 1000, dtype=dtype)[:, None]
    a, slope = native.evaluate_activation(native_activation(native, OWN), z)
    rtol = 2e-6 if dtype == "float32" else 1e-14
    in_double = {"z": z.astype("float64")}
    np.testing.assert_allclose(a, evaluate(OWN.value, in_double, NUMPY), rtol=rtol, atol=rtol)
    np.testing.assert_allclose(slope, evaluate(OWN.slope, in_double, NUMPY), rtol=rtol, atol=rtol)


@given(st.lists(st.floats(-30.0, 30.0, width=32), min_size=1, max_size=40), st.floats(-5.0, 5.0, width=32))
def test_own_loss(values: list[float], target: float) -> None:
    row = bs.Loss("cauchy", "log(1 + (a - y)^2)")
    native = load("baseline")
    z = np.array(values)[:, None]
    got, dz = native.evaluate_loss(
        native_loss(native, row, ACTIVATIONS["identity"], 1), z, dense=np.full_like(z, target)
    )
    error = z - target
    np.testing.assert_allclose(got, np.log1p(error[:, 0] ** 2), rtol=1e-13)
    np.testing.assert_allclose(dz, 2 * error / (1 + error**2), rtol=1e-13)


def test_a_formula_too_large_for_a_tape(native: ModuleType) -> None:
    """More constants than there are slots."""
    text = "+".join(f"{i}.5*z^{i % 60 + 1}" for i in range(150))
    row = Activation("long_sum", text)
    native_activation(native, row)  # a long formula is no trouble
    tape = native_tape_of(native, n_constants=2000)
    with pytest.raises(
        ConfigurationError, match="too large for the native engine: it needs 0 intermediate values and 2000"
    ):
        tape()


def native_tape_of(native: ModuleType, n_constants: int) -> Any:
    """A call that builds a tape of nothing but constants."""
    from backstory.engine.functors import native_tape
    from backstory.engine.tape import Tape

    tape = Tape(1, 1, 0, tuple(range(n_constants)), (("copy", 1, 0, 0, 0),))
    return lambda: native_tape(native, tape, "activation 'long_sum'")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 1, 0, [], [("sine", 1, 0, 0, 0)]), "There is no operation 'sine' of tapes"),
        ((1, 1, 0, [], [("sin", 5, 0, 0, 0)]), "names a slot or an operation that is not there"),
        ((1, 1, 0, [], [("sin", 0, 0, 0, 0)]), "names a slot or an operation that is not there"),
        ((3, 1, 0, [], [("sin", 3, 0, 0, 0)]), "must have 1 or 2 inputs"),
    ],
)
def test_a_tape_that_does_not_hold_together_is_refused(native: ModuleType, arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        native.Tape(*arguments)
