"""Recurrent cells called alone, recurrent layers that keep their states from batch to batch, and their further options."""

import numpy as np
from golden_layers import FLAT, HOLES, MASK, SERIES, SERIES2, differentiate, examine, flat, prepare, seed
from golden_losses import text, with_mask

CELLS = {
    "SimpleRNNCell": [{}, {"activation": "relu", "use_bias": False}],
    "LSTMCell": [
        {},
        {"use_bias": False},
        {"activation": "relu", "recurrent_activation": "hard_sigmoid", "unit_forget_bias": False},
    ],
    "GRUCell": [
        {},
        {"use_bias": False},
        {"reset_after": False},
        {"reset_after": False, "use_bias": False},
        {"activation": "relu", "recurrent_activation": "hard_sigmoid"},
    ],
}
STATE, STATE2 = seed(50, (3, 3)), seed(51, (3, 3))


def _counts(nest):
    return [np.float32(n) for n in flat(nest)]


def _called(K, make, nest):
    """One step of a cell: sizes, the first states, outputs and states, gradients by weights, inputs and states.

    ``nest``: makes of the states' flat list what the cell is given.
    """
    cell = make()
    cell.build(FLAT.shape)
    first = [np.asarray(b) for b in [getattr(cell, "bias", None)] if b is not None]
    prepare(cell)
    kept = cell.get_weights()

    def apply(cell, tensors, training):
        return flat(cell(tensors[0], nest(tensors[1:]), training=training))

    sizes = flat(cell.state_size)
    inputs = [FLAT, *(seed(40 + i, (4, n)) for i, n in enumerate(sizes))]
    found = differentiate(K, cell, inputs, apply)
    twin = type(cell).from_config(cell.get_config())
    twin.build(FLAT.shape)
    twin.set_weights(kept)
    at_rest = apply(twin, [K.ops.convert_to_tensor(x) for x in inputs], False)
    start = twin.get_initial_state(batch_size=4)
    return [np.asarray(a, "float32") for a in flat([_counts([sizes, cell.output_size]), first, found, at_rest, start])]


def _stateful(K, make, masks=(None, None), batches=(0, 1, None, 0, 1)):
    """Results of two batches, and of both again after ``reset_state`` (None)."""
    layer = make()
    layer(K.Input(batch_shape=SERIES.shape))
    for i, w in enumerate(layer.trainable_weights):
        w.assign(seed(i, w.shape) * 0.5)
    found = []
    for i in batches:
        if i is None:
            layer.reset_state()
            continue
        x = K.ops.convert_to_tensor((SERIES, SERIES2)[i])
        x = x if masks[i] is None else with_mask(K, x, masks[i])
        found.append([np.asarray(y) for y in flat(layer(x))])
    return found


def cases(K):
    """The calls, by name."""
    L, out = K.layers, {}

    def examined(name, make, *inputs, **options):
        assert name not in out, name
        out[name] = lambda: examine(K, make, inputs, **options)

    for cls, options in CELLS.items():
        for o in options:
            out[f"{cls}({text(o)})"] = lambda cls=cls, o=o: _called(K, lambda: getattr(L, cls)(3, **o), list)
    for cls in ("SimpleRNNCell", "GRUCell"):
        out[f"{cls} of a bare state"] = lambda cls=cls: _called(K, lambda: getattr(L, cls)(3), lambda s: s[0])
    out["StackedRNNCells"] = lambda: _called(
        K,
        lambda: L.StackedRNNCells([L.LSTMCell(3), L.GRUCell(2), L.SimpleRNNCell(4)]),
        lambda s: [s[:2], [s[2]], s[3]],
    )
    out["StackedRNNCells within one"] = lambda: _called(
        K,
        lambda: L.StackedRNNCells([L.LSTMCell(3), L.LSTMCell(2, use_bias=False)]),
        lambda s: [s[:2], s[2:]],
    )

    for cls in ("SimpleRNN", "LSTM", "GRU"):
        rnn = getattr(L, cls)
        for o in ({}, {"return_sequences": True, "return_state": True}, {"go_backwards": True}, {"unroll": True}):
            out[f"{cls} stateful {text(o)}"] = lambda rnn=rnn, o=o: _stateful(K, lambda: rnn(3, stateful=True, **o))
        out[f"{cls} stateful masks"] = lambda rnn=rnn: _stateful(
            K, lambda: rnn(3, stateful=True, return_sequences=True), (HOLES, MASK)
        )
        out[f"{cls} stateful Bidirectional"] = lambda rnn=rnn: _stateful(
            K, lambda: L.Bidirectional(rnn(3, stateful=True, return_sequences=True))
        )
        examined(f"{cls} unrolled mask", lambda rnn=rnn: rnn(3, unroll=True, return_sequences=True), SERIES, mask=HOLES)
        examined(
            f"{cls} Bidirectional states", lambda rnn=rnn: L.Bidirectional(rnn(3, return_state=True)), SERIES, mask=MASK
        )
        cell = getattr(L, f"{cls}Cell")
        examined(
            f"RNN of {cls}Cell",
            lambda cell=cell: L.RNN(cell(3), return_state=True, go_backwards=True, zero_output_for_mask=True),
            SERIES,
            mask=HOLES,
        )
        states = [STATE, STATE2] if cls == "LSTM" else [STATE]
        for masked in (False, True):

            def started(rnn=rnn, states=states, masked=masked):
                layer = rnn(3, return_sequences=True, return_state=True)
                layer(K.Input(SERIES.shape[1:]))
                prepare(layer)
                mask = {"mask": K.ops.convert_to_tensor(HOLES)} if masked else {}  # one that x carries, Keras forgets
                given = [K.ops.convert_to_tensor(s) for s in states]
                return layer(K.ops.convert_to_tensor(SERIES), initial_state=given, **mask)

            out[f"{cls} initial_state{' and mask' * masked}"] = started
    for cls in ("SimpleRNN", "GRU"):
        examined(f"{cls} given a state", lambda cls=cls: getattr(L, cls)(3), SERIES, STATE)
    examined("RNN unrolled mask", lambda: L.RNN(L.GRUCell(3), unroll=True, return_sequences=True), SERIES, mask=HOLES)
    examined("RNN of stacked states", lambda: L.RNN([L.LSTMCell(3), L.GRUCell(2)], return_state=True), SERIES)
    out["RNN stateful stacked"] = lambda: _stateful(
        K, lambda: L.RNN([L.LSTMCell(3), L.GRUCell(2)], stateful=True, return_state=True), (HOLES, None), (0, 1, 0)
    )  # Keras fails to reset these

    def apart():
        return L.Bidirectional(
            L.LSTM(3, return_sequences=True), backward_layer=L.GRU(3, return_sequences=True, go_backwards=True)
        )

    examined("Bidirectional of two", apart, SERIES, mask=MASK)
    examined("Bidirectional apart", lambda: L.Bidirectional(L.GRU(3), merge_mode=None), SERIES)
    return out
