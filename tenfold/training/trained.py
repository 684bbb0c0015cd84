"""The trained network of a run, as PyTorch has it."""

from tenfold.errors import RunError
from tenfold.nets import Network, build
from tenfold.recipes.toml import from_dict
from tenfold.run import Run
from tenfold.training import checkpoint


def network_of(run: Run) -> Network:
    """The trained PyTorch network of a run, in evaluation mode. Raises RunError."""
    recipe, weights = from_dict(run.read_json(run.recipe), str(run.recipe)), checkpoint.load_weights(run.weights)
    # Of an ensemble that was stopped, only the members that were finished are there; of one member, without a prefix.
    trained = len({name.split(".")[1] for name in weights if name.startswith("members.")}) or 1
    if trained < recipe.ensemble_size:
        recipe = recipe.model_copy(update={"ensemble_size": trained}) if trained > 1 else recipe.member(0)
    network = build(recipe)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise RunError(
            f"{run.weights}: these weights belong to another recipe ({str(error).splitlines()[0]})"
        ) from None
    return network.eval()
