"""Terms made of derivatives by name: links that are zero or upside down, gaps, what a path is covered by."""

from __future__ import annotations

from collections import Counter

from backstory.checking.equation import Ratio
from backstory.checking.facts import Facts, without
from backstory.checking.paths import Paths
from backstory.checking.spelling import spelling_of
from backstory.checking.terms import Factor, Term, ratios
from backstory.checking.verdict import Finding
from backstory.expressions.tree import Span


class Chains:
    """The links of one equation."""

    def __init__(self, facts: Facts, paths: Paths) -> None:
        self.facts, self.paths = facts, paths
        self.spelling = spelling_of(facts.text)

    def link_findings(self) -> list[Finding]:
        """Derivatives that are zero or the wrong way round."""
        found: list[Finding] = []
        for ratio in ratios(self.facts.right):
            of, by = self.facts.meaning.nodes(ratio)
            if of == by or self.facts.reaches(by, of):
                continue
            span = ratio.span or (0, 0)
            shown = self.facts.text[slice(*span)]
            if self.facts.reaches(of, by):
                flipped = self.spelling.text(Ratio(ratio.by, ratio.of))
                message = (
                    f"{shown} stands upside down: {ratio.by} depends on {ratio.of}, not {ratio.of} on {ratio.by}. "
                    f"The derivative that exists is {flipped}."
                )
                found.append(Finding("upside_down", span, message, self.facts.replaced(span, flipped)))
            elif of in self.facts.program.leaves or of in self.facts.program.samples:
                what = "a parameter" if of in self.facts.program.parameters else "given"
                message = (
                    f"{shown} = 0: {ratio.of} is an independent quantity ({what}); it does not change when {ratio.by} "
                    f"does."
                )
                fix, merged = self.merged(ratio)
                if merged:
                    message += f" You mean the link that carries it: {merged}."
                found.append(Finding("independent", span, message, fix))
            else:
                message = f"{shown} = 0: {ratio.of} does not depend on {ratio.by}; no path leads from one to the other."
                found.append(Finding("unrelated", span, message))
        return found

    def merged(self, ratio: Ratio) -> tuple[str, str]:
        """Join dw7/dh1 * do2/dw7 to do2/dh1; return the mended equation and the link."""
        fixed, links = self.facts.text, []
        edits: list[tuple[Span, str]] = []
        everything = ratios(self.facts.right)
        for first in everything:
            of, by = self.facts.meaning.nodes(first)
            if of not in self.facts.program.leaves or of == by:
                continue
            for second in everything:
                next_of, next_by = self.facts.meaning.nodes(second)
                if next_by == of and second is not first and self.facts.reaches(by, next_of):
                    link = self.spelling.text(Ratio(second.of, first.by))
                    edits += [(first.span or (0, 0), link), (second.span or (0, 0), "")]
                    if first == ratio and first.span == ratio.span:
                        links.append(link)
                    break
        for span, link in sorted(edits, reverse=True):
            fixed = without(fixed, span) if not link else fixed[: span[0]] + link + fixed[span[1] :]
        return (fixed, links[0]) if links else ("", "")

    def chain_of(self, term: Term) -> tuple[list[Finding], frozenset[int]] | None:
        """Follow a term made of derivatives by name from the weight on; None for other terms.

        Returns what is wrong with it and the paths it stands for.
        """
        assert self.facts.ends is not None
        of, by = self.facts.ends
        links = [factor for factor in term.factors if isinstance(factor.node, Ratio) and not factor.below]
        if not links or len(links) != len(term.factors) or abs(term.coefficient) != 1:
            return None
        found: list[Finding] = []
        if term.coefficient < 0:
            found.append(Finding("wrong_sign", term.span, "This term has the wrong sign: a path's product is added."))
        pairs = [(self.facts.meaning.nodes(link.node), link) for link in links]  # type: ignore[arg-type]  # they are ratios
        repeated = [pair for pair, times in Counter(pair for pair, _ in pairs).items() if times > 1]
        for pair in repeated:
            link = [each for each_pair, each in pairs if each_pair == pair][-1]
            shown = self.facts.text[slice(*link.span)]
            found.append(
                Finding("repeated_factor", link.span, f"{shown} stands there twice.", self.facts.dropped(link))
            )
        order = {name: place for place, name in enumerate(self.facts.sampler_order)}
        chain = sorted(dict(pairs).items(), key=lambda entry: order[entry[0][1]])
        here, visited = by, [by]
        for (link_of, link_by), link in chain:
            if link_by != here:
                if self.facts.reaches(here, link_by):
                    found.append(self.gap(here, link_by, term, link))
                    visited.append(link_by)
                else:
                    found.append(self.broken(term, link))
                    return found, frozenset()
            here = link_of
            visited.append(here)
        if here != of:
            if not self.facts.reaches(here, of):
                found.append(self.broken(term, chain[-1][1]))
                return found, frozenset()
            found.append(self.gap(here, of, term, chain[-1][1]))
            visited.append(of)
        covered = frozenset(index for index, path in enumerate(self.paths.all) if all(name in path for name in visited))
        return found, covered

    def gap(self, here: str, there: str, term: Term, link: Factor) -> Finding:
        """A link is missing in a chain."""
        wanted = f"d{there}/d{here}"
        message = f"The chain jumps from {here} to {there}: the factor {wanted} is missing."
        end = self.facts.closed(term.span)[1]
        return Finding("missing_factor", term.span, message, f"{self.facts.text[:end]}*{wanted}{self.facts.text[end:]}")

    def broken(self, term: Term, link: Factor) -> Finding:
        shown = self.facts.text[slice(*link.span)]
        return Finding("broken_chain", link.span, f"{shown} does not join the other factors to one chain.")

    def covering_findings(self, chains: list[tuple[list[Finding], frozenset[int]]]) -> list[Finding]:
        """Terms of derivatives: each path must be covered once."""
        found = [finding for findings, _ in chains for finding in findings]
        times = Counter(index for _, covered in chains for index in covered)
        missing = set(range(len(self.paths.all))) - set(times)
        doubled = [index for index, count in times.items() if count > 1]
        if doubled:
            path = [name for name in self.paths.all[doubled[0]] if name not in self.facts.program.hidden]
            which = [term for term, (_, covered) in zip(self.facts.terms, chains, strict=True) if doubled[0] in covered]
            whole = max(which, key=lambda term: len(term.span) and -len(term.factors))
            later = which[-1]
            message = (
                f"The path {' → '.join(path)} is counted {times[doubled[0]]} times: "
                f"{self.facts.text[slice(*whole.span)]} holds it already."
            )
            found.append(Finding("double_path", later.span, message))
        if missing and not any(finding.kind in ("missing_factor", "broken_chain") for finding in found):
            found += self.paths.missing(missing)
        return found or [self.paths.plain()]
