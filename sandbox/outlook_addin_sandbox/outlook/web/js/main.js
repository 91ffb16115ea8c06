// @ts-check
import { api, follow } from "./api.js";
import { DeletedItems } from "./bin.js";
import { HOUR, addDays, startOfWeek, weekTitle, zone } from "./dates.js";
import { el, find } from "./dom.js";
import { Draft } from "./draft.js";
import { EventForm } from "./form.js";
import { Hints } from "./hints.js";
import { Terminal, UnbluPanel } from "./panels.js";
import { profileNamed } from "./profiles.js";
import { askWhatToDelete } from "./questions.js";
import { sanitize } from "./sanitize.js";
import { toast } from "./toast.js";
import { Week, weekRoot } from "./week.js";

const query = new URLSearchParams(location.search);
const profile = profileNamed(query.get("client"));
const setup = await api.setup();
let agent = setup.agents.find(({ id }) => id === localStorage.getItem("agent")) ?? setup.agents[0];
let unfollow = () => {};

const hints = new Hints(find("#hints"));
const report = (/** @type {Error} */ error) => toast(error.message);
const cleanBody = (/** @type {string} */ html) => sanitize(html, { prefixIds: profile.prefixesIds });

/** @param {Draft} draft */
async function store(draft) {
  const { id } =
    draft.id === null
      ? await api.create(agent.id, draft.everything())
      : await api.update(agent.id, draft.id, draft.changes());
  draft.markSaved(id);
}

/** @param {Draft} draft */
async function save(draft) {
  try {
    if (draft.isNew || draft.isDirty) await store(draft);
  } catch (error) {
    return report(/** @type {Error} */ (error));
  }
  hints.did("save");
  toast("Saved to the calendar");
}

/** @param {Draft} draft */
async function saveProperties(draft) {
  await api.update(agent.id, /** @type {string} */ (draft.id), { customProperties: draft.customProperties });
  draft.markPropertiesSaved();
}

/** @param {string} owner @param {string} id */
const restore = (owner, id) => void api.restore(owner, id).then(() => toast("Restored"), report);

/** @param {Draft} draft */
async function remove({ id, series, isSeries }) {
  const owner = agent.id;
  const answer = series ? await askWhatToDelete() : "event";
  const target = answer === "series" && series ? series.id : id;
  if (target === null || answer === "keep") return false;
  try {
    await api.remove(owner, target);
  } catch (error) {
    report(/** @type {Error} */ (error));
    return false;
  }
  hints.did("move");
  if (answer === "occurrence") toast("This occurrence is cancelled");
  else {
    const what = isSeries || answer === "series" ? "Series deleted" : "Event deleted";
    toast(what, { name: "Undo", act: () => restore(owner, target) });
  }
  return true;
}

const form = new EventForm(
  find("#form"),
  {
    save,
    saveProperties,
    remove,
    openSeries: ({ series }) => series && void open(Draft.of(series, cleanBody)),
    didStep: (step) => hints.did(step),
    addin: () => setup.addin,
    agent: () => agent,
  },
  { profile, consentFirst: query.get("consent") === "first" },
);

/** @param {Draft} draft */
async function open(draft) {
  if (form.isOpen && !(await form.close())) return;
  form.open(draft);
}

const week = new Week(weekRoot(), {
  create: (start) => {
    hints.did("slot");
    void open(Draft.empty(start));
  },
  open: (event) => void open(Draft.of(event, cleanBody, week.series.get(event.seriesId))),
  move: (event, start, end) => {
    hints.did("move");
    const times = { start, end, isAllDay: event.isAllDay, timeZone: zone() };
    api.update(agent.id, event.id, times).then(() => toast("Event moved"), report);
  },
});

const bin = new DeletedItems(find("#bin"), find("#open-bin"), {
  restore: ({ id }) => restore(agent.id, id),
  purge: ({ id }) => void api.purge(agent.id, id).then(() => toast("Deleted for good"), report),
});

const unblu = new UnbluPanel(find("#unblu"), { visitorsCanJoin: setup.visitorsCanJoin, report });
const terminal = new Terminal(find("#terminal"));

function followAgent() {
  unfollow();
  unfollow = follow(agent.id, {
    calendar: ({ value, error }) => (error ? toast(error) : week.show(value)),
    deleted: ({ value, error }) => (error ? toast(error) : bin.show(value)),
    unblu: (message) => unblu.show(message),
    kubectl: (message) => terminal.show(message),
  });
  localStorage.setItem("agent", agent.id);
  find("#avatar").textContent = agent.name
    .split(" ")
    .map((part) => part[0])
    .slice(0, 2)
    .join("");
}

function showTitle() {
  find("#week-title").textContent = weekTitle(week.monday);
}

/** @param {Date} day */
function goTo(day) {
  week.goTo(startOfWeek(day));
  showTitle();
}

const switcher = /** @type {HTMLSelectElement} */ (find("#agent"));
switcher.append(
  ...setup.agents.map(({ id, name }) => el("option", { value: id, selected: id === agent.id }, name)),
);
switcher.addEventListener("change", async () => {
  const chosen = setup.agents.find(({ id }) => id === switcher.value);
  if (chosen && (!form.isOpen || (await form.close()))) {
    agent = chosen;
    followAgent();
  }
  switcher.value = agent.id;
});

find("#new").addEventListener("click", () => {
  hints.did("slot");
  void open(Draft.empty(new Date(Math.ceil(Date.now() / HOUR) * HOUR)));
});
find("#today").addEventListener("click", () => goTo(new Date()));
find("#earlier").addEventListener("click", () => goTo(addDays(week.monday, -7)));
find("#later").addEventListener("click", () => goTo(addDays(week.monday, 7)));
find("#client").textContent = profile.title;

/** The add-in may still be starting: its manifest is asked for until it is there. */
async function awaitAddin() {
  find("#addin-missing").hidden = setup.addin.id !== null;
  if (setup.addin.id !== null) return;
  await new Promise((resolve) => window.setTimeout(resolve, 2000));
  setup.addin = (await api.setup().catch(() => setup)).addin;
  await awaitAddin();
}
void awaitAddin();

showTitle();
followAgent();
week.scrollToHour(7.5);
document.documentElement.dataset.ready = "true";
