"""Response headers that keep the pages safe in somebody else's frame.

The policy is the one that was measured with office.js and MSAL; ``X-Frame-Options`` is not sent, because it
cannot name several hosts, and no ``Cross-Origin-Opener-Policy`` either: it would cut the sign-in dialog off
from the pane.
"""

from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from outlook_addin_core.domain.config import AddinConfig

NO_STORE: Final = "no-store"
NO_CACHE: Final = "no-cache"
IMMUTABLE: Final = "public, max-age=31536000, immutable"
A_DAY: Final = "public, max-age=86400"
"""For icons: Office shows a generic icon where the answer forbids caching."""

_OFFICE_LIBRARY: Final = "https://ajax.aspnetcdn.com"
"""Where office.js gets MicrosoftAjax.js from."""
_NO_CONTENT: Final = "default-src 'none'; frame-ancestors 'none'"


def origin(url: str) -> str:
    """Return the scheme, host and port of a URL, as a content security policy names it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def page_policy(config: AddinConfig) -> str:
    """Return the Content-Security-Policy of the HTML pages.

    ``frame-ancestors`` includes our own origin: MSAL renews tokens in a hidden frame inside the pane.
    """
    authority = origin(config.authority)
    directives = {
        "default-src": ["'none'"],
        "script-src": ["'self'", origin(config.office_js_url), _OFFICE_LIBRARY],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'", authority, origin(config.unblu_oauth_backend_url)],
        "frame-src": ["'self'", authority],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'self'", *config.frame_ancestors],
    }
    return "; ".join(f"{name} {' '.join(dict.fromkeys(values))}" for name, values in directives.items())


async def add_security_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Complete every response; what a handler has set stays."""
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("Cache-Control", NO_STORE)
    response.headers.setdefault("Content-Security-Policy", _NO_CONTENT)
    response.headers.pop("Server", None)
