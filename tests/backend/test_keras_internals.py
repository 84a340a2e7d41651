"""The few things that are read out of Keras' private attributes."""

import keras
import numpy as np

from visionfw.backend.keras_internals import backend_optimizer_class, producer, rename_operation, variable_index, without_allocation


def test_the_producer_of_a_tensor_is_the_call_that_made_it():
    first, second = keras.Input((3,)), keras.Input((3,))
    shared = keras.layers.Dense(2)
    one, other = shared(first), shared(second)
    total = keras.layers.Add()([one, other])

    assert producer(one) == (shared, [first])
    assert producer(other) == (shared, [second])
    assert producer(total)[1] == [one, other]
    assert producer(first)[1] == []


def test_operations_of_keras_ops_have_producers_too():
    source = keras.Input((3,))
    operation, inputs = producer(source * 2.0)
    assert type(operation).__name__ == "Multiply"
    assert inputs == [source]


def test_a_renamed_layer_is_found_under_its_new_name():
    source = keras.Input((3,))
    layer = keras.layers.Dense(2, name="old")
    result = layer(source)
    rename_operation(layer, "new")
    assert keras.Model(source, result).get_layer("new") is layer


def test_the_index_of_a_variable_is_its_place_in_build():
    variables = [keras.Variable(np.zeros(2)), keras.Variable(np.zeros(3))]
    optimizer = keras.optimizers.Adam()
    optimizer.build(variables)
    assert [variable_index(optimizer, variable) for variable in variables] == [0, 1]


def test_the_backend_class_of_an_optimizer_is_what_calling_it_makes():
    for kind in (keras.optimizers.Adam, keras.optimizers.SGD):
        assert backend_optimizer_class(kind) is type(kind())


def test_layers_are_built_without_values_and_later_ones_with_them():
    with without_allocation():
        unallocated = keras.layers.Dense(10**6)
        unallocated.build((None, 10**6))
    allocated = keras.layers.Dense(2)
    allocated.build((None, 3))
    with keras.StatelessScope():
        pass  # Keras would initialize here what it still has on its list
    assert [weight.shape for weight in unallocated.weights] == [(10**6, 10**6), (10**6,)]
    assert [value.shape for value in allocated.get_weights()] == [(3, 2), (2,)]
