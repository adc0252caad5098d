"""`bs.train`: from a table as it comes to a network that takes such tables, and what it refuses."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import polars
import pyarrow as pa
import pytest

import backstory as bs
from backstory.data.kinds import LeftOut
from backstory.model.recipe import FEWEST_ROWS, Recipe, Tabular, reasons
from backstory.model.tables import prepare

N = 240


def houses(n: int = N, seed: int = 0) -> pandas.DataFrame:
    """A made-up table with every kind of column; the price is a function of what is there, and a little noise."""
    rng = np.random.default_rng(seed)
    rooms, area = rng.integers(1, 7, n), rng.lognormal(4, 0.5, n)
    place = rng.choice(["town", "sea", "hills"], n, p=[0.6, 0.3, 0.1])
    garden = rng.random(n) < 0.4
    worth = 2 * rooms + area / 20 + 5 * (place == "sea") + 3 * garden
    frame = pandas.DataFrame({"rooms": rooms, "area": area, "place": place, "garden": garden})
    frame.loc[rng.random(n) < 0.1, "area"] = np.nan
    frame.loc[rng.random(n) < 0.05, "place"] = None
    frame["house_id"] = np.arange(n) + 1000
    frame["country"] = "here"
    frame["price"] = (worth + rng.normal(0, 0.3, n)).round(2)
    frame["dear"] = np.where(worth > np.median(worth), "yes, dear", "no")
    return frame


def test_a_number_is_learned_from_every_kind_of_column() -> None:
    net = bs.train(houses(1000), "price", drop=["dear"], threads=1)
    assert net.table is not None
    assert net.table.features == ("rooms", "area", "place", "garden")
    assert net.table.left_out == (
        LeftOut("house_id", "it numbers the rows: 800 different whole numbers in a column of this name"),
        LeftOut("country", "it is 'here' in every row"),
        LeftOut("dear", "you said so"),
    )
    new = houses(500, seed=1)
    known = new["area"].notna() & new["place"].notna()
    error = net.predict(new)[:, 0] - new["price"]
    assert np.sqrt(np.mean(error[known] ** 2)) < 0.25 * new["price"].std()
    assert net.history is not None
    assert net.history.best_epoch is not None


def test_classes_are_learned(tmp_path: Path) -> None:
    net = bs.train(houses(1000), "dear", drop=["price"], threads=1)
    assert net.classes == ["no", "yes, dear"]
    new = houses(500, seed=1)
    assert net.table is not None
    assert np.mean(net.table.answers(net.predict(new)) == new["dear"]) > 0.9
    net.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(bs.load(tmp_path / "m.safetensors").predict(new), net.predict(new))


def forms(folder: Path) -> dict[str, Any]:
    """The same table in memory and as files of every format."""
    frame = houses()
    text = frame.to_csv(index=False)
    (folder / "t.csv").write_text(text, encoding="utf-8")
    (folder / "t.csv.gz").write_bytes(gzip.compress(text.encode()))
    frame.to_csv(folder / "t.tsv", sep="\t", index=False)
    frame.to_parquet(folder / "t.parquet")
    frame.to_feather(folder / "t.feather")
    files = [folder / name for name in ("t.csv", "t.csv.gz", "t.tsv", "t.parquet", "t.feather")]
    arrow = pa.Table.from_pandas(frame)
    memory = {"pandas": frame, "arrow": arrow, "polars": polars.DataFrame(arrow), "dict": frame.to_dict("list")}
    return memory | {path.name: path for path in files}


def test_every_form_of_a_table_gives_the_same_network(tmp_path: Path) -> None:
    nets = {
        name: bs.train(data, "price", epochs=3, threads=1, drop=("dear",)) for name, data in forms(tmp_path).items()
    }
    assert len(nets) == 9
    first = nets["pandas"]
    for name, net in nets.items():
        assert net.table == first.table, name
        np.testing.assert_array_equal(net.parameters, first.parameters, err_msg=name)


def test_rows_for_the_test_are_not_seen() -> None:
    frame = houses()
    frame["use"] = np.where(np.arange(N) % 4 == 0, "test", "train")
    spoiled = frame.copy()
    test = frame["use"] == "test"
    spoiled.loc[test, ["rooms", "area"]] = 1e6
    spoiled.loc[test, "price"] = -1e6
    nets = [bs.train(each, "price", epochs=3, threads=1, drop=["dear"]) for each in (frame, spoiled)]
    np.testing.assert_array_equal(nets[0].parameters, nets[1].parameters)
    assert nets[0].table == nets[1].table
    assert LeftOut("use", "it says which rows are for what") in nets[0].table.left_out  # type: ignore[union-attr]


def test_a_column_or_a_table_says_what_to_validate_with() -> None:
    frame = houses()
    frame["use"] = np.where(np.arange(N) % 4 == 0, "val", "train")
    by_column = prepare(frame, "price", split="use", drop=["dear"])
    assert (len(by_column.parts.train), len(by_column.validation)) == (180, 60)
    assert by_column.parts.origin == "as column 'use' says"
    parts = frame[frame["use"] == "train"].drop(columns="use"), frame[frame["use"] == "val"]
    by_table = prepare(parts[0], "price", validation=parts[1], drop=["dear"])
    assert (len(by_table.parts.train), len(by_table.validation)) == (180, 60)
    histories = [work.run(threads=1) for work in (by_column, by_table)]
    np.testing.assert_array_equal(histories[0].validation_loss, histories[1].validation_loss)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"target": None}, "train must be told which column to predict. Got no target; name one (--target COLUMN)."),
        ({"target": "prize"}, "must have the column 'prize', the target. Did you mean 'price'?"),
        ({"drop": ["roms"]}, "must have the column 'roms', which is to be left out. Did you mean 'rooms'?"),
        ({"split": "uses"}, "must have the column 'uses', which splits the rows."),
        ({"split": "place"}, "must hold words that split the table: train, validation or test. Got "),
        ({"task": "number", "target": "dear"}, "Column 'dear' of the table, the target, must hold numbers. Got "),
        ({"epochs": 0}, "The 'epochs' parameter of train must be an integer >= 1. Got 0."),
        ({"batch_size": 1.5}, "The 'batch_size' parameter of train must be an integer >= 1. Got 1.5."),
        ({"data": houses(9)}, "the table must have at least 10 rows to train on and to validate with. Got 9."),
        ({"data": "no.csv"}, "The table must be a file. 'no.csv' does not exist; check the path."),
        ({"data": np.ones((3, 3))}, "A table must be a pandas, polars or pyarrow frame, or a dict of column names"),
    ],
)
def test_what_is_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises((bs.BackstoryError, FileNotFoundError)) as caught:
        bs.train(**{"data": houses(), "target": "price", **options})
    assert text in str(caught.value)


def test_a_divergence_names_the_row_of_the_table() -> None:
    frame = houses()
    work = prepare(frame, "price", drop=["dear"])
    work.net.weights[0][:] = 1e30
    with pytest.raises(bs.DivergenceError) as caught:
        work.run(threads=1)
    assert caught.value.row in work.parts.train


def test_the_recipe_follows_the_rows_and_the_user() -> None:
    plans = [Recipe().plan(n) for n in (10, 1000, 2000, 10**4, 10**6)]
    assert [plan.batch_size for plan in plans] == [16, 16, 32, 128, 256]
    assert [Recipe().plan(n).epochs for n in (10, 10**5, 10**7)] == [200, 20, 20]
    plan = Recipe().plan(1000, batch_size=7, epochs=3)
    assert (plan.batch_size, plan.epochs, plan.warmup) == (7, 3, 143)


@pytest.mark.parametrize("recipe", [Recipe, Tabular])
def test_every_choice_of_the_recipe_has_its_reason(recipe: type[Recipe] | type[Tabular]) -> None:
    assert all(len(why) > 10 for why in reasons(recipe).values())


@pytest.mark.parametrize(
    ("n", "options", "recipe"),
    [
        (400, {}, Tabular()),
        (400, {"plain": True}, Recipe()),
        (400, {"hidden": [5]}, Recipe(hidden=(5,))),
        (FEWEST_ROWS - 1, {}, Recipe()),
    ],
)
def test_which_recipe_a_table_gets(n: int, options: dict[str, Any], recipe: Recipe | Tabular) -> None:
    work = prepare(houses(n), "price", drop=["dear"], **options)
    assert work.recipe == recipe
    assert work.net.spec.sizes[1:-1] == recipe.hidden
    assert (work.table.aim.low is not None) == isinstance(recipe, Tabular)


def test_the_recipe_for_tables_trains_all_epochs_and_keeps_the_best(tmp_path: Path) -> None:
    rows = houses(500)
    for target, drop in (("price", ["dear"]), ("dear", ["price"])):
        net = bs.train(rows, target, drop=drop, epochs=12, threads=1)
        history = net.history
        assert len(history) == 12
        better = -history.metrics["accuracy"] if target == "dear" else history.validation_loss
        assert better[history.best_epoch] == better.min()
        net.save(tmp_path / "net.safetensors")
        assert (bs.load(tmp_path / "net.safetensors").predict(rows) == net.predict(rows)).all()
    prices = bs.train(rows, "price", drop=["dear"], epochs=12, threads=1).predict(rows)
    assert rows["price"].min() <= prices.min()
    assert prices.max() <= rows["price"].max()


def test_a_run_by_the_recipe_for_tables_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    def stop(event: bs.Event) -> bool:
        return event.epoch == 4

    options: dict[str, Any] = {"drop": ["dear"], "epochs": 9, "threads": 1}
    whole = bs.train(houses(400), "price", **options)
    bs.train(houses(400), "price", checkpoint=tmp_path, callbacks=stop, **options)
    again = bs.train(houses(400), "price", checkpoint=tmp_path, resume=True, **options)
    assert again.history.resumed
    assert (again.parameters == whole.parameters).all()


def test_the_network_follows_the_target() -> None:
    columns = {"x": np.arange(40.0), "z": np.arange(40.0)}
    net = prepare({**columns, "t": ["a", "b"] * 20}, "t", hidden=[5]).net
    assert (net.spec.sizes, net.spec.loss.name, net.classes) == ((2, 5, 2), "cross_entropy", ["a", "b"])
    net = prepare({**columns, "t": np.arange(40) / 3}, "t", hidden=[5, 4]).net
    assert (net.spec.sizes, net.spec.loss.name, net.classes) == ((2, 5, 4, 1), "half_squared_error", None)
    assert net.spec.dtype == "float32"
