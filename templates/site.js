const finder = document.querySelector(".finder"), output = finder.querySelector("output");
const fields = [...finder.querySelectorAll("[data-find]")];
const entries = [...document.querySelectorAll(".entry")];
const kept = {
  text: (entry, value) => value.toLowerCase().split(/\s+/).every((word) => entry.dataset.text.includes(word)),
  from: (entry, value) => entry.dataset.day >= value,
  to: (entry, value) => entry.dataset.day <= value,
};
const among = (entry, value, key) => JSON.parse(entry.dataset[key]).includes(value);
const find = () => {
  for (const entry of entries) {
    entry.hidden = !fields.every(({ value, dataset: { find: key } }) => !value || (kept[key] || among)(entry, value, key));
  }
  output.value = `${entries.filter((entry) => !entry.hidden).length} of ${entries.length} shown`;
};
finder.oninput = find;
finder.hidden = entries.length < 2;
find();
