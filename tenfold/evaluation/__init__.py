"""How good a model is: from its probabilities and the true labels, on damaged copies, beside others."""

from tenfold.evaluation.calibration import ReliabilityBin, calibration_error, reliability
from tenfold.evaluation.leaderboard import Entry, Leaderboard, LeaderboardRow, leaderboard
from tenfold.evaluation.metrics import Evaluation
from tenfold.evaluation.statistics import McNemar, mcnemar, wilson

__all__ = [
    "Entry",
    "Evaluation",
    "Leaderboard",
    "LeaderboardRow",
    "McNemar",
    "ReliabilityBin",
    "calibration_error",
    "leaderboard",
    "mcnemar",
    "reliability",
    "wilson",
]
