const all = (selector, at = document) => [...at.querySelectorAll(selector)];
const make = (tag, set, ...inside) => {
  const node = Object.assign(document.createElement(tag), set);
  node.append(...inside);
  return node;
};
const button = (onclick, ...inside) => make("button", { type: "button", onclick }, ...inside);

for (const table of all(".sortable")) {
  const body = table.tBodies[0], heads = all("[data-sort]", table);
  const rows = [...body.rows].map((row) => [row, JSON.parse(row.dataset.values)]);
  for (const head of heads) {
    const { sort, first } = head.dataset;
    head.append(button(() => {
      const up = head.ariaSort ? head.ariaSort != "ascending" : !first;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      rows.sort(([, { [sort]: a }], [, { [sort]: b }]) =>
        a && b ? (up ? 1 : -1) * (isNaN(a - b) ? a.localeCompare(b) : a - b) : !a - !b);
      body.append(...rows.map(([row]) => row));
    }, ...head.childNodes));
  }
  const line = table.closest("section").querySelector(".filter");
  if (!line) continue;
  const [input, output] = all("input,output", line);
  line.hidden = false;
  input.oninput = () => {
    const lacks = (label) => !label.includes(input.value.trim().toLowerCase());
    for (const [row, { label }] of rows) row.hidden = lacks(label);
    for (const card of all(input.dataset.cards)) card.hidden = lacks(card.dataset.label);
    output.value = `${rows.filter(([row]) => !row.hidden).length} of ${rows.length}`;
  };
}

for (const text of all("pre.command")) {
  const copy = button(async () => {
    getSelection().selectAllChildren(text);
    await navigator.clipboard.writeText(text.textContent);
    copy.textContent = "Copied";
  }, "Copy");
  copy.className = "copy";
  const frame = make("div", { className: "copied" });
  text.replaceWith(frame);
  frame.append(text, copy);
}

for (const panel of all(".overlay")) {
  const { epochs, series, variants, start } = JSON.parse(panel.querySelector("script").textContent);
  const last = epochs.at(-1), on = [], left = 60;
  const label = (...inside) => make("label", {}, ...inside);
  const spin = (value) => make("input", { type: "number", min: 1, max: last, value });
  const pick = make("select", {}, ...series.map(({ title }, value) => make("option", { value }, title)));
  const from = spin(1), to = spin(last);
  const knob = make("input", { type: "range", max: last, value: last, ariaLabel: "Epoch to read" });
  const plot = make("div"), said = make("div", { className: "readout", ariaLive: "polite" });

  const until = (end) => epochs.findLastIndex((one) => one <= end);
  const draw = () => {
    const { digits, percent } = series[pick.value], unit = 10 ** digits, span = Math.max(plot.clientWidth - left, 200) - 20;
    const low = +from.value || 1, high = Math.max(+to.value || last, low + 1);
    knob.min = until(low - 1) + 1;
    knob.max = until(high);
    const at = +knob.value;
    const raw = on.map((i) => variants[i].values[pick.value]);
    const lines = raw.map((sides) => sides.map((side) => side.map((v, i) => [epochs[i], v])
      .slice(knob.min, +knob.max + 1).filter(([, v]) => v != null)));
    const seen = lines.flat().flatMap((side) => side.slice(side.length / 10)).map(([, v]) => v);
    const base = Math.min(...seen), top = Math.max(...seen, base + 1);
    const x = (v) => left + span * (v - low) / (high - low);
    const y = (v) => 10 + 260 * (top - v) / (top - base);
    const ticks = (a, b, many) => {
      let step = 1, n = 0;
      while (b - a > many * step) step *= [2, 2.5, 2][n++ % 3];
      n = Math.ceil(a / step);
      return Array.from({ length: b / step - n + 1 }, (_, i) => (i + n) * step);
    };
    const join = (points) => points.map(([epoch, v]) => `${x(epoch).toFixed(1)} ${y(v).toFixed(1)}`).join("L");
    const path = (kind, d) => `<path class="${kind}" d="M${d}"/>`;
    const text = (x, y, v, anchor = "end") => `<text x="${x}" y="${y}" text-anchor="${anchor}">${v}</text>`;
    plot.innerHTML = `<svg height="316" aria-hidden="true">` + [
      ...ticks(base, top, 5).map((v) =>
        path("grid", `${left} ${y(v)}h${span}`) + text(left - 6, y(v) + 4, +(v / unit).toPrecision(4) + percent)),
      ...ticks(low, high, span / 90).map((v) => text(x(v), 288, v, "middle")), text(left + span, 308, "epoch"),
      `<svg x="${left}" y="10" width="${span}" height="260" viewBox="${left} 10 ${span} 260">`,
      ...lines.map(([mean, l, h], i) =>
        path(`band c${i + 1}`, join([...l, ...h.reverse()])) + path(`series c${i + 1}`, join(mean))),
      "</svg>" + path("cursor", `${x(epochs[at])} 10V270`)].join("") + "</svg>";
    knob.ariaValueText = `epoch ${epochs[at]}`;
    const write = (v) => v == null ? "–" : (v / unit).toFixed(digits) + percent;
    said.replaceChildren(make("b", {}, `Epoch ${epochs[at]}`), ...raw.flatMap(([mean, l, h], i) => [
      make("span", { innerHTML: `<svg viewBox="0 0 32 8">${path(`series c${i + 1}`, "0 4H32")}</svg>` }),
      make("bdi", {}, variants[on[i]].label), make("b", {}, write(mean[at])),
      make("small", {}, `90 % within ${write(l[at])} to ${write(h[at])}`)]));
    plot.onpointermove = ({ clientX }) => {
      knob.value = until(low + (clientX - plot.getBoundingClientRect().left - left) / span * (high - low));
      draw();
    };
  };

  const boxes = variants.map((_, i) => make("input", { type: "checkbox", onchange: ({ target }) => {
    target.checked ? on.push(i) : on.splice(on.indexOf(i), 1);
    for (const box of boxes) box.disabled = on.length > 4 && !box.checked;
    draw();
  } }));
  pick.onchange = from.onchange = to.onchange = knob.oninput = draw;
  panel.append(
    make("div", { className: "controls" }, label("Metric ", pick), label("Epochs from ", from), label("to ", to),
      button(() => { from.value = 1; to.value = last; draw(); }, "All epochs")),
    make("fieldset", {}, make("legend", {}, "Variants (up to five)"),
      ...boxes.map((box, i) => label(box, " ", make("bdi", {}, variants[i].label)))),
    plot, knob, said);
  panel.hidden = false;
  for (const i of start) boxes[i].click();
  new ResizeObserver(draw).observe(plot);
}

onload = onhashchange = () => {
  const [target] = all(":target");
  for (let at = target; at; at = at.parentElement) at.open = true;
  target?.scrollIntoView();
};
