"""Published Keras scripts of series: weather and speech; see test_published_scripts.py."""

import os
import pathlib
import shutil
import wave
import zipfile

import numpy as np
import pandas as pd
import pytest

import hornbeam as hb
from hornbeam import layers

# ---- timeseries/timeseries_weather_forecasting ----
FEATURE_KEYS = [
    "p (mbar)",
    "T (degC)",
    "Tpot (K)",
    "Tdew (degC)",
    "rh (%)",
    "VPmax (mbar)",
    "VPact (mbar)",
    "VPdef (mbar)",
    "sh (g/kg)",
    "H2OC (mmol/mol)",
    "rho (g/m**3)",
    "wv (m/s)",
    "max. wv (m/s)",
    "wd (deg)",
]


@pytest.fixture
def weather(tmp_path, monkeypatch):
    """A zipped table like Jena's weather: three weeks of rows every ten minutes, warm by day, in a wind that drifts."""
    monkeypatch.chdir(tmp_path)
    r = np.random.RandomState(4)
    n = 3024
    day = 2 * np.pi * np.arange(n) / 144
    warmth = 8 * np.sin(day) + np.cumsum(r.normal(0, 0.05, n)) + r.normal(0, 0.3, n)
    columns = {key: r.normal(5, 2, n) + 0.3 * warmth for key in FEATURE_KEYS}
    columns["T (degC)"] = warmth
    columns["p (mbar)"] = 990 + 5 * np.cos(day) + r.normal(0, 0.5, n)
    times = pd.date_range("2009-01-01 00:10", periods=n, freq="10min").strftime("%d.%m.%Y %H:%M:%S")
    pd.DataFrame({"Date Time": times, **columns}).round(2).to_csv("climate.csv", index=False)
    with zipfile.ZipFile("climate.csv.zip", "w") as archive:
        archive.write("climate.csv")
    os.remove("climate.csv")
    return (tmp_path / "climate.csv.zip").as_uri()


