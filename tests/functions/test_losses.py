"""Every loss of the table, by the same tests: value, slope, fused forms, smoothing, outputs, PyTorch."""

from __future__ import annotations

import itertools
import math
import pickle

import mpmath
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from backstory.errors import ConfigurationError, ExpressionError
from backstory.expressions import evaluate, names, parse, to_latex, to_text
from backstory.functions import (
    ACTIVATIONS,
    LOSSES,
    REALS,
    SIMPLEX,
    Activation,
    BinaryCrossEntropy,
    CrossEntropy,
    Fused,
    Huber,
    Interval,
    Loss,
    Quantile,
    Values,
    check_pair,
    fitting_outputs,
    loss,
)
from tests.functions.truth import DIGITS, exact, exact_slope

N_OUT = 3
VARIANTS = [Huber(0.3), Quantile(0.9), CrossEntropy(0.1), BinaryCrossEntropy(0.2)]
every_row = pytest.mark.parametrize("row", [*LOSSES.values(), *VARIANTS], ids=str)
every_fused = pytest.mark.parametrize(
    ("row", "output"),
    [(row, output) for row in [*LOSSES.values(), *VARIANTS] for output in row.fused if not row.fused[output].rowwise],
    ids=str,
)


def numbers(domain) -> st.SearchStrategy[float]:
    """Numbers inside a set, away from open ends."""
    if isinstance(domain, Values):
        return st.sampled_from(domain.values)
    if domain is SIMPLEX:
        return st.floats(0.001, 0.999)
    margin_low, margin_high = 1e-3 * domain.low_open, 1e-3 * domain.high_open
    return st.floats(max(domain.low, -30.0) + margin_low, min(domain.high, 30.0) - margin_high)


def smoothed(row: Loss, y: float) -> float:
    return evaluate(row.smoothed(N_OUT), {"y": y})


def truth(row: Loss, a: float, y: float):
    return exact(row.expression, a=a, y=smoothed(row, y), n_out=N_OUT, **dict(row.parameters))


def true_slope(row: Loss, a: float, y: float):
    return exact_slope(row.expression, "a", a=a, y=smoothed(row, y), n_out=N_OUT, **dict(row.parameters))


def kinks(row: Loss, y: float) -> list[float]:
    return [evaluate(parse(kink), {"y": y}) for kink in row.kinks if y or kink != "1/y"]


@every_row
@given(data=st.data())
@settings(max_examples=40)
def test_the_value_is_that_of_the_textbook_formula(row, data):
    a, y = data.draw(numbers(row.domain)), data.draw(numbers(row.targets))
    with mpmath.workdps(DIGITS):
        assert evaluate(row.value(N_OUT), {"a": a, "y": y}) == pytest.approx(
            float(truth(row, a, y)), rel=1e-12, abs=1e-30
        )


@every_row
@given(data=st.data())
@settings(max_examples=40)
def test_the_slope_is_the_derivative_of_the_textbook_formula(row, data):
    a, y = data.draw(numbers(row.domain)), data.draw(numbers(row.targets))
    assume(all(abs(a - kink) > 1e-9 for kink in kinks(row, y)))
    with mpmath.workdps(DIGITS):
        slope = evaluate(row.slope(N_OUT), {"a": a, "y": y})
        assert slope == pytest.approx(float(true_slope(row, a, y)), rel=1e-11, abs=1e-12)


@every_row
def test_sympy_finds_the_same_derivative(row):
    a, y = sympy.symbols("a y", real=True)
    words = {"abs": sympy.Abs, "max": sympy.Max, "min": sympy.Min, "a": a, "y": y, "n_out": N_OUT}
    words["where"] = lambda condition, yes, no: sympy.Piecewise((yes, condition), (no, True))
    formula = sympy.sympify(row.formula.replace("^", "**"), locals={**words, **dict(row.parameters)})
    found = sympy.diff(formula, a)
    own = evaluate(row.smoothed(N_OUT), {"y": 1.0})
    for at in (0.15, 0.42, 0.77):
        slope = evaluate(row.slope(N_OUT), {"a": at, "y": 1.0})
        assert slope == pytest.approx(float(found.subs({a: at, y: own}).evalf()), rel=1e-12)


