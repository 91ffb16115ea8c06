"""Which events conversations record: a hint that is kept small and fresh."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from outlook_addin_core.clients.errors import Unreachable
from outlook_addin_core.domain.conversations import Conversation, Marker
from outlook_addin_core.domain.links import SourceId
from outlook_addin_web.recorded import START, Recorded, RememberedConversations
from sync.virtual import run
from web.fakes import ANNA, BEN, CONFIG, FakeUnblu
from web.fakes import START as NOW

EVERYTHING = SourceId.prefix_of_all(CONFIG.addin_id)


@pytest.fixture
def unblu() -> FakeUnblu:
    return FakeUnblu()


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


@pytest.fixture
def conversations(unblu: FakeUnblu, recorded: Recorded) -> RememberedConversations:
    return RememberedConversations(unblu, recorded, CONFIG.addin_id)


async def everything(conversations: RememberedConversations) -> list[Conversation]:
    return [each async for each in conversations.search_mailbox(EVERYTHING)]


async def test_an_event_is_known_in_its_own_mailbox_once_its_conversation_was_read(
    unblu: FakeUnblu, recorded: Recorded, conversations: RememberedConversations
) -> None:
    unblu.put(ANNA, 1, marker=Marker("event", NOW))
    assert not recorded.has(ANNA, "event")
    await conversations.read("conversation-1")
    assert recorded.has(ANNA, "event")
    assert not recorded.has(BEN, "event")


async def test_an_event_is_known_as_soon_as_it_was_recorded(
    unblu: FakeUnblu, recorded: Recorded, conversations: RememberedConversations
) -> None:
    await conversations.update_metadata(unblu.put(ANNA, 1), Marker("event", NOW))
    assert recorded.has(ANNA, "event")


async def test_a_complete_listing_forgets_what_is_over(
    unblu: FakeUnblu, recorded: Recorded, conversations: RememberedConversations
) -> None:
    unblu.put(ANNA, 1, marker=Marker("event", NOW))
    unblu.put(ANNA, 2, marker=Marker("another", NOW))
    await everything(conversations)
    unblu.put(ANNA, 1, state="ENDED")
    await everything(conversations)
    assert not recorded.has(ANNA, "event")
    assert recorded.has(ANNA, "another")
    assert len(recorded) == 1


async def test_a_listing_that_breaks_off_forgets_nothing(
    unblu: FakeUnblu, recorded: Recorded, conversations: RememberedConversations
) -> None:
    unblu.put(ANNA, 1, marker=Marker("event", NOW))
    await everything(conversations)

    async def broken() -> AsyncIterator[Conversation]:
        yield unblu.put(ANNA, 2)
        raise Unreachable("no answer", operation="unblu.conversations.search")

    with pytest.raises(Unreachable):
        async for _ in recorded.renewed(broken()):
            pass
    assert recorded.has(ANNA, "event")


def test_a_replica_that_does_not_sweep_lists_all_conversations_now_and_then(
    unblu: FakeUnblu, recorded: Recorded, conversations: RememberedConversations
) -> None:
    async def listed(*, leads: bool) -> bool:
        keeping_up = asyncio.create_task(conversations.keep_up(lambda: leads, timedelta(minutes=15)))
        unblu.failure = Unreachable("no answer", operation="unblu.conversations.search")
        await asyncio.sleep(START + 1)
        unblu.failure = None
        unblu.put(ANNA, 1, marker=Marker("event", NOW))
        await asyncio.sleep(61)
        keeping_up.cancel()
        return recorded.has(ANNA, "event")

    assert not run(listed(leads=True))
    assert run(listed(leads=False))
