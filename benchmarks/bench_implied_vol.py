"""Implied volatilities of an index chain from its prices, against other libraries; goal 5 times pyfeng."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from peers.comparison import Calls, Comparison, compared, judged, machine, shown, write
from peers.environments import ARRAYS, VOLLIB
from peers.index_chain import SPOT, IndexChain, index_chain
from peers.many_digits import many_digit_implied_vol, sample_of
from peers.runs import Peer
from scipy.special import ndtr

from lightning_gex.analytics.implied_vol import ImpliedVolStatus, implied_vol

RESULT = Path(__file__).parent / "results" / "implied_vol.json"
GOALS = {10_000: 5.0, 200_000: 5.0}  # times pyfeng, end to end, by number of contracts
LARGEST_ERROR = 1e-12  # in volatility, where vega exceeds LEAST_VEGA of the forward
LEAST_VEGA = 1e-6
LEAST_TIME_VALUE_USD = 0.05  # the least a quote says; below it there is no volatility to be had from a market
OURS, PYFENG = "implied_vol", "pyfeng"
PEERS = (
    Peer(PYFENG, ARRAYS, "implied_vol_pyfeng.py", "NaN where it fails, without a word"),
    Peer("py_vollib_vectorized", VOLLIB, "implied_vol_py_vollib_vectorized.py", "numba over the contracts"),
    Peer("QuantLib, a loop", ARRAYS, "implied_vol_quantlib.py", "asked for 1e-12"),
    Peer("py_vollib, a loop", VOLLIB, "implied_vol_py_vollib.py", "one contract at a time"),
)
Columns = dict[str, NDArray]


def quoted(chain: IndexChain) -> tuple[Columns, NDArray[np.float64]]:
    """Prices (in and out of the money, every time value at least a nickel) and the volatilities they were made of."""
    T, r, q = (chain.each(column) for column in (chain.years, chain.rate, chain.dividend_yield))
    F, D, K, sigma = SPOT * np.exp((r - q) * T), np.exp(-r * T), chain.strike, chain.implied_vol
    total = sigma * np.sqrt(T)
    d1 = np.log(F / K) / total + 0.5 * total
    sign = np.where(chain.is_call, 1.0, -1.0)
    price = sign * D * (F * ndtr(sign * d1) - K * ndtr(sign * (d1 - total)))
    worth = price - D * np.maximum(sign * (F - K), 0.0) >= LEAST_TIME_VALUE_USD
    columns = {"price": price, "forward": F, "strike": K, "years": T, "discount": D, "is_call": chain.is_call}
    return {name: column[worth] for name, column in columns.items()}, sigma[worth]


def chain_with(contracts: int) -> tuple[Columns, NDArray[np.float64]]:
    """The first ``contracts`` quoted ones, evenly over a chain that is a little larger."""
    n = contracts
    while True:
        columns, sigma = quoted(index_chain(n))
        if len(sigma) >= contracts:
            rows = np.linspace(0, len(sigma) - 1, contracts).astype(np.int64)
            return {name: column[rows] for name, column in columns.items()}, sigma[rows]
        n = int(n * contracts / len(sigma)) + 200


def vega(columns: Columns, sigma: NDArray[np.float64]) -> NDArray[np.float64]:
    """USD per unit of volatility."""
    F, K, T, D = (columns[name] for name in ("forward", "strike", "years", "discount"))
    total = sigma * np.sqrt(T)
    d1 = np.log(F / K) / total + 0.5 * total
    return D * F * np.exp(-0.5 * d1 * d1) * np.sqrt(T / (2.0 * np.pi))


class Truth:
    """The exact inverse of a sample of prices in 40 digits, and how far an answer is from it."""

    def __init__(self, columns: Columns, sigma: NDArray[np.float64]) -> None:
        seen = vega(columns, sigma) > LEAST_VEGA * columns["forward"]
        self.rows = sample_of(len(sigma))
        self.rows = self.rows[seen[self.rows]]
        self.exact = many_digit_implied_vol({k: v[self.rows] for k, v in columns.items()}, sigma[self.rows])

    def error(self, answer: NDArray[np.float64]) -> float:
        """Largest error in volatility among the contracts that got an answer."""
        return float(np.nanmax(np.abs(answer[self.rows] - self.exact)))


def our_error(columns: Columns, truth: Truth) -> float:
    """Our largest error; every contract must be solved, and every failure would carry its name.

    Raises
    ------
    AssertionError : where an error is too large, or a contract has neither a volatility nor a reason.
    """
    answer, status = implied_vol(*columns.values())
    silent = np.isnan(answer) == (status == ImpliedVolStatus.SOLVED)
    if silent.any() or (status != ImpliedVolStatus.SOLVED).any():
        raise AssertionError(f"{int(silent.sum())} silent, {int((status != 0).sum())} not solved")
    error = truth.error(answer)
    if not error <= LARGEST_ERROR:
        raise AssertionError(f"error {error:.1e} in volatility, at most {LARGEST_ERROR}")
    return error


def our_calls(columns: Columns) -> Calls:
    """What is measured of ours: arrays in, volatilities and a status for each out."""
    return {OURS: ("volatility and status", lambda: implied_vol(*columns.values()))}


def add_errors(found: Comparison, errors: dict[int, float], truths: dict[int, Truth]) -> None:
    """Largest error of each row, and how many contracts got no number."""
    for row in found.rows:
        theirs = found.answers.get((row["name"], row["contracts"]))
        row["error"] = errors[row["contracts"]] if theirs is None else truths[row["contracts"]].error(theirs["sigma"])
        row["without_a_number"] = 0 if theirs is None else int(np.isnan(theirs["sigma"]).sum())


def main() -> None:
    """Measure, check the digits, print a table, write the results."""
    made = {n: chain_with(n) for n in GOALS}
    inputs = {n: columns for n, (columns, _) in made.items()}
    truths = {n: Truth(columns, sigma) for n, (columns, sigma) in made.items()}
    errors = {n: our_error(columns, truths[n]) for n, columns in inputs.items()}
    found = compared({n: our_calls(columns) for n, columns in inputs.items()}, PEERS, inputs)
    add_errors(found, errors, truths)
    print(shown(found.rows))
    goals = [judged(found, n, wanted, OURS, PYFENG) for n, wanted in GOALS.items()]
    content = {"machine": machine(), "goals": goals, "rows": found.rows, "versions": found.versions}
    write(RESULT, {**content, "not_available": found.not_available})


if __name__ == "__main__":
    main()
