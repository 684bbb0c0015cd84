"""Kaggle's own files, for people with an account there."""

from __future__ import annotations

from pathlib import Path

from tenfold.errors import UnavailableError, shorten
from tenfold.files import cache_folder

COMPETITION = "digit-recognizer"
RULES = f"https://www.kaggle.com/c/{COMPETITION}/rules"


def download_competition() -> Path:
    """The folder in the cache with Digit Recognizer's train.csv and test.csv, downloaded by kagglehub if needed.

    Raises UnavailableError without kagglehub, credentials, an accepted set of rules or a connection.
    """
    try:
        import kagglehub
        from kagglehub import exceptions
    except ModuleNotFoundError as error:
        raise UnavailableError(f"this needs {error.name}; install it with: pip install 'tenfold[kaggle]'") from None
    folder = cache_folder() / COMPETITION
    if all((folder / name).is_file() for name in ("train.csv", "test.csv")):
        return folder
    try:
        return Path(kagglehub.competition_download(COMPETITION, output_dir=str(folder)))
    except (exceptions.UnauthenticatedError, exceptions.CredentialError):
        raise UnavailableError(
            "Kaggle needs credentials: create a token at https://www.kaggle.com/settings and put it into "
            "~/.kaggle/kaggle.json or KAGGLE_API_TOKEN"
        ) from None
    except exceptions.KaggleApiHTTPError as error:
        status = error.response.status_code if error.response is not None else None
        hint = {401: "check your Kaggle credentials", 403: f"accept the rules at {RULES}"}.get(status or 0, error)
        raise UnavailableError(f"Kaggle does not give the files (status {status}): {shorten(hint, 120)}") from None
    except (OSError, exceptions.DataCorruptionError) as error:
        raise UnavailableError(
            f"Kaggle's files can't be downloaded to {shorten(folder)}: {shorten(error, 80)}"
        ) from None
