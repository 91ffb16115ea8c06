from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Frame, Page, expect

from outlook_addin_sandbox.graph.events import Recurrence
from outlook_addin_sandbox.outlook import CalendarEvent, EventFields, OutlookPage
from outlook_addin_sandbox.outlook.testing import ADDIN_ID, Backstage

pytestmark = pytest.mark.browser

ZURICH = ZoneInfo("Europe/Zurich")
NOW = datetime(2026, 11, 25, 10, 20, tzinfo=ZURICH)
EVENT = EventFields(
    subject="Review",
    start=NOW.replace(hour=11, minute=0),
    end=NOW.replace(hour=12, minute=0),
    body='<p id="note">Old</p>',
    location="Room 1",
    attendees=["k@client.example"],
)


async def open_pane(page: Page, outlook: OutlookPage, *, client: str = "web", new: bool = False) -> Frame:
    await page.clock.install(time=NOW)
    await page.goto(f"{outlook.url}/?client={client}")
    name = "New event" if new else "Review"
    await page.get_by_role("button", name=name).click()
    await page.get_by_role("button", name="Unblu Conversation").click()
    pane = page.frame_locator("iframe[title='Unblu Conversation']")
    await expect(pane.locator("#ready")).to_contain_text("Outlook/")
    return next(frame for frame in page.frames if "taskpane.html" in frame.url)


async def office(pane: Frame, call: str, *args: Any) -> Any:
    """Call an asynchronous Office.js method by its path; a failure comes back as its error's name."""
    return await pane.evaluate(
        """([path, args]) => new Promise((resolve) => {
          const names = path.split("."), method = names.pop();
          const target = names.reduce((object, name) => object[name], Office.context.mailbox.item);
          const answer = ({status, error, value}) => resolve(status === "failed" ? error.name : value);
          target[method](...args, answer);
        })""",
        [call, args],
    )


async def save_properties(pane: Frame, values: dict[str, str]) -> str:
    return str(
        await pane.evaluate(
            """(values) => new Promise((resolve) =>
              Office.context.mailbox.item.loadCustomPropertiesAsync(({value}) => {
                for (const [name, one] of Object.entries(values)) value.set(name, one);
                value.saveAsync((result) => resolve(result.error?.name ?? result.status));
            }))""",
            values,
        )
    )


async def test_the_pane_reads_the_open_event(page: Page, outlook: OutlookPage, backstage: Backstage) -> None:
    await backstage.anna.create(EVENT)
    pane = await open_pane(page, outlook)
    assert await office(pane, "subject.getAsync") == "Review"
    assert await office(pane, "location.getAsync") == "Room 1"
    assert await office(pane, "body.getAsync", "html") == '<p id="x_note">Old</p>'
    assert await office(pane, "body.getAsync", "text") == "Old"
    assert (await office(pane, "start.getAsync")).astimezone(ZURICH) == EVENT["start"]
    assert (await office(pane, "organizer.getAsync"))["emailAddress"] == "anna@bank.example"
    assert (await office(pane, "requiredAttendees.getAsync"))[0]["emailAddress"] == "k@client.example"
    assert await office(pane, "recurrence.getAsync") is None
    profile = await pane.evaluate("({...Office.context.mailbox.userProfile})")
    assert profile["timeZone"] == "W. Europe Standard Time"


async def test_the_pane_learns_that_an_occurrence_belongs_to_a_series(
    page: Page, outlook: OutlookPage, backstage: Backstage
) -> None:
    rule = Recurrence("weekly", days_of_week=("wednesday",))
    series = CalendarEvent("m", "Review", EVENT["start"], EVENT["end"], recurrence=rule)
    backstage.anna.stored = {"m": series, "o": replace(series, id="o", series_id="m", recurrence=None)}
    pane = await open_pane(page, outlook)
    told = await office(pane, "recurrence.getAsync")
    assert (told["recurrenceType"], told["recurrenceProperties"]["days"]) == ("weekly", ["wed"])
    assert await pane.evaluate("Office.context.mailbox.item.seriesId") == "m"

    await page.get_by_role("button", name="Open series").click()
    await page.get_by_role("button", name="Unblu Conversation").click()
    await expect(page.frame_locator("iframe").locator("#ready")).to_contain_text("Outlook/")
    pane = next(frame for frame in page.frames if "taskpane.html" in frame.url)
    assert (await office(pane, "recurrence.getAsync"))["recurrenceType"] == "weekly"
    assert await pane.evaluate("Office.context.mailbox.item.seriesId") is None


