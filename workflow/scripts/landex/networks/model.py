"""A model of networks: the targets in parts, and for each the mean of networks that differ by seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from landex.blocks import Block
from landex.networks.network import Network

if TYPE_CHECKING:
    import h5py


@dataclass(frozen=True)
class NetworkModel:
    """Trained networks that predict together.

    Attributes
    ----------
    parts
        A list of networks, the members, for every part of the targets, in the order of the targets.
    """

    parts: list[list[Network]]

    def predict(self, inputs: Block) -> Block:
        """Return targets, shape (samples, targets), of inputs of shape (samples, landmarks), in z-scores."""
        said = ([member.predict(inputs) for member in members] for members in self.parts)
        return np.concatenate([np.mean(of_part, axis=0) for of_part in said], axis=1)

    @property
    def members(self) -> int:
        """Number of networks whose mean predicts a target."""
        return len(self.parts[0])

    def predict_with_spread(self, inputs: Block) -> tuple[Block, Block]:
        """Return `predict(inputs)` and the standard deviation (n - 1) of the members' predictions."""
        said = [[member.predict(inputs) for member in members] for members in self.parts]
        means = [np.mean(of_part, axis=0) for of_part in said]
        spreads = [np.std(of_part, axis=0, ddof=1) for of_part in said]
        return np.concatenate(means, axis=1), np.concatenate(spreads, axis=1)

    @property
    def parameters(self) -> int:
        """Number of fitted numbers of all networks."""
        return sum(network.parameters for members in self.parts for network in members)

    def write(self, group: "h5py.Group") -> None:
        """Store the model in an open HDF5 group, a group `part_1/member_1` a network."""
        for part, members in enumerate(self.parts, 1):
            for member, network in enumerate(members, 1):
                network.write(group.create_group(f"part_{part}/member_{member}"))

    @classmethod
    def read(cls, group: "h5py.Group") -> "NetworkModel":
        """Load what `write` stored."""
        # Counted, because HDF5 lists part_10 before part_2.
        parts = [group[f"part_{part}"] for part in range(1, len(group) + 1)]
        return cls([[Network.read(part[f"member_{member}"]) for member in range(1, len(part) + 1)] for part in parts])


def joined(pieces: Mapping[tuple[int, int], NetworkModel]) -> NetworkModel:
    """Join models of one network each to one model.

    Parameters
    ----------
    pieces
        By member and part, both from 1.

    Raises
    ------
    ValueError
        If a part lacks a member, or a piece is more than one network.
    """
    members, parts = (max((key[place] for key in pieces), default=0) for place in (0, 1))
    wanted = {(member, part) for member in range(1, members + 1) for part in range(1, parts + 1)}
    if not pieces or wanted != set(pieces):
        raise ValueError(f"pieces {sorted(pieces)} are not every member of every part: {sorted(wanted)}")
    for key, piece in pieces.items():
        if [len(networks) for networks in piece.parts] != [1]:
            raise ValueError(f"piece {key} is not one network")
    return NetworkModel(
        [[pieces[member, part].parts[0][0] for member in range(1, members + 1)] for part in range(1, parts + 1)]
    )
