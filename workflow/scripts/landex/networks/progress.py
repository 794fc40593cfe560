"""Seeing a training: a line an epoch in the log, a bar on a terminal, events for TensorBoard."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import tensorflow as tf
from tqdm import tqdm

from landex.networks.course import Epoch, Listener

_logger = logging.getLogger(__name__)


def log_of(epochs: int) -> Listener:
    """Return what writes a line an epoch to the log."""

    def tell(row: Epoch) -> None:
        _logger.info(
            "epoch %d of %d: loss %.5g, training MAE %.4f, select MAE %.4f, rate %.3g, %.2f s",
            row.epoch,
            epochs,
            row.training_loss,
            row.training_mae,
            row.select_mae,
            row.learning_rate,
            row.seconds,
        )

    return tell


@contextmanager
def bar_on(terminal: TextIO, name: str, epochs: int) -> Iterator[Listener]:
    """Draw a progress bar with the newest select MAE on a terminal."""
    with tqdm(total=epochs, desc=name, unit="epoch", file=terminal, leave=False, dynamic_ncols=True) as bar:

        def tell(row: Epoch) -> None:
            bar.set_postfix_str(f"select MAE {row.select_mae:.4f}", refresh=False)
            # A resumed training begins late: the bar follows the epoch's number.
            bar.n = row.epoch
            bar.refresh()

        yield tell


@contextmanager
def events_in(folder: str | Path) -> Iterator[Listener]:
    """Write an event an epoch for TensorBoard into a folder."""
    writer = tf.summary.create_file_writer(str(folder))

    def tell(row: Epoch) -> None:
        for name in ("learning_rate", "training_loss", "training_mae", "select_mae", "seconds"):
            # `tf.summary.scalar` is part of the package tensorboard, which only a viewer needs.
            tf.raw_ops.WriteScalarSummary(writer=writer._resource, step=row.epoch, tag=name, value=getattr(row, name))
        writer.flush()

    yield tell
    writer.close()
