"""How much more accurate than ridge every model of the default config is, on real and on simulated expression.

Usage: bin/python tests/benchmarks/accuracy.py [--quick] [--sets gdsc,platforms,strangers,hgu133a,tcga_types,simulated]
           [--methods ridge,...] [--cohorts NAME[,NAME...]] [--splits N] [--simulated N[,N...]] [--locked] [--log]

Data sets, each made ready by landex's workflow in a scratch copy of the project:
    gdsc       cell lines, split 80/10/10 by N seeds (5 by default); tested on their last tenth. 15 % of the lines,
               fixed by a hash of their names, are left out; --locked tests on these alone, once, and counts the look in
               docs/research/locked-looks.tsv.
    platforms  the default run's: trained on cell lines, tested on Geuvadis, kidney, TCGA (six tumour types) and
               leukaemia (HG-U95Av2, embedded), in both scalings.
    strangers  trained on cell lines, each of eight cohorts of other platforms left out in turn, all others auxiliary.
    hgu133a    four studies on HG-U133A, each left out in turn, in both scalings.
    tcga_types six tumour types of TCGA (RNA-seq), each left out in turn, in both scalings.
               --cohorts leaves out just some of these three sets'.
    simulated  targets that are known to be partly non-linear (nonlinear.py), for N training samples (1000 and 4000).
TCGA and HG-U133A are taken from ../shared/data/matrices where that is there, and else skipped.

Models are fitted by the workflow's own functions, each in a process of its own. Intervals are of 95 %, by bootstrap
over samples. Figures are those of the default model, `deep`, or of the last method where it does not take part; its own
scaling counts for external cohorts. `--log` appends the tables to docs/research/accuracy.md. `--quick` takes one split
of gdsc, every fourth target, and ridge, kernel_ridge and median_kernel. The last line is JSON.
"""

import argparse
import platform
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from contenders import Case, Contest, Cost, Entry, is_baseline, known_entries, with_members
from data_sets import gdsc, hgu133a, platforms, strangers, tcga_types
from expression import ROOT
from gains import Gain, gain
from measure import cores, print_figures
from nonlinear import nonlinear

RESEARCH = ROOT / "docs" / "research"
SETS = ("gdsc", "platforms", "strangers", "hgu133a", "tcga_types", "simulated")
QUICK = ["ridge", "kernel_ridge", "median_kernel"]
BASELINE, WINNER = "ridge", "deep"
# Every fourth target is enough to see that all works.
_QUICK_STEP = 4
_OF_COHORT = ("data", "cohort", "scaling", "method", "samples", "targets")
_HEAD = (*_OF_COHORT, "MAE", "% better than ridge [95 %]", "% of genes better", "seconds", "GB")


@dataclass(frozen=True)
class Row:
    """What one method reached on one cohort in one scaling."""

    data: str
    cohort: str
    scaling: str
    method: str
    gain: Gain
    cost: Cost

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the table's row."""
        of = self.gain
        return (
            *(self.data, self.cohort, self.scaling, self.method, str(of.samples), str(of.targets), f"{of.mae:.4f}"),
            f"{of.percent:+.2f} [{of.low:+.2f}, {of.high:+.2f}]",
            f"{of.genes_better:.1f}",
            f"{self.cost.seconds:.1f}",
            f"{self.cost.memory_gb:.2f}",
        )


