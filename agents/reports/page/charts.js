// Plots. Each has a caption and a sentence for those who can't see it.

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

function layout(x, y, more) {
  const axis = { gridcolor: colour("line"), zerolinecolor: colour("line"), automargin: true, fixedrange: true };
  return Object.assign({
    height: 230, margin: { l: 44, r: 12, t: 8, b: 40 }, showlegend: false, bargap: 0.12,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 12, color: colour("text") },
    xaxis: { ...axis, title: { text: x } }, yaxis: { ...axis, title: { text: y }, rangemode: "tozero" },
  }, more || {});
}

const OPTIONS = { displayModeBar: false, responsive: true, staticPlot: false };

function chart(title, sentence, data, shape) {
  const place = h("div", { class: "plot", role: "img", "aria-label": `${title}: ${sentence}` });
  loadPlotly().then((library) => {
    if (place.isConnected) library.newPlot(place, data(), shape(), OPTIONS);
  });
  return h("figure", { class: "chart" }, h("figcaption", {}, title), place);
}

function histogram(title, unit, values) {
  const known = values.filter((v) => typeof v === "number");
  if (!known.length || known.every((v) => v === 0)) return null;
  const sorted = [...known].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)];
  return chart(
    title, `${known.length} episodes, median ${number(median, 2)} ${unit}`,
    () => [{ type: "histogram", x: known, nbinsx: 24, marker: { color: colour("accent") } }],
    () => layout(unit, "episodes"),
  );
}

function bars(title, counts) {
  const names = Object.keys(counts).sort((a, b) => counts[a] - counts[b]);
  if (!names.length) return null;
  const short = (name) => (name.length > 28 ? name.slice(0, 27) + "\u2026" : name) || "(none)";
  return chart(
    title, names.map((n) => `${n} ${counts[n]}`).join(", "),
    () => [{
      type: "bar", orientation: "h", y: names.map(short), x: names.map((n) => counts[n]),
      text: names.map((n) => String(counts[n])), marker: { color: colour("accent") },
    }],
    () => layout("episodes", "", { height: Math.max(150, 60 + 30 * names.length) }),
  );
}

function passChart(curve) {
  if (!curve.length) return null;
  const k = curve.map((p) => p.k);
  return chart(
    "pass@k with its 95% interval", curve.map((p) => `k ${p.k}: ${percent(p.value)}`).join(", "),
    () => [
      { x: [...k, ...[...k].reverse()], y: [...curve.map((p) => p.high), ...curve.map((p) => p.low).reverse()],
        fill: "toself", fillcolor: colour("accent-soft"), line: { width: 0 }, hoverinfo: "skip" },
      { x: k, y: curve.map((p) => p.value), mode: "lines+markers", line: { color: colour("accent") } },
    ],
    () => {
      const shape = layout("k", "resolved");
      shape.xaxis.dtick = 1;
      shape.yaxis.tickformat = ".1~%";
      return shape;
    },
  );
}

function costChart(title, unit, lines) {
  const some = lines.filter((line) => line.points.length > 1 && line.points.at(-1)[0] > 0);
  if (!some.length) return null;
  const colours = ["accent", "second", "good", "bad", "fair"];
  return chart(
    title, some.map((l) => `${l.name}: ${percent(l.points.at(-1)[1])} in the end`).join(", "),
    () => some.map((line, i) => ({
      x: line.points.map((p) => p[0]), y: line.points.map((p) => p[1]), name: line.name,
      mode: "lines", line: { shape: "hv", color: colour(colours[i % colours.length]) },
    })),
    () => {
      const shape = layout(unit, "resolved", { showlegend: some.length > 1, legend: { orientation: "h", y: 1.15 } });
      shape.yaxis.tickformat = ".1~%";
      return shape;
    },
  );
}
