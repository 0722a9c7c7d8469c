"""A fitted model is loaded and run where regfleet is not."""

import subprocess
import sys

import numpy as np

import regfleet

ALONE = """
import sys
sys.modules["regfleet"] = None  # whoever imports it fails
import keras, numpy as np
here = sys.argv[1]
one = keras.models.load_model(f"{here}/seed-0/model.keras")
both = keras.models.load_model(f"{here}/ensemble.keras")
whole = keras.models.load_model(f"{here}/export.keras")
rows = np.load(f"{here}/rows.npy")
columns = {f"column_{place + 1}": rows[:, [place]] for place in range(rows.shape[1])}
whole.export(f"{here}/serving", verbose=False)
import tensorflow as tf
served = tf.saved_model.load(f"{here}/serving")
given = {name: tf.constant(value, tf.float32) for name, value in columns.items()}
(answer,) = served.signatures["serving_default"](**given).values()
np.savez(f"{here}/answers.npz", whole=whole(columns).numpy(), served=np.asarray(answer), one=one.input_shape[1:])
"""


def test_keras_alone_loads_and_runs_a_fitted_model(tmp_path):
    """The file with the preprocessing inside answers as regfleet does, as a SavedModel too."""
    draw = np.random.default_rng(1)
    x, y = draw.normal(5, 3, (80, 3)), draw.normal(100, 20, 80)
    x[::7, 1] = np.nan
    how = {"model": [4], "in_process": True, "progress": False}
    regfleet.compare(
        (x, y),
        techniques=["none", "spectral+dropout(0.2)"],
        seeds=2,
        epochs=2,
        references="no",
        out=tmp_path / "study",
        **how,
    )
    model = regfleet.fit(
        tmp_path / "study", tmp_path / "model", variant="spectral@all+dropout(0.2)@first", data=(x, y), **how
    )
    np.save(tmp_path / "model/rows.npy", x)
    subprocess.run([sys.executable, "-c", ALONE, str(tmp_path / "model")], check=True, cwd=tmp_path)
    answers = np.load(tmp_path / "model/answers.npz")
    expected = model.predict(x)
    assert np.allclose(answers["whole"][:, 0], expected, rtol=1e-4)
    assert np.allclose(answers["served"][:, 0], expected, rtol=1e-4)
    assert tuple(answers["one"]) == (4,)  # a column more, of what is missing
