"""How good a model is: metrics, calibration, confidence intervals, robustness, and comparisons."""

from tenfold.evaluation.calibration import ReliabilityBin, calibration_error, reliability_bins
from tenfold.evaluation.leaderboard import Leaderboard, LeaderboardRow, RunResult, rank_runs
from tenfold.evaluation.metrics import Evaluation, evaluate_predictions
from tenfold.evaluation.statistics import McNemar, mcnemar, wilson_interval

__all__ = [
    "Evaluation",
    "Leaderboard",
    "LeaderboardRow",
    "McNemar",
    "ReliabilityBin",
    "RunResult",
    "calibration_error",
    "evaluate_predictions",
    "mcnemar",
    "rank_runs",
    "reliability_bins",
    "wilson_interval",
]
