"""A model's arrays in a bundle: what it stored in HDF5, as a tree of .npy arrays, names and attributes."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Union

import numpy as np
from numpy.typing import NDArray

from landex.bundles.archive import Archive, ArchiveWriter
from landex.errors import UserError

if TYPE_CHECKING:
    import h5py

_TREE = "tree.json"
# Rows of a large array that are copied at a time: at 10,000 targets 40 MB.
_ROWS = 1024


def add_tree(archive: ArchiveWriter, prefix: str, group: "h5py.Group") -> None:
    """Copy an HDF5 group into an archive, as `prefix`/..., block by block.

    Raises
    ------
    ValueError
        If it holds anything but numbers, names, and attributes that JSON can hold.
    """
    import h5py

    names: dict[str, list[str]] = {}
    attributes: dict[str, dict[str, Any]] = {}

    def visit(path: str, item: "h5py.Group | h5py.Dataset") -> None:
        if item.attrs:
            attributes[path] = {key: _plain(value) for key, value in item.attrs.items()}
        if not isinstance(item, h5py.Dataset):
            return
        if h5py.check_string_dtype(item.dtype) is not None:
            names[path] = item.asstr()[()].tolist()
        else:
            # Not `item[start:]` of all shapes: a number by itself has no rows.
            rows = range(0, len(item), _ROWS) if item.shape else ()
            blocks = (item[start : start + _ROWS] for start in rows) if item.shape else iter([item[()]])
            archive.add_blocks(f"{prefix}/{path}", item.shape, item.dtype, blocks)

    visit("", group)
    group.visititems(visit)
    archive.add_text(f"{prefix}/{_TREE}", json.dumps({"names": names, "attributes": attributes}, sort_keys=True))


def _plain(value: Any) -> Any:
    plain = value.item() if isinstance(value, np.generic) else value
    if not isinstance(plain, (str, int, float, bool)):
        raise ValueError(f"an attribute is {type(plain).__name__}")
    return plain


class Names:
    """A list of names that is read as h5py's data sets of text are."""

    def __init__(self, values: list[str]) -> None:
        self._values = values

    def asstr(self) -> "Names":
        """Return itself."""
        return self

    def __getitem__(self, places: Any) -> NDArray[np.object_]:
        """Return some of the names."""
        return np.array(self._values, object)[places]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._values)


class Tree(Mapping[str, Union["Tree", NDArray[Any], Names]]):
    """A group of an archive, read as models read h5py's groups: by path, with `attrs`.

    Parameters
    ----------
    archive, prefix
        Where it lies.

    Raises
    ------
    UserError
        If it is not what `add_tree` wrote.
    """

    def __init__(self, archive: Archive, prefix: str) -> None:
        self._archive, self._prefix, self._path = archive, prefix, ""
        told = _told(archive, prefix)
        self._names, self._attributes = told["names"], told["attributes"]
        start = f"{prefix}/"
        arrays = [name[len(start) : -4] for name in archive.names if name.startswith(start) and name.endswith(".npy")]
        self._leaves = {*arrays, *self._names}

    @property
    def attrs(self) -> Mapping[str, Any]:
        """Attributes of the group."""
        found: Mapping[str, Any] = self._attributes.get(self._path, {})
        return found

    def __getitem__(self, path: str) -> "Tree | NDArray[Any] | Names":
        """Return a group, an array or names.

        Raises
        ------
        KeyError
            If there is nothing of this path.
        """
        whole = f"{self._path}/{path}" if self._path else path
        if whole in self._names:
            return Names(self._names[whole])
        if whole in self._leaves:
            return self._archive.array(f"{self._prefix}/{whole}")
        if not any(leaf.startswith(f"{whole}/") for leaf in self._leaves):
            raise KeyError(path)
        inner = object.__new__(Tree)
        inner.__dict__.update(self.__dict__, _path=whole)
        return inner

    def __iter__(self) -> Iterator[str]:
        """Yield the names of what lies in the group, in order."""
        start = f"{self._path}/" if self._path else ""
        inside = {leaf[len(start) :].partition("/")[0] for leaf in self._leaves if leaf.startswith(start)}
        return iter(sorted(inside))

    def __len__(self) -> int:
        """Return how many things lie in the group."""
        return sum(1 for _ in self)


def _told(archive: Archive, prefix: str) -> dict[str, dict[str, Any]]:
    try:
        told = json.loads(archive.text(f"{prefix}/{_TREE}"))
        names, attributes = told["names"], told["attributes"]
        wrong = [name for name, values in names.items() if not all(isinstance(value, str) for value in values)]
        if wrong or not all(isinstance(of_one, dict) for of_one in attributes.values()):
            raise ValueError(f"{wrong[:1]} are no names")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{archive.path}: {prefix} is no model of landex ({error}); make the bundle again") from error
    return {"names": names, "attributes": attributes}
