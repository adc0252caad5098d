"""Reports: the same parts as text, as a page and as data; the page needs nothing else and holds what names may hold."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pandas
import pytest

import backstory as bs
from backstory.model.tables import prepare
from backstory.model.work import Work
from backstory.reporting.report import TableReport, of_work, report
from backstory.reporting.text import spark
from backstory.training.history import History

HOSTILE = "<script>alert('&')</script>"
N = 300


def frame() -> pandas.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=N)
    kind = rng.choice(["a", HOSTILE, "[red]c[/]"], N)
    columns = {"x": x, HOSTILE: kind, "same": 1, "gone": None, "number": x + (kind == "a")}
    columns["class"] = np.where(x > 0, HOSTILE, np.where(x > -1, "low", "lowest"))
    columns["use"] = np.where(np.arange(N) % 5 == 0, "test", "train")
    return pandas.DataFrame(columns)


@pytest.fixture(scope="module", params=["number", "class"])
def work(request: pytest.FixtureRequest) -> Work:
    made = prepare(frame(), request.param, drop=["class" if request.param == "number" else "number"], epochs=12)
    made.run(threads=1)
    return made


@pytest.fixture(scope="module")
def found(work: Work) -> TableReport:
    return of_work(work, threads=1)


def test_it_is_about_the_rows_kept_for_the_test(work: Work, found: TableReport) -> None:
    rows = frame()[lambda each: each["use"] == "test"]
    assert (found.rows, found.measured) == (60, "rows kept for the test")
    assert work.net.table is not None
    outputs, y = work.net.predict(work.net.table.inputs(rows)), work.net.table.targets(rows)
    if work.table.classes is None:
        assert found.figures[0].value == pytest.approx(
            np.sqrt(np.mean((work.table.restored(outputs)[:, 0] - rows["number"]) ** 2)), rel=1e-5
        )
        assert found.confusion is None
    else:
        assert found.figures[0].value == np.mean(outputs.argmax(axis=1) == y)
        assert found.confusion is not None
        assert found.confusion.sum() == 60
    assert {each.column for each in found.importance} == set(work.table.features)


def test_as_text(found: TableReport) -> None:
    text = str(found)
    assert all(len(line) <= 80 for line in text.splitlines())
    for part in ("Course", "On the 60 rows kept for the test", "Calibration", "What it goes by", "Gradient flow"):
        assert f"\n{part}\n" in text
    flat = " ".join(text.split())
    assert "300 rows, 2 input columns" in flat
    assert "192 to train on, 48 held out for validation, 60 kept for the test (drawn with seed 0)" in flat
    assert "left out same: it is 1 in every row gone: all its values are missing" in flat
    assert "numbers x" in flat
    assert "baseline" in flat


class Page(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_as_text_in_a_notebook_too(found: TableReport, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = str(found)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)  # where rich would show what is to be a string
    assert str(found) == wanted


def test_as_a_page(found: TableReport) -> None:
    html = found.to_html()
    page = Page(html)
    assert not set(page.tags) & {"script", "link", "img", "iframe"}
    assert "url(" not in html
    assert "prefers-color-scheme: dark" in html
    assert 'name="viewport"' in html
    assert HOSTILE in "".join(page.words)
    assert page.tags.count("h1") == 1
    for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        ElementTree.fromstring(svg)
    assert page.tags.count("svg") == 3
    titles = ["Figures", "Data", "Course", "Confusion", "Calibration", "What it goes by", "Gradient flow"]
    assert [word for word in page.words if word in titles] == [
        title for title in titles if title != "Confusion" or found.confusion is not None
    ]
    assert found._repr_html_() in html


def test_as_data(found: TableReport) -> None:
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert data["rows"] == 60
    assert data["seen"]["train"] == 192
    assert data["figures"][found.figures[0].name] == found.figures[0].value
    assert len(data["history"]["loss"]) == 12
    assert len(data["gradient_flow"]["layers"]) == len(found.flow.layers)


def test_of_a_loaded_network_and_any_rows(work: Work, tmp_path: object) -> None:
    path = f"{tmp_path}/m.safetensors"
    work.net.save(path)
    again = report(bs.load(path), frame().head(40), threads=1)
    assert (again.history, again.seen, again.rows) == (None, None, 40)
    assert "On the 40 rows of the table" in str(again)
    assert "Course" not in str(again)
    Page(again.to_html())
    frame().head(40).to_csv(f"{tmp_path}/rows.csv", index=False)
    of_file = report(bs.load(path), f"{tmp_path}/rows.csv", threads=1)
    assert of_file.figures == again.figures
    assert "On the 40 rows of rows.csv" in str(of_file)


def test_a_network_without_a_table_is_refused() -> None:
    with pytest.raises(bs.ConfigurationError, match="report needs a network that knows the columns it was trained on"):
        report(bs.Network([2, 1], seed=0), {"x": [1.0]})


@pytest.mark.parametrize("loss", [[0.5], [0.5, 0.5], [1.0, 0.5, 0.25], list(np.linspace(1, 0, 1000))])
def test_curves(loss: list[float]) -> None:
    bars = spark(np.array(loss))
    assert len(bars) == min(len(loss), 40)
    assert bars[-1] == "▁"
    assert bars[0] == ("▁" if loss[0] == loss[-1] else "█")


def test_curves_of_few_epochs_are_drawn() -> None:
    from backstory.reporting.drawn import course
    from backstory.training.history import Epoch

    epoch = Epoch(0.5, float("nan"), {}, np.ones(2), 0.1, 0.01)
    ElementTree.fromstring(course(History([epoch])))
    ElementTree.fromstring(course(History([epoch, epoch])))
