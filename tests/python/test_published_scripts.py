"""Published Keras scripts (keras.io/examples), in their steps and with their arguments, on small stand-ins for their data.

Those of series are in test_published_scripts_of_series.py, those of tables in test_feature_space.py. What they ask of
TensorFlow is asked of ``hornbeam.data``, ``hornbeam.ops`` and NumPy; what they plot is left out.
"""

import os
import pathlib
import re
import shutil
import string
import tarfile

import numpy as np
import pytest
from PIL import Image

import hornbeam as hb
from hornbeam import layers


# ---- vision/image_classification_from_scratch ----
@pytest.fixture
def pet_images(tmp_path, monkeypatch):
    """Stripes instead of pets, cats' lying and dogs' upright, of several sizes; one file is no picture."""
    monkeypatch.chdir(tmp_path)
    r = np.random.RandomState(0)
    for label, name in enumerate(["Cat", "Dog"]):
        os.makedirs(f"PetImages/{name}")
        for i in range(60):
            rows, columns = r.randint(28, 48, 2)
            waves = np.sin(np.arange((rows, columns)[label]) * r.uniform(0.7, 1.3) + r.uniform(0, 6))
            stripes = waves[:, None, None] if label == 0 else waves[None, :, None]
            pixels = r.uniform(80, 170, 3) + 60 * stripes + r.normal(0, 12, (rows, columns, 3))
            Image.fromarray(pixels.clip(0, 255).astype("uint8")).save(f"PetImages/{name}/{i}.jpg")
    pathlib.Path("PetImages/Dog/60.jpg").write_bytes(b"not a picture at all")


