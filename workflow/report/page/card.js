/* Cards of genes: search by any name, and all that the page knows of one gene. */
const searchBox = document.getElementById("gene-search");
const options = document.getElementById("gene-options");
const said = document.getElementById("search-said");
const card = document.getElementById("gene-card");
// As many as are read at a glance.
const MOST_OPTIONS = 10;

let index;
async function searchIndex() {
  const run = await genes();
  index ??= run.rows.map((row, gene) => ({
    gene, names: [run.name(gene), row.gene, row.ensembl, ...row.aliases.split("|")].filter(Boolean).map((name) => name.toLowerCase()),
  }));
  return index;
}

/* Genes by how well a name fits: the symbol itself, another name, a beginning, a part. */
async function found(text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  const grade = ({ names }) => {
    if (names[0] === wanted) return 0;
    if (names.includes(wanted)) return 1;
    if (names[0].startsWith(wanted)) return 2;
    return names.some((name) => name.startsWith(wanted)) ? 3 : 4 + Number(!names.some((name) => name.includes(wanted)));
  };
  const graded = (await searchIndex()).map((entry) => ({ ...entry, grade: grade(entry) })).filter((entry) => entry.grade < 5);
  return graded.sort((one, other) => one.grade - other.grade || one.names[0].localeCompare(other.names[0]));
}

let active = -1;
function showActive(place) {
  active = place;
  [...options.children].forEach((option, each) => option.setAttribute("aria-selected", String(each === place)));
  if (place >= 0) searchBox.setAttribute("aria-activedescendant", options.children[place].id);
  else searchBox.removeAttribute("aria-activedescendant");
  options.children[place]?.scrollIntoView({ block: "nearest" });
}

function closeOptions() {
  options.hidden = true;
  searchBox.setAttribute("aria-expanded", "false");
  showActive(-1);
}

async function showOptions() {
  const text = searchBox.value;
  const [run, matches] = [await genes(), await found(text)];
  if (text !== searchBox.value) return;
  options.replaceChildren(...matches.slice(0, MOST_OPTIONS).map(({ gene, names }, place) => {
    const option = document.createElement("li");
    option.id = `gene-option-${place}`;
    option.role = "option";
    option.dataset.gene = gene;
    const row = run.rows[gene];
    const matched = names.find((name, which) => which > 0 && name.includes(text.trim().toLowerCase()));
    const strong = document.createElement("strong");
    strong.textContent = run.name(gene);
    option.append(strong, ` ${row.name}${matched ? ` (${matched.toUpperCase()})` : ""}`);
    return option;
  }));
  const wanted = text.trim().toLowerCase();
  // Another gene whose name merely begins so is not what was asked for.
  const landmark = facts.landmarks.find((name) => name.toLowerCase() === wanted && !matches.some(({ names }) => names.includes(wanted)));
  said.textContent = landmark ? `${landmark} is a landmark: measured, not inferred, so it has no card.` : text.trim() ? `${matches.length.toLocaleString("en")} gene${matches.length === 1 ? "" : "s"} found${matches.length ? "" : ": is it a target of this run?"}` : "";
  options.hidden = !matches.length;
  searchBox.setAttribute("aria-expanded", String(Boolean(matches.length)));
  showActive(matches.length && !landmark ? 0 : -1);
}

searchBox.addEventListener("input", showOptions);
searchBox.addEventListener("keydown", (event) => {
  const count = options.children.length;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (count) showActive((active + (event.key === "ArrowDown" ? 1 : count - 1)) % count);
  } else if (event.key === "Enter" && active >= 0) {
    event.preventDefault();
    openCard(Number(options.children[active].dataset.gene));
  } else if (event.key === "Escape") closeOptions();
});
options.addEventListener("mousedown", (event) => {
  const option = event.target.closest("[role=option]");
  if (option) { event.preventDefault(); openCard(Number(option.dataset.gene)); }
});
searchBox.addEventListener("blur", closeOptions);

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
  made.append(...children);
  return made;
}

