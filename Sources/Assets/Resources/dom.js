// Elements by hand: what comes from an event, a broker or a person gets into the page as text, never as markup.

export const byId = (id) => document.getElementById(id);

/** An element. Attributes that begin with `on` are listeners; null and false ones are left out, as are such children. */
export function h(name, attributes, ...children) {
  return dress(document.createElement(name), attributes, children);
}

export function svg(name, attributes, ...children) {
  return dress(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function dress(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const drawn = new WeakMap();

/** Fills an element anew if what it shows has changed, and leaves the focus on what has the same `data-key`. */
export function draw(parent, data, build) {
  const text = JSON.stringify(data);
  if (drawn.get(parent) === text) return;
  drawn.set(parent, text);
  const key = parent.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  parent.replaceChildren(...[build(data)].flat());
  if (key) focusOn(key);
}

/** Without setting the same again, which a screen reader may say again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

let newsTimer;

/** A line about what has been done. */
export function tell(text) {
  clearTimeout(newsTimer);
  byId("news").textContent = text;
  newsTimer = setTimeout(() => { byId("news").textContent = ""; }, 10_000);
}

/** Opens a dialog; when it closes, the focus goes back to what opened it, though it may have been drawn anew since. */
export function open(dialog) {
  if (dialog.open) return;
  const opener = document.activeElement;
  dialog.addEventListener("close", () => {
    if (opener?.isConnected) opener.focus();
    else if (!focusOn(opener?.dataset?.key)) byId("main").focus();
  }, { once: true });
  dialog.showModal();
  dialog.querySelector("h2").focus();
}

function focusOn(key) {
  const element = key && [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key);
  element?.focus();
  return Boolean(element);
}

for (const button of document.querySelectorAll("dialog .close")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
