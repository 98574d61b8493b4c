"""Says what a line of text is about, learned from a folder of files: ``python -m hornbeam.examples.texts [FOLDER]``.

The lines are those of scikit-learn's own documentation of clustering, of decompositions and of metrics; every fifth is for the test.
"""

from __future__ import annotations

import importlib
import pathlib
import sys
import tempfile
from typing import Any

import hornbeam as hb
from hornbeam import layers

TOPICS = ("cluster", "decomposition", "metrics")


def make_folder(folder: pathlib.Path) -> None:
    """Writes ``folder/training/cluster/0.txt`` and so on, a line of at least five words in each, none of two topics."""
    lines: dict[str, set[str]] = {}
    for topic in TOPICS:
        module = importlib.import_module(f"sklearn.{topic}")
        texts = "\n".join(str(getattr(module, name).__doc__) for name in module.__all__)
        lines[topic] = {line.strip() for line in texts.split("\n") if len(line.split()) >= 5}
    for topic in TOPICS:
        own = lines[topic].difference(*(lines[other] for other in TOPICS if other != topic))
        for i, line in enumerate(sorted(own)):
            place = folder / ("training" if i % 5 else "test") / topic
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{i}.txt").write_text(line, encoding="utf-8")


def train(folder: pathlib.Path, epochs: int = 10, verbose: Any = 0) -> tuple[hb.Sequential, float]:
    """A model that takes strings, trained on the folder's training lines, and its accuracy on the test's."""
    hb.utils.set_random_seed(0)
    texts = hb.utils.text_dataset_from_directory(folder / "training", seed=0, verbose=False)
    others = hb.utils.text_dataset_from_directory(folder / "test", shuffle=False, verbose=False)
    words = layers.TextVectorization(max_tokens=4000, output_sequence_length=20)
    words.adapt(texts.map(lambda text, label: text))
    head = [layers.Dropout(0.3), layers.Dense(len(TOPICS), activation="softmax")]
    body = [layers.Embedding(4000, 32, mask_zero=True), layers.GlobalAveragePooling1D(), *head]
    model = hb.Sequential([hb.Input((), dtype="string"), words, *body])
    model.compile(hb.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(texts.cache(), epochs=epochs, verbose=verbose)
    return model, model.evaluate(others, verbose=0, return_dict=True)["accuracy"]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        place = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else temporary)
        make_folder(place)
        trained, accuracy = train(place, verbose="auto")
        print(f"accuracy on lines that were not trained on: {accuracy:.2%}")
        for sentence in ("the silhouette of each group of samples", "the area under the curve of false positives"):
            print(f"{sentence}: {TOPICS[trained.predict([sentence], verbose=0).argmax()]}")
