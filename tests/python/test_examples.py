"""The examples that read folders reach their figures."""

import numpy as np

import hornbeam as hb


def test_pictures_are_told_apart(tmp_path):
    from hornbeam.examples import pictures

    pictures.make_folder(tmp_path, training=80, test=30)
    assert sorted(p.name for p in (tmp_path / "test").iterdir()) == ["china", "flower"]
    assert len([*tmp_path.glob("*/*/*.png")]) == 2 * (80 + 30)
    model, accuracy = pictures.train(tmp_path, epochs=10)
    assert accuracy >= 0.9
    one = hb.utils.img_to_array(hb.utils.load_img(tmp_path / "test" / "flower" / "0.png"))
    assert model.predict(one[None], verbose=0).shape == (1, 1)


def test_lines_are_told_apart(tmp_path):
    from hornbeam.examples import texts

    texts.make_folder(tmp_path / "lines")
    files = {p: p.read_text(encoding="utf-8") for p in tmp_path.glob("lines/*/*/*.txt")}
    assert len(set(files.values())) == len(files) > 1000  # no line is in two places
    model, accuracy = texts.train(tmp_path / "lines", epochs=5)
    assert accuracy >= 0.75  # a third by chance
    model.save(tmp_path / "texts.hornbeam")
    sentences = np.array(["the silhouette of each group of samples", "eigenvectors of the covariance"], dtype=object)
    p = model.predict(sentences, verbose=0)
    np.testing.assert_array_equal(hb.models.load_model(tmp_path / "texts.hornbeam").predict(sentences, verbose=0), p)
    assert [texts.TOPICS[i] for i in p.argmax(-1)] == ["metrics", "decomposition"]
