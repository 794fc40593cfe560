"""Tables as AnnData stores them in HDF5 (its specification, dataframe 0.2.0), without the second that its import takes.

Columns of numbers, truth values, text and categories are read and written here; anything else is left to AnnData.
"""

import h5py
import numpy as np
import pandas as pd

_ENCODING = "encoding-type"
_VERSION = "encoding-version"


def write_names(group: h5py.Group, key: str, names: list[str]) -> None:
    """Write a list of names."""
    group.create_dataset(key, data=names, dtype=h5py.string_dtype())


def read_names(group: h5py.Group, key: str) -> list[str]:
    """Read a list of names."""
    names: list[str] = group[key].asstr()[()].tolist()
    return names


def read_table(group: h5py.Group) -> pd.DataFrame:
    """Read a table as AnnData stores it."""
    names = group.attrs.get("column-order")
    index = group.attrs.get("_index")
    known = group.attrs.get(_ENCODING) == "dataframe" and names is not None and index is not None
    if not known or not all(_is_known(group.get(name)) for name in (index, *names)):
        from anndata.io import read_elem

        table: pd.DataFrame = read_elem(group)
        return table
    columns = {name: _read_column(group[name]) for name in names}
    # What AnnData calls an index that has no name.
    label = None if index == "_index" else index
    return pd.DataFrame(columns, index=pd.Index(_read_column(group[index]), name=label), columns=list(names))


def _is_known(item: h5py.Dataset | h5py.Group | None) -> bool:
    if item is None:
        return False
    kind = item.attrs.get(_ENCODING)
    if kind == "categorical":
        return _is_known(item.get("categories"))
    return kind == "string-array" or (kind == "array" and item.dtype.kind in "biuf")


def _read_column(item: h5py.Dataset | h5py.Group) -> np.ndarray | pd.Categorical:
    if item.attrs[_ENCODING] == "categorical":
        categories = _read_column(item["categories"])
        return pd.Categorical.from_codes(item["codes"][()], categories, ordered=bool(item.attrs["ordered"]))
    if item.attrs[_ENCODING] == "string-array":
        return np.array(item.asstr()[()], dtype=object)
    return item[()]


def write_table(parent: h5py.Group, name: str, table: pd.DataFrame) -> None:
    """Write a table as AnnData stores it."""
    index = table.index.name or "_index"
    columns = {index: _plain(table.index), **{str(label): _plain(table[label]) for label in table.columns}}
    if len(columns) != len(table.columns) + 1 or any(values is None for values in columns.values()):
        from anndata.io import write_elem

        write_elem(parent, name, table)
        return
    group = parent.create_group(name)
    group.attrs[_ENCODING], group.attrs[_VERSION] = "dataframe", "0.2.0"
    group.attrs["_index"] = index
    order = [str(label) for label in table.columns]
    group.attrs["column-order"] = np.array(order, object) if order else np.array([], np.float64)
    for label, values in columns.items():
        assert values is not None
        text = values.dtype == object
        item = group.create_dataset(label, data=values, dtype=h5py.string_dtype() if text else None)
        item.attrs[_ENCODING], item.attrs[_VERSION] = "string-array" if text else "array", "0.2.0"


def _plain(values: pd.Series | pd.Index) -> np.ndarray | None:
    """Return text or numbers as an array; None for anything else."""
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "biuf":
        return values.to_numpy()
    if isinstance(values.dtype, pd.CategoricalDtype):
        return None
    text = values.to_numpy(object)
    return text if all(type(value) is str for value in text) else None


def write_empty(parent: h5py.Group, name: str) -> None:
    """Write an empty mapping as AnnData stores it."""
    group = parent.create_group(name)
    group.attrs[_ENCODING], group.attrs[_VERSION] = "dict", "0.1.0"
