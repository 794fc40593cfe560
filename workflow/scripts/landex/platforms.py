"""Platforms: the gene of every probe, from GEO's tables, a file of one's own, or the project's lists."""

import gzip
import io
import zlib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from landex.errors import UserError
from landex.genes import GeneNames
from landex.tsv import read_tsv

# What submitters call the columns of a platform's table that name genes, Entrez ids first.
_ENTREZ_COLUMNS = (
    "ENTREZ_GENE_ID",
    "Entrez_Gene_ID",
    "ENTREZ_GENE",
    "Entrez Gene",
    "Gene ID",
    "GENE",
    "EntrezGeneID",
    "entrez",
)
_SYMBOL_COLUMNS = (
    "Gene Symbol",
    "Gene symbol",
    "GENE_SYMBOL",
    "Symbol",
    "SYMBOL",
    "ILMN_Gene",
    "gene_symbol",
    "symbol",
)
# Affymetrix' later arrays: accession // symbol // title // place // Entrez id, the transcripts of a probe set in turn.
_ASSIGNMENT = "gene_assignment"
GENE_COLUMNS = frozenset((*_ENTREZ_COLUMNS, *_SYMBOL_COLUMNS, _ASSIGNMENT))
# Separates the genes of a probe that hits several.
_SEVERAL = "///"
# Of a list of probes, the share that has to be known before a file is taken for one of HG-U133A.
_FEWEST_KNOWN = 0.1


def platform_genes(name: str, table: pd.DataFrame, genes: GeneNames, ambiguous: str = "drop") -> pd.DataFrame:
    """Name the gene of every probe of a platform.

    Probes that hit no gene get none (empty).

    Parameters
    ----------
    name
        What messages call the table.
    table
        All cells text: ID, and a column of Entrez ids or of symbols under one of its usual names.
    genes
        Human genes.
    ambiguous
        What a probe that hits several genes gets: `drop` gives it none, `first` the first that its table names.

    Returns
    -------
    DataFrame
        A row a probe: own (the probe), gene, symbol, ensembl, mapped.

    Raises
    ------
    UserError
        If the table has no probes or no column that names genes.
    """
    if len(table) and "ID" not in table:
        raise UserError(f"{name}: its table has no column ID; fetch it again")
    kind, column = _gene_column(name, table)
    names = _assigned(table[column]) if column == _ASSIGNMENT else table[column].str.strip()
    names = _one_gene_each(names, ambiguous)
    columns = genes.identify(names.tolist(), kind)
    columns.loc[(names == "").to_numpy(), ["gene", "symbol", "ensembl", "mapped"]] = ["", "", "", False]
    return columns.assign(own=table["ID"].to_numpy())


def _one_gene_each(names: pd.Series, ambiguous: str) -> pd.Series:
    """Return one name a probe, empty where there is none or, by the rule, where there are several."""
    several = names.str.contains(_SEVERAL, regex=False)
    if several.any():
        lists = names[several].map(lambda text: list(dict.fromkeys(part.strip() for part in text.split(_SEVERAL))))
        chosen = [found[0] if len(found) == 1 or ambiguous == "first" else "" for found in lists]
        names = names.copy()
        names[several] = chosen
    return names.where(names != "---", "")


def _assigned(column: pd.Series) -> pd.Series:
    """Return the Entrez ids that Affymetrix assigns to probe sets, each once, separated as on older arrays."""

    def ids(text: str) -> str:
        transcripts = [[cell.strip() for cell in part.split("//")] for part in text.split(_SEVERAL)]
        found = dict.fromkeys(cells[4] for cells in transcripts if len(cells) > 4 and cells[4].isdecimal())
        return f" {_SEVERAL} ".join(found)

    return column.map(ids)


