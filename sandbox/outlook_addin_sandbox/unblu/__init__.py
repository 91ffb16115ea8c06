"""A simulated Unblu Collaboration Server behind a simulated Auth Gateway."""

from outlook_addin_sandbox.unblu.app import Unblu
from outlook_addin_sandbox.unblu.conversations import Conversation, Participant
from outlook_addin_sandbox.unblu.faults import UnbluFaults
from outlook_addin_sandbox.unblu.persons import Person, Role

__all__ = ["Conversation", "Participant", "Person", "Role", "Unblu", "UnbluFaults"]
