/* The table of genes. DataTables comes as an ES module (itables' bundle), which a page without a server can only import from a blob. */
async function dataTables() {
  const address = URL.createObjectURL(new Blob([await block("datatables")], { type: "text/javascript" }));
  const { default: DataTable, set_or_remove_dark_class: matchScheme } = await import(address);
  URL.revokeObjectURL(address);
  matchScheme();
  dark.addEventListener("change", matchScheme);
  return DataTable;
}

// DataTables reads as markup what it shows and, where there is an ampersand, what it searches.
const asMarkup = (kind) => kind === "display" || kind === "filter";

function identifiers(run) {
  const text = (title, value, more = {}) => ({ title, type: "string", render: (gene, kind) => (asMarkup(kind) ? escaped(value(gene)) : value(gene)), ...more });
  const symbol = {
    ...text("Symbol", run.name),
    render: (gene, kind) => (kind === "display" ? `<button type="button" class="link" data-card="${gene}">${escaped(run.name(gene))}</button>`
      : asMarkup(kind) ? escaped(run.name(gene)) : run.name(gene)),
  };
  // Older names are found, and not shown.
  const columns = [symbol, ...[["Gene", "gene"], ["Ensembl", "ensembl"], ["CMap", "cmap"]].map(([title, key]) => text(title, (gene) => run.rows[gene][key])),
    text("Older names", (gene) => run.rows[gene].aliases, { visible: false })];
  if (run.rows.some((row) => row.overlapping === "1")) {
    columns.push({ title: "Overlapping", type: "string", searchable: false, render: (gene) => (run.rows[gene].overlapping === "1" ? "yes" : "") });
  }
  return columns;
}

function figuresOfView(run, viewNow) {
  const number = (title, value, digits = facts.digits) => ({
    title, type: "num", searchable: false, className: "number",
    render: (gene, kind) => {
      const found = value(gene);
      if (kind === "display") return fixed(found, digits);
      return found === MISSING ? Infinity : found;
    },
  });
  const [baseline, best] = [placeOf(facts.baseline), placeOf(facts.network ?? facts.best)];
  const compared = best === baseline ? [baseline] : [baseline, best];
  // Gains are packed in tenths of a percent.
  const gain = (gene) => { const found = run.gain(viewNow(), gene); return found === MISSING ? MISSING : 100 * found; };
  return [
    { title: `Trust in ${facts.models[best].name}`, type: "string", searchable: false, render: (gene) => run.trust(best, gene) || "–" },
    ...facts.models.map(({ name }, model) => number(`MAE ${name}`, (gene) => run.mae(viewNow(), model, gene))),
    ...(best === baseline ? [] : [number(`Gain ${facts.models[best].name} (%)`, gain, 1)]),
    ...compared.map((model) => number(`Pearson ${facts.models[model].name}`, (gene) => run.pearson(viewNow(), model, gene))),
  ];
}

async function geneTable() {
  const [DataTable, run] = await Promise.all([dataTables(), genes()]);
  const choice = document.getElementById("genes-view");
  const viewNow = () => placeOfView(choice.value);
  const table = new DataTable("#gene-rows", {
    data: [...run.rows.keys()],
    columns: [...identifiers(run), ...figuresOfView(run, viewNow)].map((column) => ({ data: (gene) => gene, ...column })),
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
  table.search.fixed("measured", (text, gene) => run.mae(viewNow(), 0, gene) !== MISSING);
  table.draw();
  choice.addEventListener("change", () => table.rows().invalidate().draw());
  document.getElementById("gene-table").addEventListener("click", (event) => {
    const button = event.target.closest("[data-card]");
    if (button) openCard(Number(button.dataset.card));
  });
}

/* Every gene's numbers at the digits that the page holds. */
async function genesAsText() {
  const run = await genes();
  const measures = [["mae", run.mae], ["pearson", run.pearson]].flatMap(([measure, value]) => facts.views.flatMap((view, place) =>
    facts.models.map(({ name }, model) => [`${measure}.${name}.${view.id.replace(/-(training|own)$/, ".$1")}`, (gene) => value(place, model, gene)])));
  const head = [...facts.names.slice(0, 5), ...measures.map(([name]) => name)].join("\t");
  const lines = run.rows.map((row, gene) => {
    const cells = measures.map(([, value]) => { const found = value(gene); return found === MISSING ? "" : (found / 1000).toFixed(facts.digits); });
    return [...facts.names.slice(0, 5).map((name) => row[name]), ...cells].join("\t");
  });
  return [head, ...lines, ""].join("\n");
}
