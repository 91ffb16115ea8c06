"""Persons and roles, and how the Auth Gateway finds the person behind a bearer token (ID propagation)."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from aiohttp import web

from outlook_addin_sandbox.entra.tokens import InvalidTokenError
from outlook_addin_sandbox.unblu.errors import UnbluError
from outlook_addin_sandbox.unblu.faults import UnbluFaults

ACCOUNT_ID = "A7sandboxAccount-000001"


class Role(IntEnum):
    """Authorization roles, the mightier the larger."""

    ANONYMOUS_USER = 0
    WEBUSER = 1
    REGISTERED_USER = 2
    SUPERVISOR = 3
    ADMIN = 4
    TECHNICAL_ADMIN = 5
    SUPER_ADMIN = 6


@dataclass(frozen=True)
class Person:
    """Somebody whom Unblu knows."""

    id: str
    source_id: str
    username: str
    display_name: str
    role: Role
    email: str | None = None
    person_type: str = "AGENT"

    def as_json(self) -> dict[str, Any]:
        """Return the person as PersonData."""
        first, _, last = self.display_name.rpartition(" ")
        return {
            "$_type": "PersonData",
            "id": self.id,
            "accountId": ACCOUNT_ID,
            "personSource": "VIRTUAL",
            "sourceId": self.source_id,
            "firstName": first or None,
            "lastName": last,
            "username": self.username,
            "displayName": self.display_name,
            "personType": self.person_type,
            "authorizationRole": self.role.name,
            "email": self.email,
            "labels": [],
            "metadata": None,
        }


def person_id(source_id: str) -> str:
    """Return the id that Unblu gives to whoever is propagated under `source_id`."""
    return hashlib.sha256(source_id.encode()).hexdigest()[:22]


@dataclass(frozen=True)
class Gateway:
    """Verifies Entra's tokens and says who is calling."""

    verify: Callable[[str], dict[str, Any]]
    """Returns the claims of a token, or raises InvalidTokenError."""
    addin_client_id: str
    """The audience of agents' tokens."""
    sync_client_id: str
    """Client and audience of the synchronisation server's tokens."""
    tenants: frozenset[str]
    """Tenants whose users may come."""
    faults: UnbluFaults
    """Holds the role of the synchronisation client."""

    def caller(self, request: web.Request) -> Person:
        """Return the person behind the bearer token.

        Raises:
            UnbluError: 401 for a token that is missing or not good here.
        """
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise UnbluError(401, "Authentication is required")
        try:
            claims = self.verify(token)
        except InvalidTokenError as error:
            raise UnbluError(401, str(error)) from error
        if claims["tid"] not in self.tenants:
            raise UnbluError(401, "The tenant is not allowed")
        return self._application(claims) if claims.get("idtyp") == "app" else self._agent(claims)

    def _agent(self, claims: dict[str, Any]) -> Person:
        if claims["aud"] != self.addin_client_id or not claims.get("scp"):
            raise UnbluError(401, "The token was not issued for this add-in")
        return Person(
            id=person_id(claims["oid"]),
            source_id=claims["oid"],
            username=claims["preferred_username"],
            display_name=claims["name"],
            role=Role.REGISTERED_USER,
            email=claims["preferred_username"],
        )

    def _application(self, claims: dict[str, Any]) -> Person:
        if claims["aud"] != self.sync_client_id or claims["azp"] != self.sync_client_id:
            raise UnbluError(401, "The token was not issued for the gateway's client")
        return Person(
            id=person_id(self.sync_client_id),
            source_id=self.sync_client_id,
            username="outlook-sync",
            display_name="Outlook Sync",
            role=Role[self.faults.sync_role],
        )
