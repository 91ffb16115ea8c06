"""Time zones by the names that Outlook uses: Windows names and IANA names (Unicode CLDR, windowsZones)."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from outlook_addin_sandbox.graph.errors import bad_request

IANA_OF_WINDOWS = {
    "Utc": "UTC",
    "GMT Standard Time": "Europe/London",
    "W. Europe Standard Time": "Europe/Berlin",
    "Romance Standard Time": "Europe/Paris",
    "Central Europe Standard Time": "Europe/Budapest",
    "Central European Standard Time": "Europe/Warsaw",
    "E. Europe Standard Time": "Europe/Chisinau",
    "FLE Standard Time": "Europe/Kiev",
    "Eastern Standard Time": "America/New_York",
    "Central Standard Time": "America/Chicago",
    "Pacific Standard Time": "America/Los_Angeles",
    "India Standard Time": "Asia/Calcutta",
    "Singapore Standard Time": "Asia/Singapore",
    "Tokyo Standard Time": "Asia/Tokyo",
}
WINDOWS_OF_IANA = {
    **{iana: windows for windows, iana in IANA_OF_WINDOWS.items() if windows != "Utc"},
    "Europe/Zurich": "W. Europe Standard Time",
    "Europe/Vienna": "W. Europe Standard Time",
    "Europe/Rome": "W. Europe Standard Time",
}


def zone(name: str) -> ZoneInfo:
    """Return the zone with a Windows or IANA name; 400 for any other."""
    try:
        return ZoneInfo(IANA_OF_WINDOWS.get(name, name))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise bad_request(
            f"The time zone '{name}' is not supported.", "TimeZoneNotSupportedException"
        ) from error


def windows_name(iana: str) -> str:
    """Return the name by which Outlook calls a zone."""
    return WINDOWS_OF_IANA.get(iana, iana)


def stamp(time: datetime) -> str:
    """Return a time in UTC as Graph writes it, with seven fraction digits."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"


def moment(text: str) -> datetime:
    """Return a time with offset from a request; without offset it means UTC."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise bad_request(f"'{text}' is not a date and time.") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)
