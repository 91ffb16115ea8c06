"""What Graph has, compared with what should be there. Pure.

A list is a hint and never proof: Graph has been seen to return nothing at all. What seems to be missing is
looked at one by one before anything is made anew, and what seems to be too much is removed only if the
cluster, asked again, knows no object for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from outlook_addin_core.clients.graph_subscriptions import Subscription
from outlook_addin_operator.inventory import SubscriptionEntry
from outlook_addin_operator.keys import Key
from outlook_addin_operator.subscription.apply import is_orphaned, is_ours, user_of


@dataclass(frozen=True)
class Findings:
    """What is to be looked into.

    Args:
        surplus: Ids of our Graph subscriptions that seem to be too many, by user.
        missing: Objects whose Graph subscription the list does not show.
        trusted: Whether the list shows anything of ours where something has to be; if not, it proves nothing.
    """

    surplus: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    missing: tuple[Key, ...] = ()
    trusted: bool = True


def compare(
    listed: Iterable[Subscription],
    entries: Iterable[SubscriptionEntry],
    installation: str,
) -> Findings:
    """Compare one tenant's list with the objects of one OutlookAddin in that tenant.

    Args:
        listed: Everything that Graph lists, ours or not.
        entries: The objects.
        installation: Marks what is ours; what was left behind on purpose is passed over.
    """
    ours: dict[str, list[str]] = {}
    for found in listed:
        user = user_of(found)
        if user is not None and is_ours(found, installation) and not is_orphaned(found):
            ours.setdefault(user, []).append(found.id)
    known = {entry.mailbox[1].lower(): entry for entry in entries}
    missing = tuple(entry.key for user, entry in known.items() if entry.notification_url and user not in ours)
    if not ours:
        return Findings(trusted=not missing)
    surplus = {user: tuple(ids) for user, ids in ours.items() if user not in known or len(ids) > 1}
    return Findings(surplus, missing)
