"""The kinds of input columns: what each remembers of the training rows, and how it turns raw values into inputs.

Which kind a column is, is inferred in `backstory.data.kinds`; a `Table` puts the inputs of all columns side by side.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from backstory.data.frame import Frame
from backstory.data.wording import listed
from backstory.errors import DataError

Floats = NDArray[Any]

NO = ("false", "no", "n", "f", "0")
YES = ("true", "yes", "y", "t", "1")
"""The words of a column of yes and no, upper and lower case alike; those at the same place go together."""


@dataclass(frozen=True)
class Column(ABC):
    """What all kinds of columns share.

    Parameters
    ----------
    name : str
        The raw column's.
    """

    name: str
    kind: ClassVar[str]

    @property
    @abstractmethod
    def inputs(self) -> tuple[str, ...]:
        """What the inputs made of it are called, in order."""

    @property
    @abstractmethod
    def detail(self) -> str:
        """What it remembers, for people."""

    @abstractmethod
    def write(self, frame: Frame, inputs: Floats) -> None:
        """Write the inputs made of the frame's column of this name into an array (n, len(self.inputs)) of floats.

        Raises
        ------
        DataError
            There is none, or it holds what this kind cannot take; column, row and line are named.
        """

    def encode(self, frame: Frame) -> Floats:
        """The inputs (n, len(inputs)) made of the frame's column of this name; raises what `write` does."""
        inputs = np.empty((len(frame), len(self.inputs)))
        self.write(frame, inputs)
        return inputs

    def surprise(self, frame: Frame) -> str | None:
        """What the frame's column holds that training did not meet, and what stands for it; None for nothing."""
        return None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the model file."""
        values = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
        return {"kind": self.kind, **values}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Column:
        """The column that `to_dict` wrote down.

        Raises
        ------
        DataError
            The data describes none.
        """
        try:
            row = KINDS[data["kind"]]
            return row(**{field.name: _READ[str(field.type)](data[field.name]) for field in fields(row)})
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"A table's encoding must have all its parts. Got {error!r}.") from None


_READ: dict[str, Callable[[Any], Any]] = {
    "str": str,
    "bool": bool,
    "float": float,
    "float | None": lambda value: None if value is None else float(value),
    "tuple[str, ...]": lambda values: tuple(map(str, values)),
}


@dataclass(frozen=True)
class Number(Column):
    """A number: ``z = (x - center) / scale``, then pressed smoothly into ±limit, ``z / sqrt(1 + (z/limit)^2)``.

    Near the center that is z itself; an outlier, however far, stays within the limit.

    Parameters
    ----------
    name : str
    center, scale : float
    limit : float > 0, or None
        None leaves z as it is.
    fill : float
        What stands for a missing value: the median of training.
    indicator : bool
        Whether a second input says where a value was missing (1) and where not (0): it is there if training met any.

    Examples
    --------
    >>> from backstory.data.frame import as_frame
    >>> age = Number("age", center=40.0, scale=10.0, limit=3.0, fill=38.0, indicator=True)
    >>> age.encode(as_frame({"age": [40.0, None, 1e9]})).round(3).tolist()
    [[0.0, 0.0], [-0.2, 1.0], [3.0, 0.0]]
    """

    kind: ClassVar[str] = "number"
    center: float = 0.0
    scale: float = 1.0
    limit: float | None = None
    fill: float = 0.0
    indicator: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.name, f"{self.name} is missing") if self.indicator else (self.name,)

    @property
    def detail(self) -> str:
        missing = f", {self.fill:.6g} where missing" if self.indicator else ""
        return f"{self.center:.6g} ± {self.scale:.6g}{missing}"

    def surprise(self, frame: Frame) -> str | None:
        missing = 0 if self.indicator else int(frame.missing(self.name).sum())
        return f"missing values in {_rows(missing)}, taken as {self.fill:.6g}, the median" if missing else None

    def write(self, frame: Frame, inputs: Floats) -> None:
        values = frame.quantities(self.name)
        missing = np.isnan(values)
        if missing.any():
            values[missing] = self.fill
        z = scaled(values, self.center, self.scale)
        inputs[:, 0] = z if self.limit is None else pressed(z, self.limit)
        if self.indicator:
            inputs[:, 1] = missing


def scaled(values: Floats, center: float, scale: float) -> Floats:
    """(values - center) / scale, also where the difference has no place in a float."""
    with np.errstate(over="ignore"):
        return (values - center) / scale if scale < 1e300 else values / scale - center / scale


def pressed(z: Floats, limit: float) -> Floats:
    """z / sqrt(1 + (z/limit)^2), within ±limit; its derivative at 0 is 1.

    References
    ----------
    Holzmüller, Grinsztajn & Steinwart, "Better by default", NeurIPS 2024, section 3.1 (smooth clipping).

    >>> pressed(np.array([0.0, 3.0, -np.inf]), 3.0).round(4).tolist()
    [0.0, 2.1213, -3.0]
    """
    z = np.clip(z, -1e150, 1e150)  # its square is finite, and the limit reached long before
    return np.asarray(z / np.sqrt(1.0 + (z / limit) ** 2))


@dataclass(frozen=True)
class Flag(Column):
    """Yes or no, spelled as any pair of `NO` and `YES`: one input.

    Parameters
    ----------
    name : str
    low, high : float
        What no and yes become.
    other : float
        What a missing value becomes, and any other.

    Examples
    --------
    >>> from backstory.data.frame import as_frame
    >>> Flag("alone").encode(as_frame({"alone": [True, False, None]})).tolist()
    [[1.0], [0.0], [0.5]]
    """

    kind: ClassVar[str] = "yes/no"
    low: float = 0.0
    high: float = 1.0
    other: float = 0.5

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def detail(self) -> str:
        return ""

    def write(self, frame: Frame, inputs: Floats) -> None:
        codes, texts = frame.coded(self.name)
        values = dict.fromkeys(NO, self.low) | dict.fromkeys(YES, self.high)
        inputs[:, 0] = np.array([*(values.get(text.lower(), self.other) for text in texts), self.other])[codes]


@dataclass(frozen=True)
class Category(Column):
    """One of several levels: an input for each, 1 where the row has it and else 0.

    Parameters
    ----------
    name : str
    levels : tuple of str
        Those with an input of their own, the most frequent first.
    other : bool
        Whether one more input stands for the levels that were too rare in training, and for any that was not there.
        Without it a level that was not there in training has 0 in every input.
    missing : bool
        Whether the last input stands for missing values: it is there if training met any. Without it they have 0 in
        every input.

    Examples
    --------
    >>> from backstory.data.frame import as_frame
    >>> color = Category("color", ("red", "blue"), other=True, missing=False)
    >>> color.encode(as_frame({"color": ["blue", "mauve", None]})).tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """

    kind: ClassVar[str] = "category"
    levels: tuple[str, ...] = ()
    other: bool = False
    missing: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        rest = [(self.other, f"{self.name} is another"), (self.missing, f"{self.name} is missing")]
        return (*(f"{self.name} = {level}" for level in self.levels), *(word for there, word in rest if there))

    @property
    def detail(self) -> str:
        rest = [(self.other, "one for all others"), (self.missing, "one for missing")]
        more = "".join(f", {word}" for there, word in rest if there)
        levels = "level" if len(self.levels) == 1 else "levels"
        return f"{len(self.levels)} {levels}{more}: {listed(self.levels)}"

    def surprise(self, frame: Frame) -> str | None:
        codes, texts = frame.coded(self.name)
        new = [code for code, text in enumerate(texts) if text not in self.levels and not self.other]
        found = [(listed([texts[code] for code in new]), int(np.isin(codes, new).sum()))]
        found += [("missing values", 0 if self.missing else int((codes < 0).sum()))]
        told = [f"{what} in {_rows(rows)}" for what, rows in found if rows]
        return f"{' and '.join(told)}, taken as none of its levels" if told else None

    def write(self, frame: Frame, inputs: Floats) -> None:
        codes, texts = frame.coded(self.name)
        place = {level: place for place, level in enumerate(self.levels)}
        width = len(self.levels)
        unknown = width if self.other else -1
        missing = width + self.other if self.missing else -1
        found = np.array([*(place.get(text, unknown) for text in texts), missing])[codes]
        inputs[:] = 0.0
        rows = np.flatnonzero(found >= 0)
        inputs[rows, found[rows]] = 1.0


KINDS: Mapping[str, type[Column]] = {row.kind: row for row in (Number, Flag, Category)}
"""Name -> record of every kind of column."""


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"
