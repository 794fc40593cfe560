"""Reads what R packages keep in .rda files, by rdata: a development dependency, imported only where it is needed."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd


def read_objects(path: Path) -> dict[str, Any]:
    """Read all objects of an .rda file, as what rdata makes of them.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    dict[str, Any]
        Name to object; of S4 classes the bare fields.

    """
    import rdata

    with warnings.catch_warnings():
        # rdata warns that it knows no constructor for R's S4 classes; their bare fields are what is wanted.
        warnings.simplefilter("ignore", UserWarning)
        return rdata.read_rda(path)


def read_expression_set(path: Path) -> pd.DataFrame:
    """Read the values of the ExpressionSet that an .rda file holds, and nothing else of it.

    The environment of its values may lie in another that holds R code, which rdata does not turn into Python.

    Parameters
    ----------
    path
        The file; its only object is the ExpressionSet.

    Returns
    -------
    DataFrame
        Samples in rows, probes in columns, float64.

    """
    import rdata

    ((_, expression_set),) = _entries(rdata.parser.parse_file(path).object)
    environment = dict(_entries(expression_set.attributes))["assayData"].value
    # R keeps an environment's variables in one list, or in lists by the hash of their names.
    lists = [environment.frame, *(environment.hash_table.value or [])]
    (values,) = (value for pairs in lists for name, value in _entries(pairs) if name == "exprs")
    probes: pd.DataFrame = rdata.conversion.convert(values, default_encoding="ascii").to_pandas()
    return probes.rename_axis(index="probe", columns="sample").T


def _entries(pairs: Any) -> Iterator[tuple[str, Any]]:
    """Walk through one of R's pairlists, as rdata parses it: names and values."""
    from rdata.parser import RObjectType

    while pairs.info.type == RObjectType.LIST:
        # A name that was met before is a reference to its first place.
        symbol = pairs.tag.referenced_object or pairs.tag
        yield symbol.value.value.decode(), pairs.value[0]
        pairs = pairs.value[1]
