"""What is known about one CalendarSubscription when it is decided about."""

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
    """

    body: Object
    addin: AddinView | None = None
    invalid: str | None = None
    credentials: Credentials | None = None
    web_available: bool = False
    older: str | None = None
    retry: bool = False

    @property
    def memory(self) -> Memory:
        """What its status remembers."""
        return Memory.of(self.body)

    @property
    def mailbox(self) -> Mailbox:
        """Whose calendar is followed."""
        return Mailbox(self.body["spec"]["tenantId"], self.body["spec"]["userId"])

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
    def required_addin(self) -> AddinView:
        """The OutlookAddin, where it was made sure that there is one. Raises ValueError if not."""
        if self.addin is None:
            raise ValueError("there is no OutlookAddin")
        return self.addin
