"""Aim: an experiment of runs in the repository that Aim finds from the working folder upwards, else in a new one there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

    from regfleet.tracking.contract import Ending, TrackedStudy, TrackedTrial

OURS = "regfleet"
"""The parameter of a run that says what it is."""


class Aim:
    """A study in an experiment of its own; its own run has no key."""

    def open(self, study: TrackedStudy) -> Collection[str]:
        """Begin the run of the study, or go on with it."""
        import aim
        from aim.sdk.repo_utils import get_repo

        self._study, self._repo = study, get_repo(None)
        self._experiment = f"{study.name} {study.mark[:8]}"
        found = aim.Repo.query_runs(
            self._repo, f"run.{OURS}.study == '{study.mark}'", report_mode=aim.sdk.types.QueryReportMode.DISABLED
        )
        ours = {one.run.get(OURS, {}).get("trial", ""): one.run for one in found.iter_runs()}
        parent = ours.pop("", None)
        self._run = self._begin(study.name, "", {"parameters": dict(study.parameters)}, parent.hash if parent else None)
        self._run["study"] = {"toml": study.toml, "command": study.command}
        whole = {key for key, run in ours.items() if run[OURS].get("whole") and run[OURS].get("status") != "failed"}
        self._broken = {key: run.hash for key, run in ours.items() if key not in whole}
        return whole

    def log(self, trial: TrackedTrial) -> None:
        """A run for the trial; one of its key that is there in part is deleted."""
        if trial.key in self._broken:
            self._repo.delete_run(self._broken.pop(trial.key))
        run = self._begin(trial.name, trial.key, {"hparams": dict(trial.parameters)})
        self._broken[trial.key] = run.hash
        try:
            for epoch, measured in trial.epochs():
                for name, value in measured.items():
                    run.track(value, name=name, step=epoch, epoch=epoch)
            run["metrics"] = dict(trial.metrics)
            for name, value in trial.metrics.items():
                run.track(value, name=name, step=0)
            run[OURS] = {**run[OURS], "status": trial.status, "error": trial.error, "whole": True}
            run.report_successful_finish(block=False)
        finally:
            run.close()
        if trial.status != "failed":
            del self._broken[trial.key]

    def close(self, ending: Ending) -> None:
        """Attach the report and its table, say what was found, and end the run of the study."""
        run = self._run
        run["metrics"] = dict(ending.metrics)
        run["report"] = ending.report
        run.description = "\n\n".join(ending.sentences)
        run.set_artifacts_uri(f"file://{self._repo.path}/artifacts")
        for path in ending.files:
            run.log_artifact(str(path), block=True)
        run.close()

    def _begin(self, name: str, key: str, content: dict[str, Any], there: str | None = None) -> Any:
        import aim

        run = aim.Run(
            there,
            repo=self._repo,
            experiment=self._experiment,
            force_resume=there is not None,
            system_tracking_interval=None,
            capture_terminal_logs=False,
        )
        run.name = name
        run[OURS] = {"study": self._study.mark, "trial": key}
        for part, values in content.items():
            run[part] = values
        return run
