// Everything that changes something: each says first what it would do, and wants a reason.

import { byId, draw, h, open, say, tell } from "./dom.js";
import { ask, change } from "./api.js";
import { age, bytes, count, destination, filterText, number, stateBadge, time } from "./words.js";

// More events than this want their number typed.
const mostUnasked = 1000;

const dialog = byId("change");
const form = byId("change-form");
// What the dialog is about, and the dry run that it has shown.
let current = null;
let estimate = null;
let lookingUp = null;
let afterChange = () => {};

export function startChanges(onChange) {
  afterChange = onChange;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    carryOut();
  });
  byId("rate").addEventListener("input", drawDuration);
  byId("as-new").addEventListener("change", drawAsNew);
  dialog.addEventListener("close", () => lookingUp?.abort());
}

export const replay = (filter) => begin({
  title: "Replay events", path: "replay", filter: { ...filter, ...(!filter.state && { state: ["delivered", "dead"] }) },
  verb: (events) => `Replay ${count(events, "event")}`, hasRate: true, canBeNew: true,
  done: (run) => `Run ${run.id} replays ${count(run.total, "event")}.`,
});

export const retryDead = (filter) => begin({
  title: "Retry dead events", path: "retry", filter: { ...filter, state: ["dead"] },
  verb: (events) => `Retry ${count(events, "event")}`, hasRate: true,
  done: (run) => `Run ${run.id} retries ${count(run.total, "event")}.`,
});

export const discardDead = (filter) => begin({
  title: "Discard dead events", path: "discard", filter: { ...filter, state: ["dead"] },
  what: "They stay in the history with your reason, and nobody is alarmed by them any more.",
  verb: (events) => `Discard ${count(events, "event")}`, done: ({ discarded }) => `${count(discarded, "event")} discarded.`,
});

export function pauseOrResume(isPaused, of) {
  const name = of ? `${of.exchange === "" ? "(default)" : of.exchange} → ${of.routing_key}` : "everything";
  begin({
    title: `${isPaused ? "Resume" : "Pause"} ${name}`, path: isPaused ? "resume" : "pause",
    body: of && { exchange: of.exchange, routing_key: of.routing_key },
    what: isPaused ? "Events flow again within a moment; other pauses stay." : "Batches under way are finished. New events are written as ever, and wait until it is resumed.",
    verb: () => (isPaused ? "Resume" : "Pause"), done: () => `${name}: ${isPaused ? "resumed" : "paused"}.`,
  });
}

const cancel = (run) => begin({
  title: `Cancel run ${run.id}`, path: `replays/${run.id}/cancel`, what: "What it has queued by now still goes out.",
  verb: () => "Cancel the run", done: (ended) => `Run ${ended.id} is cancelled after ${count(ended.queued, "event")}.`,
});

// MARK: Dialog

function begin(spec) {
  lookingUp?.abort();
  [current, estimate] = [spec, null];
  form.reset();
  say(byId("change-title"), spec.title);
  say(byId("change-what"), [spec.filter && `${filterText(spec.filter)}.`, spec.what].filter(Boolean).join(" "));
  say(byId("change-error"), "");
  byId("run-options").hidden = !spec.hasRate;
  byId("as-new-label").hidden = !spec.canBeNew;
  drawAsNew();
  byId("estimate").replaceChildren();
  form.hidden = Boolean(spec.filter);
  offer(0);
  setBusy(false);
  open(dialog);
  if (spec.filter) look(spec);
}

function drawAsNew() {
  say(byId("as-new-hint"), !current?.canBeNew ? "" : byId("as-new").checked
    ? "Every event gets an id of its own: consumers take it for new, also those that have handled it."
    : "Messages keep their ids: consumers that drop what they have seen drop these too.");
}

/** The dry run. */
async function look(spec) {
  lookingUp = new AbortController();
  const { signal } = lookingUp;
  const place = byId("estimate");
  place.replaceChildren(h("p", {}, "Dry run: counting…"));
  try {
    const found = await ask("POST", spec.path, { filter: spec.filter, dry_run: true }, { signal });
    estimate = found;
    place.replaceChildren(...estimated(found));
    drawDuration();
    form.hidden = found.count === 0;
    offer(found.count);
  } catch (error) {
    if (signal.aborted) return;
    place.replaceChildren(h("p", { class: "error", role: "alert" }, `${error.message}.`));
  }
}