def _gene_column(name: str, table: pd.DataFrame) -> tuple[str, str]:
    for kind, known in (("entrez", _ENTREZ_COLUMNS), ("symbol", _SYMBOL_COLUMNS)):
        for column in known:
            # A column that is there but empty names nothing.
            if column in table and table[column].str.strip().ne("").any():
                return kind, column
    if _ASSIGNMENT in table:
        return "entrez", _ASSIGNMENT
    raise UserError(
        f"{name}: its table has no column of Entrez ids or symbols (it has "
        f"{', '.join(table.columns[:8]) or 'no rows'}); name another table of the platform (annotation: path, or "
        "annotation: geo for GEO's own), or give the values as a matrix file named by gene"
    )


def read_annotation(path: str | Path) -> pd.DataFrame:
    """Read a platform's table: GEO's annotation (GPL96.annot.gz), its SOFT entry, or a plain TSV; all cells text.

    Raises
    ------
    UserError
        If the file cannot be read, or its table is cut short or has no column ID.
    """
    path = Path(path)
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8", errors="replace", newline="\n") as stream:
            lines = stream.readlines()
        begin = next((number + 1 for number, line in enumerate(lines) if line.startswith("!platform_table_begin")), 0)
        ends = [number for number, line in enumerate(lines) if line.startswith("!platform_table_end")]
        if begin and not ends:
            raise UserError(f"{path}: its table of probes is cut short; fetch it again")
        rows = "".join(lines[begin : ends[0] if ends else len(lines)])
        table = pd.read_csv(
            io.StringIO(rows), sep="\t", dtype=str, keep_default_na=False, quoting=3, index_col=False
        ).fillna("")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise UserError(f"{path}: not readable as a platform's table ({' '.join(str(error).split())})") from error
    if "ID" not in table:
        raise UserError(
            f"{path}: its table has no column ID, which names probes; it has {', '.join(table.columns[:8])}"
        )
    return table


def genes_of_probes(
    probes: Sequence[str],
    annotation: str | Path | None,
    lists: tuple[str | Path, str | Path],
    genes: GeneNames,
) -> pd.DataFrame:
    """Name the gene of every probe of a matrix file.

    Parameters
    ----------
    probes
        The file's probes.
    annotation
        A platform's table, see `read_annotation`; None takes the project's lists.
    lists
        landmarks.tsv and targets.tsv, which name 16,700 probes of Affymetrix HG-U133A (also on HG-U133 Plus 2.0).
    genes
        Human genes.

    Returns
    -------
    DataFrame
        A row a probe, in order: own, gene (empty where none is known), symbol, ensembl, mapped.

    Raises
    ------
    UserError
        If too few of the probes are known.
    """
    if annotation is not None:
        known = platform_genes(str(annotation), read_annotation(annotation), genes)
    else:
        known = listed_probes(*lists, genes)
    known = known.drop_duplicates("own").set_index("own")
    found = pd.Index(probes).isin(known.index)
    if found.sum() < _FEWEST_KNOWN * len(probes):
        place = str(annotation) if annotation is not None else "the project's lists of HG-U133A"
        raise UserError(
            f"{found.sum()} of its {len(probes)} probes are in {place} (first: {', '.join(probes[:3])}); name the "
            "platform's table (annotation: path)"
        )
    columns = known.reindex(list(probes))
    columns["mapped"] = columns["mapped"].eq(True)
    return columns.fillna({"gene": "", "symbol": "", "ensembl": ""}).reset_index(names="own")


def listed_probes(landmarks: str | Path, targets: str | Path, genes: GeneNames) -> pd.DataFrame:
    """Return the probes of HG-U133A that landmarks.tsv and targets.tsv list, as `genes_of_probes` does."""
    inputs = read_tsv(landmarks, ["entrez", "probe"]).rename(columns={"probe": "probes"})
    outputs = read_tsv(targets, ["entrez", "ensembl", "probes"])
    outputs["entrez"] = outputs["entrez"].where(outputs["entrez"] != "", outputs["ensembl"])
    listed = pd.concat([inputs[["entrez", "probes"]], outputs[["entrez", "probes"]]])
    listed = listed.assign(own=listed["probes"].str.split(",")).explode("own")
    return genes.identify(listed["entrez"].tolist(), "entrez").assign(own=listed["own"].to_numpy())
