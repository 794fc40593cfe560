"""Compare what two runs of the same models say of the same targets, such as the paper's way and the default.

Usage: bin/python resources/recipes/inflation.py ONE OTHER

ONE and OTHER are copies of `results/evaluation` after each run. Prints a tab-separated table, a row a model, cohort and
scaling that both runs have: the targets that both have, the mean of their MAE in each run, and by how many per cent
OTHER's is higher. A part that the runs drew from different samples (test, after other duplicates were removed) is not
the same test: compare `samples`, how many each had.
"""

import sys
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from landex.errors import UserError  # noqa: E402
from landex.tsv import read_tsv  # noqa: E402

_COLUMNS = ["gene", "scaling", "mae", "n"]


def inflation(one: str | Path, other: str | Path) -> pd.DataFrame:
    """Return the table.

    Raises
    ------
    UserError
        If the folders have no model and cohort, or no target, in common.
    """
    names = sorted(path.name for path in Path(one).glob("*.*.tsv") if (Path(other) / path.name).is_file())
    rows = [row for name in names for row in _compared(Path(one) / name, Path(other) / name)]
    if not rows:
        raise UserError(
            f"{one}: has no targets of a model and cohort that {other} has too; name copies of results/evaluation"
        )
    return pd.DataFrame(rows)


def _compared(one: Path, other: Path) -> list[dict[str, object]]:
    model, cohort = one.name.removesuffix(".tsv").split(".")
    both = _errors(one).merge(_errors(other), on=["gene", "scaling"], suffixes=("_one", "_other"))
    return [
        {
            "model": model,
            "cohort": cohort,
            "scaling": scaling,
            "targets": len(found),
            "samples": f"{found['n_one'].max():.0f}, {found['n_other'].max():.0f}",
            "mae_one": round(found["mae_one"].mean(), 4),
            "mae_other": round(found["mae_other"].mean(), 4),
            "percent_higher": round(100 * (found["mae_other"].mean() / found["mae_one"].mean() - 1), 2),
        }
        for scaling, found in both.groupby("scaling", sort=False)
    ]


def _errors(path: Path) -> pd.DataFrame:
    table = read_tsv(path, _COLUMNS)[_COLUMNS]
    return table.assign(mae=pd.to_numeric(table["mae"]), n=pd.to_numeric(table["n"])).dropna()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        print(inflation(*sys.argv[1:]).to_csv(sep="\t", index=False), end="")
    except UserError as error:
        sys.exit(str(error))
