"""How models are drawn: the same colour and dash for a model in every figure, and no two models alike.

Colours are Okabe and Ito's, told apart by colour-blind readers. Where there are more models than colours, a colour
comes again with another dash; networks and other models have dashes of their own, and the baseline is grey.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from landex.summary import ModelRecord

# Without black and yellow, which vanish on dark or light paper.
OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
BASELINE_GREY = "#7F7F7F"
# Lengths of lines and gaps in pixels. Five dashes times six colours: 30 networks and as many other models.
_OF_NETWORKS = ("solid", "14px,3px", "12px,3px,2px,3px", "12px,3px,2px,3px,2px,3px", "20px,3px,6px,3px")
_OF_OTHERS = ("6px,3px", "2px,2px", "6px,2px,1px,2px", "3px,3px,1px,3px", "1px,4px")
# Curves that are drawn at once; more would hide one another, and the legend shows the others at a click.
SHOWN = 10


@dataclass(frozen=True)
class Line:
    """How a model is drawn in every figure.

    Attributes
    ----------
    colour
        As #rrggbb.
    dash
        `solid` or lengths in pixels, as plotly takes them.
    shown
        Whether it is drawn before the reader asks for it.
    network
        Whether it is a network.
    """

    colour: str
    dash: str = "solid"
    shown: bool = True
    network: bool = True

    @property
    def dashed(self) -> bool:
        """Whether it is dashed."""
        return self.dash != "solid"

    @property
    def style(self) -> tuple[float, tuple[float, ...] | None]:
        """The dash as matplotlib takes it."""
        return (0, tuple(float(part.removesuffix("px")) / 2 for part in self.dash.split(",")) if self.dashed else None)


def lines_of(models: Mapping[str, ModelRecord], baseline: str) -> dict[str, Line]:
    """Give every model its line, in order; of more than `SHOWN`, the baseline and the best by *select* are shown."""
    best = sorted(models, key=lambda name: (name != baseline, models[name].select_mae))[:SHOWN]
    used: Counter[tuple[str, bool]] = Counter()
    lines = {}
    others = 0
    for name, record in models.items():
        network = record.kind == "network"
        dashes = _OF_NETWORKS if network else _OF_OTHERS
        if name == baseline:
            lines[name] = Line(BASELINE_GREY, dashes[0], network=network)
            continue
        colour = OKABE_ITO[others % len(OKABE_ITO)]
        lines[name] = Line(colour, dashes[used[colour, network] % len(dashes)], name in best, network)
        used[colour, network] += 1
        others += 1
    return lines
