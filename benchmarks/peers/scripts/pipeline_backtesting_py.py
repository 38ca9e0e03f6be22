"""backtesting.py: two moving averages that cross, a bracket around each trade; one asset a run, as it works."""

import warnings

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy
from backtesting.lib import crossover
from serve import Call, Columns, serve

FAST, SLOW, REACH = 20, 50, 0.05  # sessions, sessions, bracket as a fraction of the price


def average(values: np.ndarray, sessions: int) -> np.ndarray:
    return pd.Series(values).rolling(sessions).mean().to_numpy()


class Cross(Strategy):
    def init(self) -> None:
        self.fast = self.I(average, self.data.Close, FAST)
        self.slow = self.I(average, self.data.Close, SLOW)

    def next(self) -> None:
        price = self.data.Close[-1]
        if crossover(self.fast, self.slow):
            self.position.close()
            self.buy(size=0.1, tp=price * (1 + REACH), sl=price * (1 - REACH))
        elif crossover(self.slow, self.fast):
            self.position.close()
            self.sell(size=0.1, tp=price * (1 - REACH), sl=price * (1 + REACH))


def prepared(c: Columns) -> Call:
    warnings.simplefilter("ignore")
    days = pd.bdate_range("2000-01-03", periods=c["close"].shape[1])
    names = ("open", "high", "low", "close")
    frames = [
        pd.DataFrame({n.capitalize(): c[n][k] for n in names} | {"Volume": c["volume"][k]}, index=days)
        for k in range(len(c["close"]))
    ]

    def run() -> Columns:
        found = [Backtest(f, Cross, cash=100_000, commission=0.0002, finalize_trades=True).run() for f in frames]
        return {"trades": [float(one["# Trades"]) for one in found]}

    return run


serve(["backtesting", "numpy", "pandas"], prepared)
