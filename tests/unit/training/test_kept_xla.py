"""Where programs compiled for a GPU are kept: in the user's own cache, and nowhere that others may write to."""

import pytest

from regfleet.training import kept_xla


@pytest.fixture(autouse=True)
def _with_a_gpu(monkeypatch, tmp_path):
    """A driver, a cache of one's own and no flags."""
    monkeypatch.setattr(kept_xla, "DRIVER", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TF_XLA_FLAGS", "")


def test_it_is_a_folder_of_the_users_cache(monkeypatch, tmp_path):
    """Made for this user alone, named in TensorFlow's flags beside those that are there, and made once."""
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_min_cluster_size=2")
    folder = kept_xla.keep_compiled()
    (made,) = (tmp_path / "cache" / "regfleet" / "xla").iterdir()
    assert (folder, made.stat().st_mode & 0o077) == (str(made), 0)
    flags = f"--tf_xla_min_cluster_size=2 --tf_xla_persistent_cache_directory={folder}"
    assert kept_xla.os.environ["TF_XLA_FLAGS"] == flags
    assert not kept_xla.keep_compiled()  # they name a folder already
    assert kept_xla.os.environ["TF_XLA_FLAGS"] == flags


def test_without_a_home_the_users_cache_is_the_usual_one(monkeypatch, tmp_path):
    """A cache that is no absolute path does not count."""
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kept_xla.keep_compiled().startswith(f"{tmp_path}/.cache/regfleet/xla/")


@pytest.mark.parametrize("why", ["no driver", "a file", "others write", "a space"])
def test_where_it_cannot_be_safe_nothing_is_kept(monkeypatch, tmp_path, why):
    """And no flag is set."""
    if why == "no driver":
        monkeypatch.setattr(kept_xla, "DRIVER", tmp_path / "none")
    elif why == "a file":
        (tmp_path / "cache").touch()
    elif why == "a space":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "my cache"))
    else:
        kept_xla._folder().mkdir(parents=True)
        kept_xla._folder().chmod(0o777)
    assert not kept_xla.keep_compiled()
    assert not kept_xla.os.environ["TF_XLA_FLAGS"]
