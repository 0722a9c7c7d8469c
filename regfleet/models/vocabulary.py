"""What a TextVectorization, a StringLookup or an IntegerLookup knows, which is no weight and in no configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regfleet.errors import InputError

if TYPE_CHECKING:
    import keras


def vocabulary_of(layer: keras.layers.Layer) -> list[str] | None:
    """What a layer that looks texts or numbers up knows, of which its configuration says nothing; else None.

    Raises InputError where it knows nothing yet.
    """
    if not hasattr(layer, "get_vocabulary"):
        return None
    found = [str(one) for one in layer.get_vocabulary(include_special_tokens=False)]
    if not found:
        raise InputError(f"--model: expected {layer.name} to know its words; got none: adapt it, or give a vocabulary")
    return found


def check_vocabularies(model: keras.Model) -> None:
    """Raise InputError for a layer of ``model``, or of one inside it, that looks up words and knows none yet."""
    for layer in getattr(model, "layers", ()):
        vocabulary_of(layer)
        check_vocabularies(layer)
