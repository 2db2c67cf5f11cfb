// The page of one episode: its steps as a conversation, its forks, its patch and its score.

let showHidden = false;
let onlyFailures = false;

function turnView(turn, place, branch) {
  const step = h("article", { class: `turn ${turn.role}`, id: `t${place}`, tabindex: "-1" },
    h("header", {},
      h("span", { class: "who" }, turn.role === "agent" ? visible(turn.model || "agent") : turn.role),
      h("a", { class: "anchor", href: address(branch.at, { ...branch.query, step: String(place + 1) }) }, `#${place + 1}`),
      turn.tokens ? h("span", { class: "muted" }, `${number(turn.tokens[0])} \u2192 ${number(turn.tokens[1])} tokens`) : null,
      turn.cost ? h("span", { class: "muted" }, money(turn.cost)) : null,
      turn.reused ? h("span", { class: "badge plain" }, "recorded reply") : null,
      turn.time ? h("time", { class: "muted", datetime: turn.time }, turn.time.slice(11, 19)) : null),
    turn.reasoning ? h("details", {}, h("summary", {}, "Reasoning"), foldable(turn.reasoning, "reasoning")) : null,
    turn.text ? foldable(turn.text, "said") : null,
    turn.calls.map((call) => callView(call)),
    turn.forks.map((n) => h("p", { class: "fork" }, "Forked: ",
      h("a", { href: address(branch.at, { branch: String(n) }) }, `branch ${n}`))),
    turn.plan ? planView(turn.plan, "The plan from here on") : null);
  return step;
}

// JSON is shown with a line a field; anything else as it was written.
function spread(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" ? JSON.stringify(value, null, 1) : text;
  } catch {
    return text;
  }
}

function argumentsOf(text) {
  try {
    const value = JSON.parse(text);
    if (value === null || typeof value !== "object" || Array.isArray(value)) return text;
    const one = ([key, item]) => `${key}: ${typeof item === "string" ? item : JSON.stringify(item)}`;
    return Object.entries(value).map(one).join("\n");
  } catch {
    return text;
  }
}

function callView(call) {
  const shown = argumentsOf(call.arguments);
  return h("div", { class: "call" + (call.error ? " failed" : "") },
    h("div", { class: "name" }, h("code", {}, visible(call.name)),
      call.error ? h("span", { class: "badge bad" }, "error") : null,
      call.seconds !== null ? h("span", { class: "muted" }, seconds(call.seconds)) : null),
    shown ? foldable(shown, "arguments") : null,
    call.answer === null ? h("p", { class: "muted" }, "No answer: the episode ended before.") : foldable(spread(call.answer), "answer"));
}

function planView(plan, title) {
  return h("details", { class: "plan", open: true },
    h("summary", {}, `${title} (${plan.filter((s) => s[0]).length} of ${plan.length} done)`),
    h("ol", {}, plan.map(([done, text]) => h("li", { class: done ? "done" : "" }, done ? "\u2713 " : "", visible(text)))));
}

function branchTree(branches, current, at) {
  if (branches.length < 2) return null;
  const below = (parent) => branches.filter((b) => b.parent === parent);
  const node = (b) => h("li", {},
    h("a", { href: address(at, { branch: String(b.number) }), "aria-current": b.number === current ? "true" : null },
      b.number === 0 ? "main" : `branch ${b.number}`),
    h("span", { class: "muted" }, ` ${b.turns.reduce((n, t) => n + t.calls.length, 0)} calls`),
    below(b.number).length ? h("ul", {}, below(b.number).map(node)) : null);
  return section("Branches", h("nav", { "aria-label": "Branches of this episode" }, h("ul", { class: "tree" }, below(null).map(node))));
}

function neighbourhoodView(edited) {
  if (!edited) return null;
  if (!edited.length) return section("What was edited", h("p", { class: "muted" }, "The patch edits no function, method or class of the code graph."));
  const list = (title, links) => h("div", {}, h("h4", {}, title), links.length
    ? h("ul", {}, links.map(([name, place]) => h("li", {}, h("code", {}, visible(name)), h("span", { class: "muted" }, " " + (place === ":0" ? "outside" : visible(place))))))
    : h("p", { class: "muted" }, "none"));
  return section("What was edited, in the code graph", edited.map((one) => h("div", { class: "edited" },
    list("Called by", one.callers),
    h("div", { class: "centre" }, h("code", {}, visible(one.name)), h("br"), h("span", { class: "muted" }, visible(one.place))),
    list("Calls", one.callees))));
}

function scoreView(checks) {
  if (!checks.length) return h("p", { class: "muted" }, "No score is stored.");
  const wrong = checks.filter((c) => c[1] !== "passed");
  const list = onlyFailures ? wrong : checks;
  return [
    h("p", {}, `${checks.length - wrong.length} of ${checks.length} expected tests passed. `,
      h("label", {}, h("input", { type: "checkbox", checked: onlyFailures, onchange: (e) => { onlyFailures = e.target.checked; draw({ keep: true }); } }), " only those that did not")),
    h("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Score of each test" }, h("table", {},
      h("thead", {}, h("tr", {}, ["Test", "Verdict", "Message"].map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", {}, list.slice(0, 2000).map(([test, word, message]) => h("tr", {},
        h("th", { scope: "row" }, h("code", {}, visible(test))),
        h("td", {}, h("span", { class: "badge " + (word === "passed" ? "good" : "bad") }, word)),
        h("td", {}, visible(message))))))),
  ];
}

