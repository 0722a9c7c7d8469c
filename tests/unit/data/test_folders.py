"""Folders of images and of texts by class, as Keras' own functions read them."""

import keras
import numpy as np
import pytest
from PIL import Image

from regfleet.data import check_source, cut, data_name, load_dataset, parse_split
from regfleet.errors import InputError
from regfleet.jobs import Parcel
from regfleet.settings import Data

SPLIT = parse_split("60/20/20")


@pytest.fixture
def folder(tmp_path):
    """``folder(name, sizes=…, mode=…, ending=…, count=…, classes=…)``: its path, filled with images by class."""
    draw = np.random.default_rng(1)

    def fill(name, sizes=((9, 7),), mode="RGB", ending="png", count=8, classes=("cat", "dog")):
        for number, one in enumerate(classes):
            place = tmp_path / name / one
            place.mkdir(parents=True, exist_ok=True)
            for at in range(count):
                height, width = sizes[at % len(sizes)]
                pixels = draw.normal(80 + 90 * number, 40, (height, width, 3)).clip(0, 255).astype("uint8")
                Image.fromarray(pixels).convert(mode).save(place / f"{at:02d}.{ending}")
        return tmp_path / name

    return fill


def load(place, **how):
    """The data set in a folder."""
    return load_dataset(Data(location=str(place), **how))


def by_keras(place, size, color="rgb"):
    """Pixels, class numbers and class names as `image_dataset_from_directory` reads them."""
    read = keras.utils.image_dataset_from_directory(
        place, image_size=size, color_mode=color, shuffle=False, batch_size=None, verbose=False
    )
    images, labels = zip(*read.as_numpy_iterator(), strict=True)
    return np.stack(images), np.array(labels), tuple(read.class_names)


@pytest.mark.parametrize(
    ("make", "how", "size"),
    [
        ({}, {}, (9, 7)),
        ({"mode": "RGBA", "sizes": ((20, 10), (300, 4), (11, 40))}, {}, (256, 256)),
        ({"sizes": ((30, 20), (8, 8))}, {"image_size": "12x16"}, (12, 16)),
        ({"mode": "L"}, {"color": "grayscale"}, (9, 7)),
        ({"ending": "bmp"}, {}, (9, 7)),
        ({"mode": "L", "ending": "gif"}, {"image_size": "5x21"}, (5, 21)),
        ({"mode": "P"}, {}, (9, 7)),
        ({"mode": "I;16"}, {"image_size": "4x4"}, (4, 4)),
        ({"sizes": ((600, 400),), "count": 5}, {}, (256, 256)),
    ],
)
def test_pixels_are_those_of_keras(folder, make, how, size):
    """To half a step of the 256, for they are kept as whole numbers."""
    place = folder("pets", **make)
    found = load(place, **how)
    pixels, labels, names = by_keras(place, size, how.get("color", "rgb"))
    assert (found.features.dtype, found.features.shape) == (np.uint8, pixels.shape)
    assert np.abs(found.features - pixels).max() <= 0.501
    assert (found.classes, found.target.tolist()) == (names, labels.tolist())


def test_a_jpeg_is_read_to_the_precision_of_its_decoders(folder):
    """Which differ by rounding between Pillow, which Keras uses too, and TensorFlow."""
    place = folder("pets", ending="jpg", sizes=((64, 48),))
    assert np.abs(load(place).features - by_keras(place, (64, 48))[0]).mean() < 2


def test_names_like_numbers_and_gaps_are_classes(folder):
    """In the order of their names, however many, whatever they would mean in a table."""
    names = ["NA", "nan", *map(str, range(30))]
    found = load(folder("signs", classes=names, count=1))
    assert (found.task, found.classes) == ("classification", tuple(sorted(names)))


def test_its_own_test_folder_is_the_test_set_of_every_seed(folder):
    """Beside train; with val, whose rows are drawn from too; or given by --test."""
    folder("pets/train")
    folder("pets/test", count=3)
    place = folder("pets/val", count=2)
    found = load(place.parent)
    assert (found.held_out.sum(), len(found.held_out), found.classes) == (6, 26, ("cat", "dog"))
    assert sum("fixed" in note or "every seed" in note for note in found.notes) == 1
    assert cut(found, SPLIT, 0).test.x.shape == (6, 9, 7, 3)
    beside = load(place.parent / "train", test=str(place.parent / "test"))
    assert beside.held_out.sum() == 6
    assert not np.array_equal(beside.features[0], beside.features[-1])
    only = folder("birds/train").parent
    folder("birds/val", count=2)
    assert load(only).held_out.sum() == 4
    folder("birds/dev", count=3)
    assert load(only).held_out.sum() == 10


def test_what_is_no_image_is_left_out_and_said(folder):
    """Hidden files, other kinds, empty folders; nested folders belong to their class, as in Keras."""
    place = folder("pets")
    (place / "cat" / "deep").mkdir()
    (place / "cat" / "00.png").rename(place / "cat" / "deep" / "z.png")
    for name in ("cat/.hidden.png", "dog/photo.webp", "dog/Thumbs.db"):
        (place / name).write_bytes(b"x")
    for name in ("empty", ".git", "__MACOSX"):
        (place / name).mkdir()
    found = load(place)
    assert np.bincount(found.target).tolist() == [8, 8]
    assert any("1 .webp" in note and ".db" in note for note in found.notes)
    assert any("no classes: empty" in note for note in found.notes)


