"""The part of OData that the calendar API is asked with: $filter, $select, $expand, Prefer.

A filter is a conjunction of comparisons; what is not understood is refused, never ignored.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from outlook_addin_sandbox.graph.errors import bad_request
from outlook_addin_sandbox.graph.events import SimEvent
from outlook_addin_sandbox.graph.zones import moment, zone

Predicate = Callable[[SimEvent], bool]

PUBLIC_STRINGS = "00020329-0000-0000-c000-000000000046"
_PROPERTY_ID = re.compile(r"(?i:String \{(?P<set>[0-9a-f-]{36})\} Name) (?P<name>.+)")
_PROPERTY_FILTER = re.compile(
    r"singleValueExtendedProperties/any\(\s*(?P<var>\w+)\s*:\s*"
    r"(?P=var)/id eq '(?P<id>[^']*)' and (?P<value>.+)\)",
    re.IGNORECASE,
)
_EXPANDED_PROPERTIES = re.compile(
    r"singleValueExtendedProperties\(\$filter=(?P<filter>(?:[^()']|'[^']*')*)\)"
)
_COMPARISON = re.compile(r"(?P<field>[\w/]+) (?P<operator>eq|ne|ge|gt|le|lt) (?P<value>'[^']*'|\S+)")
_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "ge": lambda left, right: left >= right,
    "gt": lambda left, right: left > right,
    "le": lambda left, right: left <= right,
    "lt": lambda left, right: left < right,
}


@dataclass(frozen=True)
class Preferences:
    """What the Prefer headers of one request ask for."""

    immutable_ids: bool
    time_zone: str
    page_size: int | None


def preferences(request: web.Request) -> Preferences:
    """Read the Prefer headers; they count for this request only."""
    text = ", ".join(request.headers.getall("Prefer", []))
    zone_name = re.search(r'outlook\.timezone\s*=\s*"([^"]+)"', text, re.IGNORECASE)
    size = re.search(r"odata\.maxpagesize\s*=\s*(\d+)", text, re.IGNORECASE)
    time_zone = zone_name[1] if zone_name else "UTC"
    zone(time_zone)
    immutable = re.search(r'IdType\s*=\s*"?ImmutableId', text, re.IGNORECASE) is not None
    return Preferences(immutable, time_zone, int(size[1]) if size else None)


def addin_of(property_id: str) -> str:
    """Return the add-in id in the id of its custom properties; 400 for any other extended property.

    The name part is case-sensitive, so `CECP-…` names another property.
    """
    match = _PROPERTY_ID.fullmatch(property_id)
    if match is None or match["set"].lower() != PUBLIC_STRINGS:
        raise bad_request(f"The simulator keeps add-in custom properties only, not '{property_id}'.")
    return match["name"]


def property_value(event: SimEvent, name: str) -> str | None:
    """Return the custom properties that are stored under a named property."""
    prefix, _, addin_id = name.partition("-")
    return event.custom_properties.get(addin_id) if prefix == "cecp" else None


def expanded_properties(expand: str) -> tuple[list[str], list[str]]:
    """Return the property names and the plain members of an $expand option."""
    names: list[str] = []
    for match in _EXPANDED_PROPERTIES.finditer(expand):
        names += [addin_of(each) for each in re.findall(r"id eq '([^']*)'", match["filter"])]
    rest = _EXPANDED_PROPERTIES.sub("", expand)
    members = [each.strip() for each in rest.split(",") if each.strip()]
    if "singleValueExtendedProperties" in members:
        raise bad_request("Expanding singleValueExtendedProperties needs a $filter on id.")
    return names, members


def parse_filter(text: str) -> Predicate:
    """Return the test that a $filter expresses.

    Raises:
        GraphError: 400 for what the simulator does not understand.
    """
    predicates: list[Predicate] = []
    rest = text.strip()
    while rest:
        predicate, rest = _next_predicate(rest)
        predicates.append(predicate)
        rest = re.sub(r"^\s*and\s+", "", rest, flags=re.IGNORECASE)
    return lambda event: all(predicate(event) for predicate in predicates)


def _next_predicate(text: str) -> tuple[Predicate, str]:
    if match := _balanced(_PROPERTY_FILTER, text):
        return _on_property(addin_of(match["id"]), match["value"].strip()), text[match.end() :]
    if match := _COMPARISON.match(text):
        return _on_field(match["field"], match["operator"], match["value"].strip("'")), text[match.end() :]
    raise bad_request(f"The query filter '{text}' is not understood.", "ErrorInvalidUrlQueryFilter")


def _balanced(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    opening = text.find("(")
    depth = 0
    for position in range(max(opening, 0), len(text)):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if depth == 0:
            return pattern.fullmatch(text, 0, position + 1)
    return None


def _on_property(name: str, condition: str) -> Predicate:
    def holds(event: SimEvent) -> bool:
        value = property_value(event, name)
        return value is not None and test(value.lower())

    test = _value_test(condition)
    return holds


def _value_test(condition: str) -> Callable[[str], bool]:
    """Value comparison ignores case, as documented."""
    if re.fullmatch(r"\w+/value ne null", condition):
        return lambda _: True
    if match := re.fullmatch(r"\w+/value (eq|ne) '(.*)'", condition):
        compare, operand = _OPERATORS[match[1]], match[2].replace("''", "'").lower()
        return lambda value: compare(value, operand)
    if match := re.fullmatch(r"(contains|startswith)\(\w+/value, ?'(.*)'\)", condition):
        wanted, starts = match[2].replace("''", "'").lower(), match[1] == "startswith"
        return lambda value: value.startswith(wanted) if starts else wanted in value
    raise bad_request(f"The condition '{condition}' is not understood.", "ErrorInvalidUrlQueryFilter")


def _on_field(field: str, operator: str, value: str) -> Predicate:
    compare = _OPERATORS[operator]
    times: Mapping[str, Callable[[SimEvent], str]] = {
        "lastModifiedDateTime": lambda event: event.modified.isoformat(),
        "createdDateTime": lambda event: event.created.isoformat(),
        "start/dateTime": lambda event: event.start.isoformat(),
        "end/dateTime": lambda event: event.end.isoformat(),
    }
    texts: Mapping[str, Callable[[SimEvent], str]] = {
        "iCalUId": lambda event: event.ical_uid,
        "subject": lambda event: event.subject,
        "type": lambda event: event.type,
        "isCancelled": lambda event: str(event.is_cancelled).lower(),
        "isAllDay": lambda event: str(event.is_all_day).lower(),
        "transactionId": lambda event: event.transaction_id or "null",
    }
    if (read := times.get(field)) is not None:
        wanted = moment(value).timestamp()
        return lambda event: compare(_sortable(moment(read(event)).timestamp()), _sortable(wanted))
    if (read_text := texts.get(field)) is not None:
        return lambda event: compare(read_text(event), value)
    raise bad_request(f"Filtering on '{field}' is not supported.", "ErrorInvalidUrlQueryFilter")


def _sortable(seconds: float) -> str:
    return f"{seconds:020.6f}"
