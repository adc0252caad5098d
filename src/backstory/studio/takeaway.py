"""The state as one HTML file that lives on without a server: the network as it is now, and what was asked of it."""

from __future__ import annotations

from backstory.story.scalar_story import scalar_graph
from backstory.story.story import Story
from backstory.studio import stories
from backstory.studio.standalone import figure
from backstory.studio.subject import NetworkSubject, Subject

MOST_ROWS = 50
"""Samples that the file offers beside the chosen one."""


def written(subject: Subject, row: int, quantity: str | None, convention: str = "", title: str = "") -> str:
    """Return the file.

    Parameters
    ----------
    subject : Subject
    row : int
        The sample that it opens with.
    quantity : str, optional
        What it opens with; by default the first weight of the picture.
    convention : str
        In whose notation.
    title : str

    Raises
    ------
    ConfigurationError
        The question reaches more of the network than a page can hold, see `standalone.figure`.
    """
    story = stories.asked(subject, row, quantity or _first(subject), "row", convention)
    return figure(story, rows=_rows(subject, row, story), title=f"{title}, step {subject.steps:,}" if title else "")


def _first(subject: Subject) -> str:
    """Return the parameter that stands first in the picture."""
    drawing = subject.drawing()
    return next(each["address"] for each in (*drawing.lines, *drawing.biases) if each["address"])


def _rows(subject: Subject, row: int, story: Story) -> list[dict[str, float]]:
    """Return samples to choose from, the told one first; none where the file holds a part of the network only."""
    if not isinstance(subject, NetworkSubject) or not scalar_graph(story).leaves >= subject.given(row).keys():
        return []
    others = [each for each in range(subject.rows) if each != row][:MOST_ROWS]
    return [subject.given(each) for each in (row, *others)]
