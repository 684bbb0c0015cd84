"""The examples in docstrings work."""

import doctest
from importlib import import_module

import pytest

MODULES = ("api.evaluation", "api.train", "data.arrays", "estimator")


@pytest.mark.parametrize("module", MODULES)
def test_docstring_examples_work(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failed, attempted = doctest.testmod(import_module(f"tenfold.{module}"))
    assert attempted
    assert not failed