def test_timeseries_weather_forecasting(weather, tmp_path, capsys):
    hb.utils.set_random_seed(3)
    zip_path = hb.utils.get_file(origin=weather, fname="climate.csv.zip", cache_dir=tmp_path / "cache")
    with zipfile.ZipFile(zip_path) as zip_file:
        zip_file.extractall()
    df = pd.read_csv("climate.csv")

    split_fraction = 0.715
    train_split = int(split_fraction * int(df.shape[0]))
    step, past, future, learning_rate, batch_size, epochs = 6, 72, 12, 0.01, 64, 6

    def normalize(data, train_split):
        data_mean = data[:train_split].mean(axis=0)
        data_std = data[:train_split].std(axis=0)
        return (data - data_mean) / data_std

    selected_features = [FEATURE_KEYS[i] for i in [0, 1, 5, 7, 8, 10, 11]]
    features = df[selected_features]
    features.index = df["Date Time"]
    features = normalize(features.values, train_split)
    features = pd.DataFrame(features)
    train_data = features.loc[0 : train_split - 1]
    val_data = features.loc[train_split:]

    start = past + future
    end = start + train_split
    x_train = train_data[[i for i in range(7)]].values
    y_train = features.iloc[start:end][[1]]
    sequence_length = int(past / step)
    dataset_train = hb.utils.timeseries_dataset_from_array(
        x_train,
        y_train,
        sequence_length=sequence_length,
        sampling_rate=step,
        batch_size=batch_size,
    )
    x_end = len(val_data) - past - future
    label_start = train_split + past + future
    x_val = val_data.iloc[:x_end][[i for i in range(7)]].values
    y_val = features.iloc[label_start:][[1]]
    dataset_val = hb.utils.timeseries_dataset_from_array(
        x_val,
        y_val,
        sequence_length=sequence_length,
        sequence_stride=2,
        sampling_rate=step,
        batch_size=batch_size,
    )
    for batch in dataset_train.take(1):
        inputs, targets = batch
    assert inputs.numpy().shape == (64, 12, 7) and targets.numpy().shape == (64, 1)
    np.testing.assert_array_equal(inputs[5, 3].numpy(), x_train[5 + 3 * step].astype(inputs.dtype))
    np.testing.assert_array_equal(targets[5].numpy(), y_train.values[5].astype(targets.dtype))
    windows = len(x_val) - (sequence_length - 1) * step
    assert sum(len(x) for x, _ in dataset_val) == -(-windows // 2)

    inputs = layers.Input(shape=(inputs.shape[1], inputs.shape[2]))
    lstm_out = layers.LSTM(32)(inputs)
    outputs = layers.Dense(1)(lstm_out)
    model = hb.Model(inputs=inputs, outputs=outputs)
    model.compile(optimizer=hb.optimizers.Adam(learning_rate=learning_rate), loss="mse")
    model.summary()
    assert "LSTM" in capsys.readouterr().out

    path_checkpoint = "model_checkpoint.weights.h5"
    es_callback = hb.callbacks.EarlyStopping(monitor="val_loss", min_delta=0, patience=5)
    modelckpt_callback = hb.callbacks.ModelCheckpoint(
        monitor="val_loss", filepath=path_checkpoint, verbose=1, save_weights_only=True, save_best_only=True
    )
    history = model.fit(
        dataset_train,
        epochs=epochs,
        validation_data=dataset_val,
        callbacks=[es_callback, modelckpt_callback],
        verbose=0,
    ).history
    assert "val_loss improved" in capsys.readouterr().out

    pairs = [(x.numpy(), y.numpy()) for x, y in dataset_val]
    unchanged = np.concatenate([(x[:, -1, 1:2] - y) ** 2 for x, y in pairs]).mean()
    assert min(history["val_loss"]) < 0.3 * unchanged  # better than to say that it stays as warm as it is
    model.load_weights(path_checkpoint)
    assert model.evaluate(dataset_val, verbose=0) == pytest.approx(min(history["val_loss"]), rel=1e-5)
    for x, y in dataset_val.take(5):
        assert x[0][:, 1].numpy().shape == (12,) and y[0].numpy().shape == (1,)
        assert model.predict(x, verbose=0)[0].shape == (1,)


# ---- audio/speaker_recognition_using_cnn ----
SAMPLING_RATE = 800  # and a second of each sound: 800 samples


def write_wav(path, samples, rate=SAMPLING_RATE):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples.clip(-1, 1) * 32767).astype("<i2").tobytes())