@every_row
def test_at_a_kink_the_slope_is_zero_or_that_of_one_side(row):
    for y in row.targets.values if isinstance(row.targets, Values) else (0.25, 1.0):
        for kink in kinks(row, y):
            slope = row.slope(N_OUT)
            sides = [evaluate(slope, {"a": kink + step, "y": y}) for step in (-1e-9, 1e-9)]
            assert evaluate(slope, {"a": kink, "y": y}) == 0.0
            assert sides[0] != sides[1]
    assert bool(row.kinks) <= ("slope" in row.note)


@every_row
def test_the_given_derivative_is_the_one_that_would_be_worked_out(row):
    own = Loss("own", row.formula, parameters=row.parameters, target=row.target, domain=row.domain, targets=row.targets)
    ys = row.targets.values if isinstance(row.targets, Values) else (0.2, 0.9)
    for a, y in itertools.product((0.11, 0.35, 0.64, 0.93), ys):
        expected = evaluate(row.slope(N_OUT), {"a": a, "y": y})
        assert evaluate(own.slope(N_OUT), {"a": a, "y": y}) == pytest.approx(expected, rel=1e-10)


@every_fused
@given(z=st.floats(-8, 8), data=st.data())
@settings(max_examples=60)
def test_a_fused_form_is_loss_and_activation_one_after_the_other(row, output, z, data):
    y = data.draw(numbers(row.targets))
    activation = ACTIVATIONS[output]
    form = row.fused_with(activation, N_OUT)
    a = evaluate(activation.value, {"z": z})
    slope = evaluate(row.slope(N_OUT), {"a": a, "y": y}) * evaluate(activation.slope, {"a": a, "z": z})
    assert evaluate(form.value, {"z": z, "y": y}) == pytest.approx(
        evaluate(row.value(N_OUT), {"a": a, "y": y}), rel=1e-9, abs=1e-11
    )
    assert evaluate(form.slope, {"a": a, "y": y}) == pytest.approx(slope, rel=1e-9, abs=1e-11)
    assert names(form.value) <= {"z", "y"}
    assert names(form.slope) <= {"a", "y"}
    assert not form.rowwise


@every_fused
@pytest.mark.parametrize(
    "z", [0.0, 5e-324, -5e-324, 1e-300, 40.0, -40.0, 104.0, -104.0, 500.0, -500.0, 1000.0, -1000.0]
)
@pytest.mark.parametrize("y", [0.0, 0.25, 1.0])
def test_a_fused_form_is_right_where_the_unfused_one_has_lost_everything(row, output, z, y):
    activation = ACTIVATIONS[output]
    if output == "exp" and z > 709:
        return  # the loss itself is beyond all floats

    with mpmath.workdps(900):

        def composed(at):
            a = exact(activation.expression, z=at)
            return exact(row.expression, a=a, y=smoothed(row, y), n_out=N_OUT, **dict(row.parameters))

        h = mpmath.mpf(10) ** -30
        value, slope = composed(z), (composed(mpmath.mpf(z) + h) - composed(mpmath.mpf(z) - h)) / (2 * h)
    form = row.fused_with(activation, N_OUT)
    a = evaluate(activation.value, {"z": z})
    assert evaluate(form.value, {"z": z, "y": y}) == pytest.approx(float(value), rel=1e-13, abs=1e-13)
    assert evaluate(form.slope, {"a": a, "y": y}) == pytest.approx(float(slope), rel=1e-12, abs=1e-13)


@every_row
@pytest.mark.parametrize("a", [0.0, 1.0])
@pytest.mark.parametrize("y", [0.0, 1.0])
def test_an_output_rounded_to_an_end_of_the_domain_gives_finite_numbers(row, a, y):
    if isinstance(row.targets, Values) and y not in row.targets:
        y = -1.0
    assert math.isfinite(evaluate(row.value(N_OUT), {"a": a, "y": y}))
    assert abs(evaluate(row.slope(N_OUT), {"a": a, "y": y})) < 3.4e38  # also as a float32


