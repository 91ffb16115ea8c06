"""When each mailbox had a Graph subscription, as Graph's side saw it: nobody judges himself."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from outlook_addin_sandbox.graph.subscriptions import Subscription, SubscriptionStore


@dataclass
class Life:
    """One subscription from its creation on."""

    subscription: Subscription
    begins: datetime
    removed: datetime | None = None

    def end(self) -> datetime:
        """Return when it ended, or will end unless it is renewed."""
        expiration = self.subscription.expiration
        return expiration if self.removed is None else min(self.removed, expiration)


@dataclass(frozen=True)
class Gap:
    """A time without any subscription for a mailbox that had had one."""

    user_id: str
    begins: datetime
    ends: datetime
    announced: bool
    """Whether the operator removed the subscription to replace it; otherwise it ran out."""

    @property
    def seconds(self) -> float:
        return (self.ends - self.begins).total_seconds()


class Ledger:
    """Notes every subscription that a simulated Graph makes and removes."""

    def __init__(self, store: SubscriptionStore) -> None:
        self._store = store
        self._lives: defaultdict[str, list[Life]] = defaultdict(list)
        self._open: dict[str, Life] = {}
        self._now = store._now  # noqa: SLF001 - the clock by which it forgets
        add, remove = store.add, store.remove

        def noted_add(subscription: Subscription) -> None:
            life = self._open[subscription.id] = Life(subscription, self._now())
            self._lives[subscription.user_id].append(life)
            add(subscription)

        def noted_remove(subscription_id: str) -> None:
            life = self._open.pop(subscription_id, None)
            if life is not None:
                life.removed = self._now()
            remove(subscription_id)

        noted: Any = store
        noted.add, noted.remove = noted_add, noted_remove

    def gaps(self, until: datetime) -> list[Gap]:
        """Return all gaps up to a moment."""
        return [gap for user, lives in self._lives.items() for gap in gaps(user, lives, until)]

    def overlaps(self) -> int:
        """Count the moments at which a mailbox got a subscription while it had one."""
        return sum(
            later.begins < earlier.end()
            for lives in self._lives.values()
            for earlier, later in pairwise(lives)
        )

    def made(self) -> int:
        """Count the subscriptions that were ever made."""
        return sum(map(len, self._lives.values()))

    def was_live(self, user_id: str, moment: datetime) -> bool:
        """Tell whether a mailbox had a subscription at a moment."""
        return any(life.begins <= moment < life.end() for life in self._lives[user_id])


def gaps(user_id: str, lives: list[Life], until: datetime) -> list[Gap]:
    """Return the gaps between the lives of one mailbox's subscriptions, and after the last one."""
    found = []
    ordered = sorted(lives, key=lambda life: life.begins)
    for number, life in enumerate(ordered):
        follows = ordered[number + 1].begins if number + 1 < len(ordered) else until
        if life.end() < follows:
            announced = life.removed is not None and life.removed < life.subscription.expiration
            found.append(Gap(user_id, life.end(), follows, announced))
    return found
