"""Groups findings for display: by code, with equal ones merged into one that lists all places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ocrx.results import Issue, Severity


@dataclass(frozen=True)
class MergedFinding:
    """Findings with the same message at different places.

    Attributes:
        message: What was found.
        hint: What to do.
        places: ``where`` of each finding, in order.
    """

    message: str
    hint: str
    places: tuple[str, ...]

    def first_places(self, limit: int) -> str:
        """List the first places.

        Args:
            limit: Number of places to list.

        Returns:
            The places, separated by commas, and the number of further ones.
        """
        more = len(self.places) - limit
        return ", ".join(self.places[:limit]) + (f" and {more:,} more" if more > 0 else "")


@dataclass(frozen=True)
class FindingGroup:
    """All findings of one code.

    Attributes:
        severity: Severity of all of them.
        code: The finding code.
        findings: The findings with equal ones merged, in the order of their first place.
    """

    severity: Severity
    code: str
    findings: tuple[MergedFinding, ...]

    @property
    def count(self) -> int:
        """Number of findings."""
        return sum(len(equal.places) for equal in self.findings)

    @property
    def hint(self) -> str:
        """What to do about the first finding, and usually about all of them."""
        return self.findings[0].hint


def group_findings(issues: Iterable[Issue]) -> list[FindingGroup]:
    """Group findings by code and merge equal ones.

    Args:
        issues: The findings.

    Returns:
        The groups, in the order of their first finding.
    """
    groups: dict[tuple[Severity, str], dict[tuple[str, str], list[str]]] = {}
    for issue in issues:
        group = groups.setdefault((issue.severity, issue.code), {})
        group.setdefault((issue.message, issue.hint), []).append(issue.where)

    return [FindingGroup(severity, code, _merged(group)) for (severity, code), group in groups.items()]


def _merged(group: dict[tuple[str, str], list[str]]) -> tuple[MergedFinding, ...]:
    return tuple(MergedFinding(message, hint, tuple(places)) for (message, hint), places in group.items())


def split_place(where: str) -> Sequence[str]:
    """Split ``Issue.where`` into the sources of its lines.

    Args:
        where: For example ``train.txt:17`` or ``train.txt:17, val.txt:3 and 20 more``.

    Returns:
        The sources.
    """
    return where.partition(" and ")[0].split(", ")
