"""What is known about one CalendarSubscription when it is decided about."""

import hashlib
from dataclasses import dataclass

from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_operator.addin.spec import AddinView
from outlook_addin_operator.credentials import Credentials
from outlook_addin_operator.keys import Object
from outlook_addin_operator.subscription.memory import Memory


@dataclass(frozen=True)
class Observed:
    """Everything that was read about one CalendarSubscription.

    Args:
        addin: Its OutlookAddin; None if there is none.
        invalid: Why the OutlookAddin's spec cannot be used, if so.
        credentials: None if there is no usable OutlookAddin.
        web_available: Whether the web server can answer Graph's handshake.
        older: The name of an older object for the same mailbox, if there is one.
        retry: Whether something changed that ends a pause after failures.
        check: Whether somebody asks to see at Graph whether the subscription is there.
        web_accepts: Whether every web server accepts the present webhook key; asked where it counts.
    """

    body: Object
    addin: AddinView | None = None
    invalid: str | None = None
    credentials: Credentials | None = None
    web_available: bool = False
    older: str | None = None
    retry: bool = False
    check: bool = False
    web_accepts: bool = False

    @property
    def memory(self) -> Memory:
        """What its status remembers."""
        return Memory.of(self.body)

    @property
    def mailbox(self) -> Mailbox:
        """Whose calendar is followed."""
        return Mailbox(self.body["spec"]["tenantId"], self.body["spec"]["userId"])

    @property
    def key_id(self) -> str | None:
        """Which webhook key is the present one."""
        return key_id(self.credentials)

    @property
    def key_changed(self) -> bool:
        """Whether the Graph subscription carries another webhook key than the present one."""
        return self.memory.key_id is not None and self.key_id not in {None, self.memory.key_id}

    @property
    def uid(self) -> str:
        """The object's identity."""
        return str(self.body["metadata"]["uid"])

    @property
    def changed(self) -> bool:
        """Whether the spec is newer than the status."""
        seen = (self.body.get("status") or {}).get("observedGeneration")
        return bool(seen != self.body["metadata"]["generation"])

    @property
    def suspended(self) -> bool:
        """Whether somebody asked to leave everything as it is."""
        return bool(self.body["spec"].get("suspend"))

    @property
    def orphaned(self) -> bool:
        """Whether the Graph subscription stays when the object goes."""
        return bool(self.body["spec"].get("deletionPolicy") == "Orphan")

    @property
    def required_addin(self) -> AddinView:
        """The OutlookAddin, where it was made sure that there is one. Raises ValueError if not."""
        if self.addin is None:
            raise ValueError("there is no OutlookAddin")
        return self.addin


def key_id(credentials: Credentials | None) -> str | None:
    """Name a webhook key without giving it away; None while there is none."""
    if credentials is None or credentials.webhook_key is None:
        return None
    return hashlib.sha256(credentials.webhook_key).hexdigest()[:8]
