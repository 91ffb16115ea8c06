"""Unblu's error form: `{$_type, errorMessage, statusCode, statusDescription}`."""

from http import HTTPStatus

from aiohttp import web


class UnbluError(Exception):
    """A refusal by the Web API or the Auth Gateway."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def render(error: UnbluError) -> web.Response:
    """Return the error as an HTTP response."""
    body = {
        "$_type": "Error",
        "statusCode": error.status,
        "statusDescription": HTTPStatus(error.status).phrase,
        "errorMessage": str(error),
    }
    return web.json_response(body, status=error.status)


def bad_request(message: str) -> UnbluError:
    """Return a 400."""
    return UnbluError(400, message)


def forbidden(message: str) -> UnbluError:
    """Return a 403."""
    return UnbluError(403, message)


def not_found(conversation_id: str) -> UnbluError:
    """Return the 404 of a conversation."""
    return UnbluError(404, f"Conversation with id {conversation_id} not found")
