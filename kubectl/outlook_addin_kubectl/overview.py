"""`kubectl outlook status`: is all well, and if not, what is to be done? Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from outlook_addin_core.domain.resources import ADDIN, LEASE, SUBSCRIPTION
from outlook_addin_kubectl.health import Finding, Verdict, condition, findings, health_of
from outlook_addin_kubectl.text import NONE, count, plain, relative, span, table

HEAD: Final = (
    "NAMESPACE",
    "NAME",
    "READY",
    "REASON",
    "PODS",
    "SUBSCRIPTIONS",
    "FIRST EXPIRES",
    "CREDENTIALS END",
)
_SHOWN: Final = 5
"""Names told of many with the same finding."""
_LATE: Final = 3
"""Terms after which a Lease that nobody renews is told; clocks of clusters and people differ a little."""


@dataclass
class _Tally:
    total: int = 0
    healthy: int = 0
    first: str | None = None
    """The earliest expiration; texts in UTC sort as the times do."""


@dataclass
class Overview:
    """What is seen of add-ins, mailboxes and operators, one object at a time.

    Args:
        now: The time.
    """

    now: datetime
    _addins: list[Mapping[str, Any]] = field(default_factory=list)
    _tallies: dict[tuple[str, str], _Tally] = field(default_factory=lambda: defaultdict(_Tally))
    _found: dict[tuple[Finding, str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    _operators: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Whether nobody has to do anything."""
        return not any(finding.urgent for finding, _, _ in self._found)

    def see_addin(self, body: Mapping[str, Any]) -> None:
        """Take in an OutlookAddin."""
        self._addins.append(body)
        self._note(body, ADDIN)

    def see_subscription(self, body: Mapping[str, Any]) -> None:
        """Take in a CalendarSubscription."""
        tally = self._tallies[body["metadata"]["namespace"], body["spec"]["addinRef"]["name"]]
        tally.total += 1
        tally.healthy += health_of(body).verdict is Verdict.HEALTHY
        expires = (body.get("status") or {}).get("expirationTime")
        tally.first = min(filter(None, (tally.first, expires)), default=None)
        self._note(body, SUBSCRIPTION)

    def see_lease(self, body: Mapping[str, Any]) -> None:
        """Take in the Lease of an operator."""
        namespace, spec = body["metadata"]["namespace"], body.get("spec") or {}
        holder, renewed, term = map(spec.get, ("holderIdentity", "renewTime", "leaseDurationSeconds"))
        if not holder or not renewed or not term:
            self._miss_operator(namespace, "No operator holds the Lease; see that one runs.")
            return
        age = self.now - datetime.fromisoformat(renewed)
        if age > _LATE * timedelta(seconds=term):
            message = f"The Lease was last renewed {span(age)} ago; see that an operator runs."
            self._miss_operator(namespace, message)
            return
        self._operators.append(
            f"Operator {plain(holder)} (namespace {namespace}) renewed its Lease {span(age)} ago."
        )

    def cannot_see_leases(self) -> None:
        """Take in that the Leases may not be read."""
        self._operators.append("Whether an operator works is not known: you may not read its Lease.")

    def _miss_operator(self, namespace: str, message: str) -> None:
        self._operators.append(f"No operator works (namespace {namespace}).")
        self._found[Finding(True, "NoOperator", message), "Lease", namespace].append(LEASE)

    def _note(self, body: Mapping[str, Any], kind: str) -> None:
        metadata = body["metadata"]
        for finding in findings(body, self.now):
            self._found[finding, kind, metadata["namespace"]].append(metadata["name"])

    def lines(self) -> Iterator[str]:
        """Yield what is printed."""
        yield table(HEAD, [self._row(body) for body in self._addins])
        yield ""
        yield from self._operators or ["No operator's Lease was found; one that is alone has none."]
        for title, urgent in (("Needs a person", True), ("Will pass, or is meant", False)):
            chosen = [item for item in self._found.items() if item[0][0].urgent is urgent]
            if chosen:
                yield f"\n{title}:"
                yield from _told(chosen)
        if self.is_well:
            yield "\nNothing needs a person."

    def _row(self, body: Mapping[str, Any]) -> tuple[str, ...]:
        metadata, status = body["metadata"], body.get("status") or {}
        ready = condition(body, "Ready")
        tally = self._tallies[metadata["namespace"], metadata["name"]]
        return (
            metadata["namespace"],
            metadata["name"],
            ready.get("status") or "Unknown",
            ready.get("reason") or NONE,
            f"{status.get('readyReplicas', 0)}/{status.get('replicas', 0)}",
            f"{tally.healthy}/{tally.total}",
            relative(tally.first, self.now),
            relative(status.get("clientSecretExpirationTime"), self.now),
        )


def _told(found: Iterable[tuple[tuple[Finding, str, str], list[str]]]) -> Iterator[str]:
    for (finding, kind, namespace), names in sorted(found, key=lambda item: (item[0][1] != ADDIN, item[0])):
        named = f"{kind} {names[0]}" if len(names) == 1 else count(len(names), kind)
        yield f"  {plain(finding.reason)}: {named} in {namespace}"
        yield f"    {plain(finding.message)}"
        if len(names) > 1:
            more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
            yield f"    {', '.join(sorted(names)[:_SHOWN])}{more}"