async def test_edits_by_the_pane_reach_the_mailbox_with_save_only(
    page: Page, outlook: OutlookPage, backstage: Backstage
) -> None:
    await backstage.anna.create(EVENT)
    pane = await open_pane(page, outlook)
    await office(pane, "body.prependAsync", '<p id="link">Join</p>', {"coercionType": "html"})
    await office(pane, "location.setAsync", "https://unblu.example/c1")
    await office(pane, "subject.setAsync", "New name")
    await expect(page.get_by_label("Location")).to_have_value("https://unblu.example/c1")
    await expect(page.get_by_role("textbox", name="Description")).to_contain_text("Join")
    assert backstage.anna.only().subject == "Review"
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved to the calendar")).to_be_visible()
    saved = backstage.anna.only()
    assert (saved.subject, saved.location) == ("New name", "https://unblu.example/c1")
    assert saved.body == '<p id="x_link">Join</p><p id="x_note">Old</p>'


async def test_properties_of_a_saved_event_persist_at_once_on_the_web(
    page: Page, outlook: OutlookPage, backstage: Backstage
) -> None:
    await backstage.anna.create(EVENT)
    pane = await open_pane(page, outlook)
    assert await save_properties(pane, {"uuid": "u1"}) == "succeeded"
    assert backstage.anna.properties == {(backstage.anna.only().id, ADDIN_ID): {"uuid": "u1"}}


@pytest.mark.parametrize("client", ["web", "classic"])
async def test_properties_of_a_new_event_are_saved_with_it(
    page: Page, outlook: OutlookPage, backstage: Backstage, client: str
) -> None:
    pane = await open_pane(page, outlook, client=client, new=True)
    assert await save_properties(pane, {"uuid": "u1"}) == "succeeded"
    assert await office(pane, "getItemIdAsync") == "ItemNotSaved"
    assert backstage.anna.stored == {}
    await page.get_by_label("Subject").fill("Fresh")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved to the calendar")).to_be_visible()
    assert backstage.anna.properties_of(backstage.anna.only()) == {"uuid": "u1"}


async def test_classic_keeps_properties_back_until_the_item_is_saved(
    page: Page, outlook: OutlookPage, backstage: Backstage
) -> None:
    await backstage.anna.create(EVENT)
    pane = await open_pane(page, outlook, client="classic")
    assert await save_properties(pane, {"uuid": "u1"}) == "succeeded"
    assert backstage.anna.properties == {}
    ews_id = await office(pane, "saveAsync")
    assert backstage.anna.properties_of(backstage.anna.only()) == {"uuid": "u1"}
    rest_id = await pane.evaluate("(id) => Office.context.mailbox.convertToRestId(id, 'v2.0')", ews_id)
    assert ews_id != rest_id == backstage.anna.only().id


async def test_the_new_client_fails_the_first_property_save_of_an_unsaved_event(
    page: Page, outlook: OutlookPage
) -> None:
    pane = await open_pane(page, outlook, client="new", new=True)
    assert await save_properties(pane, {"uuid": "u1"}) == "ErrorInvalidIdMalformedException"
    assert await save_properties(pane, {"uuid": "u1"}) == "succeeded"


