const finder = document.querySelector(".finder"), output = finder.querySelector("output");
const fields = [...finder.querySelectorAll("[data-find]")];
const entries = [...document.querySelectorAll(".entry")], folded = [...document.querySelectorAll(".earlier")];
const wordsOf = (value) => value.toLowerCase().split(/\s+/).filter(Boolean);
const kept = {
  text: (entry, value) => wordsOf(value).every((word) => entry.dataset.text.includes(word)),
  from: (entry, value) => entry.dataset.day >= value,
  to: (entry, value) => entry.dataset.day <= value,
};
const among = (entry, value, key) => JSON.parse(entry.dataset[key]).includes(value);
// Rows of a card that are not shown otherwise: those with all words that any row has.
const unfold = (entry, words) => {
  const rows = [...entry.querySelectorAll("tbody tr")], texts = rows.map((row) => row.textContent.toLowerCase());
  const told = words.filter((word) => texts.some((text) => text.includes(word)));
  rows.forEach((row, place) => row.classList.toggle("found", told.length > 0 && told.every((word) => texts[place].includes(word))));
};
const find = () => {
  const words = wordsOf(fields[0].value);
  for (const entry of entries) {
    entry.hidden = !fields.every(({ value, dataset: { find: key } }) => !value || (kept[key] || among)(entry, value, key));
    unfold(entry, entry.hidden ? [] : words);
  }
  const asked = fields.some(({ value }) => value);
  for (const one of folded) {
    one.hidden = !one.querySelector(".entry:not([hidden])");
    one.open = asked && !one.hidden;
  }
  const shown = entries.filter((entry) => !entry.hidden).length;
  output.value = shown || !entries.length ? `${shown} of ${entries.length} shown` : "Nothing found. Fewer words or other choices show more.";
};
finder.oninput = find;
finder.hidden = entries.length < 2;
find();
