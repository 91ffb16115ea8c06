from html import escape
from urllib.parse import quote
from uuid import UUID

import pytest

from outlook_addin_core.domain.links import leads_to

LINK = UUID("622eaaff-0683-4862-9de4-f2ec83c2bd98")
URL = "https://unblu.bank.example/app/c/4?via=outlook&x=1"


@pytest.mark.parametrize(
    "text",
    [
        f'<div id="outlook-addin-unblu-{LINK}"><p>Join</p></div>',
        f'<div id="x_x_outlook-addin-unblu-{str(LINK).upper()}">',
        f'<a href="{escape(URL)}">Join</a>',
        f"Join: {URL}",
        f"({URL})",
        f"https://safe.example/?url={quote(URL, safe='')}&data=1",
    ],
)
def test_a_text_with_the_invitation_or_the_public_link_leads_to_the_conversation(text: str) -> None:
    assert leads_to(text, LINK, URL)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Lunch",
        f"{URL}2",
        f"{URL}-b",
        "https://unblu.bank.example/app/c/4",
        f"outlook-addin-unblu-{UUID(int=1)}",
    ],
)
def test_another_text_does_not(text: str) -> None:
    assert not leads_to(text, LINK, URL)


@pytest.mark.parametrize("nowhere", [None, ""])
def test_without_a_public_link_only_the_invitation_counts(nowhere: str | None) -> None:
    assert leads_to(f"outlook-addin-unblu-{LINK}", LINK, nowhere)
    assert not leads_to("anything", LINK, nowhere)
