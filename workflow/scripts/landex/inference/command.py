"""The command `landex`: bundles and new profiles without Snakemake."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from landex.errors import UserError
from landex.vocabulary import SCALES

if TYPE_CHECKING:
    from landex.inference.profiles import Reading

_EXAMPLES = """examples:
  landex card deep.landex                          what the model is and what it was worth
  landex check plate.gct --bundle deep.landex      what landex makes of a file, without scoring it
  landex infer deep.landex plate.gct -o plate.gctx
  landex infer deep.landex counts.tsv.gz -o inferred.h5ad --values counts --intervals
  landex infer deep.landex plate.gct -o some.tsv --genes RPS23,RPS12
"""
_INFER_EXAMPLES = """The result has samples and genes as its format has them: landmarks first, then targets. Beside it
lie OUT.samples.tsv (scale, landmarks found, distance from the training samples), OUT.genes.tsv (role, trust, errors),
OUT.log, and with --intervals the same matrix of lower and of upper ends (plate.lower.gctx). A call that was stopped
goes on when it is made again.

examples:
  landex infer deep.landex plate.gct -o plate.gctx
  landex infer deep.landex counts.tsv.gz -o inferred.h5ad --values counts --intervals
  landex infer deep.landex plate.gct -o some.tsv --genes RPS23,RPS12
"""
# The shell's convention for a process that an interrupt ended.
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 at bad input, 2 at a wrong call, 130 when interrupted."""
    asked = _parser().parse_args(arguments)
    work: Callable[[argparse.Namespace], None] = asked.work
    try:
        work(asked)
        sys.stdout.flush()
    except UserError as error:
        # Names of files and samples may hold anything.
        print(f"landex: {' '.join(str(error).splitlines())}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read has enough, as `head` does; else Python would say so once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"landex: {place}{error.strerror or error}", file=sys.stderr)
        return 1
    except MemoryError:
        print("landex: out of memory; text is read whole, so give large matrices as .gctx or .h5ad", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("landex: stopped; the same call goes on from where this one came to", file=sys.stderr)
        return _INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "landex", description="Score new expression profiles with a bundle.", epilog=_EXAMPLES, formatter_class=raw
    )
    commands = parser.add_subparsers(required=True, metavar="card, check, infer")

    card = commands.add_parser("card", help="print a bundle's model card", formatter_class=raw)
    card.add_argument("bundle", type=Path, metavar="BUNDLE", help="a .landex file")
    card.set_defaults(work=_card)

    check = commands.add_parser("check", help="say what a file of profiles holds", formatter_class=raw)
    check.add_argument(
        "profiles", type=Path, metavar="PROFILES", help="a .gct, .gctx, .tsv, .csv (.gz, .xz) or .h5ad file"
    )
    check.add_argument("--bundle", type=Path, help="whose landmarks to look for; else the 978 of L1000")
    _add_reading(check)
    check.set_defaults(work=_check)

    infer = commands.add_parser(
        "infer", help="infer all genes of a file of profiles", epilog=_INFER_EXAMPLES, formatter_class=raw
    )
    infer.add_argument("bundle", type=Path, metavar="BUNDLE", help="a .landex file")
    infer.add_argument(
        "profiles", type=Path, metavar="PROFILES", help="a .gct, .gctx, .tsv, .csv (.gz, .xz) or .h5ad file"
    )
    infer.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="result; its ending says the format"
    )
    infer.add_argument(
        "--units", choices=("quantile", "zscores"), default="quantile", help="of the result (%(default)s)"
    )
    infer.add_argument(
        "--genes", metavar="NAMES", help="targets asked for, separated by commas, or @FILE with one a line"
    )
    infer.add_argument("--intervals", action="store_true", help="write the ends of prediction intervals too")
    infer.add_argument(
        "--harmonise", choices=("quantiles", "distinct_ranks", "tdm"), default="quantiles",
        help="how profiles are brought onto the training samples' landmarks (%(default)s)",
    )  # fmt: skip
    infer.add_argument("--threads", type=_positive, metavar="N", help="cores to use (all)")
    infer.add_argument(
        "--fingerprint", metavar="HEX", help="refuse the bundle unless its fingerprint begins so (see card)"
    )
    infer.add_argument("--quiet", action="store_true", help="no progress and no summary")
    _add_reading(infer)
    infer.set_defaults(work=_infer)
    return parser