class Journal:
    """Prints lines as they come, and keeps them for the log."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def say(self, line: str) -> None:
        """Print a line and keep it."""
        print(line, flush=True)
        self._lines.append(line)

    def row(self, cells: tuple[str, ...]) -> None:
        """Print and keep a row of a Markdown table."""
        self.say(f"| {' | '.join(cells)} |")

    def head(self) -> None:
        """Begin a table."""
        self.say("")
        self.row(_HEAD)
        self.row(("---",) * len(_HEAD))

    def append_to(self, path: Path, title: str) -> None:
        """Append what was said as a section."""
        with path.open("a", encoding="utf-8") as log:
            log.write("\n".join([f"\n## {title}\n", *self._lines]) + "\n")


class Harness:
    """Holds methods against each other on cases."""

    def __init__(self, methods: list[str], entries: dict[str, Entry], folder: Path) -> None:
        # What the others are held against comes first.
        self.methods = with_members([BASELINE, *methods], entries)
        self.winner = WINNER if WINNER in self.methods else self.methods[-1]
        self.journal, self.rows = Journal(), list[Row]()
        self._entries, self._folder = entries, folder

    def hold(self, case: Case) -> list[Row]:
        """Fit all methods to a case, print what they reach, and return it."""
        self._folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder) as place:
            contest = Contest(case, Path(place), self._entries)
            self.journal.head()
            rows = [row for method in self.methods for row in self._entered(contest, method)]
            self.journal.say("")
            for cohort, scaling in contest.scalings(BASELINE):
                self._say_best(contest, cohort, scaling, rows)
        self.rows += rows
        return rows

    def _entered(self, contest: Contest, method: str) -> Iterator[Row]:
        cost = contest.enter(method)
        for cohort, scaling in contest.scalings(method):
            (errors, of_baseline), measured = contest.errors(cohort, scaling, [method, BASELINE])
            row = Row(contest.case.name, cohort, scaling, method, gain(errors, of_baseline, measured), cost)
            self.journal.row(row.cells())
            yield row

    def _say_best(self, contest: Contest, cohort: str, scaling: str, rows: list[Row]) -> None:
        """Hold the winner against the best baseline beside it."""
        of_others = {
            row.method: row.gain.mae
            for row in rows
            if (row.cohort, row.scaling) == (cohort, scaling)
            and row.method != self.winner
            and is_baseline(self._entries[row.method])
        }
        if not of_others:
            return
        best = min(of_others, key=of_others.__getitem__)
        (errors, of_best), measured = contest.errors(cohort, scaling, [self.winner, best])
        of = gain(errors, of_best, measured)
        self.journal.say(
            f"- {contest.case.name}, {cohort}, {scaling}: {self.winner} is {of.percent:+.2f} % [{of.low:+.2f}, "
            f"{of.high:+.2f}] better than {best}, the best baseline beside it, and better in {of.genes_better:.1f} % "
            "of the genes"
        )

    def say_spread(self, rows: list[Row]) -> None:
        """Say means and spreads over the splits of one data set."""
        self.journal.say("")
        for method in self.methods:
            gains = [row.gain for row in rows if row.method == method]
            percents = [each.percent for each in gains]
            self.journal.say(
                f"- {len(gains)} splits, {method}: MAE {np.mean([each.mae for each in gains]):.4f}, "
                f"{np.mean(percents):+.2f} % better than {BASELINE} ({min(percents):+.2f} to {max(percents):+.2f}), "
                f"better in {np.mean([each.genes_better for each in gains]):.1f} % of the genes"
            )

    def figures(self) -> dict[str, float]:
        """Return the winner's figures as shares, where they were measured."""
        found: dict[str, float] = {}
        mine = [row for row in self.rows if row.method == self.winner]
        if lines := [row for row in mine if row.data.startswith("gdsc")]:
            found["gdsc_gain_over_ridge"] = _mean(row.gain.percent for row in lines) / 100
            found["gdsc_genes_better"] = _mean(row.gain.genes_better for row in lines) / 100
            found["train_minutes"] = _mean(row.cost.seconds for row in lines) / 60
        own = [row for row in mine if row.scaling == "own"]
        for data in ("strangers", "hgu133a", "tcga_types"):
            if left_out := [row for row in own if row.data == data]:
                found[f"{data}_gain_over_ridge"] = _mean(row.gain.percent for row in left_out) / 100
        for row in own:
            if row.data != "strangers":
                found[f"{row.cohort}_gain_over_ridge"] = row.gain.percent / 100
        for row in self.rows:
            if row.data.startswith("simulated") and row.method != BASELINE:
                found[f"{row.data.replace(' ', '_')}_{row.method}_gain_over_ridge"] = row.gain.percent / 100
        return found


def _mean(values: Iterator[float]) -> float:
    return float(np.mean(list(values)))


