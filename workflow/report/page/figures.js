/* Figures: those that were made with the page, and those of single genes, drawn when they come near the window. */
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const placeOf = (model) => facts.models.findIndex((known) => known.name === model);
const placeOfView = (view) => facts.views.findIndex((known) => known.id === view);
const chosen = (id) => document.getElementById(id).value;

// A remote desktop may have no WebGL: the same points are then drawn as SVG.
const canvas = document.createElement("canvas");
const webgl = Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));

let plotlyAsked;
function plotly() {
  plotlyAsked ??= block("plotly").then((source) => {
    const script = document.createElement("script");
    script.textContent = source;
    document.head.append(script);
    return window.Plotly;
  });
  return plotlyAsked;
}
let made;
const madeFigures = () => (made ??= block("figures").then(JSON.parse));

const THEMES = {
  page: () => ({ ink: colour("--ink"), grid: colour("--grid"), rule: colour("--rule"), raised: colour("--raised"), paper: "rgba(0,0,0,0)" }),
  print: () => ({ ink: "#111", grid: "#e6e9ee", rule: "#999", raised: "#fff", paper: "#fff" }),
};

function themed(layout, theme) {
  const axis = { gridcolor: theme.grid, linecolor: theme.rule, zerolinecolor: theme.rule, automargin: true };
  return {
    ...layout,
    autosize: true,
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: theme.ink },
    paper_bgcolor: theme.paper,
    plot_bgcolor: theme.paper,
    margin: { l: 56, r: 8, t: 8, b: 48 },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, ...layout.legend },
    hoverlabel: { bgcolor: theme.raised, bordercolor: theme.rule, font: { color: theme.ink } },
    xaxis: { ...layout.xaxis, ...axis },
    yaxis: { ...layout.yaxis, ...axis },
  };
}

/* Points of all genes, with the gene's place for a click. */
function points(name, x, y, picked, run, shown, more = {}) {
  return {
    type: "scattergl", mode: "markers", name, x: picked.map(x), y: picked.map(y), text: picked.map((gene) => escaped(run.name(gene))),
    customdata: picked, marker: { size: 4, opacity: 0.6, ...more }, hovertemplate: shown,
  };
}

async function scatter() {
  const run = await genes();
  const [view, model, other] = [placeOfView(chosen("scatter-view")), Number(chosen("scatter-model")), Number(chosen("scatter-other"))];
  const [named, against] = [facts.models[model].name, facts.models[other].name];
  const error = (which) => (gene) => run.mae(view, which, gene) / 1000;
  const counted = countedGenes(run, view);
  const better = counted.filter((gene) => run.mae(view, model, gene) < run.mae(view, other, gene));
  const rest = counted.filter((gene) => !(run.mae(view, model, gene) < run.mae(view, other, gene)));
  const shown = `<b>%{text}</b><br>${escaped(against)} %{x:.3f}<br>${escaped(named)} %{y:.3f}<extra></extra>`;
  const { end } = facts.views[view];
  return {
    data: [
      points(`${named} better (${better.length.toLocaleString("en")})`, error(other), error(model), better, run, shown, { color: "#0072B2" }),
      points(`not better (${rest.length.toLocaleString("en")})`, error(other), error(model), rest, run, shown, { color: "#D55E00" }),
      { type: "scatter", mode: "lines", x: [0, 10 * end], y: [0, 10 * end], hoverinfo: "skip", showlegend: false, line: { color: "#7F7F7F", width: 1, dash: "dot" } },
    ],
    layout: {
      legend: { itemsizing: "constant" },
      xaxis: { title: { text: `${against}: MAE of a gene (z-scores)` }, range: [0, end], constrain: "domain" },
      yaxis: { title: { text: `${named}: MAE of a gene (z-scores)` }, range: [0, end], scaleanchor: "x" },
    },
  };
}

