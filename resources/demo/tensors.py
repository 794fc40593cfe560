"""Reads a pickled dictionary of PyTorch vectors without PyTorch, and without running what a pickle may ask for.

PyTorch pickles a tensor as a call of `_rebuild_tensor_v2` on a storage, and the storage as a call of
`_load_from_bytes` on the bytes of its old file format: five small pickles (magic number, protocol, byte order,
the storage's description, its key), the number of values, the values.
"""

import io
import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C  # torch.serialization.MAGIC_NUMBER
FLOAT_STORAGE = "float32"  # stands for the class torch.FloatStorage


class RefusedPickleError(ValueError):
    """A pickle asks for something other than float vectors."""


class RestrictedUnpickler(pickle.Unpickler):
    """Resolves the given global names only, each to the given stand-in; refuses every other by name."""

    def __init__(self, file: io.BytesIO, stand_ins: Mapping[str, object]) -> None:
        super().__init__(file)
        self._stand_ins = stand_ins

    def find_class(self, module: str, name: str) -> object:
        """Return the stand-in of `module.name`.

        Raises
        ------
        RefusedPickleError
            The name is not among the allowed ones.

        """
        try:
            return self._stand_ins[f"{module}.{name}"]
        except KeyError:
            allowed = ", ".join(sorted(self._stand_ins))
            raise RefusedPickleError(
                f"the pickle asks for {module}.{name}, which is not allowed (allowed: {allowed})"
            ) from None

    def persistent_load(self, pid: object) -> object:
        """Return the description of a storage as it stands: (marker, type, key, device, number of values)."""
        return pid


def read_vectors(content: bytes) -> dict[str, NDArray[np.float32]]:
    """Read a pickled `{name: vector}` dictionary of contiguous float32 PyTorch tensors.

    Parameters
    ----------
    content
        The whole pickle file.

    Returns
    -------
    dict[str, NDArray[np.float32]]
        Name to vector of shape (n,), in the file's order.

    Raises
    ------
    RefusedPickleError
        The pickle asks for a global name that float vectors do not need, or is damaged, or holds
        something else.

    """
    stand_ins: dict[str, Callable[..., object]] = {
        "collections.OrderedDict": OrderedDict,  # a tensor's (empty) backward hooks
        "torch._utils._rebuild_tensor_v2": _whole_storage,
        "torch.storage._load_from_bytes": _read_storage,
    }
    vectors = _load(io.BytesIO(content), stand_ins)
    if not isinstance(vectors, dict) or not all(
        isinstance(name, str) and isinstance(vector, np.ndarray) for name, vector in vectors.items()
    ):
        raise RefusedPickleError("the pickle is not a dictionary of names and vectors")
    return vectors


def _load(file: io.BytesIO, stand_ins: Mapping[str, object]) -> object:
    try:
        return RestrictedUnpickler(file, stand_ins).load()
    except RefusedPickleError:
        raise
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise RefusedPickleError(f"the pickle cannot be read ({type(error).__name__}: {error})") from error


def _read_storage(content: bytes) -> NDArray[np.float32]:
    file = io.BytesIO(content)
    magic, _protocol, system, description, _keys = (
        _load(file, {"torch.FloatStorage": FLOAT_STORAGE}) for _ in range(5)
    )
    if magic != MAGIC_NUMBER or not isinstance(system, dict) or system.get("little_endian") is not True:
        raise RefusedPickleError("a storage is not in PyTorch's old format, little endian")
    if not isinstance(description, tuple) or description[:2] != ("storage", FLOAT_STORAGE):
        raise RefusedPickleError(f"a storage holds something other than float32: {description!r}")
    (count,) = struct.unpack("<q", file.read(8))
    values = np.frombuffer(file.read(), dtype="<f4")
    if values.size != count or count != description[4]:
        raise RefusedPickleError(f"a storage announces {description[4]} values and holds {values.size}")
    return values.astype(np.float32)


def _whole_storage(
    storage: NDArray[np.float32], offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> NDArray[np.float32]:
    if offset != 0 or size != storage.shape or stride != (1,):
        raise RefusedPickleError(f"a tensor is not a whole vector: offset {offset}, size {size}, stride {stride}")
    return storage