def commit() -> str:
    """Name the commit, with a plus where files differ from it."""
    asked = [["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "--untracked-files=no"]]
    name, changes = (
        subprocess.run(["git", "-C", str(ROOT), *words], stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
        for words in asked
    )
    return f"{name or 'unknown'}{'+' if changes else ''}"


@contextmanager
def counted_look(methods: list[str], winner: str) -> Iterator[list[Row]]:
    """Count a look at the locked lines before anyone sees what it shows, and say then what the winner reached.

    The line stays without figures where the run ends early: its first rows have been seen. Rows are to be put into the
    list that is yielded.
    """
    path = RESEARCH / "locked-looks.tsv"
    if not path.exists():
        path.write_text("date\tcommit\tmethods\tmethod\tgain_percent\tgenes_better_percent\n", encoding="utf-8")
    former = path.read_text(encoding="utf-8")
    cells = (f"{datetime.now(UTC):%Y-%m-%d}", commit(), ",".join(methods), winner)
    path.write_text(former + "\t".join([*cells, "", ""]) + "\n", encoding="utf-8")
    rows: list[Row] = []
    yield rows
    (gained,) = (row.gain for row in rows if row.method == winner)
    figures = (f"{gained.percent:.2f}", f"{gained.genes_better:.1f}")
    path.write_text(former + "\t".join([*cells, *figures]) + "\n", encoding="utf-8")


def measure(arguments: argparse.Namespace, harness: Harness, folder: Path) -> None:
    """Go through the data sets that were asked for."""
    step = _QUICK_STEP if arguments.quick else 1
    if arguments.locked:
        with counted_look(harness.methods, harness.winner) as rows:
            rows += harness.hold(gdsc(folder / "locked", 0, True, step))
    elif "gdsc" in arguments.sets:
        seeds = range(1 if arguments.quick else arguments.splits)
        rows = [row for seed in seeds for row in harness.hold(gdsc(folder / f"gdsc{seed}", seed, False, step))]
        if len(seeds) > 1:
            harness.say_spread(rows)
    if "platforms" in arguments.sets:
        harness.hold(platforms(folder / "platforms", step))
    for name, cases in {"strangers": strangers, "hgu133a": hgu133a, "tcga_types": tcga_types}.items():
        if name in arguments.sets:
            for case in cases(folder / name, step, arguments.cohorts):
                harness.hold(case)
    if "simulated" in arguments.sets:
        real = gdsc(folder / "real", 0, False, 1)
        for samples in arguments.simulated:
            harness.hold(nonlinear(folder / f"simulated{samples}", real, samples))


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    listed = parser.add_argument
    listed("--sets", type=lambda text: text.split(","), help=f"of {','.join(SETS)}")
    listed("--methods", type=lambda text: text.split(","), help="models of the default config, and taaf")
    listed(
        "--cohorts", type=lambda text: text.split(","), help="of strangers, hgu133a and tcga_types: which to leave out"
    )
    listed("--splits", type=int, default=5, help="of gdsc")
    listed("--simulated", type=lambda text: [int(part) for part in text.split(",")], help="numbers of training samples")
    for flag in ("--quick", "--locked", "--log"):
        listed(flag, action="store_true")
    arguments = parser.parse_args()
    entries = known_entries()
    chosen = ["simulated"] if arguments.simulated else ["gdsc"] if arguments.quick or arguments.locked else [*SETS]
    arguments.sets = arguments.sets or chosen
    arguments.simulated = arguments.simulated or [1000, 4000]
    arguments.methods = arguments.methods or (QUICK if arguments.quick else [*entries])
    for wanted, known in ((arguments.sets, SETS), (arguments.methods, entries)):
        if unknown := [name for name in wanted if name not in known]:
            parser.error(f"there is no {unknown[0]}; there are {', '.join(known)}")
    if arguments.locked and arguments.sets != ["gdsc"]:
        parser.error("--locked goes with --sets gdsc alone")
    return arguments


def main() -> None:
    """Measure and print."""
    arguments = parsed()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        harness = Harness(arguments.methods, known_entries(), folder / "models")
        measure(arguments, harness, folder)
    if arguments.log:
        title = f"{datetime.now(UTC):%Y-%m-%d}, commit {commit()}, {platform.machine()}, {cores()} cores"
        harness.journal.append_to(RESEARCH / "accuracy.md", title)
    print_figures("accuracy", harness.figures())


if __name__ == "__main__":
    main()
