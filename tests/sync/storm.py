"""Storms carried out: people and faults in turns, each write judged as it leaves, the rest in the end."""

from dataclasses import replace
from typing import Any, Final

from sync import model
from sync.people import Deeds, People
from sync.replica import Replica
from sync.stage import GRACE, Stage
from sync.steps import GRAPH_FAULTS, PAUSES, UNBLU_FAULTS, Kind, Step

OTHER_ADDIN: Final = "5a5a5a5a-1111-4111-8111-5a5a5a5a5a5a"


class Storm:
    """Carries out the steps of a storm and keeps the model up to date."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.people = People(stage)
        self.problems: list[str] = []
        self._deeds = {**self.people.deeds, **Faults(stage).deeds}
        stage.on_write = self._judge
        stage.on_written = self.observe

    async def prepare(self, events: int) -> None:
        """Fill the calendars, and put conversations of others beside ours that must not be touched."""
        people, anna = self.people, self.stage.agents[0]
        for number in range(events):
            await self.do(Step(Kind.SCHEDULE, number, number % 12))
        foreign = await self.stage.pane_creates(
            anna, people.uuid(), "Of another installation", people.soon(3), addin_id=OTHER_ADDIN
        )
        if people.events:
            foreign.metadata[model.EVENT_ID] = people.events[0][1]
            foreign.metadata["outlook-addin.first-seen"] = "2027-03-22T09:00:00Z"
        other = await self.stage.pane_creates(anna, people.uuid(), "Of another integration", people.soon(4))
        other.source_id = "bookings:4711"
        self._untouchable = {each.id: each.as_json({}, metadata=True) for each in (foreign, other)}

    async def do(self, step: Step) -> None:
        """Let one thing happen; what it needs and is not there, makes it nothing."""
        deed = self._deeds.get(step.kind)
        if deed is not None:
            await deed(step)
            self.observe()

    def observe(self) -> None:
        """Compare the calendars with what is known; after every change."""
        now, snapshots = self.stage.clock.now(), self._snapshots()
        for each in self.people.scheduled:
            snapshot = snapshots[each.agent.user_id]
            conversation = self.stage.conversations.get(each.conversation_id)
            each.observe(snapshot.wanting(each, conversation), snapshot, now)

    def verdict(self) -> list[str]:
        """Return everything that is wrong, now that the storm is over."""
        self.observe()
        found = list(self.problems)
        now, snapshots = self.stage.clock.now(), self._snapshots()
        for each in self.people.scheduled:
            conversation = self.stage.conversations.get(each.conversation_id)
            found += model.problems(each, conversation, snapshots[each.agent.user_id], now)
        for identity, before in self._untouchable.items():
            conversation = self.stage.conversations.get(identity)
            if conversation is None or conversation.as_json({}, metadata=True) != before:
                found.append(f"{before['topic']}: it was touched")
        found += [
            f"{operation}: Outlook was written to" for operation in self.stage.writes if "graph" in operation
        ]
        return found

    def _snapshots(self) -> dict[str, model.Snapshot]:
        addin_id = self.stage.config.addin_id
        return {
            agent.user_id: model.Snapshot(self.stage.calendar(agent), addin_id) for agent in self.stage.agents
        }

    def _judge(self, replica: Replica, verb: str, conversation_id: str) -> None:
        """Judge a write when it leaves: nothing of others, and no deletion without proof."""
        mine = [each for each in self.people.scheduled if each.conversation_id == conversation_id]
        if not mine:
            self.problems.append(f"{verb} of a conversation that is none of ours")
            return
        conversation = self.stage.conversations.get(conversation_id)
        if verb != "delete" or conversation is None:
            return
        if conversation.state != "CREATED" or len(conversation.ever_present) > 1:
            self.problems.append("a conversation that is in use was deleted")
        self.observe()
        if not mine[0].was_gone_for(GRACE, self.stage.clock.now(), replica.told):
            self.problems.append(f"a conversation was deleted without proof; gone: {mine[0].gone}")
        elif model.EVENT_ID not in conversation.metadata:
            self.problems.append("a conversation whose event was never seen was deleted")


class Faults:
    """What Graph, Unblu and Kubernetes do to us."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.deeds: Deeds = {
            Kind.WAIT: lambda step: self.stage.wait(PAUSES[step.amount % len(PAUSES)]),
            Kind.LOSE: lambda step: self._graph(lose=step.amount),
            Kind.DROP: lambda step: self._graph(endpoint_state="drop" if step.amount % 2 else "ok"),
            Kind.DUPLICATE: lambda step: self._graph(duplicates=step.amount % 3, created_updated_pairs=True),
            Kind.REORDER: lambda step: self._graph(reorder=bool(step.amount % 2), delay=float(step.amount)),
            Kind.FORGE: lambda step: self._graph(forge=bool(step.amount % 2)),
            Kind.GRAPH: self._graph_fails,
            Kind.UNBLU: self._unblu_fails,
            Kind.OUTAGE: self._outage,
            Kind.MISSED: lambda step: self._lifecycle(step, "missed"),
            Kind.REMOVED: lambda step: self._lifecycle(step, "subscriptionRemoved"),
            Kind.KILL: self._kill,
            Kind.STOP: self._stop,
            Kind.START: self._start,
        }

    async def _graph(self, **switches: Any) -> None:
        self.stage.world.graph.faults.apply(switches)

    async def _graph_fails(self, step: Step) -> None:
        fault = GRAPH_FAULTS[step.amount % len(GRAPH_FAULTS)]
        self.stage.world.graph.faults.rules.append(replace(fault, times=step.which + 1))

    async def _unblu_fails(self, step: Step) -> None:
        fault = UNBLU_FAULTS[step.amount % len(UNBLU_FAULTS)]
        self.stage.world.unblu.faults.rules.append(replace(fault, times=step.which + 1))

    async def _outage(self, step: Step) -> None:
        self.stage.world.unblu.faults.outage = bool(step.amount % 2)

    async def _lifecycle(self, step: Step, event: str) -> None:
        agent = self.stage.agents[step.which % len(self.stage.agents)]
        everything = self.stage.world.graph.subscriptions.values()
        for subscription in [each for each in everything if each.user_id == agent.user_id]:
            self.stage.world.graph.send_lifecycle(subscription.id, event)

    async def _kill(self, step: Step) -> None:
        serving = [each for each in self.stage.replicas if each.serves]
        if serving:
            serving[step.which % len(serving)].kill_after = step.amount

    async def _stop(self, step: Step) -> None:
        serving = [each for each in self.stage.replicas if each.serves]
        if serving:
            await serving[step.which % len(serving)].stop()

    async def _start(self, _: Step) -> None:
        if sum(each.serves for each in self.stage.replicas) < 2:
            await self.stage.add_replica()
