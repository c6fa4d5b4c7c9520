// How numbers, times and filters read.

import { h } from "./dom.js";

const numbers = new Intl.NumberFormat("en");
export const number = (value) => numbers.format(value);
export const count = (value, noun) => `${number(value)} ${noun}${value === 1 ? "" : "s"}`;

export function bytes(value) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function age(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

// Ages are by the database's clock, as the times are.
let clockOffset = 0;
export const setClock = (at) => { clockOffset = Date.parse(at) - Date.now(); };
export const secondsSince = (at) => (Date.now() + clockOffset - Date.parse(at)) / 1000;

const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const dayAndClock = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const minute = (milliseconds) => clock.format(milliseconds + clockOffset).slice(0, 5);

/** A time on the wall; how long ago it is is kept up to date by `tick`. */
export function time(at) {
  const wall = (Math.abs(secondsSince(at)) > 72_000 ? dayAndClock : clock).format(Date.parse(at));
  return h("time", { datetime: at, title: at }, `${wall} (`, h("span", { "data-ago": at }, ago(at)), ")");
}

function ago(at) {
  const seconds = secondsSince(at);
  return seconds < -1 ? `in ${age(-seconds)}` : `${age(seconds)} ago`;
}

export function tick() {
  for (const element of document.querySelectorAll("[data-ago]")) {
    const text = ago(element.dataset.ago);
    if (element.textContent !== text) element.textContent = text;
  }
}

export const badge = (text, level) => h("span", { class: `badge ${level ?? ""}` }, text);
export const stateBadge = (state) =>
  badge(state, { dead: "bad", failing: "bad", failed: "bad", away: "bad", paused: "warn", blocked: "warn", pending: "warn", waiting: "warn", discarded: "",
    delivered: "ok", flowing: "ok", connected: "ok", done: "ok" }[state]);

/** The empty name is the default exchange's. */
export const destination = (of) => h("code", {}, `${of.exchange === "" ? "(default)" : of.exchange} → ${of.routing_key}`);

export function filterText(filter) {
  const ids = [filter.id ?? []].flat();
  if (ids.length === 1) return `event ${ids[0]}`;
  const parts = [`${[filter.state ?? "all"].flat().join(" or ")} events`];
  if (ids.length) parts.push(`among ${number(ids.length)} ids`);
  for (const field of ["task", "session", "project", "type", "exchange"]) if (filter[field] !== undefined) parts.push(`${field} ${filter[field]}`);
  if (filter.routing_key !== undefined) parts.push(`routing key ${filter.routing_key}`);
  if (filter.error) parts.push(`error with “${filter.error}”`);
  if (filter.since) parts.push(`written since ${filter.since}`);
  if (filter.until) parts.push(`until ${filter.until}`);
  return parts.join(", ");
}