function estimated(found) {
  if (found.count === 0) return [h("p", {}, "Dry run: no event fits. Nothing would be done.")];
  return [
    h("h3", {}, "Dry run: nothing is changed yet"),
    h("dl", { class: "facts" },
      h("dt", {}, "Events"), h("dd", {}, h("strong", {}, number(found.count)), `, ${bytes(found.payload_bytes)}`),
      h("dt", {}, "Oldest"), h("dd", {}, time(found.oldest_at)),
      h("dt", {}, "Newest"), h("dd", {}, time(found.newest_at)),
      current.hasRate && [h("dt", {}, "Takes"), h("dd", { id: "duration" })],
      h("dt", {}, "Where to"), h("dd", {}, found.destinations.map((one) =>
        h("p", { class: "row" }, destination(one), stateBadge(one.state), h("span", {}, number(one.events)),
          (one.failure || one.pause) && h("span", { class: "text" }, one.failure?.error ?? one.pause.reason))))),
    h("details", {}, h("summary", {}, found.count > found.sample.length ? `The newest ${found.sample.length}` : "Each of them"),
      h("ul", { class: "rows" }, found.sample.map((event) => h("li", {},
        h("p", { class: "row" }, h("code", {}, event.id), stateBadge(event.state), h("span", { class: "quiet" }, time(event.created_at))),
        h("p", { class: "code quiet" }, event.payload_start))))),
  ];
}

function drawDuration() {
  const place = byId("duration");
  if (!place || !estimate) return;
  const rate = Number(byId("rate").value);
  say(place, rate > 0 ? `${age(estimate.count / rate)} at ${number(rate)} a second` : "as long as the relays need: behind live events, as fast as they go out");
}

function offer(events) {
  const mustConfirm = events > mostUnasked;
  byId("confirm-label").hidden = !mustConfirm;
  byId("confirm").required = mustConfirm;
  say(byId("confirm-hint"), mustConfirm ? `It is ${number(events)}.` : "");
  say(byId("change-do"), current.verb(events));
}

function setBusy(isBusy) {
  byId("change-do").setAttribute("aria-disabled", String(isBusy));
}

async function carryOut() {
  const button = byId("change-do");
  if (button.getAttribute("aria-disabled") === "true") return;
  const spec = current;
  const mustConfirm = estimate !== null && estimate.count > mostUnasked;
  if (mustConfirm && byId("confirm").value.replace(/[\s.,]/g, "") !== String(estimate.count)) {
    say(byId("change-error"), `Type ${number(estimate.count)} to confirm.`);
    byId("confirm").focus();
    return;
  }
  say(byId("change-error"), "");
  setBusy(true);
  try {
    const answer = await change(spec.path, {
      ...spec.body, reason: byId("reason").value,
      ...(spec.filter && { filter: spec.filter, yes: mustConfirm }),
      ...(spec.hasRate && byId("rate").value !== "" && { rate: Number(byId("rate").value) }),
      ...(spec.canBeNew && { as_new: byId("as-new").checked }),
    });
    if (current === spec) {
      dialog.close();
      byId("story").close();
    }
    tell(spec.done(answer));
    afterChange();
  } catch (error) {
    // The dialog may be closed by now, or be about something else.
    if (current === spec && dialog.open) say(byId("change-error"), `${error.message}.`);
    else tell(`${spec.title}: ${error.message}.`);
  } finally {
    if (current === spec) setBusy(false);
  }
}

// MARK: What was changed

export function drawRuns({ items }) {
  draw(byId("runs"), items, () => items.length === 0 ? h("li", { class: "quiet" }, "None yet.") : items.map(runItem));
}

function runItem(run) {
  const handled = run.queued + run.skipped;
  const isRunning = run.state === "running";
  return h("li", {},
    h("div", { class: "row" }, h("strong", {}, run.kind), stateBadge(run.state), h("span", { class: "grow text" }, run.reason),
      isRunning && h("button", { type: "button", "data-key": `cancel ${run.id}`, "aria-label": `Cancel run ${run.id}`, onclick: () => cancel(run) }, "Cancel…")),
    isRunning && h("progress", { max: Math.max(run.total, 1), value: handled, "aria-label": `Progress of run ${run.id}` }),
    h("p", {}, `${number(run.queued)} of ${count(run.total, "event")} queued`, run.skipped > 0 && `, ${number(run.skipped)} skipped`,
      run.died > 0 && `, ${number(run.died)} died`, run.rate !== undefined && `, at ${number(run.rate)} a second`, run.as_new && ", as new events"),
    run.error && h("p", { class: "text error" }, run.error),
    h("p", { class: "quiet text" }, `${run.requested_by}, `, time(run.requested_at), run.cancelled_by && `, cancelled by ${run.cancelled_by}`, `: ${filterText(run.filter)}`),
    h("p", { class: "quiet code" }, run.id));
}

export function drawActions({ items }) {
  draw(byId("actions"), items, () => items.length === 0 ? h("li", { class: "quiet" }, "Nothing yet.") : items.map((action) =>
    h("li", {},
      h("div", { class: "row" }, h("strong", {}, action.action), h("span", { class: "grow text" }, action.reason ?? ""),
        h("span", { class: "quiet" }, `${action.by}, `, time(action.at))),
      h("p", { class: "quiet code" }, JSON.stringify(action.details)))));
}
