/* Start: what answers to the reader, in the order in which it is needed. */
if (!("DecompressionStream" in window)) document.getElementById("too-old").hidden = false;
places().forEach((place) => observer.observe(place));
[["scatter-plot", ["scatter-view", "scatter-model", "scatter-other"]], ["levels-plot", ["levels-view", "levels-model", "levels-by"]]].forEach(([id, choices]) =>
  choices.forEach((choice) => document.getElementById(choice)?.addEventListener("change", () => draw(document.getElementById(id)))));
dark.addEventListener("change", redraw);
window.addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach((details) => { details.open = true; });
  places().forEach(draw);
});
document.body.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.save) await saveFigure(button.dataset.save, button.dataset.format);
  if (button?.dataset.download) save(button.dataset.download, await block(`table-${button.dataset.download}`), "text/tab-separated-values");
});
document.getElementById("save-genes").addEventListener("click", async () => save("genes.tsv", await genesAsText(), "text/tab-separated-values"));
document.getElementById("copy-methods").addEventListener("click", async () => {
  const told = document.getElementById("copy-said");
  try {
    await navigator.clipboard.writeText(document.getElementById("methods-text").dataset.text);
    told.textContent = "Copied.";
  } catch {
    // Some browsers let no page from disk write there: the reader's own copying still works.
    getSelection().selectAllChildren(document.querySelector("article.methods"));
    told.textContent = "Selected: copy it with Ctrl+C.";
  }
});
await geneTable();
window.addEventListener("hashchange", openLinked);
document.documentElement.dataset.ready = "yes";
await openLinked();
// What the first figure will need, while the reader reads; to run it takes a moment, and waits until then.
window.requestIdleCallback?.(() => block("plotly"), { timeout: 3000 });
