// What `stats` says, from the verdict down to the tables' sizes.

import { byId, draw, h, say, svg } from "./dom.js";
import { age, badge, bytes, count, destination, minute, number, secondsSince, stateBadge, time } from "./words.js";
import { discardDead, pauseOrResume, replay, retryDead } from "./changes.js";
import { showStory } from "./events.js";

// An event that has waited longer is late.
const lateSeconds = 60;

export function drawOverview(stats, milliseconds) {
  drawVerdict(judge(stats));
  drawGlance(stats);
  drawChart(stats.delivered);
  drawConnections(stats.relays, milliseconds);
  drawDestinations(stats);
  drawDead(stats.dead);
  drawStorage(stats);
}

/** What to look at, the worst first. */
function judge(stats) {
  const reasons = [];
  const add = (level, title, ...text) => reasons.push({ level, title, text });
  const alive = stats.relays.filter((relay) => relay.is_alive);
  const away = alive.filter((relay) => relay.broker === "away");
  const blocked = alive.filter((relay) => relay.broker === "blocked");
  const named = (relays) => [...new Set(relays.map((relay) => relay.broker_error).filter(Boolean))].join("; ") || "no error is known";
  if (alive.length === 0) add("bad", "No relay is at work", "Events are written and wait: start a service with SKILLRELAY_ROLE all or relay.");
  else if (away.length === alive.length) add("bad", "RabbitMQ is away", `Events wait, and go out by themselves once it is back. ${named(away)}`);
  else if (blocked.length + away.length === alive.length) add("bad", "RabbitMQ takes nothing", `It has raised an alarm (memory or disk). ${named(blocked)}`);
  else if (away.length + blocked.length > 0) add("warn", "Not every relay reaches RabbitMQ", `${away.length + blocked.length} of ${alive.length} do not; the others send. ${named([...away, ...blocked])}`);
  if (stats.pause) add("warn", "Everything is paused", `By ${stats.pause.paused_by}: ${stats.pause.reason}`);
  for (const one of stats.destinations.filter((each) => each.failure)) {
    add("bad", "A destination does not take events", destination(one), ` ${one.failure.error}; ${count(one.events, "event")} waiting, and asked again every few seconds.`);
  }
  for (const one of stats.destinations.filter((each) => each.pause && each.pause.exchange !== undefined)) {
    add("warn", "A destination is paused", destination(one), ` By ${one.pause.paused_by}: ${one.pause.reason}; ${count(one.events, "event")} waiting.`);
  }
  if (stats.pending.oldest_due_age_seconds > lateSeconds) {
    add("warn", "Events are late", `The oldest that is due has waited for ${age(stats.pending.oldest_due_age_seconds)}.`);
  }
  if (stats.dead.count > 0) add("warn", "Dead events need a decision", `${count(stats.dead.count, "event")} used up all attempts: `, h("a", { href: "#dead-title", "data-key": "to the dead" }, "retry or discard them"), ".");
  return reasons.sort((a, b) => (a.level === "bad" ? 0 : 1) - (b.level === "bad" ? 0 : 1));
}

const allIsWell = { level: "ok", title: "All is well", text: ["Relays are at work, nothing is late, nothing is dead."] };

/** The title is read out when it changes; the details, which change all the time, are not. */
export function drawVerdict(reasons) {
  const list = reasons.length ? reasons : [allIsWell];
  byId("verdict").className = `card ${list[0].level}`;
  say(byId("verdict-title"), list[0].title);
  const items = list.map((reason, index) => h("li", {}, index > 0 && h("strong", {}, `${reason.title}. `), ...reason.text));
  draw(byId("reasons"), items.map((item) => item.textContent), () => items);
  document.title = `${list[0].level === "ok" ? "" : "(!) "}${list[0].title} · SkillRelay`;
}

// MARK: At a glance

let earlier = [];

function trend(pending) {
  const now = performance.now();
  earlier = [...earlier.filter((one) => now - one.at < 90_000), { at: now, pending }];
  const before = earlier.find((one) => now - one.at <= 60_000);
  const seconds = Math.round((now - before.at) / 1000);
  const difference = pending - before.pending;
  return seconds < 4 || difference === 0 ? null : `${difference > 0 ? "+" : "−"}${number(Math.abs(difference))} in ${seconds} s`;
}

