"""Switches of the simulated Graph: every behaviour that is not documented for certain, and every fault.

Documented means: on learn.microsoft.com/graph. Seen means: reported by people who use Graph, in public.
"""

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
    conflict_names_id: bool = True
    """The 409 for a second subscription names the first (documented); else only the list leads to it."""
    shows_client_state: bool = True
    """Answers about one subscription carry its client state; lists never do (documented)."""
    stale_mailbox_info: int = 0
    """So many of the next requests about mailboxes and subscriptions to them end in 503 (documented for
    ambiguous user ids, at creation)."""
    validation_timeout: float = 10.0
    validation_error: str = "InvalidRequest"
    """Code of a failed endpoint validation (seen; an emulator says `ValidationError`)."""
    validate_on_renewal: bool = False
    """Repeat the endpoint validation on PATCH and reauthorize (seen; the documentation leaves it open)."""
    validate_lifecycle_first: bool = False
    """Which of the two URLs is validated first is not documented."""
    validate_same_url_twice: bool = False
    """Whether one URL for both purposes is validated once or twice is not documented."""
    reauthorize_guard: float = 0.0
    """PATCH and reauthorize within this time leave a subscription that delivers nothing (documented: 600)."""
    application_by_key: bool = True
    """`/applications(appId='…')` is served; otherwise only `/applications?$filter=appId eq '…'`."""

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
    honours_if_match: bool = True
    """A change with another entity tag than the event's ends in 412 (seen for messages and events)."""

    invites: bool = True
    """A meeting appears in the calendars of those attendees who have a mailbox here."""
    copies_body: bool = True
    """An attendee's copy has the organiser's text, and with it a link that stands there."""
    copies_custom_properties: bool = False
    """An attendee's copy has the organiser's add-in properties (documented: it has not)."""
    cancelled_copy_stays: bool = True
    """A cancelled meeting stays with the attendees as `isCancelled`; otherwise it goes (not documented)."""

    delta_tokens: int = 1000
    """Delta and skip tokens that are remembered; the oldest expire first (documented: no fixed life)."""
    delta_expired_status: int = 410
    """Answer to an expired token: 410 with a Location, or another 4xx without (documented, both)."""
    delta_expired_code: str = "SyncStateNotFound"
    """Documented, in any case of letters; `resyncRequired` and `syncStateInvalid` are seen, too."""
    delta_tells_outside: bool = True
    """What changes outside of the window is told as removed (documented)."""
    delta_empty_page: bool = False
    """A round begins with a page that is empty and has a nextLink (documented as possible)."""
    delta_replays: bool = False
    """Every item appears twice (documented as possible)."""
    delta_masters: bool = False
    """A series' master is listed along with its occurrences (not documented)."""

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
    mix_lifecycle: bool = False
    """Lifecycle notifications travel with changes, in one POST to the notification URL (documented)."""
    endpoint_state: str = "ok"
    """`slow`: new notifications wait for `slow_delay`; `drop`: they are lost."""
    automatic_endpoint_states: bool = False
    """An endpoint that answers slowly gets into these states by itself (documented). Off unless wanted: a
    busy machine would be taken for a slow endpoint."""
    endpoint_is_host: bool = False
    """All URLs of a host share a state; otherwise each has its own (not documented)."""
    slow_delay: float = 600.0
    state_window: float = 600.0
    """How far back answers count, and how long a state lasts before it is looked at again."""