@pytest.mark.parametrize("s", [0.0, 0.1])
def test_softmax_with_cross_entropy_in_one(s):
    row, z, y = CrossEntropy(s), [0.3, -1.2, 2.0], [0.2, 0.0, 0.8]
    logsumexp = math.log(sum(map(math.exp, z)))
    a = [math.exp(each - logsumexp) for each in z]
    form = row.fused_with(ACTIVATIONS["softmax"], 3)
    assert form.rowwise
    assert names(form.value) <= {"z", "y", "logsumexp_z"}
    assert names(form.slope) <= {"a", "y", "sum_y"}
    values = [evaluate(form.value, {"z": zi, "y": yi, "logsumexp_z": logsumexp}) for zi, yi in zip(z, y, strict=True)]
    plain = [evaluate(row.value(3), {"a": ai, "y": yi}) for ai, yi in zip(a, y, strict=True)]
    assert sum(values) == pytest.approx(sum(plain))
    da = [evaluate(row.slope(3), {"a": ai, "y": yi}) for ai, yi in zip(a, y, strict=True)]
    mean = sum(ai * di for ai, di in zip(a, da, strict=True))
    dz = [evaluate(form.slope, {"a": ai, "y": yi, "sum_y": sum(y)}) for ai, yi in zip(a, y, strict=True)]
    assert dz == pytest.approx([ai * (di - mean) for ai, di in zip(a, da, strict=True)])


@pytest.mark.parametrize("total", [1.0, 2.5])
def test_the_rowwise_slope_holds_for_targets_of_any_sum(total):
    row, z = CrossEntropy(0.2), [0.3, -1.2, 2.0]
    y = [0.5 * total, 0.1 * total, 0.4 * total]

    def value(z):
        logsumexp = math.log(sum(map(math.exp, z)))
        form = row.fused_with(ACTIVATIONS["softmax"], 3)
        return sum(
            evaluate(form.value, {"z": zi, "y": yi, "logsumexp_z": logsumexp}) for zi, yi in zip(z, y, strict=True)
        )

    h = 1e-6
    difference = (value([z[0] + h, *z[1:]]) - value([z[0] - h, *z[1:]])) / (2 * h)
    a = math.exp(z[0]) / sum(map(math.exp, z))
    slope = evaluate(row.fused_with(ACTIVATIONS["softmax"], 3).slope, {"a": a, "y": y[0], "sum_y": total})
    assert slope == pytest.approx(difference, rel=1e-8)


def test_label_smoothing():
    assert smoothed(CrossEntropy(0.3), 1.0) == pytest.approx(0.7 + 0.1)
    assert smoothed(CrossEntropy(0.3), 0.0) == pytest.approx(0.1)
    assert smoothed(BinaryCrossEntropy(0.3), 1.0) == pytest.approx(0.85)
    assert to_text(CrossEntropy().smoothed(3)) == "y"


def torch_losses():
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    return {
        "half_squared_error": lambda a, y: f.mse_loss(a, y, reduction="sum") / 2,
        "squared_error": lambda a, y: f.mse_loss(a, y, reduction="sum"),
        "mean_squared_error": f.mse_loss,
        "absolute_error": lambda a, y: f.l1_loss(a, y, reduction="sum"),
        "mean_absolute_error": f.l1_loss,
        "huber": lambda a, y: f.huber_loss(a, y, reduction="sum", delta=1.0),
        "huber(delta=0.3)": lambda a, y: f.huber_loss(a, y, reduction="sum", delta=0.3),
        "log_cosh": lambda a, y: torch.log(torch.cosh(a - y)).sum(),
        "quantile(q=0.5)": lambda a, y: torch.maximum(0.5 * (y - a), -0.5 * (y - a)).sum(),
        "quantile(q=0.9)": lambda a, y: torch.maximum(0.9 * (y - a), -0.1 * (y - a)).sum(),
        "poisson": lambda a, y: f.poisson_nll_loss(a, y, log_input=False, reduction="sum", eps=0.0),
        "binary_cross_entropy(label_smoothing=0)": lambda a, y: f.binary_cross_entropy(a, y, reduction="sum"),
        "binary_cross_entropy(label_smoothing=0.2)": lambda a, y: f.binary_cross_entropy(
            a, 0.8 * y + 0.1, reduction="sum"
        ),
        "cross_entropy(label_smoothing=0)": lambda a, y: f.cross_entropy(torch.log(a), y),
        "cross_entropy(label_smoothing=0.1)": lambda a, y: f.cross_entropy(torch.log(a), y, label_smoothing=0.1),
        "hinge": lambda a, y: (
            f.multi_margin_loss(torch.stack([a * 0, a * y], 1), torch.ones(len(a), dtype=torch.long)) * 2 * len(a)
        ),
    }


