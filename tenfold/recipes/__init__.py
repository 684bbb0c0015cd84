"""The named recipes: tenfold's own and those of published write-ups."""

from tenfold.errors import RecipeError
from tenfold.recipes.builtin import BUILTIN
from tenfold.recipes.kaggle import WRITE_UPS
from tenfold.recipes.schema import Entry, Recipe

__all__ = ["RECIPES", "Entry", "Recipe", "find"]

RECIPES: dict[str, Entry] = {entry.recipe.name: entry for entry in (*BUILTIN, *WRITE_UPS)}


def find(name: str) -> Entry:
    """The named recipe with its origin and results. Raises RecipeError, whose message lists the names."""
    if name not in RECIPES:
        raise RecipeError(f"unknown recipe '{name}'; choose from {', '.join(RECIPES)}, or give a .toml file")
    return RECIPES[name]
