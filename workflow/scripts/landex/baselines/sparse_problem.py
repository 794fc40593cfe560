"""What sparse regression minimises, for many targets at once, and how far from the minimum a solution is."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import DTypeLike, NDArray

from landex.baselines.quadratics import Floats, Indices, Quadratic, Real


@dataclass(frozen=True)
class Penalty:
    """lambda (r |w|_1 + (1 - r) / 2 ||w||^2).

    Attributes
    ----------
    absolute, square
        lambda r, above 0, and lambda (1 - r).
    """

    absolute: float
    square: float

    @classmethod
    def of(cls, strength: float, l1_ratio: float) -> "Penalty":
        """Make it from lambda and r."""
        return cls(strength * l1_ratio, strength * (1 - l1_ratio))


@dataclass(frozen=True)
class SparseProblem:
    """For every target y, the minimum over w of ||y - Xw||^2 / 2n + lambda (r |w|_1 + (1 - r) / 2 ||w||^2).

    That is scikit-learn's ElasticNet (and glmnet's) with r its `l1_ratio`; r = 1 is the lasso. X and y are centred,
    which stands for an intercept without penalty.

    Attributes
    ----------
    quadratic
        G = X'X / n.
    cross
        y'X / n, a target a row: shape (targets, features).
    squares
        ||y||^2 / n, shape (targets,).
    penalty
        lambda and r.
    """

    quadratic: Quadratic
    cross: Real
    squares: Real
    penalty: Penalty

    def take(self, targets: Indices | NDArray[np.bool_]) -> "SparseProblem":
        """Return the problem of some of the targets."""
        return replace(self, cross=self.cross[targets], squares=self.squares[targets])

    def astype(self, dtype: DTypeLike) -> "SparseProblem":
        """Return the problem in a precision."""
        cross, squares = self.cross.astype(dtype, copy=False), self.squares.astype(dtype, copy=False)
        return replace(self, cross=cross, squares=squares)

    def evaluate(self, coefficients: Real) -> "Solutions":
        """Return the duality gaps of coefficients of the problem's type, shape (targets, features).

        The gap is that of scikit-learn's coordinate descent: with R the residual of the lasso whose X has the rows
        sqrt(n lambda (1 - r)) I added, taken into the dual's feasible set by a factor. Nothing but products with
        the coefficients is needed, for ||R||^2 / n = ||y||^2 / n - w'(X'y / n + gradient).
        """
        absolute, square = self.penalty.absolute, self.penalty.square
        gradients = np.subtract(self.cross, self.quadratic.product(coefficients))
        if square:
            gradients -= coefficients.dtype.type(square) * coefficients
        explained = np.einsum("ij,ij->i", coefficients, self.cross)
        residuals = self.squares - explained - np.einsum("ij,ij->i", coefficients, gradients)
        norms = np.abs(coefficients).sum(axis=1)
        steepest = np.maximum(np.abs(gradients).max(axis=1), absolute)
        factors = absolute / steepest
        gaps = (1 + factors**2) / 2 * residuals + absolute * norms - factors * (self.squares - explained)
        relative = np.divide(gaps, self.squares, out=np.zeros_like(gaps), where=self.squares > 0)
        return Solutions(coefficients, gradients, relative)


@dataclass(frozen=True)
class Solutions:
    """Coefficients and how good they are; arrays may be replaced in part.

    Attributes
    ----------
    coefficients
        Shape (targets, features).
    gradients
        X'(y - Xw) / n - lambda (1 - r) w: at the minimum lambda r times the sign of w, between -+lambda r where w
        is 0.
    gaps
        Duality gap as a share of ||y||^2 / n, shape (targets,); 0 where y never varies. scikit-learn's `dual_gap_`
        is the gap that has not been divided by ||y||^2 / n.
    """

    coefficients: Real
    gradients: Real
    gaps: Real

    def take(self, targets: Indices | NDArray[np.bool_]) -> "Solutions":
        """Return the solutions of some targets."""
        return Solutions(self.coefficients[targets], self.gradients[targets], self.gaps[targets])

    def beyond(self, tolerance: float) -> Indices:
        """Return the targets whose gap is above the tolerance, or is no number."""
        return np.flatnonzero(~(self.gaps <= tolerance))

    def improve(self, targets: Indices, others: "Solutions") -> None:
        """Put other solutions of some targets in place where they are better."""
        better = others.gaps < self.gaps[targets]
        for ours, theirs in (
            (self.coefficients, others.coefficients),
            (self.gradients, others.gradients),
            (self.gaps, others.gaps),
        ):
            ours[targets[better]] = theirs[better]


def no_solutions(cross: Floats) -> Solutions:
    """Return coefficients 0 of targets given as y'X / n: where paths start."""
    return Solutions(np.zeros_like(cross), cross, np.ones(len(cross)))
