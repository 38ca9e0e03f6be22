"""gym-anytrading's stock environment, stepped with random actions through its own rewards."""

import gym_anytrading  # noqa: F401 - registers the environment
import gymnasium
import pandas as pd
from serve import Call, Columns, serve


def prepared(c: Columns) -> Call:
    frame = pd.DataFrame({n.capitalize(): c[n] for n in ("open", "high", "low", "close", "volume")})
    env = gymnasium.make("stocks-v0", df=frame, window_size=10, frame_bound=(10, len(frame))).unwrapped
    actions = list(c["actions"])

    def run() -> Columns:
        env.reset(seed=0)
        total = 0.0
        for action in actions:
            _, reward, _, over, _ = env.step(action)
            total += reward
            if over:
                env.reset()
        return {"reward": [total]}

    return run


serve(["gym-anytrading", "gymnasium", "numpy", "pandas"], prepared)
