"""What a customer sees behind the public link of a conversation."""

from datetime import UTC, datetime
from html import escape

from outlook_addin_sandbox.unblu.conversations import Conversation

STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;
margin:12vh auto;padding:0 1rem;color:#1f2937}
button{font:inherit;padding:.6rem 1.2rem;border:0;border-radius:6px;
background:#0f6cbd;color:#fff;cursor:pointer}
small{color:#555}"""


def conversation_page(conversation: Conversation | None) -> str:
    """Return the page of a conversation, or what stands in its place when there is none."""
    if conversation is None:
        return _page("No such conversation", "<p>It was deleted, or the link is wrong.</p>")
    people = len(conversation.participants)
    details = (
        f'<p><time data-timestamp="{conversation.scheduled}">{_time(conversation.scheduled)}</time></p>'
        f"<p>State <b>{escape(conversation.state)}</b>, {people} participant{'s' if people > 1 else ''}.</p>"
    )
    join = '<form method="post"><button>Join as a customer</button></form>' if conversation.is_active else ""
    return _page(escape(conversation.topic or "Unblu Conversation"), details + join)


def _page(title: str, content: str) -> str:
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width"><style>{STYLE}</style>
<h1>{title}</h1>{content}<p><small>Simulated Unblu conversation.</small></p></html>"""


def _time(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "not scheduled"
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%A, %d %B %Y, %H:%M} UTC"
