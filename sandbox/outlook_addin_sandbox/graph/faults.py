"""Switches of the simulated Graph: every behaviour that is not documented for certain, and every fault."""

from dataclasses import dataclass

from outlook_addin_sandbox.serving import Switches


@dataclass
class GraphFaults(Switches):
    """Switches; times are in seconds."""

    minimum_lifetime: float = 45 * 60.0
    """Shorter subscriptions are silently raised to this. A demo sets a few seconds."""
    maximum_lifetime: float = 10_070 * 60.0
    """Longer subscriptions are refused (10,070 minutes seen, 10,080 documented)."""
    subscription_quota: int = 1000
    """Active subscriptions per mailbox, over all applications."""
    page_size: int = 100
    """Subscriptions per page of the list."""
    list_is_empty: bool = False
    """The list of subscriptions forgets everything (seen during outages)."""
    allow_http_localhost: bool = True
    """Accept plain http notification URLs on this machine; the real service accepts https only."""
    validation_timeout: float = 10.0
    validate_on_renewal: bool = False
    """Repeat the endpoint validation on PATCH and reauthorize."""
    reauthorize_guard: float = 0.0
    """PATCH and reauthorize within this time leave a subscription that delivers nothing (doc: 600)."""

    covers_all_calendars: bool = False
    """`/events` and subscriptions on it reach secondary calendars, too (documented so, seen otherwise)."""
    read_deleted: bool = False
    """An event in Deleted Items can still be read by its immutable id."""
    restore_notifies_created: bool = True
    """Restoring a deleted event is announced as `created`; otherwise as `updated`."""
    custom_property_notifies: bool = True
    """Saving nothing but custom properties is announced."""
    mailbox_concurrency: int = 4
    """Parallel requests per application and mailbox."""

    delay: float = 0.0
    """From the change to its notification."""
    first_timeout: float = 3.0
    retry_timeout: float = 10.0
    retry_base: float = 10.0
    """First pause before a retry; it doubles."""
    retry_limit: float = 4 * 3600.0
    """A notification older than this is lost."""
    batch_size: int = 20
    """Items in one POST."""
    created_updated_pairs: bool = False
    """A new event is announced as `created` and then `updated`."""
    duplicates: int = 0
    """Further copies of every notification."""
    reorder: bool = False
    """Deliver what is due in reversed order."""
    lose: int = 0
    """The next so many notifications are lost."""
    forge: bool = False
    """Every delivery carries one item more, with a made-up clientState."""
    endpoint_state: str = "ok"
    """`slow`: new notifications wait for `slow_delay`; `drop`: they are lost."""
    slow_delay: float = 600.0
