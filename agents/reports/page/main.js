// Which view an address means, the bar at the top, the keys, and following a run that goes on.

let drawing = 0;

function bar(parts) {
  const crumbs = [h("a", { href: "#/" }, "RepoGym")];
  if (parts[0] === "run" && INDEX.runs[Number(parts[1])]) {
    crumbs.push(h("a", { href: address(["run", parts[1]], {}) }, visible(INDEX.runs[Number(parts[1])].name)));
    if (parts[2] === "episode") crumbs.push(h("span", {}, visible(parts[3] || "")));
  } else if (parts[0] === "compare") crumbs.push(h("span", {}, "compare"));
  const theme = h("button", { onclick: switchTheme, "aria-label": "Switch between light and dark" }, "\u25d0");
  document.getElementById("bar").replaceChildren(
    h("nav", { "aria-label": "Where you are" }, crumbs.map((c, i) => [i ? h("span", { class: "muted" }, " / ") : null, c])),
    h("div", {}, theme, h("button", { onclick: help, "aria-label": "Keys" }, "?")));
}

function switchTheme() {
  const dark = getComputedStyle(document.documentElement).colorScheme.includes("dark");
  document.documentElement.dataset.theme = dark ? "light" : "dark";
  draw({ keep: true });
}

async function content(parts, query) {
  if (parts[0] === "run" && INDEX.runs[Number(parts[1])]) {
    if (parts[2] === "episode") return drawEpisode(Number(parts[1]), parts[3], parts[4] || "0", query);
    return drawRun(Number(parts[1]), query);
  }
  if (parts[0] === "compare" && INDEX.comparisons[Number(parts[1])]) return drawComparison(Number(parts[1]));
  return INDEX.runs.length === 1 ? drawRun(0, query) : drawRuns();
}

async function draw({ keep = false } = {}) {
  const mine = ++drawing;
  const { parts, query } = readAddress();
  const scrolled = window.scrollY;
  bar(parts);
  const main = document.getElementById("main");
  let made;
  try {
    made = await content(parts, query);
  } catch (error) {
    made = [h("h1", {}, "This part can't be shown"), h("p", {}, visible(error.message))];
  }
  if (mine !== drawing) return;
  main.replaceChildren(...made.flat(Infinity).filter(Boolean));
  main.dataset.ready = location.hash || "#/";
  const step = query.get("step");
  const call = document.querySelectorAll(".call")[Number(query.get("call")) - 1];
  const target = keep ? null : step ? document.getElementById(`t${Number(step) - 1}`) : call;
  if (target) bringUp(target);
  else window.scrollTo(0, keep ? scrolled : 0);
}

// Keys: j and k walk the steps or the rows.
function walk(direction) {
  const items = [...document.querySelectorAll(".turn, a.row")];
  if (!items.length) return;
  const now = items.indexOf(document.activeElement.closest(".turn, a.row"));
  const next = items[Math.min(items.length - 1, Math.max(0, now + direction))];
  next.focus();
  next.scrollIntoView({ block: next.matches(".turn") ? "start" : "nearest" });
}

const KEYS = [
  ["j, k", "next, previous step or row"], ["Enter", "open the row"], ["/", "filter"],
  ["[, ]", "previous, next episode"], ["h", "show hidden things, or not"], ["?", "this help"], ["Esc", "close it"],
];

function help() {
  const dialog = h("dialog", { "aria-label": "Keys" }, h("h2", {}, "Keys"),
    h("dl", { class: "keys" }, KEYS.map(([k, t]) => h("div", {}, h("dt", {}, h("kbd", {}, k)), h("dd", {}, t)))),
    h("form", { method: "dialog" }, h("button", {}, "Close")));
  dialog.querySelector("button").addEventListener("click", (e) => { e.preventDefault(); dialog.close(); });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, select, textarea") || document.querySelector("dialog")) return;
  const click = (id) => document.getElementById(id)?.click();
  const actions = {
    j: () => walk(1), k: () => walk(-1), "?": help, "[": () => click("previous"), "]": () => click("next"),
    h: () => click("hidden"), "/": () => document.getElementById("filter")?.focus(),
  };
  if (actions[event.key]) { event.preventDefault(); actions[event.key](); }
});

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("main").focus();
});
window.addEventListener("hashchange", () => draw());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw({ keep: true }));
if (INDEX.served) setInterval(async () => { if (await refresh()) draw({ keep: true }); }, 2000);
draw();
