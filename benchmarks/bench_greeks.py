"""Delta, gamma, vanna and charm of an index chain, against other libraries; goal 8 times numpy at 10k, 25 at 200k."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from peers.comparison import Calls, Comparison, compared, judged, machine, shown, write
from peers.environments import ARRAYS, FINANCEPY, VOLLIB
from peers.index_chain import SPOT, IndexChain, index_chain
from peers.many_digits import many_digit_greeks, sample_of
from peers.runs import Peer

from lightning_gex.analytics.black_scholes import greeks
from lightning_gex.analytics.chain_greeks import ChainGreeks, Series, chain_greeks, log_moneyness

RESULT = Path(__file__).parent / "results" / "greeks.json"
GOALS = {10_000: 8.0, 200_000: 25.0}  # times the hoisted numpy and scipy, by number of contracts
LARGEST_ERROR = 1e-12  # of the column's maximum
COLUMNS = ("delta", "gamma", "vanna", "charm")
FOUR = "delta, gamma, vanna, charm"
KNOWN, FROM_STRIKES = "chain_greeks", "chain_greeks from strikes"
NUMPY, NUMPY_IN_PLACE = "numpy + scipy", "numpy + scipy, columns reused"
#: The goal first; then, harder, with everything computed anew on our side, and against numpy at its very best.
JUDGED = ((KNOWN, NUMPY), (FROM_STRIKES, NUMPY), (KNOWN, NUMPY_IN_PLACE), (FROM_STRIKES, NUMPY_IN_PLACE))
PEERS = (
    Peer(NUMPY, ARRAYS, "greeks_numpy.py", FOUR),
    Peer(NUMPY_IN_PLACE, ARRAYS, "greeks_numpy_in_place.py", FOUR),
    Peer("fast-vollib", ARRAYS, "greeks_fast_vollib.py", "delta, gamma, theta, rho, vega; no vanna, no charm"),
    Peer("pyfeng", ARRAYS, "greeks_pyfeng.py", "delta, gamma only"),
    Peer("FinancePy", FINANCEPY, "greeks_financepy.py", "delta, gamma, vanna; no charm"),
    Peer(
        "py_vollib_vectorized",
        VOLLIB,
        "greeks_py_vollib_vectorized.py",
        "delta, gamma, theta, rho, vega; no vanna, no charm",
    ),
    Peer("QuantLib, a loop", ARRAYS, "greeks_quantlib.py", "delta, gamma only"),
)


def series_of(chain: IndexChain) -> Series:
    """The chain's expiries as our kernels take them."""
    return Series(chain.start, np.full(len(chain.years), SPOT), chain.years, chain.rate, chain.dividend_yield)


def written_out(chain: IndexChain) -> dict[str, NDArray]:
    """Every term of every contract, as the other libraries take them."""
    return {
        "spot": np.full(len(chain.strike), SPOT),
        "strike": chain.strike,
        "years": chain.each(chain.years),
        "implied_vol": chain.implied_vol,
        "rate": chain.each(chain.rate),
        "dividend_yield": chain.each(chain.dividend_yield),
        "is_call": chain.is_call,
    }


def our_calls(chain: IndexChain, columns: dict[str, NDArray]) -> Calls:
    """What is measured of ours. A chain's ln(K/S) is known after its first look; both are shown."""
    series, vol, call = series_of(chain), chain.implied_vol, chain.is_call
    x, kept = log_moneyness(series, chain.strike), ChainGreeks.empty(len(vol))
    return {
        KNOWN: (f"{FOUR}; ln(K/S) known", lambda: chain_greeks(series, x, vol, call)),
        "chain_greeks, columns reused": (
            f"{FOUR}; ln(K/S) known",
            lambda: chain_greeks(series, x, vol, call, out=kept),
        ),
        FROM_STRIKES: (
            f"{FOUR}, with ln(K/S)",
            lambda: chain_greeks(series, log_moneyness(series, chain.strike), vol, call),
        ),
        "greeks": (
            "delta, gamma, vega, theta, vanna, charm; nothing shared between contracts",
            lambda: greeks(*columns.values()),
        ),
    }


def our_error(chain: IndexChain, columns: dict[str, NDArray]) -> tuple[ChainGreeks, float]:
    """Our answer and its largest distance from 40 digits over a sample, as a share of the column's maximum."""
    series = series_of(chain)
    answer = chain_greeks(series, log_moneyness(series, chain.strike), chain.implied_vol, chain.is_call)
    rows = sample_of(len(chain.strike))
    truth = many_digit_greeks({name: column[rows] for name, column in columns.items()})
    return answer, max(share_of_maximum(getattr(answer, name)[rows], truth[name]) for name in COLUMNS)


def share_of_maximum(column: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Largest distance as a share of the column's maximum."""
    return float(np.abs(column - truth).max() / np.abs(truth).max())


def add_errors(found: Comparison, answers: dict[int, tuple[ChainGreeks, float]]) -> None:
    """Ours against 40 digits; a peer's, column by column that it has, against ours, which are right to 1e-14."""
    for row in found.rows:
        name, n = str(row["name"]), int(str(row["contracts"]))
        ours, error = answers[n]
        theirs = found.answers.get((name, n))
        if theirs is not None:
            error = max(share_of_maximum(theirs[c], getattr(ours, c)) for c in COLUMNS if c in theirs)
        row["error"] = error


def main() -> None:
    """Measure, check the digits, print a table, write the results."""
    chains = {n: index_chain(n) for n in GOALS}
    inputs = {n: written_out(chain) for n, chain in chains.items()}
    answers = {n: our_error(chain, inputs[n]) for n, chain in chains.items()}
    for n, (_, error) in answers.items():
        if not error <= LARGEST_ERROR:
            raise AssertionError(f"error {error:.1e} of the column's maximum at {n} contracts, at most {LARGEST_ERROR}")
    calls = {n: our_calls(chain, inputs[n]) for n, chain in chains.items()}
    found = compared(calls, PEERS, inputs, against=(KNOWN, FROM_STRIKES))
    add_errors(found, answers)
    print(shown(found.rows))
    goals = [judged(found, n, wanted, *pair, goal=pair == JUDGED[0]) for n, wanted in GOALS.items() for pair in JUDGED]
    content = {"machine": machine(), "goals": goals, "rows": found.rows, "versions": found.versions}
    write(RESULT, {**content, "not_available": found.not_available})


if __name__ == "__main__":
    main()
