"""The chain, written down by hand: which jobs there are, and what each rule's result is used for."""

from dataclasses import dataclass
from itertools import product

Jobs = frozenset[str]


@dataclass(frozen=True)
class Chain:
    """The jobs of the project's config; a job is its rule's name and its wildcards' values.

    Methods named after a rule return what runs when that rule's jobs run: they and all that follows.
    """

    baselines: tuple[str, ...] = ("ols", "ridge")
    networks: tuple[str, ...] = ("relu_tanh", "deep")
    external: tuple[str, ...] = ("kidney", "geuvadis")

    @property
    def models(self) -> tuple[str, ...]:
        return self.baselines + self.networks

    @property
    def evaluated(self) -> tuple[str, ...]:
        return ("test", *self.external)

    def report(self) -> Jobs:
        return Jobs({"report"})

    def summarise(self) -> Jobs:
        return Jobs({"summarise"}) | self.report()

    def evaluate(self) -> Jobs:
        return _each("evaluate", self.models, self.evaluated) | self.summarise()

    def predict(self) -> Jobs:
        return _each("predict", self.models, self.evaluated) | self.evaluate()

    def fit(self, *models: str) -> Jobs:
        """Return what runs when these models are fitted."""
        fits = Jobs(f"network {model}" if model in self.networks else f"baseline {model}" for model in models)
        scores = _each("predict", models, self.evaluated) | _each("evaluate", models, self.evaluated)
        return fits | scores | self.summarise()

    def baseline(self) -> Jobs:
        return self.fit(*self.baselines)

    def network(self) -> Jobs:
        return self.fit(*self.networks)

    def normalise_external(self) -> Jobs:
        scores = _each("predict", self.models, self.external) | _each("evaluate", self.models, self.external)
        return _each("normalise_external", self.external) | scores | self.summarise()

    def normalise(self) -> Jobs:
        return Jobs({"normalise"}) | self.fit(*self.models)

    def references(self) -> Jobs:
        return Jobs({"references"}) | self.normalise() | self.normalise_external()

    def split(self) -> Jobs:
        return Jobs({"split"}) | self.references()

    def roles(self) -> Jobs:
        return Jobs({"roles"}) | self.references()

    def compendium(self) -> Jobs:
        return Jobs({"compendium"}) | self.split() | self.roles()

    def cohort_matrix(self, *cohorts: str) -> Jobs:
        """Return what runs when cohorts are read from matrix files; external ones too may hold duplicates."""
        return _each("cohort_matrix", cohorts or ("gdsc", "geuvadis")) | self.compendium()

    def cohort_series(self) -> Jobs:
        return _each("cohort_series", ("kidney",)) | self.compendium()

    def retrieve(self) -> Jobs:
        return Jobs({"retrieve GSE781"}) | self.cohort_series()

    def everything(self) -> Jobs:
        return self.retrieve() | self.cohort_matrix()


CHAIN = Chain()
NOTHING = Jobs()


def after(*rules: str) -> Jobs:
    """Return what runs when all jobs of these rules run."""
    return Jobs().union(*(getattr(CHAIN, rule)() for rule in rules))


def _each(rule: str, *values: tuple[str, ...]) -> Jobs:
    return Jobs(f"{rule} {'.'.join(combination)}" for combination in product(*values))