function drawGlance({ pending, delivered, dead, discarded, replays_running: running }) {
  const tile = (name, figure, level, ...lines) =>
    h("div", { class: level }, h("dt", {}, name), h("dd", { class: "figure" }, figure), lines.filter(Boolean).map((line) => h("dd", { class: "quiet" }, line)));
  const isLate = pending.oldest_due_age_seconds > lateSeconds;
  byId("glance").replaceChildren(
    tile("Pending", number(pending.count), isLate ? "warn" : "",
      [["due", pending.due], ["delayed", pending.delayed], ["in flight", pending.in_flight]].filter(([, events]) => events)
        .map(([name, events]) => `${number(events)} ${name}`).join(", ") || "none waits", trend(pending.count)),
    tile("Oldest pending", pending.oldest_at ? age(pending.oldest_age_seconds) : "–", isLate ? "warn" : "",
      pending.oldest_due_at ? `oldest due: ${age(pending.oldest_due_age_seconds)}` : "none is due"),
    tile("Last minute", number(delivered.last_minute), "", `${number(delivered.last_hour)} in the hour`,
      delivered.last_at ? `the last ${age(secondsSince(delivered.last_at))} ago` : "none yet"),
    tile("Dead", number(dead.count), dead.count ? "bad" : "", dead.oldest_at ? `oldest ${age(secondsSince(dead.oldest_at))}` : "none",
      discarded ? `${number(discarded)} discarded` : null),
    tile("Runs under way", number(running), ""));
}

// MARK: Chart

function drawChart(delivered) {
  draw(byId("chart-picture"), delivered.per_minute, (minutes) => {
    const most = Math.max(...minutes);
    const summary = most === 0
      ? "Nothing was delivered in the last hour."
      : `${count(delivered.last_hour, "event")} in the last hour; the busiest minute was at ${minute(Date.now() - (59 - minutes.indexOf(most)) * 60_000)}, with ${number(most)}.`;
    const bars = minutes.map((events, index) => {
      const height = most ? (events / most) * 96 : 0;
      return svg("rect", { x: index * 10 + 1, y: 100 - height, width: 8, height },
        svg("title", {}, `${minute(Date.now() - (59 - index) * 60_000)}: ${number(events)}`));
    });
    const lines = [4, 52].map((y) => svg("line", { x1: 0, x2: 600, y1: y, y2: y }));
    return [
      h("p", { class: "scale quiet", "aria-hidden": "true" }, h("span", {}, most ? `${number(most)} a minute` : "")),
      svg("svg", { viewBox: "0 0 600 100", preserveAspectRatio: "none", role: "img", "aria-label": summary }, lines, bars),
      h("p", { class: "scale quiet", "aria-hidden": "true" }, [60, 45, 30, 15, 0].map((ago) => h("span", {}, ago ? minute(Date.now() - ago * 60_000) : "now"))),
      h("figcaption", { class: "quiet" }, summary),
    ];
  });
  draw(byId("chart-table"), delivered.per_minute, (minutes) => minutes.map((events, index) =>
    h("tr", {}, h("th", { scope: "row" }, minute(Date.now() - (59 - index) * 60_000)), h("td", {}, number(events)))).reverse());
}

// MARK: Connections and destinations

function drawConnections(relays, milliseconds) {
  const database = h("li", {}, h("div", { class: "row" }, h("strong", { class: "grow" }, "PostgreSQL"), stateBadge("connected"),
    h("span", { class: "quiet" }, `answered in ${number(Math.round(milliseconds))} ms`)));
  byId("connections").replaceChildren(database, ...relays.map((relay) =>
    h("li", {},
      h("div", { class: "row" }, h("strong", { class: "grow text" }, `RabbitMQ, from ${relay.host} (process ${relay.pid})`),
        relay.is_alive ? stateBadge(relay.broker) : badge("not seen", "bad")),
      relay.broker_error && h("p", { class: "text" }, relay.broker_error),
      h("p", { class: "quiet" }, `version ${relay.version}, up ${age(secondsSince(relay.started_at))}, seen ${age(secondsSince(relay.seen_at))} ago`))));
  if (!relays.length) byId("connections").append(h("li", {}, "No relay has reported within the hour."));
}

