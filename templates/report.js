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
  const last = epochs.at(-1), chosen = [], left = 48;
  const label = (text, node) => make("label", {}, text, " ", node);
  const number = (value) => make("input", { type: "number", min: 1, max: last, value });
  const select = make("select", {}, ...series.map(({ title }, value) => make("option", { value }, title)));
  const from = number(1), to = number(last), max = epochs.length - 1;
  const slider = make("input", { type: "range", max, value: max, ariaLabel: "Epoch to read" });
  const plot = make("div"), readout = make("div", { className: "readout", ariaLive: "polite" });

  const draw = () => {
    const { digits, percent } = series[select.value], unit = 10 ** digits, width = Math.max(plot.clientWidth, 260);
    const low = +from.value || 1, high = Math.max(+to.value || last, low + 1);
    slider.min = epochs.findIndex((epoch) => epoch >= low);
    slider.max = epochs.findLastIndex((epoch) => epoch <= high);
    const at = +slider.value;
    const raw = chosen.map((i) => variants[i].values[select.value]);
    const lines = raw.map((sides) => sides.map((side, k) => side.map((v, i) => [epochs[k ? 2 * i : i], v])
      .filter(([epoch, v]) => v != null && epoch >= low && epoch <= high)));
    const seen = lines.flat(2).map(([, v]) => v), bottom = Math.min(...seen), top = Math.max(...seen, bottom + 1);
    const x = (epoch) => left + (width - left - 20) * (epoch - low) / (high - low);
    const y = (v) => 10 + 260 * (top - v) / (top - bottom);
    const ticks = (a, b, many) => {
      const power = 10 ** Math.floor(Math.log10((b - a) / many)), found = [];
      const step = power * [1, 2, 5, 10].find((n) => n * power * many >= b - a);
      for (let i = Math.ceil(a / step); i * step <= b; i++) found.push(i * step);
      return found;
    };
    const join = (points) => points.map(([epoch, v]) => `${x(epoch).toFixed(1)} ${y(v).toFixed(1)}`).join("L");
    const path = (kind, d) => `<path class="${kind}" d="M${d}"/>`;
    const text = (x, y, anchor, v) => `<text x="${x}" y="${y}" text-anchor="${anchor}">${+v.toPrecision(4)}</text>`;
    plot.innerHTML = `<svg height="300" aria-hidden="true">` + [
      ...(seen.length ? ticks(bottom, top, 5) : []).map((v) =>
        path("grid", `${left} ${y(v)}H${width - 20}`) + text(left - 6, y(v) + 4, "end", v / unit)),
      ...ticks(low, high, width / 90).map((v) => text(x(v), 290, "middle", v)),
      ...lines.map(([mean, l, h], i) =>
        path(`band c${i + 1}`, join([...l, ...h.reverse()])) + path(`series c${i + 1}`, join(mean))),
      path("cursor", `${x(epochs[at])} 10V270`)].join("") + "</svg>";
    slider.ariaValueText = `epoch ${epochs[at]}`;
    const write = (v) => v == null ? "–" : (v / unit).toFixed(digits) + percent;
    readout.replaceChildren(make("b", {}, `Epoch ${epochs[at]}`), ...raw.flatMap(([mean, l, h], i) => [
      make("span", { innerHTML: `<svg viewBox="0 0 32 8">${path(`series c${i + 1}`, "0 4H32")}</svg>` }),
      make("bdi", {}, variants[chosen[i]].label), make("b", {}, write(mean[at])),
      make("small", {}, `90 % within ${write(l[at >> 1])} to ${write(h[at >> 1])}`)]));
    plot.onpointermove = ({ clientX }) => {
      const epoch = low + (clientX - plot.getBoundingClientRect().left - left) / (width - left - 20) * (high - low);
      const away = epochs.map((one) => Math.abs(one - epoch));
      slider.value = away.indexOf(Math.min(...away));
      draw();
    };
  };

  const boxes = variants.map((_, i) => make("input", { type: "checkbox", onchange: ({ target }) => {
    target.checked ? chosen.push(i) : chosen.splice(chosen.indexOf(i), 1);
    for (const box of boxes) box.disabled = chosen.length > 4 && !box.checked;
    draw();
  } }));
  select.onchange = from.onchange = to.onchange = slider.oninput = draw;
  panel.append(
    make("div", { className: "controls" }, label("Metric", select), label("Epochs from", from), label("to", to),
      button(() => { from.value = 1; to.value = last; draw(); }, "All epochs")),
    make("fieldset", {}, make("legend", {}, "Variants (up to five)"),
      ...boxes.map((box, i) => make("label", {}, box, " ", make("bdi", {}, variants[i].label)))),
    plot, slider, readout);
  panel.hidden = false;
  for (const i of start) boxes[i].click();
  new ResizeObserver(draw).observe(plot);
}

const reveal = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let at = target; at; at = at.parentElement) if (at.localName == "details") at.open = true;
  target?.scrollIntoView();
};
addEventListener("hashchange", reveal);
if (location.hash) reveal();

for (const box of all(".scroll")) {
  const cue = () => box.classList.toggle("more", box.scrollLeft + box.clientWidth < box.scrollWidth - 4);
  box.onscroll = cue;
  new ResizeObserver(cue).observe(box);
}
