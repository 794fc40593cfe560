/* Draws the figures and the gene table from the JSON blocks of the page. */
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const figures = read("figures");
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// A remote desktop may have no WebGL: the same points are then drawn as SVG.
const canvas = document.createElement("canvas");
const webgl = Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));

function themed(layout) {
  const axis = { gridcolor: colour("--grid"), linecolor: colour("--rule"), zerolinecolor: colour("--rule"), automargin: true };
  return {
    ...layout,
    autosize: true,
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("--ink") },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 56, r: 8, t: 8, b: 48 },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, ...layout.legend },
    hoverlabel: { bgcolor: colour("--raised"), bordercolor: colour("--rule"), font: { color: colour("--ink") } },
    xaxis: { ...layout.xaxis, ...axis },
    yaxis: { ...layout.yaxis, ...axis },
  };
}

function draw(place, figure) {
  const data = figure.data.map((trace) => (trace.type === "scattergl" && !webgl ? { ...trace, type: "scatter" } : trace));
  place.dataset.drawn = "yes";
  return Plotly.react(place, data, themed(figure.layout), { displaylogo: false, responsive: true, displayModeBar: "hover" });
}

const scatterView = document.getElementById("scatter-view");
const figureOf = (place) => figures[place.id === "scatter-plot" ? `scatter-${scatterView.value}` : place.id];
const places = [...document.querySelectorAll(".plot")];
const redraw = () => places.filter((place) => place.dataset.drawn).forEach((place) => draw(place, figureOf(place)));

// Figures are drawn when they come near the window: the page opens at once.
const observer = new IntersectionObserver(
  (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
    observer.unobserve(entry.target);
    draw(entry.target, figureOf(entry.target));
  }),
  { rootMargin: "400px" },
);
places.forEach((place) => observer.observe(place));
scatterView?.addEventListener("change", () => draw(document.getElementById("scatter-plot"), figureOf({ id: "scatter-plot" })));
window.addEventListener("beforeprint", () => places.forEach((place) => draw(place, figureOf(place))));

// DataTables comes as an ES module (itables' bundle), which a page without a server can only import from a blob.
const address = URL.createObjectURL(new Blob([read("datatables")], { type: "text/javascript" }));
const { default: DataTable, set_or_remove_dark_class: matchScheme } = await import(address);
URL.revokeObjectURL(address);
matchScheme();
dark.addEventListener("change", () => { matchScheme(); redraw(); });

const genes = read("genes-data");
const genesView = document.getElementById("genes-view");
const isNumber = (column) => column.view !== null;
const shown = (column) => column.view === null || column.view === genesView.value;
const rounded = (digits) => (value, type) => (type === "display" ? value?.toFixed(digits) ?? "–" : value);
const table = new DataTable("#gene-rows", {
  data: genes.rows,
  columns: genes.columns.map((column) => ({
    visible: shown(column),
    type: isNumber(column) ? "num" : "string",
    searchable: !isNumber(column),
    // text(): names from data are never read as HTML.
    render: isNumber(column) ? rounded(column.digits) : DataTable.render.text(),
  })),
  order: [[0, "asc"]],
  pageLength: 15,
  lengthMenu: [15, 50, 200],
  deferRender: true,
  autoWidth: false,
  layout: { topStart: "pageLength", topEnd: "search", bottomStart: "info", bottomEnd: { paging: { buttons: 5, firstLast: false } } },
  language: { search: "Search genes", lengthMenu: "Show _MENU_ genes", info: "_START_ to _END_ of _TOTAL_ genes",
    infoFiltered: "(of _MAX_)", infoEmpty: "No gene", zeroRecords: "No gene matches: try a symbol, an Entrez or an Ensembl id" },
});
// Targets that the chosen cohort does not measure have no row.
const firstOf = (view) => genes.columns.findIndex((column) => column.view === view);
table.search.fixed("measured", (text, row) => row[firstOf(genesView.value)] !== null);
table.draw();
genesView.addEventListener("change", () => {
  genes.columns.forEach((column, index) => table.column(index).visible(shown(column), false));
  table.order([0, "asc"]).columns.adjust().draw();
});
document.documentElement.dataset.ready = "yes";
