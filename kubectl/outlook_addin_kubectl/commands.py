"""What each command does. They print to standard output and return the status to end with."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from outlook_addin_core.domain.resources import (
    ADDIN,
    ADDINS,
    API_VERSION,
    FINALIZER,
    LEASE,
    RENEW_REQUESTED,
    SUBSCRIPTION,
    SUBSCRIPTIONS,
    SYNC_REQUESTED,
)
from outlook_addin_kubectl import mailboxes
from outlook_addin_kubectl.kubectl import Kubectl, KubectlError, NotServedError, Object
from outlook_addin_kubectl.manifests import InputError, User, manifests, read_users
from outlook_addin_kubectl.overview import Overview
from outlook_addin_kubectl.text import count

NEEDS_A_PERSON: Final = 1

_LEASES: Final = "coordination.k8s.io/v1"
_PLURALS: Final = {
    **dict.fromkeys(("oaddin", ADDIN.lower(), ADDINS), ADDINS),
    **dict.fromkeys(("csub", SUBSCRIPTION.lower(), SUBSCRIPTIONS), SUBSCRIPTIONS),
}


@dataclass(frozen=True)
class Scope:
    """Where a command works.

    Args:
        namespace: None for all.
        now: The time.
    """

    kubectl: Kubectl
    namespace: str | None
    now: datetime

    @property
    def here(self) -> str:
        """The namespace of a command that has one."""
        if self.namespace is None:
            raise ValueError("this command has no --all-namespaces")
        return self.namespace

    def list(self, plural: str, addin: str | None = None) -> Iterator[Object]:
        """Yield our objects of a kind.

        Raises:
            KubectlError: The kind is not installed, the API server refuses, or is not reached.
        """
        fields = {"spec.addinRef.name": addin} if addin else None
        try:
            yield from self.kubectl.list(API_VERSION, plural, self.namespace, fields)
        except NotServedError as error:
            raise KubectlError(f"The cluster knows no {plural}; install the operator first.") from error

    def token(self) -> str:
        """Return a value that no earlier request had."""
        return self.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def status(scope: Scope) -> int:
    """Tell whether all is well."""
    overview = Overview(scope.now)
    addins = list(scope.list(ADDINS))
    if not addins:
        where = f"namespace {scope.namespace}; -A looks in all" if scope.namespace else "the cluster"
        print(f"There is no OutlookAddin in {where}.")
        return NEEDS_A_PERSON
    for body in addins:
        overview.see_addin(body)
    for body in scope.list(SUBSCRIPTIONS):
        overview.see_subscription(body)
    _see_operators(scope, overview)
    print("\n".join(overview.lines()))
    return 0 if overview.is_well else NEEDS_A_PERSON


def _see_operators(scope: Scope, overview: Overview) -> None:
    """Look for operators in the whole cluster, or where one may look."""
    for namespace in dict.fromkeys((None, scope.namespace)):
        try:
            leases = list(scope.kubectl.list(_LEASES, "leases", namespace, {"metadata.name": LEASE}))
        except KubectlError:
            continue
        for lease in leases:
            overview.see_lease(lease)
        if leases or namespace is None:
            return
    overview.cannot_see_leases()


def subscriptions(scope: Scope, addin: str | None, *, failing: bool) -> int:
    """List CalendarSubscriptions."""
    found = _chosen(scope, addin, failing=failing)
    listed = mailboxes.listing(found, scope.now, with_namespace=scope.namespace is None)
    nobody = "None that needs a person." if failing else "There is no CalendarSubscription."
    print(listed or nobody)
    return 0


def _chosen(scope: Scope, addin: str | None, *, failing: bool) -> Iterator[Object]:
    found = scope.list(SUBSCRIPTIONS, addin)
    return (body for body in found if not failing or mailboxes.needs_attention(body, scope.now))


def subscribe(addin: str, tenant: str, ids: Sequence[str], file: str | None, namespace: str | None) -> int:
    """Print CalendarSubscriptions; asks no cluster."""
    users = [User(each) for each in ids]
    if file is not None:
        users += read_users(_lines(file))
    print(manifests(addin, tenant, users, namespace), end="")
    return 0


def _lines(file: str) -> Sequence[str]:
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return content.decode("utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        where = "Standard input" if file == "-" else file
        raise InputError(f"{where} is not in UTF-8; save it so, and give it again.") from error


def renew(scope: Scope, names: Sequence[str], addin: str | None, wait: int, *, failing: bool) -> int:
    """Have CalendarSubscriptions renewed, all that are chosen if none is named."""
    chosen = names or [body["metadata"]["name"] for body in _chosen(scope, addin, failing=failing)]
    token = scope.token()
    scope.kubectl.annotate(SUBSCRIPTIONS, scope.here, chosen, RENEW_REQUESTED, token)
    print(f"Asked for the renewal of {count(len(chosen), 'calendar subscription')}.")
    if wait and chosen:
        done = f"jsonpath={{.status.handledRenewRequest}}={token}"
        scope.kubectl.wait(SUBSCRIPTIONS, scope.here, chosen, done, wait)
        print("Done.")
    return 0


def sync(scope: Scope, addin: str | None, names: Sequence[str]) -> int:
    """Have open conversations compared with their events."""
    plural, chosen = (ADDINS, [addin]) if addin else (SUBSCRIPTIONS, names)
    scope.kubectl.annotate(plural, scope.here, chosen, SYNC_REQUESTED, scope.token())
    print("Asked for a sweep; the condition Synchronized of each mailbox tells what it found.")
    return 0


def release(scope: Scope, references: Sequence[str]) -> int:
    """Take our finalizer from deleted objects: for a cluster in which no operator is left to do so."""
    for plural, name in [_reference(each) for each in references]:
        body = scope.kubectl.get(API_VERSION, plural, scope.here, name)
        metadata = body["metadata"]
        if not metadata.get("deletionTimestamp"):
            raise InputError(
                f"{name} has not been deleted; run kubectl delete --wait=false {plural}/{name} first."
            )
        finalizers = metadata.get("finalizers") or []
        if FINALIZER not in finalizers:
            raise InputError(
                f"{name} is not held by {FINALIZER}, but by {', '.join(finalizers) or 'nothing'}."
            )
        others = [each for each in finalizers if each != FINALIZER]
        steps = (
            {"op": "test", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
            {"op": "replace", "path": "/metadata/finalizers", "value": others},
        )
        scope.kubectl.patch(plural, scope.here, name, steps)
        ends = (body.get("status") or {}).get("expirationTime")
        left = f" Its Graph subscription was left; it ends by itself at {ends}." if ends else ""
        print(f"Released {plural}/{name}.{left}")
    return 0


def _reference(text: str) -> tuple[str, str]:
    kind, _, name = text.partition("/")
    plural = _PLURALS.get(kind.lower())
    if plural is None or not name:
        raise InputError(f"{text!r} names no object of ours; write csub/NAME or oaddin/NAME.")
    return plural, name
