/* Blocks of the page: text and arrays of whole numbers, unpacked when they are first wanted. */
const facts = JSON.parse(document.getElementById("facts").textContent);
const ARRAYS = { int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array, int32: Int32Array };
const MISSING = -(2 ** 31) + 1;

async function inflated(text) {
  const packed = Uint8Array.fromBase64 ? Uint8Array.fromBase64(text) : Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/* Bytes lie plane by plane: all lowest ones first. */
function joined(bytes, kind) {
  const width = ARRAYS[kind].BYTES_PER_ELEMENT;
  if (width === 1) return new ARRAYS[kind](bytes.buffer);
  const count = bytes.length / width;
  const whole = new Uint8Array(bytes.length);
  for (let plane = 0; plane < width; plane += 1) {
    for (let place = 0, from = plane * count; place < count; place += 1, from += 1) whole[place * width + plane] = bytes[from];
  }
  return new ARRAYS[kind](whole.buffer);
}

async function unpacked(name) {
  const element = document.getElementById(`block-${name}`);
  const bytes = await inflated(element.textContent);
  if (element.dataset.kind === "text") return new TextDecoder().decode(bytes);
  return { values: joined(bytes, element.dataset.kind), shape: element.dataset.shape.split(",").map(Number) };
}

const unpacking = new Map();
function block(name) {
  if (!unpacking.has(name)) unpacking.set(name, unpacked(name));
  return unpacking.get(name);
}

const escaped = (text) => String(text).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
const fixed = (thousandths, digits = facts.digits) => (thousandths === MISSING ? "–" : (thousandths / 1000).toFixed(digits).replace("-", "−"));

/* What gene table, card and figures read; everything in the order of genes.tsv. */
async function genesOfRun() {
  const [names, mae, pearson, gain, trust, levels] = await Promise.all(["names", "mae", "pearson", "gain", "trust", "levels"].map(block));
  const rows = names.split("\n").map((line) => Object.fromEntries(line.split("\t").map((cell, place) => [facts.names[place], cell])));
  const [, models, count] = mae.shape;
  const at = (measure) => (view, model, gene) => measure.values[(view * models + model) * count + gene];
  return {
    rows, count,
    mae: at(mae),
    pearson: at(pearson),
    gain: (view, gene) => gain.values[view * count + gene],
    trust: (model, gene) => facts.classes[trust.values[model * count + gene] - 1] ?? "",
    level: (which, gene) => levels.values[which * count + gene],
    name: (gene) => rows[gene].symbol || rows[gene].gene,
  };
}
let loading;
const genes = () => (loading ??= genesOfRun());

function save(name, content, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
