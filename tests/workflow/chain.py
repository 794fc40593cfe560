"""The chain, written down by hand: which jobs there are, and what each rule's result is used for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product

Jobs = frozenset[str]


@dataclass(frozen=True)
class Chain:
    """The jobs of the project's config; a job is its rule's name and its wildcards' values.

    Methods named after a rule return what runs when that rule's jobs run: they and all that follows.
    """

    baselines: tuple[str, ...] = ("ols", "ridge", "lasso", "knn")
    networks: tuple[str, ...] = ("relu_tanh", "deep", "pair-6")
    # Networks that are trained in pieces, with these.
    pieces: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"pair-6": ("1.1", "2.1")})
    # Blends with their members.
    blends: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"both": ("ridge", "knn")})
    # Baselines that list the training samples behind each prediction.
    carrying: tuple[str, ...] = ("knn",)
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

    def evaluate(self, *models: str, cohorts: tuple[str, ...] = ()) -> Jobs:
        """Return what runs when predictions of some models on some cohorts, by default all, are evaluated."""
        models = models or (*self.models, *self.blends)
        return _each("evaluate", models, cohorts or self.evaluated) | self.summarise()

    def predict_blend(self, *blends: str, cohorts: tuple[str, ...] = ()) -> Jobs:
        blends = blends or tuple(self.blends)
        evaluations = self.evaluate(*blends, cohorts=cohorts) if blends else Jobs()
        return _each("predict_blend", blends, cohorts or self.evaluated) | evaluations

    def predict(self, *models: str, cohorts: tuple[str, ...] = ()) -> Jobs:
        """Return what runs when some models, by default all but blends, predict some cohorts."""
        models = models or self.models
        rules = {model: "predict_carried" if model in self.carrying else "predict" for model in models}
        jobs = Jobs().union(*(_each(rules[model], (model,), cohorts or self.evaluated) for model in models))
        blends = self._blends_of(models)
        return (
            jobs
            | self.evaluate(*models, *blends, cohorts=cohorts)
            | (_each("predict_blend", blends, cohorts or self.evaluated))
        )

    def _blends_of(self, models: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(blend for blend, members in self.blends.items() if set(members) & set(models))

    def blend(self, *blends: str) -> Jobs:
        blends = blends or tuple(self.blends)
        return _each("blend", blends) | self.predict_blend(*blends)

    def fit(self, *models: str) -> Jobs:
        """Return what runs when these models are fitted."""
        return Jobs().union(*map(self._fit, models)) | self._use(*models)

    def _fit(self, model: str) -> Jobs:
        if model in self.pieces:
            return _each("network_piece", (model,), self.pieces[model]) | {f"join_network {model}"}
        return Jobs({f"network {model}" if model in self.networks else f"baseline {model}"})

    def _use(self, *models: str) -> Jobs:
        """Return what stands on these models."""
        blends = self._blends_of(models)
        return self.predict(*models) | (self.blend(*blends) if blends else Jobs())

    def baseline(self, *baselines: str) -> Jobs:
        return self.fit(*(baselines or self.baselines))

    def network(self, *networks: str) -> Jobs:
        """Return what runs when networks, by default all, are trained, whole or in pieces."""
        return self.fit(*(networks or self.networks))

    def join_network(self, *networks: str) -> Jobs:
        networks = networks or tuple(self.pieces)
        return _each("join_network", networks) | self._use(*networks)

    def normalise_external(self) -> Jobs:
        return _each("normalise_external", self.external) | self.predict(cohorts=self.external)

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
    """Return what runs when all jobs of these rules run; `baseline ols ridge` means those of these models."""
    return Jobs().union(*(getattr(CHAIN, rule)(*models) for rule, *models in map(str.split, rules)))


def _each(rule: str, *values: tuple[str, ...]) -> Jobs:
    return Jobs(f"{rule} {'.'.join(combination)}" for combination in product(*values))
