"""MLflow: the study a run, its trials nested runs, where ``MLFLOW_TRACKING_URI`` and MLflow's other variables say."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from regfleet.tracking.servers import refuse_silence

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from regfleet.tracking.contract import Ending, TrackedStudy, TrackedTrial, Value

STUDY, TRIAL, STATUS = "regfleet.study", "regfleet.trial", "regfleet.status"
"""Tags: the mark of the study, on its own run and on those of its trials; a trial's key; what became of it."""
MOST_METRICS, MOST_OTHERS, LONGEST = 1000, 100, 5000
"""Of a request, which MLflow limits, and characters of a text."""


class MLflow:
    """A study in an experiment of MLflow: that of its variables, else the default one."""

    def open(self, study: TrackedStudy) -> Collection[str]:
        """Begin the run of the study, or go on with it."""
        import mlflow

        refuse_silence(mlflow.get_tracking_uri())
        self._client, self._study = mlflow.MlflowClient(), study
        self._experiment = self._experiment_id()
        runs = {one.data.tags.get(TRIAL, ""): one for one in self._runs()}
        parent = runs.pop("", None)
        if parent is None:
            self._parent = self._begin({"regfleet.command": study.command}, study.name)
            self._log(self._parent, study.parameters)
            self._client.log_text(self._parent, study.toml, "study.toml")
        else:
            self._parent = parent.info.run_id
            self._client.update_run(self._parent, status="RUNNING")
        whole = {key for key, one in runs.items() if one.info.status == "FINISHED"}
        self._broken = {key: one.info.run_id for key, one in runs.items() if key not in whole}
        return whole

    def log(self, trial: TrackedTrial) -> None:
        """A nested run for the trial; one of its key that is there in part is deleted."""
        if trial.key in self._broken:
            self._client.delete_run(self._broken.pop(trial.key))
        tags = {"mlflow.parentRunId": self._parent, TRIAL: trial.key, STATUS: trial.status}
        tags |= {"regfleet.error": trial.error} if trial.error else {}
        run = self._broken[trial.key] = self._begin(tags, trial.name)
        epochs = trial.epochs()
        measured = [(name, value, epoch) for epoch, row in epochs for name, value in row.items()]
        measured += [(name, value, len(epochs)) for name, value in trial.metrics.items()]
        self._log(run, trial.parameters, measured)
        failed = trial.status == "failed"
        self._client.set_terminated(run, "FAILED" if failed else "FINISHED")
        if not failed:
            del self._broken[trial.key]

    def close(self, ending: Ending) -> None:
        """Attach the report and its table, say what was found, and end the run of the study."""
        self._log(self._parent, {}, [(name, value, 0) for name, value in ending.metrics.items()])
        if ending.sentences:
            self._client.set_tag(self._parent, "mlflow.note.content", "\n\n".join(ending.sentences)[:LONGEST])
        for path in ending.files:
            self._client.log_artifact(self._parent, str(path))
        self._client.set_terminated(self._parent, "KILLED" if ending.interrupted else "FINISHED")

    def _begin(self, tags: Mapping[str, str], name: str) -> str:
        own = {STUDY: self._study.mark, "mlflow.source.name": "regfleet", **tags}
        run = self._client.create_run(
            self._experiment, tags={key: text[:LONGEST] for key, text in own.items()}, run_name=name
        )
        return str(run.info.run_id)

    def _log(
        self, run: str, parameters: Mapping[str, Value], measured: Collection[tuple[str, float, int]] = ()
    ) -> None:
        from mlflow.entities import Metric, Param

        now = int(1000 * time.time())
        params = [Param(name, str(value)[:LONGEST]) for name, value in parameters.items()]
        for some in _parts(params, MOST_OTHERS):
            self._client.log_batch(run, params=some, synchronous=True)
        metrics = [Metric(name, value, now, step) for name, value, step in measured]
        for some in _parts(metrics, MOST_METRICS):
            self._client.log_batch(run, metrics=some, synchronous=True)

    def _experiment_id(self) -> str:
        """As MLflow's own functions choose it."""
        if found := os.environ.get("MLFLOW_EXPERIMENT_ID"):
            return found
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME")
        if not name:
            return "0"
        experiment = self._client.get_experiment_by_name(name)
        return str(experiment.experiment_id if experiment else self._client.create_experiment(name))

    def _runs(self) -> Iterator[Any]:
        """The runs of this study, its own among them."""
        token = None
        while True:
            wanted = f"tags.`{STUDY}` = '{self._study.mark}'"
            page = self._client.search_runs([self._experiment], wanted, max_results=1000, page_token=token)
            yield from page
            token = page.token
            if not token:
                return


def _parts(values: list[Any], most: int) -> Iterator[list[Any]]:
    for start in range(0, len(values), most):
        yield values[start : start + most]