function switchHidden() {
  if (!INDEX.hidden) return h("p", { class: "muted" }, "This page was made without hidden things (the reference patch, the hidden tests).");
  return h("label", { class: "switch" },
    h("input", { type: "checkbox", id: "hidden", checked: showHidden, onchange: (e) => { showHidden = e.target.checked; draw({ keep: true }); } }),
    " Show hidden things: the reference patch, the tests that score, what scoring printed");
}

async function drawEpisode(number_, task, sample, query) {
  const run = INDEX.runs[number_];
  const place = run.episodes.findIndex((e) => e.task === task && e.sample === Number(sample));
  if (place < 0) return [h("h1", {}, "No such episode"), h("p", {}, "This run has no episode ", visible(task), ".")];
  const row = run.episodes[place];
  const at = ["run", String(number_), "episode", task, sample];
  const data = await part(`e${number_}-${place}`);
  const top = [
    h("h1", {}, visible(task), row.sample ? ` #${row.sample}` : "", " ", badge(row.verdict)),
    h("p", { class: "muted" }, [
      row.end ? `end: ${row.end}` : "", row.fraction !== null && row.fraction !== undefined ? `fraction ${row.fraction.toFixed(2)}` : "",
      row.steps !== undefined ? `${row.steps} steps` : "", row.seconds ? seconds(row.seconds) : "",
      row.tokens ? `${number(row.tokens)} tokens` : "", row.cost ? money(row.cost) : ""].filter(Boolean).join(" \u00b7 ")),
    row.error ? h("div", { class: "notice bad", role: "note" }, h("p", {}, visible(row.error))) : null,
    (row.tampered || []).length ? h("div", { class: "notice bad", role: "note" }, h("p", {}, "Tampered with: ", visible(row.tampered.join("; ")))) : null,
    (row.flags || []).length ? h("div", { class: "notice", role: "note" }, h("p", {}, "Worth a look in the patch: ", visible(row.flags.join("; ")))) : null,
    neighbours(run, number_, place),
    jumps(),
  ];
  if (data === null) return [...top, problems([row.problem || "This episode was not played."])];
  const hidden = showHidden && INDEX.hidden ? await part(`h${number_}-${place}`) : null;
  const wanted = Number(query.get("branch") || 0);
  const branch = data.branches.find((b) => b.number === wanted) || data.branches[0];
  const plans = branch ? branch.turns.filter((t) => t.plan) : [];
  const context = { at, query: query.get("branch") ? { branch: query.get("branch") } : {} };
  return [
    ...top, problems([row.problem, ...data.problems].filter(Boolean)),
    branchTree(data.branches, branch ? branch.number : 0, at),
    plans.length ? section("Plan at the end", planView(plans.at(-1).plan, "Plan")) : null,
    section(branch && branch.number ? `Branch ${branch.number}` : "Steps", branch && branch.turns.length
      ? h("div", { class: "turns" }, branch.turns.map((t, i) => turnView(t, i, context)))
      : h("p", { class: "muted" }, "The journal holds no step that can be shown.")),
    section("Patch", switchHidden(), h("div", { class: hidden ? "pair" : "" },
      h("div", {}, hidden ? h("h3", {}, "This episode") : null, patchView(data.patch, "The episode changed nothing.")),
      hidden ? h("div", {}, h("h3", {}, "Reference"), hidden.reference === null
        ? h("p", { class: "muted" }, "Not on this machine: prepare the task to see it (repogym tasks prepare).")
        : patchView(hidden.reference, "The reference is empty.")) : null)),
    hidden ? section("Score", scoreView(hidden.checks)) : null,
    hidden && hidden.log ? section("What scoring printed", foldable(hidden.log, "answer")) : null,
    neighbourhoodView(data.edited),
  ];
}

function neighbours(run, number_, place) {
  const link = (e, text, key) => e
    ? h("a", { href: address(["run", String(number_), "episode", e.task, String(e.sample)], {}), id: key }, text) : null;
  return h("nav", { class: "beside", "aria-label": "Other episodes" },
    link(run.episodes[place - 1], "\u2190 previous", "previous"), link(run.episodes[place + 1], "next \u2192", "next"));
}

function jumps() {
  const jump = (name) => h("button", { onclick: () => {
    const heading = [...document.querySelectorAll("h2")].find((one) => one.textContent.startsWith(name));
    bringUp(heading);
  } }, name);
  return h("div", { class: "beside" }, ["Steps", "Patch", ...(showHidden && INDEX.hidden ? ["Score"] : []), "What was edited"].map(jump));
}
