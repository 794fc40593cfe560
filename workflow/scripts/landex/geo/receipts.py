"""Receipts: what became of a file that was to be retrieved, for rules and for the next call."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from landex.files import atomic


@dataclass(frozen=True)
class Receipt:
    """What became of one file.

    Attributes
    ----------
    name
        The file's name, beside the receipt.
    address
        Where it comes from.
    bytes, sha256
        Its size and checksum; 0 and empty where it is left out.
    reason
        Why it is left out; empty where it is there.
    again
        Whether the next call should try again: the reason lies in the network, not in GEO.
    attempt
        How many calls tried before: a rule's parameter, so that a file to be tried again makes the rule run again.
    """

    name: str
    address: str = ""
    bytes: int = 0
    sha256: str = ""
    reason: str = ""
    again: bool = False
    attempt: int = 0

    def write(self, path: str | Path) -> None:
        """Write it as JSON, and a hidden copy for `next_attempt`: Snakemake takes a job's output away as it begins."""
        for place in (_remembered(path), Path(path)):
            with atomic(place) as temporary:
                temporary.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: str | Path) -> "Receipt":
        """Read what `write` wrote."""
        return cls(**json.loads(Path(path).read_text(encoding="utf-8")))

    def file(self, path: str | Path) -> Path:
        """Return the path of the file itself, beside this receipt at `path`."""
        return Path(path).parent / self.name


def _remembered(path: str | Path) -> Path:
    return Path(path).with_name(f".{Path(path).name}")


def next_attempt(path: str | Path) -> int:
    """Return the attempt that is due: the receipt's own where it holds, the next one where it does not.

    Parameters
    ----------
    path
        The receipt, which need not be there yet.
    """
    try:
        receipt = Receipt.read(_remembered(path))
    except (OSError, ValueError, TypeError):
        return 0
    file = receipt.file(path)
    lost = not receipt.reason and not (file.is_file() and file.stat().st_size == receipt.bytes)
    return receipt.attempt + int(receipt.again or lost)
