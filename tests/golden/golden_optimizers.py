"""Every optimizer, with each option, over 20 steps; schedules; training with both through ``fit``."""

import numpy as np
from golden_losses import text

R = np.random.RandomState(2)
STEPS = 20
START = [R.normal(size=(3, 4)).astype("float32"), R.normal(size=4).astype("float32")]
SIZES = np.where(np.arange(STEPS) % 5 == 3, 10, 1)  # some gradients are long enough to be clipped
GRADIENTS = [[(R.normal(size=s.shape) * n).astype("float32") for s in START] for n in SIZES]
OPTIMIZERS = {
    "SGD": [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "RMSprop": [
        {"rho": 0.7},
        {"momentum": 0.5},
        {"centered": True},
        {"momentum": 0.5, "centered": True, "epsilon": 1e-2},
    ],
    "Adagrad": [{"initial_accumulator_value": 0.3}, {"epsilon": 1e-2}],
    "Adadelta": [{"rho": 0.7}, {"epsilon": 1e-2}],
    "Adam": [{"beta_1": 0.7, "beta_2": 0.9}, {"epsilon": 1e-2}, {"amsgrad": True}],
    "AdamW": [{"beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-2}, {"weight_decay": 0.1}, {"amsgrad": True}],
    "Nadam": [{"beta_1": 0.7, "beta_2": 0.9}, {"epsilon": 1e-2}],
    "Adamax": [{"beta_1": 0.7, "beta_2": 0.9}, {"epsilon": 1e-2}],
    "Lion": [{"beta_1": 0.7, "beta_2": 0.9}],
}
COMMON = [
    {"weight_decay": 0.1},
    {"clipnorm": 1.0},
    {"clipvalue": 0.5},
    {"global_clipnorm": 1.0},
    {"use_ema": True, "ema_momentum": 0.8},
    {"use_ema": True, "ema_overwrite_frequency": 3},
    {"gradient_accumulation_steps": 3},
    {"gradient_accumulation_steps": 2, "use_ema": True, "ema_overwrite_frequency": 3, "ema_momentum": 0.7},
    {"gradient_accumulation_steps": 4, "clipnorm": 1.0, "weight_decay": 0.1},
    {"loss_scale_factor": 8.0},
]
SCHEDULES = {
    "ExponentialDecay": [(0.1, 5, 0.5), (0.1, 5, 0.5, True)],
    "InverseTimeDecay": [(0.1, 5, 0.5), (0.1, 5, 0.5, True)],
    "PiecewiseConstantDecay": [([3, 10], [0.1, 0.05, 0.01]), ([4], [0.2, 0.1])],
    "PolynomialDecay": [(0.1, 7), (0.1, 7, 0.01, 2.0), (0.1, 7, 0.01, 0.5, True)],
    "CosineDecay": [(0.1, 7), (0.1, 7, 0.2), (0.01, 7, 0.1, "name", 0.2, 5), (0.01, 7, 0.0, "name", 0.2, 0)],
    "CosineDecayRestarts": [(0.1, 5), (0.1, 5, 1.0), (0.1, 5, 1.5, 0.8), (0.1, 5, 2.0, 0.9, 0.1)],
}
X, Y = R.normal(size=(22, 3)).astype("float32"), R.normal(size=(22, 2)).astype("float32")
KERNEL = R.normal(size=(3, 2)).astype("float32")


def cases(K):
    """The calls, by name."""
    O, out = K.optimizers, {}

    def variables(constraint=None):
        made = [K.Variable(a, name=n) for a, n in zip(START, ("kernel", "bias"))]
        if constraint:
            made[0].constraint = constraint
        return made

    def steps(cls, options, constraint=None, before=None, twin=False):
        weights, optimizer = variables(constraint), getattr(O, cls)(**{"learning_rate": 0.1, **options})
        optimizer = optimizer.from_config(optimizer.get_config()) if twin else optimizer
        if before:
            before(optimizer, weights)
        found = []
        for i, gradients in enumerate(GRADIENTS):
            optimizer.apply_gradients([(K.ops.convert_to_tensor(g), w) for g, w in zip(gradients, weights)])
            found += [np.array(w) for w in weights] if i in (0, 4, STEPS - 1) else []
        optimizer.finalize_variable_values(weights)
        return [*found, *(np.array(w) for w in weights), int(np.array(optimizer.iterations)) + 0.0]

    for cls, own in OPTIMIZERS.items():
        for o in [{}, *own, *(c for c in COMMON if not (cls == "AdamW" and list(c) == ["weight_decay"]))]:
            out[f"{cls}({text(o)})"] = lambda cls=cls, o=o: [np.asarray(a, "float32") for a in steps(cls, o)]
        out[f"{cls} by default"] = lambda cls=cls: [
            np.asarray(a, "float32")
            for a in steps(cls, {"learning_rate": float(getattr(O, cls)().learning_rate.numpy())})
        ]
        out[f"{cls} from its config"] = lambda cls=cls, o=own[0]: [
            np.asarray(a, "float32")
            for a in steps(cls, {**o, "learning_rate": O.schedules.CosineDecay(0.2, 10), "clipnorm": 1.0}, twin=True)
        ]
        out[f"{cls} with a schedule"] = lambda cls=cls: [
            np.asarray(a, "float32")
            for a in steps(cls, {"learning_rate": O.schedules.CosineDecay(0.2, 10), "weight_decay": 0.05})
        ]
    for o in ({}, {"use_ema": True, "ema_overwrite_frequency": 2}, {"gradient_accumulation_steps": 3}):
        out[f"constrained {text(o)}"] = lambda o=o: [
            np.asarray(a, "float32") for a in steps("SGD", o, K.constraints.MinMaxNorm(0.5, 0.9, rate=0.4))
        ]
    for name, exclude in (
        ("pattern", lambda o, w: o.exclude_from_weight_decay(var_names=["bi.s"])),
        ("weight", lambda o, w: o.exclude_from_weight_decay(var_list=[w[0]])),
        ("the last call", lambda o, w: [o.exclude_from_weight_decay(var_names=[n]) for n in ("kernel", "bias")]),
    ):
        out[f"decay without a {name}"] = lambda exclude=exclude: [
            np.asarray(a, "float32") for a in steps("SGD", {"weight_decay": 0.3}, before=exclude)
        ]

    def infinite():
        w, o = variables(), O.SGD(0.1, global_clipnorm=1.0)
        o.apply([K.ops.convert_to_tensor(START[0] * np.float32(np.inf)), K.ops.convert_to_tensor(START[1])], w)
        return [np.array(v) for v in w]

    out["global_clipnorm of infinity"] = infinite
    for cls, options in SCHEDULES.items():
        for o in options:

            def rates(cls=cls, o=o):
                schedule = getattr(O.schedules, cls)(*o)
                twin = type(schedule).from_config(schedule.get_config())
                return [np.asarray([np.asarray(s(i), "float32") for i in range(25)]) for s in (schedule, twin)]

            out[f"{cls}{o}"] = rates

    def trained(make):
        layer = K.layers.Dense(2, kernel_constraint=K.constraints.MaxNorm(1.5))
        model = K.Sequential([K.Input((3,)), layer])
        layer.set_weights([KERNEL, np.zeros(2, "float32")])
        model.compile(make(), "mse")
        history = model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0).history["loss"]
        return [np.asarray(history, "float32"), *layer.get_weights()]

    for cls, own in OPTIMIZERS.items():
        for o in ({}, own[-1], COMMON[5], COMMON[7], COMMON[9]):
            out[f"fit {cls}({text(o)})"] = lambda cls=cls, o=o: trained(
                lambda: getattr(O, cls)(**{"learning_rate": 0.05, **o})
            )
    out["fit with a schedule"] = lambda: trained(lambda: O.Adam(O.schedules.PolynomialDecay(0.1, 6)))
    out["fit by name"] = lambda: [trained(lambda n=n: n) for n in ("sgd", "adam", "rmsprop", "adagrad", "nadam")]
    return out
