"""The page's services over the simulated world."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

from outlook_addin_sandbox.entra.errors import EntraError
from outlook_addin_sandbox.outlook.services import (
    Json,
    NaaRequest,
    PageAgent,
    PageServices,
    TokenRefusedError,
)
from outlook_addin_sandbox.outlook.simulated_calendar import SimulatedCalendar
from outlook_addin_sandbox.unblu import Conversation
from outlook_addin_sandbox.world import World


def world_services(
    world: World,
    addin_url: str,
    kubectl_table: Callable[[], Awaitable[str]],
    conversations: Callable[[], Awaitable[list[Json]]] | None = None,
) -> PageServices:
    """Calendars, tokens and conversations of a world.

    Args:
        world: a running world.
        addin_url: base address of the add-in, with its endpoint.
        kubectl_table: what the terminal shows.
        conversations: rows of the Unblu panel; the world's own conversations when not given.
    """
    return PageServices(
        agents=[PageAgent(agent.user_id, agent.name, agent.address) for agent in world.agents],
        addin_url=addin_url,
        calendar=partial(world_calendar, world),
        naa_token=partial(_naa_token, world),
        conversations=conversations or partial(world_conversations, world),
        kubectl_table=kubectl_table,
        visitor_joins=partial(_visitor_joins, world),
    )


def world_calendar(world: World, agent: PageAgent) -> SimulatedCalendar:
    """The calendar of one of the world's agents."""
    return SimulatedCalendar(world.graph.mailbox(agent.user_id), world.now)


async def world_conversations(world: World) -> list[Json]:
    """All conversations, by the time for which they are scheduled."""
    found = sorted(world.unblu.conversations.values(), key=lambda each: each.scheduled or each.created)
    return [_row(world, conversation) for conversation in found]


def _row(world: World, conversation: Conversation) -> Json:
    names = {agent.person_id: agent.name for agent in world.agents}
    scheduled = conversation.scheduled
    return {
        "id": conversation.id,
        "topic": conversation.topic or "Unblu Conversation",
        "scheduled": scheduled and datetime.fromtimestamp(scheduled / 1000, UTC).isoformat(),
        "state": conversation.state,
        "link": world.unblu.public_link(conversation.id),
        "participants": [names.get(each.person_id, "Visitor") for each in conversation.participants],
    }


async def _naa_token(world: World, wish: NaaRequest) -> Json:
    try:
        token = world.entra.naa_token(wish.agent.user_id, wish.scopes.split(), wish.client_id)
    except EntraError as error:
        raise TokenRefusedError(error.body(world.now())["error_description"]) from error
    return {"account": token.pop("account"), "token": token}


async def _visitor_joins(world: World, conversation_id: str) -> None:
    world.unblu.join(conversation_id)