def read_wav(path):
    """Float samples (n, 1) of a file of 16 bits, and its rate."""
    with wave.open(path, "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return (samples / 32768).astype("float32")[:, None], file.getframerate()


@pytest.fixture
def speeches(tmp_path):
    """Folders of three speakers, each with a pitch and overtones, and two folders of noise, one file at another rate."""
    r = np.random.RandomState(6)
    t = np.arange(SAMPLING_RATE) / SAMPLING_RATE
    for name, pitch in (("Ada", 60), ("Ben", 85), ("Cleo", 110)):
        for i in range(50):
            f = pitch + r.uniform(-5, 5)
            tones = sum(np.sin(2 * np.pi * f * k * t + r.uniform(0, 6)) / k for k in (1, 2, 3))
            write_wav(tmp_path / "speech" / name / f"{i}.wav", r.uniform(0.1, 0.3) * tones + r.normal(0, 0.01, t.shape))
    write_wav(tmp_path / "speech" / "other" / "fan.wav", r.normal(0, 0.1, 5 * SAMPLING_RATE + 90))
    write_wav(tmp_path / "speech" / "_background_noise_" / "rain.wav", r.normal(0, 0.2, 3 * SAMPLING_RATE))
    write_wav(tmp_path / "speech" / "other" / "fast.wav", r.normal(0, 0.2, 3000), rate=1600)
    return str(tmp_path / "speech")


def paths_and_labels_to_dataset(audio_paths, labels):
    path_ds = hb.data.Dataset.from_tensor_slices(audio_paths)
    audio_ds = path_ds.map(lambda x: path_to_audio(x))
    label_ds = hb.data.Dataset.from_tensor_slices(labels)
    return hb.data.Dataset.zip((audio_ds, label_ds))


def path_to_audio(path):
    audio, _ = read_wav(path)
    return audio[:SAMPLING_RATE]


def add_noise(audio, noises=None, scale=0.5):
    if noises is not None:
        chosen = hb.random.randint((hb.ops.shape(audio)[0],), 0, noises.shape[0], dtype="int32")
        noise = hb.ops.take(noises, chosen, axis=0)
        prop = hb.ops.max(audio, axis=1) / hb.ops.max(noise, axis=1)
        prop = hb.ops.repeat(hb.ops.expand_dims(prop, axis=1), hb.ops.shape(audio)[1], axis=1)
        audio = audio + noise * prop * scale
    return audio


def audio_to_fft(audio):
    audio = hb.ops.squeeze(audio, axis=-1)
    real, imaginary = hb.ops.fft((audio, hb.ops.zeros_like(audio)))
    magnitude = hb.ops.expand_dims(hb.ops.sqrt(real * real + imaginary * imaginary), axis=-1)
    return magnitude[:, : (audio.shape[1] // 2), :]


def residual_block(x, filters, conv_num=3, activation="relu"):
    s = layers.Conv1D(filters, 1, padding="same")(x)
    for _ in range(conv_num - 1):
        x = layers.Conv1D(filters, 3, padding="same")(x)
        x = layers.Activation(activation)(x)
    x = layers.Conv1D(filters, 3, padding="same")(x)
    x = layers.Add()([x, s])
    x = layers.Activation(activation)(x)
    return layers.MaxPool1D(pool_size=2, strides=2)(x)


def build_model(input_shape, num_classes):
    inputs = layers.Input(shape=input_shape, name="input")
    x = residual_block(inputs, 4, 2)
    x = residual_block(x, 8, 2)
    x = residual_block(x, 8, 3)
    x = residual_block(x, 16, 3)
    x = layers.AveragePooling1D(pool_size=3, strides=3)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(32, activation="relu")(x)
    x = layers.Dense(16, activation="relu")(x)
    outputs = layers.Dense(num_classes, activation="softmax", name="output")(x)
    return hb.models.Model(inputs=inputs, outputs=outputs)


def test_speaker_recognition_using_cnn(speeches, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hb.utils.set_random_seed(4)
    valid_split, shuffle_seed, scale, batch_size, epochs = 0.2, 43, 0.5, 16, 8
    audio_folder, noise_folder = os.path.join(speeches, "audio"), os.path.join(speeches, "noise")
    for folder in sorted(os.listdir(speeches)):
        target = noise_folder if folder in ("other", "_background_noise_") else audio_folder
        shutil.move(os.path.join(speeches, folder), os.path.join(target, folder))

    noises = []
    for path in sorted(pathlib.Path(noise_folder).glob("*/*.wav")):
        sample, sampling_rate = read_wav(str(path))
        if sampling_rate == SAMPLING_RATE:
            slices = int(sample.shape[0] / SAMPLING_RATE)
            noises.extend(hb.ops.split(sample[: slices * SAMPLING_RATE], slices))
    noises = hb.ops.stack(noises)
    assert noises.shape == (8, 800, 1)

    class_names = sorted(os.listdir(audio_folder))
    audio_paths, labels = [], []
    for label, name in enumerate(class_names):
        found = [str(path) for path in sorted((pathlib.Path(audio_folder) / name).glob("*.wav"))]
        audio_paths += found
        labels += [label] * len(found)
    for both in (audio_paths, labels):
        np.random.RandomState(shuffle_seed).shuffle(both)
    num_val_samples = int(valid_split * len(audio_paths))
    train_audio_paths, train_labels = audio_paths[:-num_val_samples], labels[:-num_val_samples]
    valid_audio_paths, valid_labels = audio_paths[-num_val_samples:], labels[-num_val_samples:]
    assert (len(train_labels), len(valid_labels)) == (120, 30)

    train_ds = paths_and_labels_to_dataset(train_audio_paths, train_labels)
    train_ds = train_ds.shuffle(buffer_size=batch_size * 8, seed=shuffle_seed).batch(batch_size)
    valid_ds = paths_and_labels_to_dataset(valid_audio_paths, valid_labels)
    valid_ds = valid_ds.shuffle(buffer_size=32 * 8, seed=shuffle_seed).batch(32)
    train_ds = train_ds.map(lambda x, y: (add_noise(x, noises, scale=scale), y), num_parallel_calls=hb.data.AUTOTUNE)
    unshuffled = paths_and_labels_to_dataset(train_audio_paths, train_labels).batch(batch_size)
    unshuffled = unshuffled.map(lambda x, y: (add_noise(x, noises, scale=scale), y))
    noisy, again = (next(iter(unshuffled))[0].numpy() for _ in range(2))
    assert noisy.shape == (16, 800, 1) and not np.array_equal(noisy, again)  # noise is drawn anew
    train_ds = train_ds.map(lambda x, y: (audio_to_fft(x), y), num_parallel_calls=hb.data.AUTOTUNE)
    train_ds = train_ds.prefetch(hb.data.AUTOTUNE)
    valid_ds = valid_ds.map(lambda x, y: (audio_to_fft(x), y), num_parallel_calls=hb.data.AUTOTUNE)
    valid_ds = valid_ds.prefetch(hb.data.AUTOTUNE)
    assert len(train_ds) == 8 and len(valid_ds) == 1
    plain = paths_and_labels_to_dataset(valid_audio_paths, valid_labels).batch(30)
    (audios, of_audios) = next(iter(plain))
    wanted = np.abs(np.fft.fft(audios.numpy()[..., 0].astype("float64")))[:, :400, None]
    np.testing.assert_allclose(audio_to_fft(audios).numpy(), wanted, rtol=1e-4, atol=1e-3)
    assert of_audios.tolist() == valid_labels

    model = build_model((SAMPLING_RATE // 2, 1), len(class_names))
    model.summary()
    model.compile(optimizer="Adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    earlystopping_cb = hb.callbacks.EarlyStopping(patience=10, restore_best_weights=True)
    mdlcheckpoint_cb = hb.callbacks.ModelCheckpoint("model.hornbeam", monitor="val_accuracy", save_best_only=True)
    history = model.fit(
        train_ds,
        epochs=epochs,
        validation_data=valid_ds,
        callbacks=[earlystopping_cb, mdlcheckpoint_cb],
        verbose=0,
    ).history
    loss, accuracy = model.evaluate(valid_ds, verbose=0)
    assert loss == pytest.approx(min(history["val_loss"]), rel=1e-4)  # the best weights are restored
    assert accuracy >= 0.9
    best = hb.models.load_model("model.hornbeam")
    assert best.evaluate(valid_ds, verbose=0)[1] == max(history["val_accuracy"])

    test_ds = paths_and_labels_to_dataset(valid_audio_paths, valid_labels)
    test_ds = test_ds.shuffle(buffer_size=batch_size * 8, seed=shuffle_seed).batch(30)
    test_ds = test_ds.map(lambda x, y: (add_noise(x, noises, scale=scale), y))
    for audios, labels in test_ds.take(1):
        y_pred = model.predict(audio_to_fft(audios), verbose=0)
        found = np.argmax(y_pred, axis=-1)
        assert y_pred.shape == (30, 3) and (found == labels.numpy()).mean() >= 0.8
        again = hb.models.clone_model(model)
        again.set_weights(model.get_weights())
        np.testing.assert_array_equal(again.predict(audio_to_fft(audios), verbose=0), y_pred)
