// Signing in, and keeping what is shown up to date.

import { byId, say } from "./dom.js";
import { ask, identity } from "./api.js";
import { age, setClock, tick } from "./words.js";
import { drawDatabaseAway, drawOverview, drawVerdict } from "./overview.js";
import { drawActions, drawRuns, startChanges } from "./changes.js";
import { showStoryOfAddress, startFind } from "./events.js";

const pauseBetween = 5_000;
// An answer that takes longer leaves what is shown behind the times.
const longestAnswer = 10_000;
// Runs and actions change when somebody does something, mostly here.
const roundsBetweenLists = 6;

let timer;
let round = 0;
let isRefreshing = false;
// Whether the lists are to be asked for in any case, and whether they show a run that is under way.
let isWanted = false;
let isRunShown = false;
// When the last answer was whole, since when there is none, and when the next one is asked for.
let lastGood = null;
let failingSince = null;
let nextAt = 0;

// MARK: Session

async function signIn(token, name) {
  // Anything but "wrong token" is for the page to show: the database may be away.
  await ask("GET", "pauses", undefined, { token }).catch((error) => {
    if ([0, 401, 404].includes(error.status)) throw error;
  });
  identity.keep(token, name);
}

function enter() {
  byId("login").hidden = true;
  byId("page").hidden = false;
  byId("session").hidden = false;
  byId("freshness").hidden = false;
  say(byId("who"), identity.name);
  say(byId("footnote"), `Refreshes every ${pauseBetween / 1000} s while it can be seen. Times are those of ${Intl.DateTimeFormat().resolvedOptions().timeZone}; point at one for UTC.`);
  refresh();
  showStoryOfAddress();
}

/** By loading the page anew, so that nothing stays in it. */
function leave(why) {
  identity.forget();
  if (why) sessionStorage.setItem("skillrelay.operator.why", why);
  location.reload();
}

function offerSignIn() {
  byId("login").hidden = false;
  byId("name").value = identity.name;
  say(byId("login-error"), sessionStorage.getItem("skillrelay.operator.why") ?? "");
  sessionStorage.removeItem("skillrelay.operator.why");
  byId("token").focus();
}

byId("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  say(byId("login-error"), "");
  try {
    await signIn(byId("token").value.trim(), byId("name").value.trim());
    byId("token").value = "";
    enter();
    byId("main").focus();
  } catch (error) {
    say(byId("login-error"), error.status === 401 ? "That is not the token." : `${error.message}.`);
    byId("token").select();
  }
});
byId("leave").addEventListener("click", () => leave());

// MARK: Refreshing

/** Asks one thing after the other, each of them takes a connection to the database; and gives a slow one time to rest. */
async function refresh(withLists = false) {
  isWanted ||= withLists;
  if (isRefreshing || !identity.token) return;
  isRefreshing = true;
  clearTimeout(timer);
  const begin = performance.now();
  try {
    const stats = await ask("GET", "stats");
    setClock(stats.at);
    drawOverview(stats, performance.now() - begin);
    if (isWanted || isRunShown || stats.replays_running > 0 || round % roundsBetweenLists === 0) {
      isWanted = false;
      const runs = await ask("GET", "replays?limit=10");
      isRunShown = runs.items.some((run) => run.state === "running");
      drawRuns(runs);
      drawActions(await ask("GET", "actions?limit=10"));
    }
    round += 1;
    [lastGood, failingSince] = [Date.now(), null];
  } catch (error) {
    if (error.status === undefined) throw error;
    if (error.status === 401 || error.status === 404) return leave("The service does not take the token any more.");
    // The lists come with the next answer.
    [isWanted, round] = [false, 0];
    failingSince ??= Date.now();
    showFailure(error);
  } finally {
    isRefreshing = false;
    const pause = Math.max(pauseBetween, 5 * (performance.now() - begin));
    nextAt = Date.now() + pause;
    drawFreshness();
    if (isWanted) refresh();
    else if (!document.hidden) timer = setTimeout(refresh, pause);
  }
}

function showFailure(error) {
  const text = lastGood ? ["What you see below is from before that."] : [];
  if (error.status === 0) drawVerdict([{ level: "bad", title: "The service does not answer", text: ["It may be stopped, or the way to it is broken. Is another instance there? ", ...text] }]);
  else if (error.status === 503) {
    drawVerdict([{ level: "bad", title: "The database cannot be asked", text: [`${error.message}. `, ...text] }]);
    drawDatabaseAway(error.message);
  } else drawVerdict([{ level: "bad", title: "The service cannot tell", text: [`${error.message} (${error.status}). `, ...text] }]);
}

function drawFreshness() {
  const place = byId("freshness");
  const isStale = failingSince !== null || (lastGood !== null && Date.now() > nextAt + longestAnswer);
  place.classList.toggle("stale", isStale);
  byId("page").classList.toggle("stale", isStale);
  if (failingSince !== null) say(place, `no answer for ${age((Date.now() - (lastGood ?? failingSince)) / 1000)}`);
  else if (lastGood) say(place, `updated ${age((Date.now() - lastGood) / 1000)} ago`);
}

setInterval(() => {
  if (document.hidden) return;
  tick();
  drawFreshness();
}, 1000);
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : refresh()));
byId("refresh").addEventListener("click", () => refresh(true));

startChanges(() => refresh(true));
startFind();
if (identity.token) enter();
else offerSignIn();
