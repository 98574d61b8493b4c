"""The training steps that published scripts are made of, gradient by gradient: op by op, compiled, and inside a model's
``train_step``, against NumPy in float64 (closed forms and central differences, with what is held constant held by hand)."""

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import ops

L = hb.layers
STEPS = 2  # so that what a step leaves behind counts


# ---- the reference ----
def slopes(loss, params, eps=1e-5):
    """Central differences of a scalar loss by each element of a list of arrays."""
    out = []
    for i, p in enumerate(params):
        d = np.zeros(p.shape)
        for at in np.ndindex(*p.shape):
            ends = []
            for sign in (1, -1):
                moved = [q.copy() for q in params]
                moved[i][at] += sign * eps
                ends.append(loss(moved))
            d[at] = (ends[0] - ends[1]) / (2 * eps)
        out.append(d)
    return out


def mlp(p, x):
    """Dense layers, tanh between them."""
    for i in range(0, len(p), 2):
        x = x @ p[i] + p[i + 1]
        if i + 2 < len(p):
            x = np.tanh(x)
    return x


def softplus(x):
    return np.logaddexp(0, x)


def bce(labels, logits):
    return np.mean(softplus(logits) - labels * logits)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


class Sgd:
    def __init__(self, rate):
        self.rate = rate

    def __call__(self, params, grads):
        for p, g in zip(params, grads):
            p -= self.rate * g


class Adam:
    """Kingma and Ba 2014, with Keras' epsilon."""

    def __init__(self, rate):
        self.rate, self.t, self.m, self.v = rate, 0, {}, {}

    def __call__(self, params, grads):
        self.t += 1
        rate = self.rate * np.sqrt(1 - 0.999**self.t) / (1 - 0.9**self.t)
        for i, (p, g) in enumerate(zip(params, grads)):
            m, v = self.m.get(i, 0.0), self.v.get(i, 0.0)
            self.m[i], self.v[i] = m + (g - m) * 0.1, v + (g * g - v) * 0.001
            p -= rate * self.m[i] / (np.sqrt(self.v[i]) + 1e-7)


# ---- the nets ----
def net(params):
    """The Sequential of ``mlp`` with these weights."""
    widths = [p.shape[1] for p in params[::2]]
    model = hb.Sequential(
        [hb.Input((params[0].shape[0],))]
        + [L.Dense(n, activation="tanh" if i + 1 < len(widths) else None) for i, n in enumerate(widths)]
    )
    model.set_weights([p.astype("float32") for p in params])
    return model


def weights(seed, *widths):
    r = np.random.default_rng(seed)
    pairs = [(r.normal(0, 0.7, (a, b)), r.normal(0, 0.3, b)) for a, b in zip(widths, widths[1:])]
    return [x.astype("float32").astype("float64") for pair in pairs for x in pair]


