"""Reading the packed blocks of a page, written from their description and not from the code that packs."""

import base64
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


def content(data: str) -> bytes:
    return zlib.decompress(base64.b64decode(data), wbits=-15)


def text(data: str) -> str:
    return content(data).decode("utf-8")


def array(kind: str, shape: str, data: str) -> NDArray[np.integer]:
    planes = np.frombuffer(content(data), np.uint8).reshape(np.dtype(kind).itemsize, -1)
    return np.frombuffer(planes.T.tobytes(), f"<{np.dtype(kind).str[1:]}").reshape([int(n) for n in shape.split(",")])


def block(attributes: Mapping[str, str | None], data: str) -> NDArray[np.integer]:
    """Read an array from the attributes and the text of its script."""
    return array(str(attributes["data-kind"]), str(attributes["data-shape"]), data)
