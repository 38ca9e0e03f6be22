"""Position sizing: five sizes, chosen by a policy that Stable-Baselines3 trained, or by Kelly where there is none.

>>> from lightning_rl_position_sizer import LightningRLPositionSizer     # doctest: +SKIP
>>> sizer = LightningRLPositionSizer(algorithm="PPO")                    # doctest: +SKIP
>>> sizer.train(total_timesteps=100_000)                                 # doctest: +SKIP
>>> sizer.save_model("production_rl_sizer_ppo.zip")                      # doctest: +SKIP

Run this file for a demo; ``docs/reference/founding_modules.md`` has every method.
"""

from lightning_gex.app.bootstrap import LightningRLPositionSizer, run_founding_demo

__all__ = ["LightningRLPositionSizer"]

if __name__ == "__main__":
    raise SystemExit(run_founding_demo("sizer"))
