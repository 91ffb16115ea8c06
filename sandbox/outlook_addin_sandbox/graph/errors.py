"""Graph's error form: `{"error": {code, message, innerError}}`, to be told apart by code."""

from collections.abc import Mapping
from datetime import datetime
from uuid import uuid4

from aiohttp import web


class GraphError(Exception):
    """A refusal by Graph or by the workload behind it."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})


def render(error: GraphError, now: datetime, client_request_id: str | None = None) -> web.Response:
    """Return the error as an HTTP response."""
    request_id = str(uuid4())
    inner = {
        "date": f"{now:%Y-%m-%dT%H:%M:%S}",
        "request-id": request_id,
        "client-request-id": client_request_id or request_id,
    }
    body = {"error": {"code": error.code, "message": str(error), "innerError": inner}}
    return web.json_response(body, status=error.status, headers={**error.headers, "request-id": request_id})


def bad_request(message: str, code: str = "InvalidRequest") -> GraphError:
    """Return a 400."""
    return GraphError(400, code, message)


def item_not_found() -> GraphError:
    """Return what a missing event is answered with."""
    return GraphError(404, "ErrorItemNotFound", "The specified object was not found in the store.")


def change_key_conflict() -> GraphError:
    """Return what a change with an outdated entity tag is answered with."""
    message = (
        "The send or update operation could not be performed because the change key passed in the request "
        "does not match the current change key for the item."
    )
    return GraphError(412, "ErrorIrresolvableConflict", message)


def user_not_found(user_id: str) -> GraphError:
    """Return what an unknown user is answered with."""
    message = (
        f"Resource '{user_id}' does not exist or one of its queried reference-property objects "
        "are not present."
    )
    return GraphError(404, "Request_ResourceNotFound", message)


def mailbox_not_enabled() -> GraphError:
    """Return what a user without a cloud mailbox is answered with."""
    message = "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
    return GraphError(404, "MailboxNotEnabledForRESTAPI", message)


def access_denied() -> GraphError:
    """Return what a missing permission is answered with."""
    return GraphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")


def access_policy_denied() -> GraphError:
    """Return what an application access policy answers."""
    return GraphError(403, "ErrorAccessDenied", "Access to OData is disabled.")


def subscription_not_found() -> GraphError:
    """Return what an expired, deleted or unknown subscription is answered with."""
    return GraphError(404, "ResourceNotFound", "The object was not found.")


def extension_error(status: int, operation: str, reason_status: str, reason: str) -> GraphError:
    """Return an error that Graph passes on from Outlook while it works on a subscription."""
    message = f"Operation: {operation}; Exception: [Status Code: {reason_status}; Reason: {reason}]"
    return GraphError(status, "ExtensionError", message)