def small_xception(input_shape, num_classes):
    """Two of the script's blocks, and narrow; moving averages keep up with the few steps here."""
    inputs = hb.Input(shape=input_shape)
    x = layers.Rescaling(1.0 / 255)(inputs)
    x = layers.Conv2D(8, 3, strides=2, padding="same")(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.Activation("relu")(x)
    previous_block_activation = x
    for size in [12, 16]:
        x = layers.Activation("relu")(x)
        x = layers.SeparableConv2D(size, 3, padding="same")(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.Activation("relu")(x)
        x = layers.SeparableConv2D(size, 3, padding="same")(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        residual = layers.Conv2D(size, 1, strides=2, padding="same")(previous_block_activation)
        x = layers.add([x, residual])
        previous_block_activation = x
    x = layers.SeparableConv2D(24, 3, padding="same")(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.Activation("relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.25)(x)
    return hb.Model(inputs, layers.Dense(1 if num_classes == 2 else num_classes, activation=None)(x))


def test_image_classification_from_scratch(pet_images, capsys):
    hb.utils.set_random_seed(1)
    num_skipped = 0
    for folder_name in ("Cat", "Dog"):
        folder_path = os.path.join("PetImages", folder_name)
        for fname in os.listdir(folder_path):
            fpath = os.path.join(folder_path, fname)
            with open(fpath, "rb") as fobj:
                is_jfif = b"JFIF" in fobj.peek(10)
            if not is_jfif:
                num_skipped += 1
                os.remove(fpath)
    assert num_skipped == 1

    image_size, batch_size = (32, 32), 8
    train_ds, val_ds = hb.utils.image_dataset_from_directory(
        "PetImages", validation_split=0.2, subset="both", seed=1337, image_size=image_size, batch_size=batch_size
    )
    assert "Found 120 files belonging to 2 classes" in capsys.readouterr().out
    assert train_ds.class_names == ["Cat", "Dog"] and len(train_ds) == 12 and val_ds.cardinality() == 3
    assert not set(train_ds.file_paths) & set(val_ds.file_paths)

    data_augmentation_layers = [layers.RandomFlip("horizontal"), layers.RandomRotation(0.1)]

    def data_augmentation(images):
        for layer in data_augmentation_layers:
            images = layer(images)
        return images

    for images, labels in train_ds.take(1):
        assert images.shape == (8, 32, 32, 3) and images.dtype == "float32" and labels.dtype == "int32"
        assert images[0].numpy().astype("uint8").shape == (32, 32, 3) and int(labels[0]) in (0, 1)
        augmented = data_augmentation(images)
        assert np.array(augmented[0]).astype("uint8").shape == (32, 32, 3)
        assert not np.array_equal(augmented.numpy(), images.numpy())

    train_ds = train_ds.map(
        lambda img, label: (data_augmentation(img), label), num_parallel_calls=hb.data.AUTOTUNE
    ).prefetch(hb.data.AUTOTUNE)
    val_ds = val_ds.prefetch(hb.data.AUTOTUNE)
    first, second = (next(iter(train_ds))[0].numpy() for _ in range(2))
    assert not np.array_equal(first, second)  # each epoch draws and shuffles anew

    model = small_xception(input_shape=image_size + (3,), num_classes=2)
    callbacks = [hb.callbacks.ModelCheckpoint("save_at_{epoch}.hornbeam")]
    model.compile(
        optimizer=hb.optimizers.Adam(3e-3),
        loss=hb.losses.BinaryCrossentropy(from_logits=True),
        metrics=[hb.metrics.BinaryAccuracy(name="acc")],
    )
    epochs = 8
    history = model.fit(train_ds, epochs=epochs, callbacks=callbacks, validation_data=val_ds, verbose=0).history
    assert set(history) == {"loss", "acc", "val_loss", "val_acc"}
    assert history["val_acc"][-1] >= 0.9

    scores = []
    for i in range(20):
        img = hb.utils.load_img(f"PetImages/{('Cat', 'Dog')[i % 2]}/{i}.jpg", target_size=image_size)
        img_array = hb.utils.img_to_array(img)
        img_array = hb.ops.expand_dims(img_array, 0)
        predictions = model.predict(img_array, verbose=0)
        assert predictions.shape == (1, 1)
        scores.append(float(hb.ops.sigmoid(predictions[0][0])))
    assert sum((score > 0.5) == i % 2 for i, score in enumerate(scores)) >= 16
    reloaded = hb.models.load_model(f"save_at_{epochs}.hornbeam")
    np.testing.assert_array_equal(reloaded.predict(val_ds, verbose=0), model.predict(val_ds, verbose=0))
    assert os.path.exists("save_at_1.hornbeam")


# ---- nlp/text_classification_from_scratch ----
@pytest.fixture
def reviews(tmp_path):
    """An archive like that of the film reviews: train/{pos,neg,unsup} and test/{pos,neg}."""
    r = np.random.RandomState(1)
    words = [f"word{i}" for i in range(60)]
    tone = {"pos": ["Great!", "lovely", "MOVING,"], "neg": ["Awful!", "boring", "FLAT,"], "unsup": []}
    for part, n in (("train", 100), ("test", 30)):
        for kind in tone if part == "train" else ("pos", "neg"):
            folder = tmp_path / "aclImdb" / part / kind
            folder.mkdir(parents=True)
            for i in range(n):
                text = r.choice(words, r.randint(10, 50)).tolist() + r.choice(tone[kind] or words, 3).tolist()
                (folder / f"{i}_7.txt").write_text("<br />".join([" ".join(r.permutation(text)), "The end."]))
    with tarfile.open(tmp_path / "aclImdb_v1.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "aclImdb", "aclImdb")
    return (tmp_path / "aclImdb_v1.tar.gz").as_uri()


def custom_standardization(input_data):
    """Lower case, without the tags of line breaks and without punctuation."""
    stripped_html = np.char.replace(np.char.lower(input_data), "<br />", " ")
    punctuation = re.compile(f"[{re.escape(string.punctuation)}]")
    return np.vectorize(lambda text: punctuation.sub("", text), otypes=[str])(stripped_html)


def test_text_classification_from_scratch(reviews, tmp_path):
    hb.utils.set_random_seed(2)
    extracted = hb.utils.get_file("aclImdb_v1.tar.gz", reviews, extract=True, cache_dir=tmp_path / "cache")
    dataset_dir = os.path.join(extracted, "aclImdb")
    train_dir, test_dir = os.path.join(dataset_dir, "train"), os.path.join(dataset_dir, "test")
    assert sorted(os.listdir(train_dir)) == ["neg", "pos", "unsup"]
    shutil.rmtree(os.path.join(train_dir, "unsup"))

    batch_size = 16
    raw_train_ds, raw_val_ds = (
        hb.utils.text_dataset_from_directory(
            train_dir,
            batch_size=batch_size,
            validation_split=0.2,
            subset=subset,
            seed=1337,
            class_names=["pos", "neg"],
        )
        for subset in ("training", "validation")
    )
    raw_test_ds = hb.utils.text_dataset_from_directory(test_dir, batch_size=batch_size, class_names=["pos", "neg"])
    assert [ds.cardinality() for ds in (raw_train_ds, raw_val_ds, raw_test_ds)] == [10, 3, 4]
    assert not set(raw_train_ds.file_paths) & set(raw_val_ds.file_paths)
    for text_batch, label_batch in raw_train_ds.take(1):
        for i in range(5):
            assert "<br />" in text_batch.numpy()[i] and label_batch.numpy()[i] in (0, 1)

    max_features, embedding_dim, sequence_length = 80, 16, 60
    vectorize_layer = layers.TextVectorization(
        standardize=custom_standardization,
        max_tokens=max_features,
        output_mode="int",
        output_sequence_length=sequence_length,
    )
    text_ds = raw_train_ds.map(lambda x, y: x)
    vectorize_layer.adapt(text_ds)
    words = vectorize_layer.get_vocabulary()
    assert words[:2] == ["", "[UNK]"] and {"great", "moving", "flat", "the"} <= set(words) and len(words) <= 80
    assert not any(set(word) & set(string.punctuation) or word != word.lower() for word in words[2:])

    def vectorize_text(text, label):
        text = np.expand_dims(text, -1)
        return vectorize_layer(text), label

    train_ds = raw_train_ds.map(vectorize_text)
    val_ds = raw_val_ds.map(vectorize_text)
    test_ds = raw_test_ds.map(vectorize_text)
    train_ds = train_ds.cache().prefetch(buffer_size=10)
    val_ds = val_ds.cache().prefetch(buffer_size=10)
    test_ds = test_ds.cache().prefetch(buffer_size=10)
    ids, labels = next(iter(train_ds))
    assert ids.shape == (16, 60) and ids.dtype == "int64" and labels.shape == (16,)

    inputs = hb.Input(shape=(None,), dtype="int64")
    x = layers.Embedding(max_features, embedding_dim)(inputs)
    x = layers.Dropout(0.5)(x)
    x = layers.Conv1D(32, 7, padding="valid", activation="relu", strides=3)(x)
    x = layers.Conv1D(32, 7, padding="valid", activation="relu", strides=3)(x)
    x = layers.GlobalMaxPooling1D()(x)
    x = layers.Dense(32, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    predictions = layers.Dense(1, activation="sigmoid", name="predictions")(x)
    model = hb.Model(inputs, predictions)
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    history = model.fit(train_ds, validation_data=val_ds, epochs=40, verbose=0).history
    tested = model.evaluate(test_ds, verbose=0)
    assert history["val_accuracy"][-1] >= 0.9 and tested[1] >= 0.9

    inputs = hb.Input(shape=(1,), dtype="string")
    indices = vectorize_layer(inputs)
    outputs = model(indices)
    end_to_end_model = hb.Model(inputs, outputs)
    end_to_end_model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    np.testing.assert_allclose(end_to_end_model.evaluate(raw_test_ds, verbose=0), tested, rtol=1e-5)
    judged = end_to_end_model.predict(
        ["A GREAT film:<br />lovely, moving, great", "awful.<br />So flat, so boring"], verbose=0
    )
    assert judged.shape == (2, 1) and judged[0, 0] < judged[1, 0]  # "neg" is class 1

    end_to_end_model.save(tmp_path / "reviews.hornbeam")
    known = {"custom_standardization": custom_standardization}
    reloaded = hb.models.load_model(tmp_path / "reviews.hornbeam", custom_objects=known)
    texts = np.concatenate([x for x, _ in raw_val_ds])
    np.testing.assert_array_equal(reloaded.predict(texts, verbose=0), end_to_end_model.predict(texts, verbose=0))
