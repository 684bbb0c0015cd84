"""What is known of a named recipe beside the recipe itself: where it comes from and what it reaches."""

from dataclasses import dataclass

from tenfold.recipes.schema import Recipe


@dataclass(frozen=True)
class Entry:
    recipe: Recipe
    source: str  # the write-up, or "tenfold"
    published: str  # the source's own figures; "" for ours
    reproduced: str  # ours, with n; docs/reproduction.md has the whole story
    story: str  # what is decided by the source, what had to be chosen, which of its mistakes are not repeated