@every_row
def test_pytorch_agrees(row):
    functions = torch_losses()
    import torch

    function = functions.get(str(row)) or functions[row.name]
    a = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([-1.0, 1.0, 1.0] if row.name == "hinge" else [0.1, 0.7, 0.2], dtype=torch.float64)
    total = function(a, y)
    total.backward()
    ours = [{"a": ai, "y": yi} for ai, yi in zip(a.tolist(), y.tolist(), strict=True)]
    assert sum(evaluate(row.value(N_OUT), at) for at in ours) == pytest.approx(total.item(), rel=1e-12)
    slopes = [evaluate(row.slope(N_OUT), at) for at in ours]
    if row.name == "cross_entropy":  # PyTorch's normalizes: the gradient through softmax is what both define
        mean = sum(at["a"] * slope for at, slope in zip(ours, slopes, strict=True))
        slopes = [slope - mean for slope in slopes]
    assert slopes == pytest.approx(a.grad.tolist(), rel=1e-10)


@pytest.mark.parametrize("output", ACTIVATIONS.values(), ids=str)
@every_row
def test_a_pair_is_accepted_exactly_where_the_loss_is_defined_on_all_the_output_can_give(row, output):
    fits = {
        "poisson": {"sigmoid", "softplus", "exp", "softmax"},
        "binary_cross_entropy": {"sigmoid", "softmax"},
        "cross_entropy": {"softmax"},
    }.get(row.name, set(ACTIVATIONS))
    if output.name in fits:
        check_pair(row, output)
    else:
        with pytest.raises(ConfigurationError, match=f"Outputs that fit: {', '.join(fitting_outputs(row))}"):
            check_pair(row, output)
    assert set(fitting_outputs(row)) == fits


REFUSED = """
The loss 'binary_cross_entropy' is defined for outputs in (0, 1), but the output activation 'tanh' gives values \
in (-1, 1). Outputs that fit: sigmoid, softmax.
The loss 'poisson' is defined for outputs in (0, inf), but the output activation 'relu' gives values in [0, inf). \
Outputs that fit: sigmoid, softplus, exp, softmax.
The loss 'cross_entropy' is defined for outputs that sum to 1 in each row, but the output activation 'sigmoid' gives \
values in (0, 1). Outputs that fit: softmax.
The loss 'poisson' is defined for outputs in (0, inf), but the output activation 'own' gives values of any size. \
Outputs that fit: sigmoid, softplus, exp, softmax. If its values do lie there, say so with \
Activation(..., range='(0, inf)').
"""
OWN = Activation("own", "z^2 + 1")


@pytest.mark.parametrize("message", REFUSED.split("\n")[1:-1])
def test_a_refused_pair_is_told_what_fits(message):
    name, output = message.split("'")[1:4:2]
    with pytest.raises(ConfigurationError) as caught:
        check_pair(loss(name), OWN if output == "own" else ACTIVATIONS[output])
    assert str(caught.value) == message


def test_own_rows_fit_by_what_they_declare():
    check_pair(loss("poisson"), Activation("own", "z^2 + 1", range="[1, inf)"))
    check_pair(Loss("own", "log(a)^2", domain="(0, inf)"), ACTIVATIONS["exp"])
    check_pair(Loss("own", "(a - y)^4"), Activation("cube", "z^3"))
    with pytest.raises(ConfigurationError, match=r"Outputs that fit: none of the built-in ones\."):
        check_pair(Loss("own", "log(a - 5)^2", domain="(5, 6)"), ACTIVATIONS["exp"])


@every_row
def test_a_computable_row_uses_only_what_engines_have(row):
    assert names(row.value(N_OUT)) <= {"a", "y"}
    assert names(row.slope(N_OUT)) <= {"a", "y"}
    assert to_latex(row.expression)
    assert row.fused_with(ACTIVATIONS["tanh"], N_OUT) is None


@pytest.mark.parametrize("row", LOSSES.values(), ids=str)
def test_a_row_says_what_it_is(row):
    assert LOSSES[row.name] is row is loss(row.name) is loss(row)
    assert row.is_builtin
    assert row.formula in repr(row)
    assert "outputs" in row.note
    assert row.classification == (row.name in ("binary_cross_entropy", "cross_entropy", "hinge"))


@every_row
def test_a_row_survives_pickling_and_the_model_file(row):
    for again in (pickle.loads(pickle.dumps(row)), Loss.from_dict(row.to_dict())):
        assert again == row
        assert hash(again) == hash(row)
        assert to_text(again.value(2)) == to_text(row.value(2))
    assert set(row.to_dict()) == {"name", "parameters"}


