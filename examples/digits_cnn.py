"""A small convolutional model for images, such as the 8 × 8 digits: ``--model digits_cnn:build``."""

import keras
from keras import layers


def build(input_shape: tuple[int, ...], outputs: int) -> keras.Model:
    """Two convolutions and a Dense layer; ``input_shape`` is that of one image, e.g. (8, 8, 1)."""
    image = keras.Input(input_shape)
    tensor = layers.Conv2D(16, 3, padding="same", name="conv_1")(image)
    tensor = layers.ReLU()(tensor)
    tensor = layers.MaxPooling2D()(tensor)
    tensor = layers.Conv2D(32, 3, padding="same", name="conv_2")(tensor)
    tensor = layers.ReLU()(tensor)
    tensor = layers.GlobalAveragePooling2D()(tensor)
    tensor = layers.Dense(32, activation="relu", name="dense")(tensor)
    return keras.Model(image, layers.Dense(outputs, activation="softmax", name="output")(tensor))