def write(place, **contents):
    """Files of those contents in a folder."""
    for name, content in contents.items():
        file = place / name.replace("__", "/").replace("_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return place


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ({}, "which holds none"),
        ({"part1_csv": "a,b\n", "part2_csv": "a,b\n"}, "which holds 2 tables such as part1.csv: name one"),
        ({"a_png": b"x", "b_png": b"x"}, "in no folder of a class"),
        ({"cat__a_txt": "x"}, "which holds texts of cat only"),
        ({"pets__cat__a_png": b"x", "pets__dog__a_png": b"x"}, "images of pets only: name that folder"),
        ({"cat__a_doc": "x", "dog__a_doc": "x"}, r"folders \(cat and dog\) hold none"),
        ({"cat__a_png": b"x", "dog__a_png": b"x"}, r"expected an image in .*a\.png; got"),
        ({"cat__a_png": b"\x89PNG\r\n\x1a\n" + bytes(40), "dog__a_png": b"x"}, r"expected an image in .*cat/a\.png"),
        (
            {f"{part}__{one}__a_png": b"x" for part in ("train", "test", "other") for one in ("cat", "dog")},
            "folders of sets beside other",
        ),
    ],
)
def test_a_folder_that_is_no_data_is_refused_in_a_line(tmp_path, contents, words):
    """With what is in it, and what was expected."""
    place = write(tmp_path / "here", **contents)
    place.mkdir(exist_ok=True)
    with pytest.raises(InputError, match=words) as refused:
        load(place)
    assert "\n" not in str(refused.value)


def test_a_truncated_image_and_too_many_are_refused(folder, monkeypatch):
    """By its name, and by the memory that they take."""
    place = folder("pets", sizes=((80, 80),))
    whole = (place / "cat" / "01.png").read_bytes()
    (place / "cat" / "01.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"expected an image in .*01\.png"):
        load(place)
    monkeypatch.setattr("regfleet.data.folders.room", lambda: 10**6)
    with pytest.raises(InputError, match=r"at most 200 kB in memory; got 16 images of 80 × 80 × 3, .*--image-size"):
        load(place)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"target": "y"}, "^--target: expected a table"),
        ({"task": "regression"}, "^--task: "),
        ({"encoding": "cp1252"}, "^--encoding: expected texts"),
        ({"test": "no/where"}, "^--test: expected a folder"),
    ],
)
def test_a_flag_that_is_not_for_images_is_refused(folder, how, words):
    """What would have no effect is no setting."""
    with pytest.raises(InputError, match=words):
        load(folder("pets"), **how)


def test_texts_by_class_are_read_in_their_encoding(tmp_path):
    """As `text_dataset_from_directory` finds them; a guess of the encoding is said."""
    for name in ("neg", "pos"):
        for at in range(6):
            write(tmp_path / "films" / name, **{f"{at}_txt": f"{name} {at} é"})
    keras_read = keras.utils.text_dataset_from_directory(
        tmp_path / "films", shuffle=False, batch_size=None, verbose=False
    )
    found = load(tmp_path / "films")
    assert found.features["text"].tolist() == [text.decode() for text, _ in keras_read.as_numpy_iterator()]
    assert (found.classes, found.target.tolist()) == (("neg", "pos"), [0] * 6 + [1] * 6)
    (tmp_path / "films" / "neg" / "0.txt").write_bytes("“naïve”".encode("cp1252"))
    changed = load(tmp_path / "films")
    assert changed.features["text"][0] == "“naïve”"
    assert any("read as cp1252" in note for note in changed.notes)
    assert found.fingerprint != changed.fingerprint == load(tmp_path / "films").fingerprint


def test_a_folder_is_a_source_by_its_name(folder, monkeypatch):
    """In the current folder too, but for what is built in; images travel to a cluster and texts do not."""
    place = folder("pets")
    monkeypatch.chdir(place.parent)
    check_source(Data(location="pets"))
    assert (data_name("pets"), data_name(f"{place}/"), Data(location=f"{place}/").name) == ("pets",) * 3
    one = Parcel()
    one.add_data("pets", "--data")
    assert (len(one.files), one.files["pets/cat/00.png"]) == (16, place / "cat" / "00.png")
    (place / "cat" / "more.png").symlink_to(place / "dog" / "00.png")  # which is read here, and would be missing there
    assert len(load("pets").target) == 17
    with pytest.raises(InputError, match=r"expected copies and no links in a folder to send along; got .*more\.png"):
        Parcel().add_data("pets", "--data")
    write(place.parent / "notes", a__private_txt="x", b__private_txt="x")
    with pytest.raises(InputError, match="expected a folder of images to send along"):
        Parcel().add_data("notes", "--data")
