"""What the manifest says to people, in the languages of the task pane."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Texts:
    """The manifest's texts in one language.

    Args:
        name: The add-in and its group in the ribbon; at most 125 characters.
        description: What it does, for administrators; at most 250 characters.
        button: The button's label; at most 125 characters.
        tip: The button's longer explanation; at most 250 characters.
    """

    name: str
    description: str
    button: str
    tip: str


DEFAULT_LOCALE: Final = "en-US"

TEXTS: Final[dict[str, Texts]] = {
    "en-US": Texts(
        "Unblu Conversation",
        "Schedule an Unblu conversation from your calendar and add its link to the event.",
        "Unblu Conversation",
        "Schedules an Unblu conversation for this event and adds the link for your guests.",
    ),
    "de-DE": Texts(
        "Unblu Konversation",
        "Planen Sie eine Unblu Konversation aus Ihrem Kalender und fügen Sie den Link in den Termin ein.",
        "Unblu Konversation",
        "Plant eine Unblu Konversation zu diesem Termin und fügt den Link für Ihre Gäste ein.",
    ),
    "fr-FR": Texts(
        "Conversation Unblu",
        "Planifiez une conversation Unblu depuis votre calendrier et ajoutez son lien à l'événement.",
        "Conversation Unblu",
        "Planifie une conversation Unblu pour cet événement et ajoute le lien pour vos invités.",
    ),
    "it-IT": Texts(
        "Conversazione Unblu",
        "Pianifichi una conversazione Unblu dal suo calendario e aggiunga il link all'evento.",
        "Conversazione Unblu",
        "Pianifica una conversazione Unblu per questo evento e aggiunge il link per i suoi ospiti.",
    ),
}
