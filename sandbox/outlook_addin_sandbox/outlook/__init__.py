"""A calendar web page that hosts the add-in's task pane the way Outlook does.

The page is the sandbox's stand-in for Outlook on the web: a week to click in, an event form with a ribbon
button, the pane in a frame of another origin, and an own implementation of the Office.js calls that the pane
makes (``web/office``). It imports no product code.
"""

from outlook_addin_sandbox.outlook.calendar_port import (
    CalendarEvent,
    CalendarPort,
    EventFields,
    EventNotFoundError,
)
from outlook_addin_sandbox.outlook.page import OutlookPage
from outlook_addin_sandbox.outlook.seed import seed_calendar
from outlook_addin_sandbox.outlook.services import NaaRequest, PageAgent, PageServices
from outlook_addin_sandbox.outlook.world_services import world_calendar, world_conversations

__all__ = [
    "CalendarEvent",
    "CalendarPort",
    "EventFields",
    "EventNotFoundError",
    "NaaRequest",
    "OutlookPage",
    "PageAgent",
    "PageServices",
    "seed_calendar",
    "world_calendar",
    "world_conversations",
]