def _add_reading(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("reading")
    group.add_argument("--values", choices=SCALES, default="auto", help="scale of the values (%(default)s)")
    kinds = ("auto", "entrez", "symbol", "ensembl", "probe")
    group.add_argument("--names", choices=kinds, default="auto", help="what names the genes (%(default)s)")
    places = ("auto", "columns", "rows")
    group.add_argument("--samples", choices=places, default="auto", help="where samples stand in tables (%(default)s)")
    group.add_argument(
        "--fewest-landmarks", type=_share, default=0.5, metavar="SHARE",
        help="share of the landmarks that the file and each sample need; others are filled in (%(default)s)",
    )  # fmt: skip
    group.add_argument("--skip-bad", action="store_true", help="leave out samples that cannot be scored, and say which")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not 1 or more")
    return number


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"{share} is not above 0 and at most 1")
    return share


def _card(asked: argparse.Namespace) -> None:
    from landex.bundles.archive import read_card

    card, fingerprint = read_card(asked.bundle)
    # Text of a stranger's file must not steer the terminal.
    print("".join(sign for sign in card if sign.isprintable() or sign in "\n\t"), end="")
    print(f"\nfingerprint: {fingerprint}")


def _reading(asked: argparse.Namespace) -> "Reading":
    from landex.inference.profiles import Reading

    bad = "skip" if asked.skip_bad else "stop"
    return Reading(asked.values, asked.names, asked.samples, asked.fewest_landmarks, bad)


def _check(asked: argparse.Namespace) -> None:
    from landex.inference.check import lines

    for line in lines(asked.profiles, asked.bundle, _reading(asked)):
        print(line)


def _infer(asked: argparse.Namespace) -> None:
    from landex.inference.infer import infer_file
    from landex.inference.jobs import Settings

    if asked.fingerprint:
        _check_fingerprint(asked.bundle, asked.fingerprint)
    names = None if asked.genes is None else tuple(_names(asked.genes))
    settings = Settings(_reading(asked), asked.units, names, asked.intervals, asked.harmonise)
    threads = asked.threads or _cores()
    bar = None if asked.quiet else _bar(sys.stderr)
    warnings = infer_file(asked.bundle, asked.profiles, asked.output, settings, threads, bar)
    for warning in warnings:
        print(f"landex: warning: {warning}", file=sys.stderr)
    if not asked.quiet:
        print(f"landex: {asked.output} is written", file=sys.stderr)


def _cores() -> int:
    """Return the number of cores that this process may use; macOS tells those of the machine alone."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check_fingerprint(bundle: Path, expected: str) -> None:
    from landex.bundles.archive import open_archive

    with open_archive(bundle) as archive:
        if not archive.fingerprint.startswith(expected.lower()):
            raise UserError(f"{bundle}: its fingerprint is {archive.fingerprint}, not {expected}; it is another bundle")


def _names(text: str) -> list[str]:
    """Return the names of --genes: between commas, or the lines of a file."""
    told = text.split(",")
    if text.startswith("@"):
        try:
            told = Path(text[1:]).read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise UserError(f"{text[1:]}: is no text; --genes takes a file with a name a line") from error
    names = [name.strip() for name in told if name.strip()]
    if not names:
        raise UserError(f"--genes {text}: names no gene; leave the option out for all targets")
    return names


def _bar(stream: IO[str]) -> "Callable[[int, int], Callable[[int], None]] | None":
    """Return what shows a bar of progress on a terminal; None elsewhere."""
    if not stream.isatty():
        return None

    def start(done: int, total: int) -> "Callable[[int], None]":
        from tqdm import tqdm

        bar = tqdm(total=total, initial=done, unit="profile", file=stream, leave=False)

        def advance(count: int) -> None:
            bar.update(count)
            if bar.n >= total:
                bar.close()

        return advance

    return start