def data(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


class Case:
    """A recipe: its nets' weights, its data, the step in hornbeam and the step in NumPy."""

    params: dict = {}
    arrays: tuple = ()

    def setup(self):
        for name, p in self.params.items():
            setattr(self, name, net(p))


def apply(optimizer, tape, loss, model):
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return grads


class Gan(Case):
    params = {"g": weights(0, 2, 5, 3), "d": weights(1, 3, 4, 1)}
    arrays = (data(2, 6, 3), data(3, 6, 2))

    def setup(self):
        super().setup()
        self.g_opt, self.d_opt = hb.optimizers.Adam(0.05), hb.optimizers.Adam(0.05)
        self.loss = hb.losses.BinaryCrossentropy(from_logits=True)

    def step(self, real, z):
        fake = self.g(z)
        both = ops.concatenate([fake, real], axis=0)
        labels = np.concatenate([np.ones((6, 1)), np.zeros((6, 1))]).astype("float32")
        with hb.GradientTape() as tape:
            d_loss = self.loss(labels, self.d(both))
        first = apply(self.d_opt, tape, d_loss, self.d)
        with hb.GradientTape() as tape:
            g_loss = self.loss(np.zeros((6, 1), "float32"), self.d(self.g(z)))
        return first + apply(self.g_opt, tape, g_loss, self.g)

    def reference(self):
        g_opt, d_opt = Adam(0.05), Adam(0.05)

        def step(p, real, z):
            both = np.concatenate([mlp(p["g"], z), real])
            labels = np.concatenate([np.ones((6, 1)), np.zeros((6, 1))])
            dd = slopes(lambda d: bce(labels, mlp(d, both)), p["d"])
            d_opt(p["d"], dd)
            dg = slopes(lambda g: bce(0.0, mlp(p["d"], mlp(g, z))), p["g"])
            g_opt(p["g"], dg)
            return dd + dg

        return step


def input_slope(p, x):
    """Of a net of one hidden layer and one output, by its input."""
    h = np.tanh(x @ p[0] + p[1])
    return ((1 - h**2) * p[2][:, 0]) @ p[0].T


class WganGp(Case):
    params = {"g": weights(4, 2, 3, 3), "d": weights(5, 3, 4, 1)}
    arrays = (data(6, 5, 3), data(7, 5, 2), np.random.default_rng(8).uniform(size=(5, 1)).astype("float32"))

    def setup(self):
        super().setup()
        self.g_opt, self.d_opt = hb.optimizers.Adam(0.02), hb.optimizers.Adam(0.02)

    def penalty(self, real, fake, alpha):
        between = real + alpha * (fake - real)
        with hb.GradientTape() as tape:
            tape.watch(between)
            pred = self.d(between, training=True)
        (slope,) = tape.gradient(pred, [between])
        return ops.mean((ops.sqrt(ops.sum(ops.square(slope), axis=1)) - 1.0) ** 2)

    def step(self, real, z, alpha):
        seen = []
        for _ in range(2):  # critic steps
            with hb.GradientTape() as tape:
                fake = self.g(z, training=True)
                cost = ops.mean(self.d(fake)) - ops.mean(self.d(real))
                loss = cost + 10.0 * self.penalty(real, fake, alpha)
            seen += apply(self.d_opt, tape, loss, self.d)
        with hb.GradientTape() as tape:
            loss = -ops.mean(self.d(self.g(z)))
        return seen + apply(self.g_opt, tape, loss, self.g)

    def reference(self):
        g_opt, d_opt = Adam(0.02), Adam(0.02)

        def step(p, real, z, alpha):
            seen = []
            for _ in range(2):
                fake = mlp(p["g"], z)
                between = real + alpha * (fake - real)

                def loss(d, fake=fake, between=between):
                    norm = np.sqrt(np.sum(input_slope(d, between) ** 2, 1))
                    return np.mean(mlp(d, fake)) - np.mean(mlp(d, real)) + 10 * np.mean((norm - 1) ** 2)

                seen += slopes(loss, p["d"])
                d_opt(p["d"], seen[-len(p["d"]) :])
            dg = slopes(lambda g: -np.mean(mlp(p["d"], mlp(g, z))), p["g"])
            g_opt(p["g"], dg)
            return seen + dg

        return step


class Vae(Case):
    params = {"encoder": weights(9, 4, 5, 4), "decoder": weights(10, 2, 5, 4)}
    arrays = (np.random.default_rng(11).uniform(size=(6, 4)).astype("float32"), data(12, 6, 2))

    def setup(self):
        super().setup()
        self.opt = hb.optimizers.Adam(0.05)

    def step(self, x, noise):
        variables = self.encoder.trainable_variables + self.decoder.trainable_variables
        with hb.GradientTape() as tape:
            mean, log_var = ops.split(self.encoder(x), 2, axis=-1)
            z = mean + ops.exp(0.5 * log_var) * noise
            error = ops.sum(ops.binary_crossentropy(x, self.decoder(z), from_logits=True), axis=-1)
            kl = ops.sum(-0.5 * (1 + log_var - ops.square(mean) - ops.exp(log_var)), axis=1)
            total = ops.mean(error) + ops.mean(kl)
        grads = tape.gradient(total, variables)
        self.opt.apply(grads, variables)
        return grads

    def reference(self):
        opt = Adam(0.05)

        def step(p, x, noise):
            def loss(both):
                mean, log_var = np.split(mlp(both[:4], x), 2, -1)
                logits = mlp(both[4:], mean + np.exp(0.5 * log_var) * noise)
                error = np.mean(softplus(logits) - x * logits) * 4
                return error + np.mean(np.sum(-0.5 * (1 + log_var - mean**2 - np.exp(log_var)), 1))

            both = p["encoder"] + p["decoder"]
            d = slopes(loss, both)
            opt(both, d)
            return d

        return step


def huber(e):
    return np.mean(np.where(np.abs(e) <= 1, 0.5 * e**2, np.abs(e) - 0.5))


class Dqn(Case):
    """One net: the target comes from the net that is trained, before the tape."""

    params = {"q": weights(13, 3, 6, 2)}
    arrays = (data(14, 8, 3), data(15, 8, 3), 2 * data(16, 8), np.array([0, 1, 1, 0, 1, 0, 0, 1], "int32"))

    def setup(self):
        super().setup()
        self.opt = hb.optimizers.Adam(0.05)

    def target(self, nxt):
        return self.q(nxt)

    def after(self):
        pass

    def step(self, state, nxt, reward, action):
        target = reward + 0.9 * ops.max(self.target(nxt), axis=1)
        with hb.GradientTape() as tape:
            q = ops.sum(self.q(state) * ops.one_hot(action, 2), axis=1)
            loss = hb.losses.Huber()(target, q)
        grads = apply(self.opt, tape, loss, self.q)
        self.after()
        return grads

    def reference(self):
        opt = Adam(0.05)

        def step(p, state, nxt, reward, action):
            target = reward + 0.9 * mlp(p.get("slow", p["q"]), nxt).max(1)
            d = slopes(lambda q: huber(mlp(q, state)[np.arange(8), action] - target), p["q"])
            opt(p["q"], d)
            for slow, q in zip(p.get("slow", []), p["q"]):
                slow += 0.3 * (q - slow)
            return d

        return step


class DqnWithTarget(Dqn):
    """Two nets: the target's weights follow."""

    params = {"q": weights(17, 3, 6, 2), "slow": weights(18, 3, 6, 2)}

    def target(self, nxt):
        return self.slow(nxt)

    def after(self):
        for slow, q in zip(self.slow.variables, self.q.variables):
            slow.assign(slow + 0.3 * (q - slow))


class ActorCritic(Case):
    """A shared body; the advantage is held constant for the actor."""

    params = {"body": weights(19, 3, 4), "actor": weights(20, 4, 2), "critic": weights(21, 4, 1)}
    arrays = (data(22, 7, 3), data(23, 7), np.array([0, 1, 1, 0, 1, 0, 0], "int32"))

    def setup(self):
        super().setup()
        self.opt = hb.optimizers.SGD(0.1)

    def step(self, state, returns, action):
        variables = self.body.trainable_variables + self.actor.trainable_variables + self.critic.trainable_variables
        with hb.GradientTape() as tape:
            h = ops.tanh(self.body(state))
            chance = ops.softmax(self.actor(h))
            value = ops.squeeze(self.critic(h), axis=1)
            log_chance = ops.log(ops.sum(chance * ops.one_hot(action, 2), axis=1))
            with tape.stop_recording():
                advantage = returns - value
            loss = ops.mean(-log_chance * advantage) + ops.mean(ops.square(returns - value))
        grads = tape.gradient(loss, variables)
        self.opt.apply(grads, variables)
        return grads

    def reference(self):
        opt = Sgd(0.1)

        def step(p, state, returns, action):
            every = p["body"] + p["actor"] + p["critic"]

            def parts(w):
                h = np.tanh(mlp(w[:2], state))
                return softmax(mlp(w[2:4], h))[np.arange(7), action], mlp(w[4:], h)[:, 0]

            advantage = returns - parts(every)[1]

            def loss(w):
                chance, value = parts(w)
                return np.mean(-np.log(chance) * advantage) + np.mean((returns - value) ** 2)

            d = slopes(loss, every)
            opt(every, d)
            return d

        return step


class Ddpg(Case):
    """The critic's update, then the actor's through the new critic."""

    params = {"actor": weights(24, 3, 4, 1), "critic": weights(25, 4, 5, 1), "slow": weights(26, 4, 5, 1)}
    arrays = (data(27, 6, 3), data(28, 6, 3), data(29, 6, 1), data(30, 6, 1))

    def setup(self):
        super().setup()
        self.a_opt, self.c_opt = hb.optimizers.Adam(0.05), hb.optimizers.Adam(0.05)

    def step(self, state, nxt, action, reward):
        with hb.GradientTape() as tape:
            target = reward + 0.9 * self.slow(ops.concatenate([nxt, self.actor(nxt)], axis=1))
            loss = ops.mean(ops.square(target - self.critic(ops.concatenate([state, action], axis=1))))
        first = apply(self.c_opt, tape, loss, self.critic)
        with hb.GradientTape() as tape:
            loss = -ops.mean(self.critic(ops.concatenate([state, self.actor(state)], axis=1)))
        second = apply(self.a_opt, tape, loss, self.actor)
        for slow, new in zip(self.slow.variables, self.critic.variables):
            slow.assign(slow * 0.9 + new * 0.1)
        return first + second

    def reference(self):
        a_opt, c_opt = Adam(0.05), Adam(0.05)

        def step(p, state, nxt, action, reward):
            target = reward + 0.9 * mlp(p["slow"], np.concatenate([nxt, mlp(p["actor"], nxt)], 1))
            d = slopes(lambda c: np.mean((target - mlp(c, np.concatenate([state, action], 1))) ** 2), p["critic"])
            c_opt(p["critic"], d)
            a = slopes(lambda a: -np.mean(mlp(p["critic"], np.concatenate([state, mlp(a, state)], 1))), p["actor"])
            a_opt(p["actor"], a)
            for slow, new in zip(p["slow"], p["critic"]):
                slow += 0.1 * (new - slow)
            return d + a

        return step


class Distillation(Case):
    params = {"student": weights(31, 3, 3, 4), "teacher": weights(32, 3, 6, 4)}
    arrays = (data(33, 6, 3), np.array([0, 3, 2, 1, 1, 2], "int32"))

    def setup(self):
        super().setup()
        self.opt = hb.optimizers.Adam(0.05)

    def step(self, x, y):
        soft = ops.softmax(self.teacher(x, training=False) / 3.0)
        with hb.GradientTape() as tape:
            logits = self.student(x, training=True)
            hard = hb.losses.SparseCategoricalCrossentropy(from_logits=True)(y, logits)
            kl = hb.losses.KLDivergence()(soft, ops.softmax(logits / 3.0)) * 9.0
            loss = 0.1 * hard + 0.9 * kl
        return apply(self.opt, tape, loss, self.student)

    def reference(self):
        opt = Adam(0.05)

        def step(p, x, y):
            soft = softmax(mlp(p["teacher"], x) / 3)

            def loss(student):
                logits = mlp(student, x)
                hard = -np.mean(np.log(softmax(logits)[np.arange(6), y]))
                return 0.1 * hard + 0.9 * 9 * np.mean(np.sum(soft * np.log(soft / softmax(logits / 3)), 1))

            d = slopes(loss, p["student"])
            opt(p["student"], d)
            return d

        return step


class Maml(Case):
    """The outer gradient goes through the inner step (Finn, Abbeel and Levine 2017)."""

    params = {"m": weights(34, 3, 2)}
    arrays = (data(35, 5, 3), data(36, 5, 2), data(37, 5, 3), data(38, 5, 2))

    def setup(self):
        super().setup()
        self.opt = hb.optimizers.SGD(0.05)

    def step(self, x, y, x2, y2):
        variables = self.m.trainable_variables
        with hb.GradientTape() as outer:
            with hb.GradientTape() as inner:
                loss = ops.mean(ops.square(ops.tanh(self.m(x)) - y))
            fast = [w - 0.4 * g for w, g in zip(variables, inner.gradient(loss, variables))]
            loss = ops.mean(ops.square(ops.tanh(ops.matmul(x2, fast[0]) + fast[1]) - y2))
        grads = outer.gradient(loss, variables)
        self.opt.apply(grads, variables)
        return grads

    @staticmethod
    def adapted(m, x, y):
        out = np.tanh(mlp(m, x))
        d = 2 * (out - y) * (1 - out**2) / out.size
        return [m[0] - 0.4 * x.T @ d, m[1] - 0.4 * d.sum(0)]

    def reference(self):
        opt = Sgd(0.05)

        def step(p, x, y, x2, y2):
            d = slopes(lambda m: np.mean((np.tanh(mlp(self.adapted(m, x, y), x2)) - y2) ** 2), p["m"])
            opt(p["m"], d)
            return d

        return step


class FirstOrderMaml(Maml):
    """The inner step is assigned: no gradient goes through it, and the weights are put back."""

    def step(self, x, y, x2, y2):
        variables = self.m.trainable_variables
        kept = [ops.convert_to_tensor(v) for v in variables]
        with hb.GradientTape() as tape:
            loss = ops.mean(ops.square(ops.tanh(self.m(x)) - y))
        for v, g in zip(variables, tape.gradient(loss, variables)):
            v.assign_sub(0.4 * g)
        with hb.GradientTape() as tape:
            loss = ops.mean(ops.square(ops.tanh(self.m(x2)) - y2))
        grads = tape.gradient(loss, variables)
        for v, old in zip(variables, kept):
            v.assign(old)
        self.opt.apply(grads, variables)
        return grads

    def reference(self):
        opt = Sgd(0.05)

        def step(p, x, y, x2, y2):
            d = slopes(lambda m: np.mean((np.tanh(mlp(m, x2)) - y2) ** 2), self.adapted(p["m"], x, y))
            opt(p["m"], d)
            return d

        return step


class OneTapeAssign(FirstOrderMaml):
    """The same with one persistent tape round both: each reading is the variable at its own time, and both count."""

    def step(self, x, y, x2, y2):
        variables = self.m.trainable_variables
        kept = [ops.convert_to_tensor(v) for v in variables]
        with hb.GradientTape(persistent=True) as tape:
            first = ops.mean(ops.square(ops.tanh(self.m(x)) - y))
            with tape.stop_recording():
                for v, g in zip(variables, tape.gradient(first, variables)):
                    v.assign_sub(0.4 * g)
            second = ops.mean(ops.square(ops.tanh(self.m(x2)) - y2))
            total = first + second
        grads = tape.gradient(second, variables) + tape.gradient(total, variables)
        for v, old in zip(variables, kept):
            v.assign(old)
        self.opt.apply(grads[:2], variables)
        return grads

    def reference(self):
        opt = Sgd(0.05)

        def step(p, x, y, x2, y2):
            first = slopes(lambda m: np.mean((np.tanh(mlp(m, x)) - y) ** 2), p["m"])
            second = slopes(lambda m: np.mean((np.tanh(mlp(m, x2)) - y2) ** 2), self.adapted(p["m"], x, y))
            opt(p["m"], second)
            return second + [a + b for a, b in zip(first, second)]

        return step


class GradientPenalty(Case):
    """R1: the slope of the loss by the input, differentiated by the weights and by the input."""

    params = {"d": weights(39, 3, 4, 1)}
    arrays = (data(40, 5, 3),)

    def setup(self):
        super().setup()
        self.opt = hb.optimizers.Adam(0.05)

    def step(self, x):
        variables = self.d.trainable_variables
        with hb.GradientTape(persistent=True) as outer:
            outer.watch(x)
            with hb.GradientTape(watch_accessed_variables=False) as inner:
                inner.watch(x)
                score = self.d(x)
            slope = inner.gradient(score, x)
            loss = ops.mean(ops.softplus(-score)) + 0.5 * ops.mean(ops.sum(ops.square(slope), axis=1))
        grads = [*outer.gradient(loss, variables), outer.gradient(loss, x)]
        self.opt.apply(grads[:-1], variables)
        return grads

    def reference(self):
        opt = Adam(0.05)

        def step(p, x):
            def loss(d, x):
                return np.mean(softplus(-mlp(d, x))) + 0.5 * np.mean(np.sum(input_slope(d, x) ** 2, 1))

            d = slopes(lambda d: loss(d, x), p["d"])
            dx = slopes(lambda x: loss(p["d"], x[0]), [x])
            opt(p["d"], d)
            return d + dx

        return step


class Persistent(Case):
    """CycleGAN's way: all losses under one tape, a gradient for each net, then all the updates."""

    params = {"g": weights(41, 2, 3, 2), "f": weights(42, 2, 3, 2), "d": weights(43, 2, 3, 1)}
    arrays = (data(44, 5, 2), data(45, 5, 2))

    def setup(self):
        super().setup()
        self.opts = [hb.optimizers.Adam(0.03) for _ in range(3)]

    def step(self, x, y):
        with hb.GradientTape(persistent=True) as tape:
            fake = self.g(x)
            cycle = ops.mean(ops.square(self.f(fake) - x)) + ops.mean(ops.square(self.g(self.f(y)) - y))
            g_loss = ops.mean(ops.square(self.d(fake) - 1.0)) + 2.0 * cycle
            d_loss = ops.mean(ops.square(self.d(y) - 1.0)) + ops.mean(ops.square(self.d(fake)))
        grads = [
            tape.gradient(loss, model.trainable_variables)
            for loss, model in ((g_loss, self.g), (cycle, self.f), (d_loss, self.d))
        ]
        for opt, d, model in zip(self.opts, grads, (self.g, self.f, self.d)):
            opt.apply(d, model.trainable_variables)
        return [x for d in grads for x in d]

    def reference(self):
        opts = [Adam(0.03) for _ in range(3)]

        def step(p, x, y):
            def cycle(g, f):
                return np.mean((mlp(f, mlp(g, x)) - x) ** 2) + np.mean((mlp(g, mlp(f, y)) - y) ** 2)

            g, f, d = p["g"], p["f"], p["d"]
            dg = slopes(lambda g: np.mean((mlp(d, mlp(g, x)) - 1) ** 2) + 2 * cycle(g, f), g)
            df = slopes(lambda f: cycle(g, f), f)
            dd = slopes(lambda d: np.mean((mlp(d, y) - 1) ** 2) + np.mean(mlp(d, mlp(g, x)) ** 2), d)
            for opt, q, s in zip(opts, (g, f, d), (dg, df, dd)):
                opt(q, s)
            return dg + df + dd

        return step


class Byol(Case):
    """A second net that follows the first: its weights are assigned inside the tape, before they are read again."""

    params = {"online": weights(46, 3, 4, 2), "slow": weights(47, 3, 4, 2)}
    arrays = (data(48, 5, 3), data(49, 5, 3))

    def setup(self):
        super().setup()
        self.opt = hb.optimizers.SGD(0.2)

    def step(self, a, b):
        with hb.GradientTape() as tape:
            for slow, new in zip(self.slow.variables, self.online.variables):
                slow.assign(slow * 0.5 + new * 0.5)
            loss = ops.mean(ops.square(self.online(a) - self.slow(b)))
        grads = tape.gradient(loss, self.online.trainable_variables + self.slow.trainable_variables)
        self.opt.apply(grads[:4], self.online.trainable_variables)
        return grads

    def reference(self):
        opt = Sgd(0.2)

        def step(p, a, b):
            for slow, new in zip(p["slow"], p["online"]):
                slow += 0.5 * (new - slow)
            d = slopes(lambda o: np.mean((mlp(o, a) - mlp(p["slow"], b)) ** 2), p["online"])
            ds = slopes(lambda s: np.mean((mlp(p["online"], a) - mlp(s, b)) ** 2), p["slow"])
            opt(p["online"], d)
            return d + ds

        return step


CASES = [
    Gan,
    WganGp,
    Vae,
    Dqn,
    DqnWithTarget,
    ActorCritic,
    Ddpg,
    Distillation,
    Maml,
    FirstOrderMaml,
    OneTapeAssign,
    GradientPenalty,
    Persistent,
    Byol,
]


class Stepper(hb.Model):
    """A model whose ``train_step`` is a case's step; what it saw is kept in variables."""

    def __init__(self, case, shapes):
        super().__init__()
        self.case_step = case.step
        self.seen = [hb.Variable(np.zeros(s, "float32"), trainable=False) for s in shapes]

    def train_step(self, batch):
        for v, g in zip(self.seen, self.case_step(*batch[0])):
            v.assign(g)
        return {}


def run(case, kind, shapes):
    """The gradients of each step, and the weights in the end."""
    case.setup()
    if kind in ("train_step", "run_eagerly"):
        model = Stepper(case, shapes)
        model.compile(run_eagerly=kind == "run_eagerly")
        seen = []
        for _ in range(STEPS):
            model.train_on_batch(list(case.arrays))
            seen.append([v.numpy() for v in model.seen])
    else:
        step = hb.function(case.step) if kind == "function" else case.step
        given = [ops.convert_to_tensor(a) for a in case.arrays]
        seen = [[np.asarray(g) for g in step(*given)] for _ in range(STEPS)]
    return seen, [w for name in case.params for w in getattr(case, name).get_weights()]


@pytest.mark.parametrize("cls", CASES, ids=lambda c: c.__name__)
def test_gradients_of_a_step(cls):
    case = cls()
    p = {name: [w.copy() for w in ws] for name, ws in case.params.items()}
    step = case.reference()
    arrays = [a.astype("float64") if a.dtype.kind == "f" else a for a in case.arrays]
    want = [[d.copy() for d in step(p, *arrays)] for _ in range(STEPS)]
    final = [w for ws in p.values() for w in ws]
    shapes = [d.shape for d in want[0]]
    for kind in ("eager", "function", "train_step", "run_eagerly"):
        seen, last = run(cls(), kind, shapes)
        for n, (got, d) in enumerate(zip(seen, want, strict=True)):
            for i, (a, b) in enumerate(zip(got, d, strict=True)):
                np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5, err_msg=f"{kind}: step {n}, gradient {i}")
        for a, b in zip(last, final, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3, err_msg=f"{kind}: weights")


