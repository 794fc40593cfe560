"""Retrieve one file and write its receipt, or leave it out and write why."""

import logging
from pathlib import Path

from landex.geo.download import Access, NotFetched, fetch
from landex.geo.receipts import Receipt

_logger = logging.getLogger(__name__)


def retrieve(name: str, access: Access, receipt: str | Path, attempt: int = 0, skip: bool = False) -> None:
    """Have a file of GEO beside its receipt.

    Parameters
    ----------
    name
        GEO's name of the file.
    access
        Where from and how.
    receipt
        Result: see `Receipt`.
    attempt
        How many calls tried before.
    skip
        Whether a file that cannot be had is left out, with a receipt that says why.

    Raises
    ------
    NotFetched
        If it cannot be had and `skip` is false.
    """
    path = Path(receipt).parent / name
    try:
        found = fetch(name, access, path)
    except NotFetched as error:
        if not skip:
            raise
        _logger.warning("%s; left out (geo.on_error: skip)", error)
        Receipt(name, reason=str(error), again=error.again, attempt=attempt).write(receipt)
        return
    Receipt(name, found.address, found.bytes, found.sha256, attempt=attempt).write(receipt)
