// The page of one run: its figures, its plots and the table of its episodes.

const COLUMNS = [
  ["task", "Task", (e) => e.task + (e.sample ? ` #${e.sample}` : "")],
  ["verdict", "Verdict", (e) => e.verdict],
  ["fraction", "Fraction", (e) => e.fraction],
  ["end", "End", (e) => e.error || e.end || ""],
  ["repository", "Repository", (e) => e.repository],
  ["steps", "Steps", (e) => e.steps],
  ["seconds", "Time", (e) => e.seconds],
  ["tokens", "Tokens", (e) => e.tokens],
  ["cost", "Cost", (e) => e.cost],
];
const NUMERIC = new Set(["fraction", "steps", "seconds", "tokens", "cost"]);
const SHOWN = {
  fraction: (v) => (v === null || v === undefined ? "" : (v <= -0.005 ? "\u2212" : "+") + Math.abs(v).toFixed(2)),
  seconds, tokens: (v) => number(v), steps: (v) => number(v), cost: money,
};

function filterEpisodes(episodes, query) {
  const text = (query.get("q") || "").toLowerCase();
  const one = (name, value) => !query.get(name) || query.get(name) === value;
  return episodes.filter((e) =>
    one("verdict", e.verdict) && one("end", e.end || "") && one("repository", e.repository) &&
    (!text || [e.task, e.verdict, e.end, e.error, e.repository, ...(e.flags || [])].join(" ").toLowerCase().includes(text)));
}

function sortEpisodes(episodes, query) {
  const column = COLUMNS.find((c) => c[0] === query.get("sort"));
  if (!column) return episodes;
  const sign = query.get("desc") ? -1 : 1;
  const empty = (v) => v === null || v === undefined || v === "";
  return [...episodes].sort((a, b) => {
    const [x, y] = [column[2](a), column[2](b)];
    if (empty(x) || empty(y)) return empty(x) - empty(y);
    return sign * (typeof x === "number" ? x - y : String(x).localeCompare(String(y)));
  });
}

function rateCard(run) {
  const [low, high] = [100 * run.low, 100 * run.high];
  return h("div", { class: "rate" },
    h("p", { class: "big" }, run.n ? percent(run.rate) : "\u2013"),
    h("p", {}, run.n
      ? `resolved ${run.resolved} of ${run.n}; 95% interval ${low.toFixed(1)} to ${high.toFixed(1)}%`
      : "no episode has a verdict yet"),
    run.n ? h("div", { class: "interval", "aria-hidden": "true" },
      h("span", { style: `left:${low}%;width:${high - low}%` }),
      h("i", { style: `left:${100 * run.rate}%` })) : null,
    h("p", { class: "verdicts" }, Object.entries(run.verdicts).map(([v, n]) => [badge(v), ` ${n} `])));
}

function select(label, name, values, query, change) {
  const box = h("select", { "aria-label": label, onchange: (e) => change({ [name]: e.target.value }) },
    h("option", { value: "" }, label),
    [...new Set(values)].filter(Boolean).sort().map((v) =>
      h("option", { value: v, selected: query.get(name) === v }, v)));
  return box;
}

function tableOf(number_, episodes, query, change) {
  const head = COLUMNS.map(([name, title]) => {
    const sorted = query.get("sort") === name;
    const down = sorted && query.get("desc");
    const order = sorted ? (down ? "descending" : "ascending") : null;
    return h("th", { scope: "col", class: `c-${name}`, "aria-sort": order },
      h("button", { "data-sort": name, onclick: () => change({ sort: name, desc: sorted && !down ? "1" : "" }) },
        title, sorted ? (down ? " \u25be" : " \u25b4") : ""));
  });
  const body = sortEpisodes(filterEpisodes(episodes, query), query).map((e) => {
    const target = address(["run", String(number_), "episode", e.task, String(e.sample)], {});
    return h("tr", {}, COLUMNS.map(([name, , value]) => {
      const raw = value(e);
      if (name === "task") return h("th", { scope: "row" }, h("a", { href: target, class: "row" }, visible(raw)));
      if (name === "verdict") {
        const marks = (e.tampered || []).length ? h("span", { class: "badge bad" }, "tampered") : null;
        return h("td", { class: "c-verdict" }, badge(raw), marks);
      }
      if (NUMERIC.has(name)) return h("td", { class: `c-${name} number` }, raw === undefined ? "" : SHOWN[name](raw));
      return h("td", { class: `c-${name}` }, visible(raw ?? "").slice(0, 120));
    }));
  });
  return h("table", { id: "episodes" }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, body));
}

