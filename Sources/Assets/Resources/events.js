// Looking for events, and the story of one.

import { byId, h, open, say } from "./dom.js";
import { ask } from "./api.js";
import { bytes, destination, number, stateBadge, time } from "./words.js";
import { discardDead, replay, retryDead } from "./changes.js";

// MARK: Find

// Of a payload, in characters.
const mostShown = 100_000;

const form = byId("find");
let shown = 0;

export function startFind() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const values = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]));
    if (values.kind === "id" && values.id) showStory(values.id);
    else find(values);
  });
}

async function find({ kind, id, order, ...values }) {
  const filter = Object.fromEntries(Object.entries({ ...values, [kind]: id }).filter(([, value]) => value !== ""));
  byId("found").hidden = false;
  shown = 0;
  byId("found-list").replaceChildren();
  byId("found-actions").replaceChildren();
  await more(filter, order);
}

async function more(filter, order, cursor) {
  const button = byId("found-more");
  button.hidden = true;
  say(byId("found-count"), "Looking…");
  try {
    const page = await ask("GET", `events?${new URLSearchParams({ ...filter, order, limit: 20, ...(cursor && { cursor }) })}`);
    shown += page.items.length;
    byId("found-list").append(...page.items.map(summary));
    say(byId("found-count"), shown === 0 ? "No event fits." : `${number(shown)} shown, ${page.has_more ? "there are more." : "that is all."}`);
    button.hidden = !page.has_more;
    button.onclick = () => more(filter, order, page.next_cursor);
    if (!cursor && shown > 0) byId("found-actions").replaceChildren(...changesOf(filter));
  } catch (error) {
    say(byId("found-count"), `Not found out: ${error.message}.`);
  }
}

function changesOf(filter) {
  const button = (name, run) => h("button", { type: "button", onclick: () => run(filter) }, `${name} all that fit…`);
  const isDead = filter.state === "dead";
  return [
    isDead && button("Retry", retryDead),
    (isDead || !filter.state || filter.state === "delivered") && button("Replay", replay),
    isDead && button("Discard", discardDead),
  ].filter(Boolean);
}

function summary(event) {
  return h("li", {},
    h("div", { class: "row" },
      h("button", { type: "button", class: "link code", "data-key": `found ${event.id}`, onclick: () => showStory(event.id) }, event.id),
      stateBadge(event.state), h("span", { class: "quiet end" }, time(event.created_at))),
    h("p", { class: "row" }, event.type && h("span", {}, event.type), destination(event), h("span", { class: "quiet" }, bytes(event.payload_bytes))),
    event.last_error && h("p", { class: "text" }, event.last_error),
    h("p", { class: "code quiet" }, event.payload_start));
}

// MARK: Story

const dialog = byId("story");

/** The event that is shown stands in the address, to be handed on. */
export async function showStory(id) {
  say(byId("story-title"), `Event ${id}`);
  byId("story-body").replaceChildren(h("p", { role: "status" }, "Looking…"));
  open(dialog);
  try {
    const story = await ask("GET", `events/${encodeURIComponent(id)}`);
    history.replaceState(null, "", `#event=${story.event.id}`);
    byId("story-body").replaceChildren(...told(story));
  } catch (error) {
    byId("story-body").replaceChildren(h("p", { class: "error", role: "alert" }, `${error.message}.`));
  }
}

export function showStoryOfAddress() {
  const id = /^#event=([0-9a-f-]{36})$/i.exec(location.hash)?.[1];
  if (id) showStory(id);
}

dialog.addEventListener("close", () => history.replaceState(null, "", location.pathname));

function told({ event, headers, payload, payload_base64, maybe_sent: maybeSent, story }) {
  const filter = { id: [event.id] };
  const body = payload ?? payload_base64;
  const facts = [
    ["State", stateBadge(event.state)],
    ["Goes to", destination(event)],
    ["Type", event.type],
    ["Attempts", event.attempts === undefined ? null : number(event.attempts)],
    ["Last error", event.last_error],
    ["Next attempt", event.next_attempt_at && time(event.next_attempt_at)],
    ["Sent before", maybeSent ? "perhaps: an attempt may have reached the broker" : null],
  ].filter(([, value]) => value);
  const button = (name, run) => h("button", { type: "button", "data-key": `story ${name}`, onclick: () => run(filter) }, `${name}…`);
  return [
    h("dl", { class: "facts" }, facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", { class: "text" }, value)])),
    h("p", { class: "actions" }, event.state === "dead" && button("Retry", retryDead),
      ["dead", "delivered"].includes(event.state) && button("Replay", replay), event.state === "dead" && button("Discard", discardDead)),
    h("h3", {}, "What has happened"),
    h("ol", { class: "story" }, story.map(chapter), event.state === "pending" && h("li", { class: "warn" }, "waits to be sent")),
    h("h3", {}, `Payload, ${bytes(event.payload_bytes)}${payload === undefined ? ", no text: base64" : ""}`),
    body.length > mostShown && h("p", { class: "quiet" }, `The first ${number(mostShown)} characters:`),
    h("pre", { tabindex: "0", "aria-label": "Payload" }, body.slice(0, mostShown)),
    h("h3", {}, "Headers"),
    h("pre", { tabindex: "0", "aria-label": "Headers" }, JSON.stringify(headers, null, 2)),
  ];
}

function chapter({ at, what, replay_id, new_id, by, reason, error }) {
  const [level, ...text] = {
    written: ["", "written: committed with what caused it"],
    confirmed: ["ok", "confirmed and routed by the broker"],
    queued: ["warn", `queued again${new_id ? ` as ${new_id}` : ""}${by ? ` by ${by}` : ""}${reason ? `: ${reason}` : ""} (run ${replay_id})`],
    died: ["bad", `died: ${error}`],
    discarded: ["", `discarded by ${by}: ${reason}`],
  }[what] ?? ["", what];
  return h("li", { class: level }, ...text, " ", h("span", { class: "quiet" }, time(at)));
}
