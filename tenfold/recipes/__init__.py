"""The named recipes: the write-ups' and ours."""

from tenfold.errors import RecipeError
from tenfold.recipes.builtin import OURS
from tenfold.recipes.catalog import Entry
from tenfold.recipes.kaggle import WRITEUPS
from tenfold.recipes.schema import Recipe

__all__ = ["RECIPES", "Entry", "Recipe", "find"]

RECIPES: dict[str, Entry] = {entry.recipe.name: entry for entry in (*OURS, *WRITEUPS)}


def find(name: str) -> Entry:
    """The named recipe with what is known of it. Raises RecipeError that says which names exist."""
    if name not in RECIPES:
        raise RecipeError(f"there is no recipe '{name}'; choose from {', '.join(RECIPES)}, or give a .toml file")
    return RECIPES[name]
