"""A story as plain data for JSON: numbers, texts, lists and dictionaries under names that stay.

============  =======================================================================================================
key           what it holds
============  =======================================================================================================
schema        1; raised when a key changes its meaning or goes
question      of, by (names) and text
value         the derivative, over all rows and with the penalty
path_count    how many paths there are: an exact integer
paths         the strongest, or all up to 12: nodes, numbers (of their edges), value, share (of all absolute values)
chain         symbols, formulas, numbers: texts; value; rounded: whether the numbers' product misses the value's digits
factors       source, target, symbol, formula, number, kind, definition (the target's formula)
deltas        name, of, and the same keys as chain; last layer first
by_deltas     as chain, or null
penalty       formula, slope, value; or null
batch         loss, combine, factor, rest, row (the one that is told), gradients (one per row); or null
softmax       outputs, loss_slopes, jacobian (row k holds all j), results; or null
nudge         verdict, sentence, trials (h, change, promised, error); or null
update        optimizer, lines (name, formula, numbers, value), old, new; or null
stale         value, loss_after, loss_after_stale, used (name, old, new): with weights already updated; or null
costs         path_by_path, stored, reciprocals: additions, multiplications, divisions
notes         sentences
convention    name, source, ratio (of value to the original's, as a text), names (what stands for each name); or null
============  =======================================================================================================

Formulas are texts that `backstory.expressions.parse` reads, ∂ and … aside. What is no finite number is the text "nan",
"inf" or "-inf", as JSON has none.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from backstory.expressions import Expr, to_text

if TYPE_CHECKING:
    from backstory.story.story import Story

SCHEMA = 1


def data(story: Story) -> dict[str, Any]:
    """Return a story as data; the module says what stands where."""
    told = story.path_count > 0 and story.by != story.of
    found = {
        "schema": SCHEMA,
        "question": {"of": story.of, "by": story.by, "text": to_text(story.symbol)},
        "value": story.value,
        "path_count": story.path_count,
        "paths": story.paths,
        "chain": story.chain if told else None,
        "factors": [{**_fields(factor), "symbol": factor.symbol} for factor in story.factors],
        "deltas": [{"name": delta.name, "of": delta.of, **_fields(delta.chain)} for delta in story.deltas],
        "by_deltas": story.by_deltas if told else None,
        "penalty": story.penalty,
        "batch": story.batch,
        "softmax": story.collapse,
        "nudge": _nudge(story) if told else None,
        "update": story.update,
        "stale": _stale(story),
        "costs": story.costs,
        "notes": story.notes,
        "convention": _convention(story),
    }
    return {key: plain(value) for key, value in found.items()}


def _nudge(story: Story) -> dict[str, Any] | None:
    if (test := story.nudge) is None:
        return None
    trials = [{**_fields(trial), "error": trial.error} for trial in test.trials]
    return {"verdict": test.verdict, "sentence": test.sentence, "trials": trials}


def _stale(story: Story) -> dict[str, Any] | None:
    if (stale := story.stale) is None:
        return None
    losses = {"loss_after": stale.loss_after, "loss_after_stale": stale.loss_after_stale}
    return {"value": stale.value, **losses, "used": stale.used}


def _convention(story: Story) -> dict[str, Any] | None:
    if (retelling := story.retelling) is None:
        return None
    row = retelling.convention
    names = {name: story.named(name) for name in (*story.names, *(delta.name for delta in story.deltas))}
    return {"name": row.name, "source": row.source, "ratio": str(retelling.ratio), "names": names}


def _fields(record: Any) -> dict[str, Any]:
    """Return the fields of a record by name."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def plain(value: Any) -> Any:
    """Return what JSON can hold: formulas and numbers that are not finite as texts, records as dictionaries.

    >>> plain((1.5, float("inf"), {"a": None}))
    [1.5, 'inf', {'a': None}]
    """
    if isinstance(value, Expr):
        return to_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return plain(_fields(value)) if hasattr(value, "__dataclass_fields__") else value
