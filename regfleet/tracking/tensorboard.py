"""TensorBoard: event files below ``tensorboard/`` in the results directory, written without TensorFlow."""

from __future__ import annotations

import io
import re
import time
from typing import TYPE_CHECKING, Any

from regfleet import atomic
from regfleet.text import elide

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from regfleet.tracking.contract import Ending, TrackedStudy, TrackedTrial

FOLDER = "tensorboard"
_FILE = "events.out.tfevents"
_WHOLE = re.compile(rf"{re.escape(_FILE)}\.1\.([0-9a-f]{{32}})")
"""The name of a trial's file, with its key; of a failed one it has 0 for 1. TensorBoard looks for ``tfevents``."""
LONGEST = 100


class TensorBoard:
    """A study as a folder of event files, each written whole."""

    def open(self, study: TrackedStudy) -> Collection[str]:
        """Say in the folder itself what the study is; its trials are there whose files are."""
        if study.folder is None:
            raise ValueError("expected a folder for its files; got a bucket")
        self._study, self._folder = study, study.folder / FOLDER
        if self._folder.is_symlink():
            raise ValueError(f"expected a folder of its own; got a symbolic link, {self._folder}")
        there = {found[1] for path in self._folder.rglob(f"{_FILE}.1.*") if (found := _WHOLE.fullmatch(path.name))}
        self._write(self._folder, "study", [_experiment(study), *self._texts(())])
        return there

    def log(self, trial: TrackedTrial) -> None:
        """A file for the trial: its settings for the HParams tab, the measures of each epoch, its scores."""
        folder = self._folder / _name(trial.dataset) / _name(trial.variant) / f"seed-{trial.seed}"
        epochs = trial.epochs()
        failed = trial.status == "failed"
        found = [_scalars(measured, epoch) for epoch, measured in epochs]
        found += [_scalars(trial.metrics, len(epochs))]
        found += [_text("error", trial.error)] if trial.error else []
        self._write(folder, f"{int(not failed)}.{trial.key}", [_start(trial), *found, _end(failed=failed)])
        if not failed:
            (folder / f"{_FILE}.0.{trial.key}").unlink(missing_ok=True)

    def close(self, ending: Ending) -> None:
        """Say what the study found, and where its report is."""
        report = (f"The report: `{ending.report}`",) if ending.report else ()
        found = [_experiment(self._study), *self._texts((*ending.sentences, *report)), _scalars(ending.metrics, 0)]
        self._write(self._folder, "study", found)

    def _texts(self, sentences: tuple[str, ...]) -> list[Any]:
        study = self._study
        whole = f"    {study.command}\n\n```toml\n{study.toml}```\n"
        said = [_text("report", "\n\n".join(sentences))] if sentences else []
        return [*said, _text("study", whole)]

    def _write(self, folder: Path, name: str, summaries: list[Any]) -> None:
        """Put the summaries, each a pair of values and a step, into a file that appears whole."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter

        buffer, now = io.BytesIO(), time.time()
        writer = RecordWriter(buffer)
        writer.write(Event(wall_time=now, file_version="brain.Event:2").SerializeToString())
        for values, step in summaries:
            writer.write(Event(wall_time=now, step=step, summary=Summary(value=values)).SerializeToString())
        folder.mkdir(parents=True, exist_ok=True)
        atomic.write(folder / f"{_FILE}.{name}", [buffer.getvalue()])


def _name(text: str) -> str:
    """``text`` as the name of a folder; where it has to change, it gets a hash."""
    name = re.sub(r"[^\w.,@()=+-]", "-", text)[:LONGEST]
    if name == text and name.strip("."):
        return name
    from hashlib import sha256

    return f"{name}-{sha256(text.encode()).hexdigest()[:8]}"


def _scalars(values: Mapping[str, float], step: int) -> tuple[list[Any], int]:
    from tensorboard.compat.proto.summary_pb2 import Summary

    return [Summary.Value(tag=name, simple_value=value) for name, value in values.items()], step


def _text(tag: str, text: str) -> tuple[list[Any], int]:
    """A text, as Markdown, for the Text tab."""
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.plugins.text import metadata
    from tensorboard.util.tensor_util import make_tensor_proto

    plugin = SummaryMetadata.PluginData(plugin_name=metadata.PLUGIN_NAME)
    value = Summary.Value(
        tag=tag,
        metadata=SummaryMetadata(plugin_data=plugin),
        tensor=make_tensor_proto([text.encode()], shape=(1,)),
    )
    return [value], 0


def _experiment(study: TrackedStudy) -> tuple[list[Any], int]:
    """What the HParams tab shows of every trial: the settings that differ and the score that judges."""
    from tensorboard.plugins.hparams import api_pb2

    strings, numbers = ("dataset", "technique", "place", "variant"), ("strength", "seed")
    infos = [api_pb2.HParamInfo(name=name, type=api_pb2.DATA_TYPE_STRING) for name in strings]
    infos += [api_pb2.HParamInfo(name=name, type=api_pb2.DATA_TYPE_FLOAT64) for name in numbers]
    scores = dict.fromkeys((study.score, study.score.replace("_test_", "_val_"), "best_epoch", "seconds"))
    metrics = [api_pb2.MetricInfo(name=api_pb2.MetricName(tag=name)) for name in scores]
    made = api_pb2.Experiment(
        name=study.name, description=elide(study.command, 1000), hparam_infos=infos, metric_infos=metrics
    )
    return _hparams("EXPERIMENT_TAG", experiment=made)


def _start(trial: TrackedTrial) -> tuple[list[Any], int]:
    from google.protobuf.struct_pb2 import Value
    from tensorboard.plugins.hparams import plugin_data_pb2

    made = plugin_data_pb2.SessionStartInfo(group_name=trial.key, start_time_secs=time.time())
    for name, value in trial.parameters.items():
        kinds = {str: "string_value", bool: "bool_value"}
        made.hparams[name].CopyFrom(Value(**{kinds.get(type(value), "number_value"): value}))
    return _hparams("SESSION_START_INFO_TAG", session_start_info=made)


def _end(*, failed: bool) -> tuple[list[Any], int]:
    from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

    status = api_pb2.STATUS_FAILURE if failed else api_pb2.STATUS_SUCCESS
    made = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=time.time())
    return _hparams("SESSION_END_INFO_TAG", session_end_info=made)


def _hparams(tag: str, **content: Any) -> tuple[list[Any], int]:
    """What the HParams tab reads under the tag that its plugin calls so."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    data = metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(**content))
    return [Summary.Value(tag=getattr(metadata, tag), metadata=data, tensor=metadata.NULL_TENSOR)], 0
