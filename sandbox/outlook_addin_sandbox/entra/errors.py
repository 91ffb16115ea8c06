"""AADSTS errors, as the token endpoint words them.

Source of the form: learn.microsoft.com, "OAuth 2.0 client credentials flow", error response.
"""

from datetime import datetime
from typing import Any
from uuid import uuid4

KINDS: dict[int, tuple[int, str]] = {
    7000215: (401, "invalid_client"),
    7000222: (401, "invalid_client"),
    7000218: (401, "invalid_client"),
    50027: (401, "invalid_client"),
    700023: (401, "invalid_client"),
    700024: (401, "invalid_client"),
    700027: (401, "invalid_client"),
    700211: (401, "invalid_client"),
    700212: (401, "invalid_client"),
    700213: (401, "invalid_client"),
    700016: (400, "unauthorized_client"),
    90002: (400, "invalid_request"),
    900144: (400, "invalid_request"),
    50011: (400, "invalid_request"),
    50058: (400, "login_required"),
    70003: (400, "unsupported_grant_type"),
    70008: (400, "invalid_grant"),
    70011: (400, "invalid_scope"),
    501481: (400, "invalid_grant"),
    50196: (429, "temporarily_unavailable"),
    90033: (503, "temporarily_unavailable"),
}


class EntraError(Exception):
    """A refusal with its AADSTS number; status and OAuth error follow from the number."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number
        self.status, self.error = KINDS[number]

    def body(self, now: datetime) -> dict[str, Any]:
        """Return the JSON body of the refusal."""
        trace, correlation, stamp = str(uuid4()), str(uuid4()), f"{now:%Y-%m-%d %H:%M:%SZ}"
        return {
            "error": self.error,
            "error_description": f"AADSTS{self.number}: {self}\r\nTrace ID: {trace}\r\n"
            f"Correlation ID: {correlation}\r\nTimestamp: {stamp}",
            "error_codes": [self.number],
            "timestamp": stamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.number}",
        }
