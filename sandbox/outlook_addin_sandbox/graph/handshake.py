"""Endpoint validation: the URL must give back a token before Graph sends anything there.

Source of the rules: learn.microsoft.com, "Receive change notifications through webhooks".
"""

import asyncio
from urllib.parse import quote
from uuid import uuid4

import aiohttp

from outlook_addin_sandbox.graph.errors import GraphError, bad_request
from outlook_addin_sandbox.graph.faults import GraphFaults


async def validate(session: aiohttp.ClientSession, url: str, faults: GraphFaults) -> None:
    """Send a validation token to `url` and demand it back, decoded, as plain text, within ten seconds.

    Raises:
        GraphError: 400 InvalidRequest, as the caller of the subscription request sees it.
    """
    token = f"Validation: Testing client application reachability for subscription Request-Id: {uuid4()} +/=&"
    address = f"{url}{'&' if '?' in url else '?'}validationToken={quote(token, safe='')}"
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    try:
        async with (
            asyncio.timeout(faults.validation_timeout),
            session.post(address, headers=headers) as response,
        ):
            text = await response.text()
            if response.status != 200:  # noqa: PLR2004
                raise _failed(faults, f"HTTP status code is '{response.reason}'. ")
            if response.content_type != "text/plain" or text != token:
                raise _failed(faults, "The validation token was not returned as plain text. ")
    except TimeoutError as error:
        message = "Subscription validation request timed out."
        raise bad_request(message, faults.validation_error) from error
    except aiohttp.ClientError as error:
        raise _failed(faults, "") from error


def _failed(faults: GraphFaults, reason: str) -> GraphError:
    return bad_request(
        f"Subscription validation request failed. {reason}"
        "Notification endpoint must respond with 200 OK to validation request.",
        faults.validation_error,
    )
