"""A simulated Microsoft Graph: mailboxes with calendars, and change notifications about them."""

from outlook_addin_sandbox.graph.app import Graph
from outlook_addin_sandbox.graph.events import Attendee, Calendar, Recurrence, SimEvent
from outlook_addin_sandbox.graph.faults import GraphFaults
from outlook_addin_sandbox.graph.mailbox import Mailbox, MailboxState
from outlook_addin_sandbox.graph.subscriptions import Subscription

__all__ = [
    "Attendee",
    "Calendar",
    "Graph",
    "GraphFaults",
    "Mailbox",
    "MailboxState",
    "Recurrence",
    "SimEvent",
    "Subscription",
]