class Everything(hb.Model):
    """A GAN of layers with state of their own (moving averages, seeds, masks), whose nets are called several times."""

    def __init__(self):
        super().__init__()
        self.g = hb.Sequential(
            [
                hb.Input((4,)),
                L.Dense(8, use_bias=False),
                L.BatchNormalization(momentum=0.5),
                L.LeakyReLU(),
                L.Reshape((4, 2)),
                L.LSTM(3),
            ]
        )
        self.d = hb.Sequential(
            [hb.Input((3,)), L.Reshape((3, 1)), L.Conv1D(4, 2, activation="tanh"), L.Dropout(0.3, seed=1), L.Flatten()]
            + [L.LayerNormalization(), L.Dense(1, kernel_regularizer="l2")]
        )
        self.table = hb.Sequential([hb.Input((1,), dtype="int32"), L.Embedding(5, 4), L.Flatten()])
        self.noise = hb.random.SeedGenerator(3)

    def compile(self, **options):
        super().compile(**options)
        self.g_opt, self.d_opt = hb.optimizers.AdamW(0.02, clipnorm=1.0), hb.optimizers.SGD(0.05, momentum=0.5)

    def train_step(self, batch):
        real, ids = batch[0]
        z = self.table(ids) + hb.random.normal((8, 4), seed=self.noise)
        fake = self.g(z, training=True)
        with hb.GradientTape() as tape:
            cost = ops.mean(self.d(fake, training=True)) - ops.mean(self.d(real, training=True))
            cost = cost + sum(self.d.losses)
        apply(self.d_opt, tape, cost, self.d)
        variables = self.g.trainable_variables + self.table.trainable_variables
        with hb.GradientTape() as tape:
            z = self.table(ids) + hb.random.normal((8, 4), seed=self.noise)
            g_cost = -ops.mean(self.d(self.g(z, training=True), training=True))
        self.g_opt.apply(tape.gradient(g_cost, variables), variables)
        return {"d": cost, "g": g_cost}


def test_layers_with_state_train_alike():
    r = np.random.default_rng(0)
    x = [r.normal(size=(8, 3)).astype("float32"), r.integers(0, 5, (8, 1)).astype("int32")]
    start, ends = None, []
    for eager in (False, True):
        model = Everything()
        start = start or model.get_weights()
        model.set_weights(start)
        model.compile(run_eagerly=eager)
        logs = [model.train_on_batch(x, return_dict=True) for _ in range(4)]
        ends.append(
            [*model.get_weights(), *[v.numpy() for v in model.g_opt.variables], *[list(g.values()) for g in logs]]
        )
    assert not all(np.allclose(a, b) for a, b in zip(start, ends[0]))
    for a, b in zip(*ends, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4)