function heading(run, gene) {
  const row = run.rows[gene];
  const ids = [`Entrez ${/^\d+$/.test(row.gene) ? row.gene : "none"}`, row.ensembl, row.cmap && `CMap: ${row.cmap.replace("_", " ")}`,
    row.overlapping === "1" && "also a landmark, through another probe"].filter(Boolean).join(" · ");
  const parts = [element("h3", {}, run.name(gene)), element("p", { class: "full-name" }, row.name || "no full name known"), element("p", { class: "note" }, ids)];
  if (row.aliases) parts.push(element("p", { class: "note" }, `Older names: ${row.aliases.split("|").join(", ")}`));
  return parts;
}

async function errorsTable(run, gene) {
  const { values: widths } = await block("width");
  const measured = facts.views.filter((view, place) => run.mae(place, 0, gene) !== MISSING);
  const lowest = new Map(measured.map((view) => [view.id, Math.min(...facts.models.map((_, model) => run.mae(placeOfView(view.id), model, gene)))]));
  const both = { rowspan: "2", scope: "col" };
  const head = [
    element("tr", {}, element("th", both, "Model"), element("th", both, "Trust"), element("th", { ...both, class: "number" }, "Interval ±"),
      ...measured.map((view) => element("th", { scope: "colgroup", colspan: "2", class: "view" }, view.name))),
    element("tr", {}, ...measured.flatMap(() => [element("th", { scope: "col", class: "number view" }, "MAE"), element("th", { scope: "col", class: "number" }, "Pearson")])),
  ];
  const rows = facts.models.map(({ name, colour: key }, model) => {
    const trust = run.trust(model, gene);
    const cells = measured.flatMap((view) => {
      const error = run.mae(placeOfView(view.id), model, gene);
      const shown = element(error === lowest.get(view.id) ? "strong" : "span", {}, fixed(error));
      return [element("td", { class: "number view", "data-mae": view.id }, shown), element("td", { class: "number" }, fixed(run.pearson(placeOfView(view.id), model, gene)))];
    });
    return element("tr", { "data-model": name },
      element("th", { scope: "row" }, element("span", { class: "key", style: `--key: ${key}`, "aria-hidden": "true" }), ` ${name}`),
      element("td", {}, element("span", { class: `trust class-${facts.classes.indexOf(trust) + 1}` }, trust || "–")),
      element("td", { class: "number" }, fixed(widths[model * run.count + gene])), ...cells);
  });
  const missing = facts.views.length - measured.length;
  const caption = `MAE in z-scores (lowest bold), Pearson's correlation over samples, and the mean half width of prediction intervals.${missing ? " Cohorts that do not measure the gene are left out." : ""}`;
  return element("div", { class: "box", tabindex: "0", role: "region", "aria-label": "Errors of the gene, scrolls sideways" },
    element("table", { class: "results" }, element("caption", {}, caption), element("thead", {}, ...head), element("tbody", {}, ...rows)));
}

async function landmarksTable(model, names, gene) {
  const [{ values, shape: [, places] }, { values: slopes }] = await Promise.all([block(`landmarks-${model}`), block(`slopes-${model}`)]);
  const listed = Array.from({ length: places }, (_, place) => gene * places + place).filter((place) => values[place] !== 65535);
  const largest = Math.max(1, ...listed.map((place) => Math.abs(slopes[place])));
  const rows = listed.map((place) => {
    const side = slopes[place] < 0 ? "down" : "up";
    const bar = element("div", { class: `slope ${side}`, "aria-hidden": "true" }, element("span", { style: `width: ${(50 * Math.abs(slopes[place])) / largest}%` }));
    return element("tr", {}, element("th", { scope: "row" }, names[values[place]]), element("td", { class: "number" }, fixed(slopes[place])), element("td", { class: "bars" }, bar));
  });
  const head = element("tr", {}, element("th", { scope: "col" }, "Landmark"), element("th", { scope: "col", class: "number" }, "Slope"), element("th", { scope: "col" }, "Against, with"));
  return element("div", { class: "box" }, element("table", {}, element("caption", {}, `Its most important landmarks in ${model}, with slopes (z-score by z-score)`),
    element("thead", {}, head), element("tbody", {}, ...rows)));
}

