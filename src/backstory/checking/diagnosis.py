"""Names what is wrong with an equation: first what any factor shows by itself, then term by term against the paths."""

from __future__ import annotations

from collections.abc import Sequence

from backstory.checking.chains import Chains
from backstory.checking.definitions import Definitions
from backstory.checking.facts import Facts
from backstory.checking.matching import Matching
from backstory.checking.paths import Paths
from backstory.checking.products import Products
from backstory.checking.repairs import Repairs
from backstory.checking.verdict import Finding
from backstory.checking.whole import Whole
from backstory.expressions.transform import size

MOST_PARTS = 400
"""A side of more parts is not searched, as that would take long."""


class Diagnosis:
    """One wrong equation."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.paths = Paths(facts)
        self.whole = Whole(facts)
        self.chains = Chains(facts, self.paths)
        self.products = Products(facts, self.paths)
        self.matching = Matching(facts, self.paths, self.chains, self.products)
        self.definitions = Definitions(facts, self.whole)

    def findings(self) -> list[Finding]:
        """What is wrong, the most telling first."""
        if self.facts.ends is None:
            return self.definitions.of_a_quantity()
        if size(self.facts.right) > MOST_PARTS:
            message = "The two sides differ. It is too long to tell where; check its terms one by one."
            return [Finding("wrong_factor", self.facts.right.span or (0, len(self.facts.text)), message)]
        if found := self.chains.link_findings():
            return _distinct(found)
        if found := list(self.whole.findings()):
            return _distinct(found)
        if (found_one := Repairs(self.facts, self.paths).best()) is not None:
            return [found_one]
        return _distinct(self.path_findings())

    def path_findings(self) -> list[Finding]:
        """Match every term with paths, the cheapest explanation first; tell what does not fit."""
        if not self.paths.all:
            return [self.paths.plain()]
        if (chained := self.matching.by_links()) is not None:
            return self.chains.covering_findings([(list(match.findings), match.paths) for match in chained])
        matches = self.matching.by_values()
        found = [finding for match in matches for finding in match.findings]
        taken = {index for match in matches for index in match.paths}
        found += self.paths.missing(set(range(len(self.paths.all))) - taken)
        return found or [self.paths.plain()]


def _distinct(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings less those that say the same of a sibling term."""
    found: list[Finding] = []
    for finding in findings:
        if not any(finding.kind == other.kind and finding.message == other.message for other in found):
            found.append(finding)
    return found
