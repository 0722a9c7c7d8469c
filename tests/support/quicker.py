"""Two techniques of one's own that do the same: once a network learns ten times as fast, it cannot learn faster."""


def _quicken(optimizer, _model, _length):
    optimizer.learning_rate = 0.1


def first(recipe, _values, _layers):
    """Raise the learning rate to 0.1."""
    return recipe.add(optimizers=[_quicken])


def second(recipe, _values, _layers):
    """Raise the learning rate to 0.1, too."""
    return recipe.add(optimizers=[_quicken])
