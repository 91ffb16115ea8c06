"""Switches of the simulated Unblu: configuration properties of the server, and faults."""

from dataclasses import dataclass

from outlook_addin_sandbox.serving import Switches


@dataclass
class UnbluFaults(Switches):
    """Switches."""

    outage: bool = False
    """Every request ends in 503."""
    sync_role: str = "ADMIN"
    """Role of the person behind the synchronisation client."""
    allow_topic_change: bool = True
    """com.unblu.conversation.message.allowNonAdminUsersChangeConversationTopicViaWebApi"""
    allow_time_change: bool = True
    """com.unblu.conversation.message.allowNonAdminUsersChangeConversationScheduledTimeViaWebApi"""
    topic_change_types: str = ""
    """com.unblu.conversation.message.allowChangeConversationTopic, participation types with commas"""
    time_change_types: str = ""
    """com.unblu.conversation.allowChangeConversationScheduledTime, participation types with commas"""
    allow_public_link: bool = True
    """com.unblu.conversation.invitation.allowPublicLinkAccess"""
    duplicate_source_status: int = 409
    """HTTP status when a sourceId is taken; the description gives none."""
    page_limit: int = 100
    """Most conversations in one answer of a search."""
