"""Encodings learned from blocks: those of `Table.fit` where a table is short, and as good where it is long."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from backstory.data.columns import Category, Flag, Number
from backstory.data.learning import Moments, learn, spread
from backstory.data.opening import open_blocks
from backstory.data.table import Table
from backstory.errors import DataError

RANDOM = np.random.default_rng(3)
N = 20_000


def columns():
    rare = RANDOM.integers(0, 30, N)
    colors = np.array([f"color {place:02d}" for place in rare], dtype=object)
    colors[[17, 18_000]] = "mauve"  # two rows of 20,000
    flags = np.zeros(N)
    flags[12_345] = 1.0
    heights = RANDOM.lognormal(0, 1, N)
    heights[4_321] = np.nan
    heights[777] = 1e6
    kinds = RANDOM.choice(["a", "b"], N).astype(object)
    kinds[[19_000, 19_001, 19_002]] = "c"
    return {
        "height": heights,
        "color": colors,
        "flag": flags,
        "constant": np.ones(N),
        "nearly": np.where(np.arange(N) == 15_000, 5.0, 4.0),
        "row_id": np.arange(N) + 100,
        "name": [f"person {place}" for place in range(N)],
        "yes": RANDOM.choice(["yes", "no"], N),
        "spelled": RANDOM.integers(0, 1000, N).astype(str),
        "kind": kinds,
        "price": RANDOM.gamma(2.0, 3.0, N),
    }


@pytest.fixture(scope="module")
def table():
    return pa.table(columns())


@pytest.fixture(scope="module")
def blocks(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("learning") / "table.parquet"
    parquet.write_table(table, path, row_group_size=1_700)
    return open_blocks(path)


@pytest.mark.parametrize("target", ["kind", "price"])
def test_a_table_that_fits_is_encoded_as_in_memory(blocks, table, target):
    assert learn(blocks, target).table == Table.fit(table, target)


@pytest.mark.parametrize("target", ["kind", "price"])
def test_rows_held_out_count_for_their_labels_alone(blocks, table, target):
    def held_out(first, count):
        return np.arange(first, first + count) % 10 == 3

    found = learn(blocks, target, held_out=held_out)
    stays = np.flatnonzero(np.arange(N) % 10 != 3)
    assert found.table == Table.fit(table, target, stays)
    assert found.held is not None
    assert found.held.rows.tolist() == list(range(3, N, 10))


@pytest.mark.parametrize("target", ["kind", "price"])
def test_of_a_long_table_nothing_rare_is_missed(blocks, table, target):
    found, whole = learn(blocks, target, sample_bytes=0), Table.fit(table, target)
    assert len(found.sample) < 5_000
    mine, theirs = ({column.name: column for column in each.columns} for each in (found.table, whole))
    assert list(mine) == list(theirs)
    assert [(each.name, each.reason[:20]) for each in found.table.left_out] == [
        (each.name, each.reason[:20]) for each in whole.left_out
    ]
    for name, column in theirs.items():
        other = mine[name]
        assert type(other) is type(column)
        if isinstance(column, Category):
            assert set(other.levels) == set(column.levels)
            assert (other.other, other.missing) == (column.other, column.missing)
        elif isinstance(column, Number):
            assert other.indicator == column.indicator
            np.testing.assert_allclose([other.center, other.scale], [column.center, column.scale], rtol=0.1)
    assert isinstance(mine["flag"], Flag)
    assert found.table.classes == whole.classes
    np.testing.assert_allclose([found.table.aim.mean, found.table.aim.scale], [whole.aim.mean, whole.aim.scale], 1e-12)


def test_quantiles_of_a_sample_are_as_exact_as_its_size_says(tmp_path):
    values = np.sort(RANDOM.standard_normal(N))  # in order, as files often are
    path = tmp_path / "sorted.parquet"
    parquet.write_table(pa.table({"x": values, "y": RANDOM.standard_normal(N)}), path, row_group_size=999)
    column = learn(open_blocks(path), "y", sample_bytes=0).table.columns[0]
    first, third = np.searchsorted(values, [column.center - column.scale / 2, column.center + column.scale / 2]) / N
    assert abs(np.searchsorted(values, column.center) / N - 0.5) < 1e-3
    assert abs(third - first - 0.5) < 0.01


def test_what_blocks_it_comes_in_does_not_matter(table, blocks, tmp_path):
    path = tmp_path / "table.parquet"
    parquet.write_table(table, path, row_group_size=333)
    assert learn(open_blocks(path), "kind", sample_bytes=0).table == learn(blocks, "kind", sample_bytes=0).table


def test_a_missing_target_is_named_in_the_files_rows(tmp_path):
    values = RANDOM.standard_normal(N)
    values[17_123] = np.nan
    path = tmp_path / "gap.parquet"
    parquet.write_table(pa.table({"x": np.arange(N) * 0.5, "y": values}), path, row_group_size=999)
    with pytest.raises(
        DataError, match=r"Column 'y' of 'gap.parquet', the target, must have no missing values. Got one in row 17123"
    ):
        learn(open_blocks(path), "y", sample_bytes=0)


def test_rows_are_spread_evenly():
    rows = spread(1_000_003, 1_000)
    assert len(rows) == 1_000
    assert (np.diff(rows) > 0).all()
    assert np.diff(rows).max() <= 2_001


def test_moments_in_parts_are_those_of_all():
    values = RANDOM.standard_normal(5_000) * 1e150 + 1e152
    moments = Moments()
    for part in np.split(values, [7, 7, 900, 4_000]):
        moments.add(part)
    np.testing.assert_allclose([moments.mean, moments.scale], [values.mean(), 1e150 * (values / 1e150).std()], 1e-12)