/* Targets that a view measures, without those that are landmarks too. */
const countedGenes = (run, view) => [...run.rows.keys()].filter((gene) => run.mae(view, 0, gene) !== MISSING && run.rows[gene].overlapping === "0");

// Twentieths: each still holds hundreds of genes of a whole transcriptome.
const BINS = 20;
function binned(picked, x, y) {
  const ordered = [...picked].sort((one, other) => x(one) - x(other));
  const mean = (some, value) => some.reduce((sum, gene) => sum + value(gene), 0) / some.length;
  const edges = Array.from({ length: BINS + 1 }, (_, bin) => Math.round((bin * ordered.length) / BINS));
  const bins = edges.slice(1).map((edge, bin) => ordered.slice(edges[bin], edge)).filter((some) => some.length);
  return { x: bins.map((some) => mean(some, x)), y: bins.map((some) => mean(some, y)) };
}

async function levels() {
  const run = await genes();
  const [view, model, by] = [placeOfView(chosen("levels-view")), Number(chosen("levels-model")), Number(chosen("levels-by"))];
  const level = (gene) => run.level(by, gene) / 1000;
  const counted = countedGenes(run, view).filter((gene) => run.level(by, gene) !== MISSING);
  const error = (which) => (gene) => run.mae(view, which, gene) / 1000;
  const shown = `<b>%{text}</b><br>${by ? "deviation" : "level"} %{x:.2f}<br>MAE %{y:.3f}<extra></extra>`;
  const curves = facts.models.map(({ name, colour: own, dash, shown: visible }, which) => ({
    type: "scatter", mode: "lines", name, ...binned(counted, level, error(which)), visible: visible || which === model ? true : "legendonly",
    line: { color: own, dash, width: 2.5 }, hovertemplate: `${escaped(name)}: MAE %{y:.3f}<extra></extra>`,
  }));
  return {
    data: [points("genes", level, error(model), counted, run, shown, { color: facts.models[model].colour, opacity: 0.25, size: 3 }), ...curves],
    layout: {
      legend: { itemsizing: "constant" },
      xaxis: { title: { text: by ? "standard deviation in training (log2)" : "mean level in training (log2)" } },
      yaxis: { title: { text: "MAE of a gene (z-scores)" }, range: [0, facts.views[view].end] },
    },
  };
}

// Figures that the page makes itself, by the id of their place; all others came with it.
const own = { "scatter-plot": scatter, "levels-plot": levels };
const figureOf = async (id) => (own[id] ? own[id]() : (await madeFigures())[id]);

async function draw(place) {
  place.dataset.drawn = "asked";
  const [Plotly, figure] = await Promise.all([plotly(), figureOf(place.id)]);
  const data = figure.data.map((trace) => (trace.type === "scattergl" && !webgl ? { ...trace, type: "scatter" } : trace));
  await Plotly.react(place, data, themed(figure.layout, THEMES.page()), { displaylogo: false, responsive: true, displayModeBar: false });
  if (place.dataset.drawn !== "yes") {
    place.on("plotly_click", ({ points: [point] }) => Number.isInteger(point.customdata) && openCard(point.customdata));
  }
  place.dataset.drawn = "yes";
}

/* Saves a figure as it is, on white paper. */
async function saveFigure(id, format) {
  const Plotly = await plotly();
  const place = document.getElementById(id);
  if (place.dataset.drawn !== "yes") await draw(place);
  const size = { width: place.clientWidth, height: place.clientHeight };
  const layout = themed(place.layout, THEMES.print());
  return Plotly.downloadImage({ data: place.data, layout }, { format, filename: id, scale: format === "png" ? 3 : 1, ...size });
}

// Figures are drawn when they come near the window: the page opens at once.
const observer = new IntersectionObserver(
  (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
    observer.unobserve(entry.target);
    draw(entry.target);
  }),
  { rootMargin: "400px" },
);
const places = () => [...document.querySelectorAll(".plot")];
const redraw = () => places().filter((place) => place.dataset.drawn === "yes").forEach(draw);
