"""Blocks: consecutive samples x genes, float32, as all stages hand them on."""

import numpy as np
from numpy.typing import NDArray

Block = NDArray[np.float32]