function chartsOf(run, shown) {
  const count = (pick) => {
    const counts = {};
    for (const e of shown) if (pick(e)) counts[pick(e)] = (counts[pick(e)] || 0) + 1;
    return counts;
  };
  const one = (points) => [{ name: run.name, points }];
  return [
    bars("Why episodes ended", count((e) => e.end)),
    bars("Errors", count((e) => (e.error || e.problem || "").split(":")[0].slice(0, 80))),
    histogram("Cost of an episode", "USD", shown.map((e) => e.cost)),
    histogram("Tokens of an episode", "tokens", shown.map((e) => e.tokens)),
    histogram("Time of an episode", "seconds", shown.map((e) => e.seconds)),
    passChart(run.pass_curve),
    costChart("Resolved against cost", "USD", one(run.by_cost)) ||
      costChart("Resolved against time", "seconds", one(run.by_seconds)),
  ].filter(Boolean);
}

// The table and the plots follow the filter; typing does not lose the place in the page.
function episodesOf(number_, run, begin) {
  let query = begin;
  let later = null;
  let drawn = false;
  const place = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of episodes" });
  const counted = h("span", { class: "muted", role: "status" });
  const plots = h("div", { class: "charts" });
  const fill = () => {
    const shown = filterEpisodes(run.episodes, query);
    place.replaceChildren(tableOf(number_, run.episodes, query, change));
    counted.textContent = shown.length ? `${shown.length} of ${run.episodes.length}`
      : run.episodes.length ? "No episode fits this filter." : "This run has no episodes.";
    clearTimeout(later);
    later = setTimeout(() => plots.replaceChildren(...chartsOf(run, shown)), drawn ? 300 : 0);
    drawn = true;
  };
  const change = (fields) => {
    const next = { ...Object.fromEntries(query), ...fields };
    history.replaceState(null, "", address(["run", String(number_)], next));
    query = readAddress().query;
    fill();
    if (fields.sort) place.querySelector(`[data-sort="${fields.sort}"]`)?.focus();
  };
  const search = h("input", {
    type: "search", id: "filter", placeholder: "Filter (press /)", "aria-label": "Filter the episodes by text",
    value: query.get("q") || "", oninput: (e) => change({ q: e.target.value }),
  });
  const filters = h("div", { class: "filters" }, search,
    select("All verdicts", "verdict", run.episodes.map((e) => e.verdict), query, change),
    select("All ends", "end", run.episodes.map((e) => e.end), query, change),
    select("All repositories", "repository", run.episodes.map((e) => e.repository), query, change), counted);
  fill();
  return [section("Episodes", filters, place), section("Distributions", plots)];
}

function drawRun(number_, query) {
  const run = INDEX.runs[number_];
  return [
    h("h1", {}, visible(run.title), run.running ? badge("running") : null),
    problems(run.problems),
    h("div", { class: "top" }, section("Resolved", rateCard(run)),
      section("What was run", h("dl", { class: "facts" },
        run.facts.map(([k, v]) => h("div", {}, h("dt", {}, k), h("dd", {}, visible(v))))))),
    run.notes.length ? h("details", { class: "card" }, h("summary", {}, "How to read these figures"),
      h("ul", {}, run.notes.map((n) => h("li", {}, visible(n))))) : null,
    episodesOf(number_, run, query),
  ];
}
