// A patch with the colours of its language.

function patchView(files, empty) {
  if (!files || !files.length) return h("p", { class: "muted" }, empty);
  return files.map((file) => h("details", { class: "file", open: true },
    h("summary", {}, h("code", {}, visible(file.path)), file.what ? h("span", { class: "muted" }, " " + visible(file.what)) : null,
      h("span", { class: "muted" }, ` +${file.lines.filter((l) => l[0] === "+").length} \u2212${file.lines.filter((l) => l[0] === "-").length}`)),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Changes of ${visible(file.path)}` },
      h("table", { class: "diff" }, h("tbody", {}, file.lines.map(patchLine))))));
}

const SIGN = { "+": "added", "-": "removed", "@": "hunk", " ": "same" };

function patchLine([sign, before, after, tokens]) {
  const code = h("code", { dir: "ltr" }, tokens.map(([kind, text]) =>
    kind ? h("span", { class: "t-" + kind.replace(/\W/g, "") }, visible(text)) : visible(text)));
  if (sign === "@") return h("tr", { class: "hunk" }, h("td", { colspan: "4" }, code));
  return h("tr", { class: SIGN[sign] || "same" },
    h("td", { class: "line" }, before ?? ""), h("td", { class: "line" }, after ?? ""),
    h("td", { class: "sign" }, sign), h("td", {}, code));
}