async def test_limits_and_wrong_forms_are_errors(page: Page, outlook: OutlookPage) -> None:
    pane = await open_pane(page, outlook, new=True)
    assert await office(pane, "subject.setAsync", "s" * 256) == "DataExceedsMaximumSize"
    assert await office(pane, "location.setAsync", "l" * 256) == "DataExceedsMaximumSize"
    assert await save_properties(pane, {"big": "x" * 2500}) == "DataExceedsMaximumSize"
    assert await office(pane, "start.setAsync", "tomorrow") == "InvalidFormatError"
    assert await office(pane, "end.setAsync", NOW - timedelta(days=9)) == "InvalidEndTime"
    note = {"type": "errorMessage", "message": "m" * 151}
    assert await office(pane, "notificationMessages.addAsync", "key", note) == "DataExceedsMaximumSize"
    icon = {"type": "errorMessage", "message": "m", "icon": "i", "persistent": True}
    assert await office(pane, "notificationMessages.addAsync", "key", icon) == "InvalidFormatError"


async def test_notifications_of_the_pane_stand_above_the_form(page: Page, outlook: OutlookPage) -> None:
    pane = await open_pane(page, outlook, new=True)
    note = {"type": "errorMessage", "message": "No connection."}
    await office(pane, "notificationMessages.addAsync", "key", note)
    await expect(page.get_by_text("No connection.")).to_be_visible()
    assert await office(pane, "notificationMessages.addAsync", "key", note) == "DuplicateNotificationKey"
    await office(pane, "notificationMessages.removeAsync", "key")
    await expect(page.get_by_text("No connection.")).to_be_hidden()


async def test_the_pane_hears_of_a_new_time(page: Page, outlook: OutlookPage, backstage: Backstage) -> None:
    await backstage.anna.create(EVENT)
    pane = await open_pane(page, outlook)
    await pane.evaluate(
        """Office.context.mailbox.item.addHandlerAsync(Office.EventType.AppointmentTimeChanged,
           ({start}) => window.seen.push(start.toISOString()))"""
    )
    await page.get_by_label("Start").fill("2026-11-26T14:00")
    await pane.wait_for_function("window.seen.includes('2026-11-26T13:00:00.000Z')")


async def test_local_client_time_is_the_mailbox_wall_clock(page: Page, outlook: OutlookPage) -> None:
    pane = await open_pane(page, outlook, new=True)
    local = await pane.evaluate(
        "Office.context.mailbox.convertToLocalClientTime(new Date('2026-07-01T22:30:00Z'))",
    )
    assert (local["month"], local["date"], local["hours"], local["timezoneOffset"]) == (6, 2, 0, 120)


async def test_roaming_settings_and_session_data_outlive_what_they_should(
    page: Page, outlook: OutlookPage
) -> None:
    pane = await open_pane(page, outlook, new=True)
    await office(pane, "sessionData.setAsync", "step", "two")
    await pane.evaluate(
        """new Promise((done) => { const settings = Office.context.roamingSettings;
           settings.set("language", "de"); settings.saveAsync(done); })"""
    )
    await page.get_by_role("button", name="Close pane").click()
    await page.get_by_role("button", name="Unblu Conversation").click()
    await expect(page.frame_locator("iframe").locator("#ready")).to_contain_text("Outlook/")
    pane = next(frame for frame in page.frames if "taskpane.html" in frame.url)
    assert await office(pane, "sessionData.getAsync", "step") == "two"
    assert await pane.evaluate("Office.context.roamingSettings.get('language')") == "de"


async def naa(pane: Frame, method: str) -> dict[str, Any]:
    answer = await pane.evaluate(
        """(method) => new Promise((resolve) => {
          nestedAppAuthBridge.addEventListener("message", ({data}) => resolve(JSON.parse(data)));
          const tokenParams = {clientId: "app-1", scope: "app-1/.default", authority: "https://login.example/common"};
          const request = {messageType: "NestedAppAuthRequest", method, requestId: "r1", tokenParams};
          nestedAppAuthBridge.postMessage(JSON.stringify(request));
        })""",
        method,
    )
    assert isinstance(answer, dict)
    return answer


