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
    # Cohorts that some models learn from too, and these models.
    auxiliary_cohorts: tuple[str, ...] = ("leukaemia",)
    pooled: tuple[str, ...] = ("ols",)
    # Models whose landmarks are weighed.
    weighed: tuple[str, ...] = ("ridge", "deep")
    # Models that are fitted again: to fewer training samples, and after another split.
    thinned: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"fraction-0.5": ("ridge", "deep")})
    resplit: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"by-series": ("ridge", "both")})

    # The model that others are compared with, and files of new profiles with the models that score them.
    baseline_of_report: str = "ridge"
    inferred: Mapping[str, str] = field(default_factory=lambda: {"plate.gctx": "both"})

    @property
    def models(self) -> tuple[str, ...]:
        return self.baselines + self.networks

    @property
    def evaluated(self) -> tuple[str, ...]:
        return ("test", *self.external)

    @property
    def predicted(self) -> tuple[str, ...]:
        return ("calibrate", *self.evaluated)

    @property
    def variations(self) -> Mapping[str, tuple[str, ...]]:
        return {**self.thinned, **self.resplit}

    def report(self) -> Jobs:
        return Jobs({"report"})

    def summarise(self) -> Jobs:
        return Jobs({"summarise"}) | self.report()

    def judge(self) -> Jobs:
        return Jobs({"judge"}) | self.report()

    def compare(self, *cohorts: str) -> Jobs:
        return _each("compare", cohorts or self.evaluated) | self.summarise() | self.judge()

    def outliers(self, *cohorts: str) -> Jobs:
        return _each("outliers", cohorts or self.evaluated) | self.report()

    def importance(self, *models: str) -> Jobs:
        weighed = tuple(model for model in models or self.weighed if model in self.weighed)
        return _each("importance", weighed) | self.report() if weighed else Jobs()

    def infer(self, *models: str) -> Jobs:
        """Return what runs when new profiles are scored, by default with any model."""
        return Jobs(f"infer {file}" for file, model in self.inferred.items() if not models or model in models)

    def bundle(self, *models: str) -> Jobs:
        return _each("bundle", models or (*self.models, *self.blends)) | self.infer(*models)

    def evaluate(self, *models: str, cohorts: tuple[str, ...] = ()) -> Jobs:
        """Return what runs when models are evaluated: by default all, on all cohorts and in variations too."""
        everywhere = [self._evaluate_in(name, *fitted) for name, fitted in self.variations.items()]
        jobs = _each("evaluate", models or (*self.models, *self.blends), cohorts or self.evaluated)
        # Every card sets its model beside the report's baseline.
        jobs |= self.bundle() if self.baseline_of_report in models else self.bundle(*models)
        return jobs.union(self.summarise(), self.judge(), *([] if models else everywhere))

    def _evaluate_in(self, variation: str, *models: str) -> Jobs:
        return _each("evaluate", (variation,), models, ("test",)) | self.judge() if models else Jobs()

    def calibrate(self, *models: str) -> Jobs:
        models = models or (*self.models, *self.blends)
        return _each("calibrate", models) | self.evaluate(*models)

    def predict_blend(self, *blends: str) -> Jobs:
        """Return what runs when some blends, by default all, predict, in variations too."""
        blends = blends or tuple(self.blends)
        if not blends:
            return Jobs()
        jobs = _each("predict_blend", blends, self.predicted) | self._use_predictions(blends, self.predicted)
        for name, fitted in self.variations.items():
            some = tuple(blend for blend in blends if blend in fitted)
            jobs |= _each("predict_blend", (name,), some, ("test",)) | self._evaluate_in(name, *some)
        return jobs

    def _use_predictions(self, models: tuple[str, ...], cohorts: tuple[str, ...]) -> Jobs:
        """Return what stands on predictions of the run itself."""
        evaluated = tuple(cohort for cohort in cohorts if cohort in self.evaluated)
        jobs = self.evaluate(*models, cohorts=evaluated) | self.compare(*evaluated)
        return jobs | self.calibrate(*models) if "calibrate" in cohorts else jobs

    def predict(self, *models: str, cohorts: tuple[str, ...] = ()) -> Jobs:
        """Return what runs when some models, by default all but blends, predict some cohorts, by default everywhere."""
        models = models or self.models
        jobs = Jobs().union(*(_each(self._predicting(model), (model,), cohorts or self.predicted) for model in models))
        blends = self._blends_of(models)
        jobs |= self._use_predictions((*models, *blends), cohorts or self.predicted)
        jobs |= _each("predict_blend", blends, cohorts or self.predicted)
        if not cohorts:
            jobs |= Jobs().union(*(self._predict_in(name, *models) for name in self.variations))
        return jobs

    def _predict_in(self, variation: str, *models: str) -> Jobs:
        """Return what runs when some models predict in a variation, as far as they are fitted there."""
        fitted, jobs = self._fitted_in(variation), Jobs()
        some = tuple(model for model in models if model in fitted)
        for model in some:
            # A blend's members are predicted for the blend alone.
            jobs |= _each(self._predicting(model), (variation,), (model,), ("test",))
        blends = tuple(blend for blend in self._blends_of(some) if blend in self.variations[variation])
        jobs |= _each("predict_blend", (variation,), blends, ("test",))
        evaluated = tuple(model for model in some if model in self.variations[variation])
        return jobs | self._evaluate_in(variation, *evaluated, *blends)

    def _fitted_in(self, variation: str) -> tuple[str, ...]:
        """Name the models that are fitted in a variation: those asked for, and members of blends among them."""
        asked = self.variations[variation]
        members = (member for blend in asked if blend in self.blends for member in self.blends[blend])
        return tuple(dict.fromkeys([*(model for model in asked if model not in self.blends), *members]))

    def _predicting(self, model: str) -> str:
        return "predict_carried" if model in self.carrying else "predict"

    def _blends_of(self, models: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(blend for blend, members in self.blends.items() if set(members) & set(models))

    def blend(self, *blends: str) -> Jobs:
        blends = blends or tuple(self.blends)
        jobs = _each("blend", blends) | self.predict_blend(*blends)
        for name, fitted in self.variations.items():
            jobs |= _each("blend", (name,), tuple(blend for blend in blends if blend in fitted))
        return jobs

    def fit(self, *models: str) -> Jobs:
        """Return what runs when these models are fitted, in variations too."""
        jobs = Jobs().union(*map(self._fit, models)) | self._use(*models)
        return jobs.union(*(self._fit_in(name, *models) for name in self.variations))

    def _fit(self, model: str, variation: str = "") -> Jobs:
        place = f"{variation}.{model}" if variation else model
        if model in self.pieces:
            return _each("network_piece", (place,), self.pieces[model]) | {f"join_network {place}"}
        return Jobs({f"network {place}" if model in self.networks else f"baseline {place}"})

    def _fit_in(self, variation: str, *models: str) -> Jobs:
        """Return what runs when models are fitted in a variation, as far as they are."""
        some = tuple(model for model in models if model in self._fitted_in(variation))
        blends = tuple(blend for blend in self._blends_of(some) if blend in self.variations[variation])
        jobs = Jobs().union(*(self._fit(model, variation) for model in some)) | _each("blend", (variation,), blends)
        return jobs | self._predict_in(variation, *some)

    def _use(self, *models: str) -> Jobs:
        """Return what stands on these models."""
        blends = self._blends_of(models)
        jobs = self.predict(*models) | self.importance(*models)
        return jobs | self.blend(*blends) if blends else jobs

    def baseline(self, *baselines: str) -> Jobs:
        return self.fit(*(baselines or self.baselines))

    def network(self, *networks: str) -> Jobs:
        """Return what runs when networks, by default all, are trained, whole or in pieces."""
        return self.fit(*(networks or self.networks))

    def join_network(self, *networks: str) -> Jobs:
        networks = networks or tuple(self.pieces)
        return _each("join_network", networks) | self._use(*networks)

    def normalise_external(self, *cohorts: str) -> Jobs:
        """Return what runs when cohorts are normalised that are no sources, by default all of them."""
        cohorts = cohorts or (*self.external, *self.auxiliary_cohorts)
        tested = tuple(cohort for cohort in cohorts if cohort in self.external)
        jobs = _each("normalise_external", cohorts) | (self.auxiliary() if set(cohorts) - set(tested) else NOTHING)
        return jobs | self.predict(cohorts=tested) | self.outliers(*tested) if tested else jobs

    def auxiliary(self) -> Jobs:
        return Jobs({"auxiliary"}) | self.fit(*self.pooled)

    def normalise(self) -> Jobs:
        again = _each("normalise", tuple(self.resplit))
        return Jobs({"normalise"}) | again | self.fit(*self.models) | self.outliers() | self.importance()

    def references(self) -> Jobs:
        again = _each("references", tuple(self.resplit))
        return Jobs({"references"}) | again | self.normalise() | self.normalise_external()

    def thin_split(self, *variations: str) -> Jobs:
        """Return what runs when learning curves, by default all, are cut from the split anew."""
        jobs = _each("thin_split", variations or tuple(self.thinned))
        return jobs.union(*(self._fit_in(name, *self.models) for name in variations or self.thinned)) | self.judge()

    def resplit_only(self, variation: str) -> Jobs:
        """Return what runs when one other split is made."""
        jobs = Jobs({f"{rule} {variation}" for rule in ("split", "references", "normalise")})
        return jobs | self._fit_in(variation, *self.models) | self.judge()

    def split(self) -> Jobs:
        return Jobs({"split"}) | _each("split", tuple(self.resplit)) | self.references() | self.thin_split()

    def roles(self) -> Jobs:
        return Jobs({"roles"}) | self.references()

    def compendium(self) -> Jobs:
        return Jobs({"compendium"}) | self.split() | self.roles() | self.auxiliary()

    def cohort_matrix(self, *cohorts: str) -> Jobs:
        """Return what runs when cohorts are read from matrix files; external ones too may hold duplicates."""
        cohorts = cohorts or ("gdsc", "geuvadis", *self.auxiliary_cohorts)
        auxiliary = tuple(cohort for cohort in cohorts if cohort in self.auxiliary_cohorts)
        jobs = _each("cohort_matrix", cohorts) | (self.normalise_external(*auxiliary) if auxiliary else NOTHING)
        return jobs | self.compendium() if set(cohorts) - set(auxiliary) else jobs

    def cohorts(self) -> Jobs:
        """Return what runs when all cohorts are read anew."""
        return self.cohort_matrix() | self.cohort_series()

    def cohort_series(self) -> Jobs:
        return _each("cohort_series", ("kidney",)) | self.compendium()

    def retrieve(self) -> Jobs:
        return Jobs({"retrieve GSE781_family.soft.gz"}) | self.cohort_series()

    def everything(self) -> Jobs:
        return self.retrieve() | self.cohort_matrix()


NOTHING = Jobs()
CHAIN = Chain()


def after(*rules: str) -> Jobs:
    """Return what runs when all jobs of these rules run; `baseline ols ridge` means those of these models."""
    return Jobs().union(*(getattr(CHAIN, rule)(*models) for rule, *models in map(str.split, rules)))


def _each(rule: str, *values: tuple[str, ...]) -> Jobs:
    return Jobs(f"{rule} {'.'.join(combination)}" for combination in product(*values))
