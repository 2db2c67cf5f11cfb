"use strict";
// Makes elements. Text always goes in as text, never as HTML: what a run holds is not trusted.

function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

// Characters that steer a terminal or turn the direction of text become signs that show them.
function visible(text) {
  return String(text).replace(/\r\n/g, "\n").replace(CONTROL, (c) => {
    const code = c.charCodeAt(0);
    if (code < 32) return String.fromCharCode(0x2400 + code);
    if (code === 127) return "\u2421";
    return "\u27e6U+" + code.toString(16).toUpperCase().padStart(4, "0") + "\u27e7";
  });
}

const LINES = 30;
const CHARACTERS = 6000;

// A text with a button for the rest where it is long.
function foldable(text, className) {
  const shown = visible(text);
  const lines = shown.split("\n");
  let short = lines.slice(0, LINES).join("\n");
  if (short.length > CHARACTERS) short = short.slice(0, CHARACTERS);
  const pre = h("pre", { class: className, tabindex: "0", dir: "ltr" }, short);
  if (short.length >= shown.length) return pre;
  const rest = lines.length > LINES
    ? `${lines.length - LINES} more lines`
    : `${number(shown.length - short.length)} more characters`;
  const button = h("button", { class: "fold", "aria-expanded": "false" }, `Show ${rest}`);
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-expanded") === "true";
    pre.textContent = open ? short : shown;
    button.setAttribute("aria-expanded", String(!open));
    button.textContent = open ? `Show ${rest}` : "Show less";
  });
  return h("div", { class: "foldable" }, pre, button);
}

function number(value, digits = 0) {
  if (value === null || value === undefined) return "\u2013";
  return value.toLocaleString("en-US", { maximumFractionDigits: digits, minimumFractionDigits: digits });
}

const percent = (value) => (value === null || value === undefined ? "\u2013" : number(100 * value, 1) + "%");
const money = (value) => (value ? "$" + number(value, value < 0.1 ? 4 : 2) : "$0");
const seconds = (value) => {
  if (value === null || value === undefined) return "\u2013";
  if (value < 60) return number(value, 1) + " s";
  const whole = Math.round(value);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
};

const KIND = {
  "resolved": "good", "resolved (weak)": "fair", "plausible": "fair", "unresolved": "plain", "false resolved": "bad",
  "infrastructure": "bad", "agent error": "bad", "damaged": "bad", "running": "busy",
  "interrupted": "plain", "not played": "plain",
};

const badge = (verdict) => h("span", { class: "badge " + (KIND[verdict] || "plain") }, verdict);

const problems = (list) => list.length
  ? h("div", { class: "notice", role: "note" }, list.map((p) => h("p", {}, visible(p))))
  : null;

// Steps out of sight have no height yet, so the place is looked for again once they have.
function bringUp(element) {
  if (!element) return;
  for (const wait of [0, 60, 200]) setTimeout(() => element.scrollIntoView({ block: "start" }), wait);
}

function section(title, ...content) {
  return h("section", { class: "card" }, h("h2", {}, title), ...content);
}
