"""Files in GEO's formats for tests: real ones, where there are any, and such as GEO makes of the same values."""

import gzip
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared" / "data" / "geo"
HERE = pytest.mark.skipif(not SHARED.is_dir(), reason=f"there is no folder {SHARED}")


def matrix_of_family(soft: Path, platform: str, path: Path) -> Path:
    """Write the series matrix of one platform of a family file, as GEO lays one out, with nothing but gzip."""
    series: list[str] = []
    samples: list[dict[str, list[str]]] = []
    values: list[dict[str, str]] = []
    kind, in_table = "", False
    with gzip.open(soft, "rt", encoding="latin-1") as stream:
        for line in stream:
            line = line.rstrip("\n")
            if line.startswith("^"):
                kind = line[1:].split(" ")[0]
                if kind == "SAMPLE":
                    samples.append({})
                    values.append({})
            elif line == "!sample_table_begin":
                in_table = True
                header = next(stream).rstrip("\n").split("\t")
            elif line == "!sample_table_end":
                in_table = False
            elif in_table:
                cells = line.split("\t")
                values[-1][cells[0]] = cells[header.index("VALUE")]
            elif kind == "SERIES" and line.startswith("!Series_"):
                series.append(line)
            elif kind == "SAMPLE" and line.startswith("!Sample_"):
                key, _, value = line.partition(" = ")
                samples[-1].setdefault(key, []).append(value)
    chosen = [number for number, sample in enumerate(samples) if sample["!Sample_platform_id"] == [platform]]
    names = [samples[number]["!Sample_geo_accession"][0] for number in chosen]
    lines = [_quoted(*line.split(" = ", 1)) for line in series if not line.startswith(("!Series_sam", "!Series_plat"))]
    lines += [_quoted("!Series_sample_id", " ".join(names) + " "), _quoted("!Series_platform_id", platform), ""]
    for key in samples[chosen[0]]:
        for place in range(max(len(samples[number].get(key, [])) for number in chosen)):
            own = [samples[number].get(key, []) for number in chosen]
            lines.append(_quoted(key, *(cells[place] if place < len(cells) else "" for cells in own)))
    lines += ["!series_matrix_table_begin", "\t".join(f'"{cell}"' for cell in ("ID_REF", *names))]
    for probe in values[chosen[0]]:
        lines.append("\t".join([f'"{probe}"', *(values[number][probe] for number in chosen)]))
    lines.append("!series_matrix_table_end")
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode("latin-1"), 1))
    return path


def _quoted(key: str, *cells: str) -> str:
    return "\t".join([key, *('"' + cell.replace('"', '""') + '"' for cell in cells)])


def annotation_of_family(soft: Path, platform: str, path: Path) -> Path:
    """Write the platform's table of a family file as GEO's annotation of it."""
    with gzip.open(soft, "rt", encoding="latin-1") as stream:
        lines = iter(stream)
        next(line for line in lines if line.startswith(f"^PLATFORM = {platform}"))
        next(line for line in lines if line.startswith("!platform_table_begin"))
        table = []
        for line in lines:
            if line.startswith("!platform_table_end"):
                break
            table.append(line)
    text = ["^Annotation\n", "!platform_table_begin\n", *table, "!platform_table_end\n"]
    path.write_bytes(gzip.compress("".join(text).encode("latin-1"), 1))
    return path