def test_a_users_own_row_differentiates_itself():
    cauchy = Loss("cauchy", "log(1+(a-y)^2)")
    assert to_text(cauchy.slope(1)) == "2*(a - y)/(1 + (a - y)^2)"
    assert (str(cauchy), repr(cauchy)) == ("cauchy", "<Loss cauchy: log(1+(a-y)^2)>")
    assert (cauchy.domain, cauchy.targets, cauchy.is_builtin) == (REALS, REALS, False)


def test_a_users_own_row_may_have_parameters_and_call_activations():
    row = Loss(
        "own",
        "c*softplus(-y*a)/n_out",
        parameters={"c": 3.0},
        targets=Values((-1.0, 1.0)),
        classification=True,
        target="0.9*y",
        stable="c*log(1 + exp(-y*a))/n_out",
        derivative="-c*y*sigmoid(-y*a)/n_out",
        domain="(-50, 50)",
        bounds=(("c", "[0, 9]"),),
        paper="me",
        note="mine",
    )
    assert evaluate(row.value(2), {"a": 0.5, "y": -1.0}) == pytest.approx(1.5 * math.log1p(math.exp(0.45)))
    assert evaluate(row.slope(2), {"a": 0.0, "y": 1.0}) == pytest.approx(-0.675)
    for again in (pickle.loads(pickle.dumps(row)), Loss.from_dict(row.to_dict())):
        assert again == row
        assert again.targets == Values((-1.0, 1.0))
    assert row.replace(c=1.0).parameters == (("c", 1.0),)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Loss("huber", "a - y"), "The loss 'huber' exists already, with another formula; choose another name."),
        (lambda: Loss("hinge", "max(1 - y*a, 0)"), "The loss 'hinge' exists already, with another formula"),
        (lambda: Loss("own", "a - y", fused={"exp": Fused("z", "a")}), "The loss 'own' cannot have fused forms"),
        (lambda: Loss("my loss", "a - y"), "The name of a loss must be an identifier such as 'cauchy'. Got 'my loss'."),
        (
            lambda: Loss("own", "(a - y)^2", derivative="a - y"),
            "The derivative of the loss 'own' must agree with its formula. At a = ",
        ),
        (
            lambda: Loss("own", "a - y", stable="a + y"),
            "The stable form of the loss 'own' must agree with its formula. At a = ",
        ),
        (
            lambda: Huber(-1),
            r"The 'delta' parameter of the loss 'huber' must be a number in \(0, inf\). Got -1 instead.",
        ),
        (
            lambda: Huber(math.nan),
            r"The 'delta' parameter of the loss 'huber' must be a number in \(0, inf\). Got nan instead.",
        ),
        (lambda: Quantile(1), r"The 'q' parameter of the loss 'quantile' must be a number in \(0, 1\). Got 1 instead."),
        (
            lambda: CrossEntropy(1.0),
            r"parameter of the loss 'cross_entropy' must be a number in \[0, 1\). Got 1.0 instead.",
        ),
        (lambda: BinaryCrossEntropy(-0.1), r"'binary_cross_entropy' must be a number in \[0, 1\). Got -0.1 instead."),
        (lambda: Huber().replace(q=1), "The loss 'huber' has no parameter 'q'. It has: delta."),
        (lambda: loss("crossentropy"), "Unknown loss 'crossentropy'. Did you mean 'cross_entropy'?"),
        (lambda: loss(None), "A loss must be a name or a Loss. Got None instead."),
        (lambda: Loss.from_dict({"name": "cauchy"}), "Unknown loss 'cauchy'."),
        (lambda: Loss("own", "(a - t)^2"), "Unknown name 't'."),
        (lambda: Loss("own", "softmax(a)"), "Unknown function 'softmax'."),
    ],
)
def test_messages(make, message):
    with pytest.raises((ConfigurationError, ExpressionError), match=message):
        make()


def test_the_tables_cannot_be_changed():
    with pytest.raises(TypeError):
        LOSSES["own"] = Huber()
    with pytest.raises(TypeError):
        LOSSES["poisson"].fused["tanh"] = Fused("z", "a")


def test_domains_of_the_table():
    assert LOSSES["poisson"].domain == Interval(0.0)
    assert LOSSES["cross_entropy"].targets is SIMPLEX
    assert LOSSES["hinge"].targets == Values((-1.0, 1.0))