export function drawDatabaseAway(message) {
  byId("connections").replaceChildren(h("li", {}, h("div", { class: "row" }, h("strong", { class: "grow" }, "PostgreSQL"), badge("away", "bad")),
    h("p", { class: "text" }, message)));
}

function drawDestinations({ destinations, pause, relays }) {
  const canFlow = relays.some((relay) => relay.is_alive && relay.broker === "connected");
  draw(byId("destinations"), { list: destinations, canFlow }, ({ list }) => list.length === 0
    ? h("li", { class: "quiet" }, "None has events waiting, is paused or fails.")
    : list.map((one) => {
      const ownPause = one.pause && one.pause.exchange !== undefined;
      const key = `${one.exchange} ${one.routing_key}`;
      return h("li", {},
        h("div", { class: "row" }, h("span", { class: "grow" }, destination(one)), stateBadge(one.state === "flowing" && !canFlow ? "waiting" : one.state), h("span", {}, count(one.events, "event")),
          h("button", { type: "button", "data-key": `pause ${key}`, "aria-label": `${ownPause ? "Resume" : "Pause"} ${key}`,
            onclick: () => pauseOrResume(Boolean(ownPause), one) }, ownPause ? "Resume…" : "Pause…")),
        one.pause && h("p", { class: "text" }, `Paused by ${one.pause.paused_by}: ${one.pause.reason} `, h("span", { class: "quiet" }, time(one.pause.paused_at))),
        one.failure && h("p", { class: "text" }, `${one.failure.error} `, h("span", { class: "quiet" }, "since ", time(one.failure.since))));
    }));
  const all = byId("pause-all");
  say(all, pause ? "Resume everything…" : "Pause everything…");
  all.onclick = () => pauseOrResume(Boolean(pause), null);
}

// MARK: Dead events

function drawDead(dead) {
  draw(byId("dead"), dead.by_error, (groups) => groups.length === 0
    ? h("li", { class: "quiet" }, "None.")
    : groups.map((group) => {
      const filter = { state: ["dead"], error: fitting(group.error) };
      const button = (name, run) => h("button", { type: "button", "data-key": `${name} ${group.error}`, onclick: run }, `${name}…`);
      return h("li", {},
        h("div", { class: "row" }, h("strong", {}, number(group.count)), h("span", { class: "grow text" }, group.error || "(no error is known)")),
        h("p", { class: "quiet" }, "first ", time(group.first_at), ", last ", time(group.last_at)),
        h("p", { class: "row" }, h("span", { class: "quiet" }, "latest:"),
          group.sample.map((id) => h("button", { type: "button", class: "link code", "data-key": `sample ${id}`, onclick: () => showStory(id) }, id))),
        group.error !== "" && h("p", { class: "actions" }, button("Retry", () => retryDead(filter)), button("Replay", () => replay(filter)),
          button("Discard", () => discardDead(filter))));
    }));
}

/** As much of it as a filter may say. */
function fitting(text) {
  const encoder = new TextEncoder();
  while (encoder.encode(text).length > 1024) text = text.slice(0, -16);
  return text;
}

// MARK: Storage

function drawStorage({ partitions, tables }) {
  say(byId("storage-sum"), `${bytes([...partitions, ...tables].reduce((sum, one) => sum + one.bytes, 0))}, ${count(partitions.length, "partition")}`);
  draw(byId("storage"), { partitions, tables }, () => [...partitions, ...tables].map((one) =>
    h("li", { class: "row" }, h("code", { class: "grow" }, one.name),
      h("span", { class: "quiet" }, one.rows_estimate === undefined ? "" : `about ${count(one.rows_estimate, "row")}`), h("span", {}, bytes(one.bytes)))));
}