async def test_the_page_brokers_tokens_for_the_chosen_agent(
    page: Page, outlook: OutlookPage, backstage: Backstage
) -> None:
    pane = await open_pane(page, outlook, new=True)
    assert await pane.evaluate("Office.context.requirements.isSetSupported('NestedAppAuth', '1.1')")
    assert (await naa(pane, "GetInitContext"))["initContext"]["sdkName"]
    answer = await naa(pane, "GetToken")
    assert answer["success"]
    assert answer["token"]["access_token"] == "token-of-anna-id"
    (wish,) = backstage.token_wishes
    assert (wish.client_id, wish.scopes) == ("app-1", "app-1/.default")


async def test_a_silent_token_waits_for_consent_when_asked_to(page: Page, outlook: OutlookPage) -> None:
    pane = await open_pane(page, outlook, client="web&consent=first", new=True)
    refusal = await naa(pane, "GetToken")
    assert (refusal["success"], refusal["error"]["status"]) == (False, "USER_INTERACTION_REQUIRED")
    assert (await naa(pane, "GetTokenPopup"))["success"]
    assert (await naa(pane, "GetToken"))["success"]


async def test_without_nested_app_authentication_a_dialog_talks_to_the_pane(
    page: Page, outlook: OutlookPage
) -> None:
    pane = await open_pane(page, outlook, client="noNaa", new=True)
    assert not await pane.evaluate("Office.context.requirements.isSetSupported('NestedAppAuth', '1.1')")
    assert await pane.evaluate("typeof window.nestedAppAuthBridge") == "undefined"
    said = pane.locator("#dialog")
    async with page.context.expect_page() as opened:
        await pane.get_by_role("button", name="Sign in").click()
    dialog = await opened.value
    await dialog.get_by_role("button", name="Send").click()
    await expect(said).to_have_text("message:hello")
    await pane.get_by_role("button", name="Sign in").click()
    await expect(said).to_contain_text("failed:12007")
    await dialog.get_by_role("button", name="Finish").click()
    await expect(said).to_contain_text("message:last")


async def test_a_dialog_closed_by_hand_is_reported(page: Page, outlook: OutlookPage) -> None:
    pane = await open_pane(page, outlook, client="noNaa", new=True)
    async with page.context.expect_page() as opened:
        await pane.get_by_role("button", name="Sign in").click()
    await (await opened.value).close()
    await page.clock.run_for(1000)
    await expect(pane.locator("#dialog")).to_contain_text("event:12006")


async def test_the_pane_can_close_itself(page: Page, outlook: OutlookPage) -> None:
    pane = await open_pane(page, outlook, new=True)
    await pane.get_by_role("button", name="Leave").click()
    await expect(page.locator("iframe")).to_have_count(0)
    await expect(page.get_by_role("button", name="Unblu Conversation")).to_have_attribute(
        "aria-pressed", "false"
    )


async def test_another_origin_cannot_touch_the_event(page: Page, outlook: OutlookPage) -> None:
    pane = await open_pane(page, outlook, new=True)
    elsewhere = pane.url.replace("addin.localhost", "stranger.localhost")
    async with page.expect_event("frameattached") as attached:
        await pane.evaluate(
            "(url) => document.body.append(Object.assign(document.createElement('iframe'), {src: url}))",
            elsewhere,
        )
    child = await attached.value
    await child.wait_for_url("**/stranger.localhost**")
    await child.evaluate(
        "top.postMessage({office: 'call', id: 1, method: 'subject.setAsync', args: ['Taken over', {}]}, '*')"
    )
    assert await office(pane, "subject.getAsync") == ""


async def test_an_add_in_page_in_a_plain_tab_is_told_that_there_is_no_host(
    page: Page, outlook: OutlookPage
) -> None:
    await page.goto(f"{outlook.url}/")
    addin = await page.evaluate("fetch('/api/setup').then((answer) => answer.json())")
    await page.goto(f"{addin['addin']['url']}/taskpane.html")
    await expect(page.locator("#ready")).to_have_text("null/null")
    assert await page.evaluate("Office.context.mailbox === undefined")
