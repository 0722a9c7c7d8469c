"""Aim: an experiment of runs in the repository that Aim finds from the working folder upwards, or in a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from regfleet.tracking.contract import Ending, TrackedStudy, TrackedTrial

OURS = "regfleet"
"""The parameter of a run that says what it is."""


class Aim:
    """A study in an experiment of its own; its own run has no key."""

    def open(self, study: TrackedStudy) -> Collection[str]:
        """Begin the run of the study, or go on with it."""
        from aim.sdk.repo_utils import get_repo

        self._study, self._repo = study, get_repo(None)
        self._experiment = f"{study.name} {study.mark[:8]}"
        groups = (one for one in self._repo.structured_db.experiments() if one.name == self._experiment)
        ours = {name: self._said(name) for group in groups for name in (run.hash for run in group.runs)}
        parent = next((name for name, said in ours.items() if said.get("trial") == ""), None)
        self._run = self._begin(study.name, "", {"parameters": dict(study.parameters)}, parent)
        self._run["study"] = {"toml": study.toml, "command": study.command}
        names = {said["trial"]: name for name, said in ours.items() if said.get("trial")}
        whole = {key for key, name in names.items() if ours[name].get("whole")}
        self._broken = {key: name for key, name in names.items() if key not in whole}
        return whole

    def log(self, trial: TrackedTrial) -> None:
        """A run for the trial; one of its key that is there in part is deleted."""
        if trial.key in self._broken:
            self._repo.delete_run(self._broken.pop(trial.key))
        run, failed = self._begin(trial.name, trial.key, {"hparams": dict(trial.parameters)}), trial.status == "failed"
        self._broken[trial.key] = run.hash
        try:
            for epoch, measured in trial.epochs():
                for name, value in measured.items():
                    run.track(value, name=name, step=epoch, epoch=epoch)
            run["metrics"] = dict(trial.metrics)
            for name, value in trial.metrics.items():
                run.track(value, name=name, step=0)
            run[OURS] = {**run[OURS], "status": trial.status, "error": trial.error, "whole": not failed}
            if not failed:
                run.report_successful_finish(block=False)
        finally:
            run.close()
        if not failed:
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

    def _said(self, name: str) -> Mapping[str, Any]:
        """What a run says that it is, read from itself: the index of all runs is made by `aim up`."""
        tree = self._repo.request_tree("meta", name, read_only=True).subtree("meta")
        try:
            said: Mapping[str, Any] = tree.subtree("chunks").subtree(name).subtree("attrs").collect(OURS)
        except KeyError:
            return {}
        return said

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
