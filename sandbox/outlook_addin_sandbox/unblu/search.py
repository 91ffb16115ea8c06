"""Search filters of conversations: a field, an operator and its value."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from outlook_addin_sandbox.unblu.conversations import Conversation
from outlook_addin_sandbox.unblu.errors import bad_request

Values = list[str]
FIELDS: Mapping[str, Callable[[Conversation], Values]] = {
    "STATE": lambda each: [each.state],
    "SOURCE_ID": lambda each: _known(each.source_id),
    "TOPIC": lambda each: _known(each.topic),
    "INITIAL_ENGAGEMENT_TYPE": lambda each: [each.initial_engagement_type],
    "PARTICIPANT_PERSON_ID": lambda each: [one.person_id for one in each.participants],
    "ASSIGNEE_PERSON_ID": lambda each: _known(each.assignee),
    "CONVERSATION_TEMPLATE_ID": lambda each: [each.template_id],
    "VISIBILITY": lambda each: [each.visibility],
}
OPERATORS: Mapping[str, Callable[[Values, Mapping[str, Any]], bool]] = {
    "EQUALS": lambda found, operator: operator["value"] in found,
    "NOT_EQUALS": lambda found, operator: operator["value"] not in found,
    "IN": lambda found, operator: any(each in operator["values"] for each in found),
    "NOT_IN": lambda found, operator: not any(each in operator["values"] for each in found),
    "IS_NULL": lambda found, _: not found,
    "IS_NOT_NULL": lambda found, _: bool(found),
    "STARTS_WITH": lambda found, operator: any(each.startswith(operator["value"]) for each in found),
    "CONTAINS": lambda found, operator: any(operator["value"] in each for each in found),
    "ANY_OF": lambda found, operator: bool(set(operator["values"]) & set(found)),
    "ALL_OF": lambda found, operator: set(found) <= set(operator["values"]),
    "ALL_EQUAL": lambda found, operator: sorted(found) == sorted(operator["values"]),
}
_CHOICES = frozenset({"EQUALS", "NOT_EQUALS", "IN", "NOT_IN"})
_IDS = _CHOICES | {"IS_NULL", "IS_NOT_NULL", "STARTS_WITH"}
ALLOWED: Mapping[str, frozenset[str]] = {
    "STATE": _CHOICES,
    "INITIAL_ENGAGEMENT_TYPE": _CHOICES,
    "VISIBILITY": _CHOICES,
    "SOURCE_ID": _IDS,
    "ASSIGNEE_PERSON_ID": _IDS,
    "CONVERSATION_TEMPLATE_ID": _IDS,
    "TOPIC": _CHOICES | {"IS_NULL", "IS_NOT_NULL", "CONTAINS"},
    "PARTICIPANT_PERSON_ID": frozenset({"ANY_OF", "ALL_OF", "ALL_EQUAL"}),
}


def matching(conversations: Iterable[Conversation], filters: list[dict[str, Any]]) -> list[Conversation]:
    """Return the conversations that pass all filters.

    Raises:
        UnbluError: 400 for a filter that the simulator does not know.
    """
    tests = [_test(each) for each in filters]
    return [each for each in conversations if all(test(each) for test in tests)]


def _test(search_filter: Mapping[str, Any]) -> Callable[[Conversation], bool]:
    name, operator = search_filter.get("field", ""), search_filter.get("operator", {})
    kind = operator.get("type", "")
    if kind not in ALLOWED.get(name, ()):
        raise bad_request(f"Search filter {name} with operator {kind} is not supported")
    if not operator.keys() & {"value", "values"} and "NULL" not in kind:
        raise bad_request("The operator of a search filter has no value")
    read, compare = FIELDS[name], OPERATORS[kind]
    return lambda conversation: compare(read(conversation), operator)


def _known(value: str | None) -> Values:
    return [] if value is None else [value]
