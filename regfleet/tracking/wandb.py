"""Weights & Biases: a group of runs, one for the study and one for each trial, as ``WANDB_MODE`` and its like say."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet import patience
from regfleet.text import elide
from regfleet.tracking.servers import refuse_silence

if TYPE_CHECKING:
    from collections.abc import Collection

    from regfleet.tracking.contract import Ending, TrackedStudy, TrackedTrial


class WandB:
    """A study in the project of W&B's variables, online or offline."""

    def open(self, study: TrackedStudy) -> Collection[str]:
        """Begin the run of the study, or go on with it."""
        import wandb

        known = wandb.setup().settings
        self._offline = known._offline or known._noop  # noqa: SLF001 - no public name says it
        if not self._offline and not (known.api_key or wandb.api.api_key):
            raise ValueError("expected a key; got none. Run: wandb login, or set WANDB_API_KEY or WANDB_MODE=offline")
        if not self._offline:
            refuse_silence(known.base_url)
        self._study, self._mark = study, f"regfleet-{study.mark}"
        self._group = f"{elide(study.name, 100)} {study.mark[:8]}"
        self._run = self._begin(study.mark, study.name, "study", study.parameters)
        self._run.notes = study.command
        if self._offline:
            # Whole runs bear a mark of ours, as nothing of W&B's says offline that one is.
            return {mark.read_text() for mark in Path(known.wandb_dir).glob(f"offline-run-*/{self._mark}")}
        return self._finished() if self._run.resumed else ()

    def log(self, trial: TrackedTrial) -> None:
        """A run for the trial, of an id that is always its own."""
        run = self._begin(f"{self._study.mark[:8]}-{trial.key}", trial.name, "trial", trial.parameters)
        try:
            for epoch, measured in trial.epochs():
                run.log(dict(measured), step=epoch)
            run.summary.update(
                {**trial.metrics, "status": trial.status, **({"error": trial.error} if trial.error else {})}
            )
        finally:
            run.finish(exit_code=int(trial.status == "failed"))
        if self._offline and trial.status != "failed":
            (Path(run.dir).parent / self._mark).write_text(trial.key)

    def close(self, ending: Ending) -> None:
        """Attach the report and its table, say what was found, and end the run of the study."""
        import wandb

        run = self._run
        run.summary.update(dict(ending.metrics))
        if ending.sentences:
            run.notes = "\n\n".join((*ending.sentences, self._study.command))
        if ending.files:
            report = wandb.Artifact(f"report-{self._study.mark[:8]}", type="report")
            for path in ending.files:
                report.add_file(str(path), policy="mutable" if self._offline else None)
            run.log_artifact(report)
        run.finish(exit_code=int(ending.interrupted))

    def _begin(self, name: str, title: str, kind: str, parameters: Any) -> Any:
        import wandb

        settings = wandb.Settings(
            console="off",  # the terminal is the user's
            silent=True,
            disable_code=True,
            disable_git=True,
            x_disable_stats=True,
            x_save_requirements=False,
            init_timeout=patience.SECONDS.tracker,  # or the process would wait for it at its end
            finish_timeout=patience.SECONDS.tracker,
            finish_timeout_raises=True,
        )
        return wandb.init(
            id=name,
            name=title,
            group=self._group,
            job_type=kind,
            config=dict(parameters),
            allow_val_change=True,
            resume=None if self._offline else "allow",
            reinit="create_new",
            save_code=False,
            settings=settings,
        )

    def _finished(self) -> set[str]:
        """The keys of the trials that are in the project whole; where it cannot be asked, they are logged again."""
        import wandb

        found: set[str] = set()
        with suppress(Exception):
            path = f"{self._run.entity}/{self._run.project}"
            runs = wandb.Api().runs(path, filters={"group": self._group}, per_page=500)
            begin = f"{self._study.mark[:8]}-"
            found |= {
                one.id.removeprefix(begin) for one in runs if one.id.startswith(begin) and one.state == "finished"
            }
        return found
