// Where the data comes from: packed in this page, or from the server that served it.

let INDEX = JSON.parse(document.getElementById("index").textContent);
const loaded = new Map();

async function unpack(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

async function part(name) {
  if (INDEX.served) {
    const answer = await fetch("part/" + name);
    if (!answer.ok) throw new Error(`The server has no ${name} any more.`);
    return answer.json();
  }
  if (loaded.has(name)) return loaded.get(name);
  const element = await packed(name);
  if (element === null) return null;
  const value = JSON.parse(await unpack(element.textContent));
  if (loaded.size > 8) loaded.delete(loaded.keys().next().value);
  loaded.set(name, value);
  return value;
}

// The tables are there before the parts of a big page are read; a part is waited for.
async function packed(name) {
  if (document.readyState === "loading" && document.getElementById(name)?.nextSibling == null) {
    await new Promise((done) => document.addEventListener("DOMContentLoaded", done, { once: true }));
  }
  return document.getElementById(name);
}

let plotly = null;

function loadPlotly() {
  plotly ||= packed("plotly").then((element) => unpack(element.textContent)).then((text) => {
    const script = document.createElement("script");
    script.textContent = text;
    document.head.append(script);
    return window.Plotly;
  });
  return plotly;
}

// Whether a served run has something new; the page is drawn again where it has.
async function refresh() {
  try {
    const answer = await fetch("index");
    if (!answer.ok) return false;
    const fresh = await answer.json();
    const changed = JSON.stringify(fresh) !== JSON.stringify(INDEX);
    INDEX = fresh;
    return changed;
  } catch {
    return false; // The server has gone; what is shown stays.
  }
}

// The address of a view holds its filter, so that a view can be shared.
function readAddress() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map((p) => {
    try { return decodeURIComponent(p); } catch { return p; }
  });
  return { parts, query: new URLSearchParams(query || "") };
}

function address(parts, query) {
  const text = new URLSearchParams(Object.entries(query || {}).filter(([, v]) => v !== "" && v !== null)).toString();
  return "#/" + parts.map(encodeURIComponent).join("/") + (text ? "?" + text : "");
}
