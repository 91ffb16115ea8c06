"""Thousands of CalendarSubscriptions as the operator leaves them, from one that it did leave so. Pure.

The first is made by the API server and the operator themselves. The others are its copies with names, users
and times of their own, byte for byte what the API server would have stored.
"""

import copy
import hashlib
import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from outlook_addin_core.domain.renewal import renewal_time

JSON = dict[str, Any]
LIFETIME = timedelta(hours=144)


@dataclass(frozen=True)
class Times:
    """When a Graph subscription was renewed, is to be renewed, and ends."""

    renewed: datetime
    due: datetime
    ends: datetime

    @classmethod
    def after(cls, renewed: datetime, uid: str) -> "Times":
        """Return the times that the operator gives an object whose subscription was renewed then."""
        renewed = renewed.replace(microsecond=0)
        ends = renewed + LIFETIME
        return cls(renewed, renewal_time(renewed, ends, None, uid), ends)


Plan = Callable[[int, str, random.Random], Times]
"""From the number and the uid of an object to its times."""


def not_due(now: datetime) -> Plan:
    """All were renewed within the last sixty hours; the first is due in about five."""
    return lambda _, uid, dice: Times.after(now - timedelta(hours=60) * dice.random(), uid)


def due_now(now: datetime, count: int) -> Plan:
    """The first `count` became due within the last minutes; the others are not due."""
    calm = not_due(now)

    def plan(number: int, uid: str, dice: random.Random) -> Times:
        if number >= count:
            return calm(number, uid, dice)
        span = Times.after(now, uid).due - now
        return Times.after(now - span - timedelta(seconds=60 + 240 * dice.random()), uid)

    return plan


def all_expired(now: datetime, count: int) -> Plan:
    """All ended while nobody looked, each at a second of its own."""
    return lambda number, uid, _: Times.after(now - timedelta(seconds=60 + count - number) - LIFETIME, uid)


@dataclass(frozen=True)
class Made:
    """One copy."""

    name: str
    user_id: str
    subscription_id: str
    times: Times
    body: JSON


def copies(template: JSON, count: int, plan: Plan, seed: int = 0) -> Iterator[Made]:
    """Yield `count` copies; the same in every run but for the times."""
    dice = random.Random(seed)
    for number in range(count):
        uid = _guid(dice)
        yield _copy(template, uid, plan(number, uid, dice), dice)


def _copy(template: JSON, uid: str, times: Times, dice: random.Random) -> Made:
    user_id, subscription_id = _guid(dice), _guid(dice)
    body = copy.deepcopy(template)
    spec, status, metadata = body["spec"], body["status"], body["metadata"]
    place = f"{spec['tenantId']}/{user_id}"
    name = f"{spec['addinRef']['name']}-{hashlib.sha256(place.encode()).hexdigest()[:10]}"
    metadata |= {"name": name, "uid": uid, "creationTimestamp": text(times.renewed)}
    spec |= {"userId": user_id, "mailbox": f"agent-{user_id[:8]}@bank.example"}
    status |= {
        "subscriptionId": subscription_id,
        "resource": f"users/{user_id}/events",
        "lastRenewalTime": text(times.renewed),
        "renewalTime": text(times.due),
        "expirationTime": text(times.ends),
    }
    for condition in status["conditions"]:
        condition["lastTransitionTime"] = text(times.renewed)
    return Made(name, user_id, subscription_id, times, body)


def _guid(dice: random.Random) -> str:
    return str(uuid.UUID(int=dice.getrandbits(128), version=4))


def text(moment: datetime) -> str:
    """Write a moment as Kubernetes does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