const MISSING_STEP = -128;
async function observedFigure(view, gene) {
  const [steps, truth, first, second] = await Promise.all(["steps", "truth", "baseline", "best"].map((kind) => block(`${kind}-${view.id}`)));
  const { samples } = facts.observed[view.id];
  const step = (values, sample) => values.values[gene * samples.length + sample];
  const picked = [...samples.keys()].filter((sample) => step(truth, sample) !== MISSING_STEP);
  const size = steps.values[gene] / 1000;
  const score = (sample) => step(truth, sample) * size;
  const baseline = (sample) => step(first, sample) * size;
  // Of the best model the difference is packed, modulo 256.
  const best = (sample) => (((step(first, sample) + step(second, sample)) << 24) >> 24) * size;
  const series = facts.best === facts.baseline ? [[facts.baseline, baseline]] : [[facts.baseline, baseline], [facts.best, best]];
  const all = picked.flatMap((sample) => [score(sample), ...series.map(([, value]) => value(sample))]);
  const range = [Math.min(-1, ...all) - 0.3, Math.max(1, ...all) + 0.3];
  const traces = series.map(([name, value]) => ({
    type: "scatter", mode: "markers", name, x: picked.map(score), y: picked.map(value), text: picked.map((sample) => escaped(samples[sample])),
    marker: { size: 7, color: facts.models[placeOf(name)].colour, symbol: name === facts.baseline ? "circle-open" : "circle" },
    hovertemplate: `%{text}<br>observed about %{x:.1f}<br>${escaped(name)} about %{y:.1f}<extra></extra>`,
  }));
  const diagonal = { type: "scatter", mode: "lines", x: range, y: range, hoverinfo: "skip", showlegend: false, line: { color: "#7F7F7F", width: 1, dash: "dot" } };
  return { data: [...traces, diagonal], layout: { xaxis: { title: { text: "observed (z-scores)" }, range }, yaxis: { title: { text: "predicted" }, range } } };
}

function observedPlaces(run, gene) {
  return facts.views.filter((view, place) => run.mae(place, 0, gene) !== MISSING).map((view) => {
    const { samples, of } = facts.observed[view.id];
    const id = `observed-${view.id}`;
    own[id] = () => observedFigure(view, gene);
    const caption = `${view.name}: observed against predicted, ${samples.length} of ${of.toLocaleString("en")} samples.`;
    return element("figure", {}, element("div", { class: "plot low", id, role: "img", "aria-label": caption }), element("figcaption", {}, caption));
  });
}

/* Shows a gene's card and leads the reader to it. */
async function openCard(gene) {
  const run = await genes();
  closeOptions();
  searchBox.value = run.name(gene);
  said.textContent = "";
  const landmarks = await Promise.all(Object.entries(facts.weighed).map(([model, names]) => landmarksTable(model, names, gene)));
  const figures = observedPlaces(run, gene);
  card.replaceChildren(...heading(run, gene), await errorsTable(run, gene), element("div", { class: "plots" }, ...figures),
    ...(landmarks.length ? [element("div", { class: "plots" }, ...landmarks)] : []));
  card.hidden = false;
  card.dataset.gene = run.rows[gene].gene;
  history.replaceState(null, "", `#gene=${encodeURIComponent(run.rows[gene].gene)}`);
  card.focus({ preventScroll: true });
  document.getElementById("card").scrollIntoView();
  await Promise.all([...card.querySelectorAll(".plot")].map(draw));
  card.dataset.ready = run.rows[gene].gene;
}

/* A link to a card: #gene= and any name of the gene. */
async function openLinked() {
  const wanted = new URLSearchParams(location.hash.slice(1)).get("gene");
  const [match] = wanted ? await found(wanted) : [];
  if (match && match.grade < 2) await openCard(match.gene);
}
