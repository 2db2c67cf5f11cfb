// Two runs side by side, and the table of many.

function drawRuns() {
  const rows = [...INDEX.standings].map((s, i) => [s, i]).sort((a, b) => b[0].rate - a[0].rate);
  const table = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Runs" },
    h("table", { id: "runs" },
      h("thead", {}, h("tr", {}, ["Run", "Agent", "Model", "Resolved", "95% interval", "Cost", "Tokens", "Time"].map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", {}, rows.map(([s, i]) => h("tr", {},
        h("th", { scope: "row" }, h("a", { href: address(["run", String(i)], {}), class: "row" }, visible(s.run)), s.complete ? null : h("span", { class: "badge plain" }, "not complete")),
        h("td", {}, visible(s.agent)), h("td", {}, visible(s.model || "none")),
        h("td", { class: "number" }, `${s.resolved} of ${s.n} (${percent(s.n ? s.rate : null)})`),
        h("td", { class: "number" }, `${percent(s.low)} to ${percent(s.high)}`),
        h("td", { class: "number" }, money(s.cost_usd)), h("td", { class: "number" }, number(s.tokens)),
        h("td", { class: "number" }, seconds(s.seconds)))))));
  const groups = INDEX.differing.length
    ? h("div", { class: "notice bad", role: "note" }, INDEX.differing.map((t) => h("p", {}, visible(t))),
      h("p", {}, "So this is a list of runs and no leaderboard: such figures can't be ranked against each other."))
    : null;
  const links = INDEX.comparisons.map((c, i) => h("li", {},
    h("a", { href: address(["compare", String(i)], {}) }, `${visible(INDEX.runs[c.first].name)} against ${visible(INDEX.runs[c.second].name)}`)));
  const lines = INDEX.runs.map((r) => ({ name: r.name, points: r.by_cost }));
  const slow = INDEX.runs.map((r) => ({ name: r.name, points: r.by_seconds }));
  return [
    h("h1", {}, INDEX.differing.length ? "Runs" : "Leaderboard"), groups, section("Runs", table),
    links.length ? section("Compare", h("ul", {}, links)) : null,
    INDEX.differing.length ? null : section("Resolved against cost",
      h("div", { class: "charts wide" }, [costChart("Share resolved for at most this cost", "USD", lines),
        costChart("Share resolved within this time", "seconds", slow)].filter(Boolean))),
  ];
}

function drawComparison(place) {
  const c = INDEX.comparisons[place];
  const [a, b] = [INDEX.runs[c.first], INDEX.runs[c.second]];
  const target = (n, p) => address(["run", String(n), "episode", p.task, String(p.sample)], p.parting.step ? { call: String(p.parting.step) } : {});
  const row = (p) => h("tr", {},
    h("th", { scope: "row" }, visible(p.task), p.sample ? ` #${p.sample}` : ""),
    h("td", {}, h("a", { href: target(c.first, p) }, badge(p.first ? "resolved" : "unresolved"))),
    h("td", {}, h("a", { href: target(c.second, p) }, badge(p.second ? "resolved" : "unresolved"))),
    h("td", { class: "number" }, money(p.first_cost)), h("td", { class: "number" }, money(p.second_cost)),
    h("td", {}, p.parting.step ? [`step ${p.parting.step}: `, h("code", {}, visible(p.parting.first || "(ended)").slice(0, 90)), " / ", h("code", {}, visible(p.parting.second || "(ended)").slice(0, 90))] : "equal to the end"));
  const table = (pairs, name) => h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": name }, h("table", {},
    h("thead", {}, h("tr", {}, ["Task", visible(a.name), visible(b.name), "Cost", "Cost", "Part ways at"].map((t) => h("th", { scope: "col" }, t)))),
    h("tbody", {}, pairs.map(row))));
  const flipped = c.pairs.filter((p) => p.first !== p.second);
  const signed = (v) => (v === null ? "\u2013" : (v < 0 ? "\u2212" : "+") + number(Math.abs(100 * v), 1));
  return [
    h("h1", {}, visible(a.name), " against ", visible(b.name)),
    c.warnings.length ? h("div", { class: "notice bad", role: "note" }, c.warnings.map((w) => h("p", {}, visible(w))), h("p", {}, "The difference below mixes what does not belong together.")) : null,
    section("Difference", c.tasks ? [
      h("p", { class: "big" }, `${signed(c.difference)} points`),
      h("p", {}, `95% interval ${signed(c.low)} to ${signed(c.high)} (paired bootstrap over ${c.tasks} tasks). McNemar's exact test: p ${c.p_value < 0.001 ? "< 0.001" : "= " + c.p_value.toFixed(3)}, from ${c.first_only} resolved by the first only and ${c.second_only} by the second only.`),
      h("p", {}, `Cost: ${money(c.cost_first)} against ${money(c.cost_second)}.`),
    ] : h("p", {}, "The two have no task in common that both have a verdict of.")),
    section(`Flipped (${flipped.length})`, flipped.length ? table(flipped, "Flipped tasks") : h("p", { class: "muted" }, "No task flipped.")),
    section("Resolved against cost", h("div", { class: "charts wide" }, [
      costChart("Share resolved for at most this cost", "USD", [a, b].map((r) => ({ name: r.name, points: r.by_cost }))),
      costChart("Share resolved within this time", "seconds", [a, b].map((r) => ({ name: r.name, points: r.by_seconds })))].filter(Boolean))),
    h("details", { class: "card" }, h("summary", {}, `All ${c.pairs.length} pairs`), table(c.pairs, "All pairs")),
  ];
}
