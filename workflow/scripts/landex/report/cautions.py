"""Warnings: what a reader should know before believing a figure, each found in the run's own tables."""

from collections.abc import Iterator

from landex.report.materials import split_note
from landex.report.run import Run
from landex.report.wording import counted, listed, percent
from landex.summary import TEST, view_name

# Of samples like those that calibrated, one in twenty lies beyond this p; a cohort of which more do is unlike them.
_UNLIKE = 0.05
# How far coverage may be below what was promised before it is worth a warning, in points.
_SHORT = 3.0
# A share of landmarks below which an external cohort's inputs are mostly filled in.
_FEW_LANDMARKS = 0.9


def cautions(run: Run) -> list[str]:
    """List the warnings on a run, the gravest first."""
    found = [
        split_note(run.split, run.settings.split["by"], run.external),
        *_worse_than_the_mean(run),
        *_unlike_training(run),
        *_few_landmarks(run),
        *_short_intervals(run),
        *_little_calibration(run),
        *_samples_for_series(run),
        *_stopped_at_the_end(run),
    ]
    return [sentence for sentence in found if sentence]


def _worse_than_the_mean(run: Run) -> Iterator[str]:
    told = []
    for (cohort, scaling), rows in run.summary.groupby(["cohort", "scaling"], sort=False):
        worse = rows.loc[rows["mae"] > rows["null_mae"], "model"].tolist()
        if worse:
            who = "every model" if len(worse) == len(rows) else listed(worse)
            told.append(f"{view_name(str(cohort), str(scaling))}: {who}")
    if told:
        yield f"Worse than predicting every gene's mean are, by place: {'; '.join(told)}."


def _unlike_training(run: Run) -> Iterator[str]:
    told = []
    for cohort, table in run.outliers.items():
        samples = table.drop_duplicates("sample")
        far = int((samples["p"] <= _UNLIKE).sum())
        if far > max(1.0, 2 * _UNLIKE * len(samples)):
            name = "the held-out test part" if cohort == TEST else cohort
            told.append(f"{far:,} of {counted(len(samples), 'sample')} of {name}")
    if told:
        yield (
            f"{listed(told)} are less like the training samples than {100 * (1 - _UNLIKE):g} % of the calibration "
            f"samples "
            "are: predictions for them are extrapolations."
        )


def _few_landmarks(run: Run) -> Iterator[str]:
    for profile in run.profiles:
        if profile.landmarks < _FEW_LANDMARKS * profile.of_landmarks:
            yield (
                f"{profile.cohort} measures {profile.landmarks:,} of the {profile.of_landmarks:,} landmarks; the "
                f"others "
                "are filled in with their mean given those that are there."
            )


def _short_intervals(run: Run) -> Iterator[str]:
    rows = run.intervals[run.intervals["model"] == run.contenders.compared]
    short = rows[rows["coverage_percent"] < rows["nominal_percent"] - _SHORT]
    told = [f"{percent(row.coverage_percent)} ({view_name(row.cohort, row.scaling)})" for row in short.itertuples()]
    if told:
        nominal = f"{rows['nominal_percent'].iloc[0]:g} %"
        model = run.contenders.compared
        yield f"Prediction intervals of {model} that should cover {nominal} of the values covered {listed(told)}."


def _little_calibration(run: Run) -> Iterator[str]:
    reasons = run.trust[run.contenders.compared]["reason"]
    few = [str(reason) for reason in reasons.unique() if str(reason).startswith("fewer than")]
    for reason in few:
        yield f"Trust in {counted(int((reasons == reason).sum()), 'gene')} could not be decided: {reason}."


def _samples_for_series(run: Run) -> Iterator[str]:
    if (run.summary["unit"] == "samples").any():
        yield (
            "Confidence intervals count samples as independent, because there are fewer than six series: samples of "
            "one "
            "series resemble each other, so that these intervals are narrower than what is known."
        )


def _stopped_at_the_end(run: Run) -> Iterator[str]:
    still = [
        name
        for name, record in run.models.items()
        if record.epochs and record.best_epoch == record.epochs and not record.stopped
    ]
    if still:
        yield (
            f"{listed(still)} {'was' if len(still) == 1 else 'were'} best at the last epoch: more epochs may lower "
            f"the error."
        )
