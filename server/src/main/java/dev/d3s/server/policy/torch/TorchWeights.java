package dev.d3s.server.policy.torch;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.d3s.server.model.Parameter;
import dev.d3s.server.model.Weights;

/**
 * One tensor per parameter in memory that libtorch owns, and direct views of it. The views are live and valid until the
 * manager is closed; the same class holds gradients, moments, adapters and the weights merged with them.
 *
 * @param parameters in layout order
 * @param tensors of these shapes, fp32
 * @param views of the tensors' memory, native byte order
 */
record TorchWeights(List<Parameter> parameters, NDArray[] tensors, ByteBuffer[] views) implements Weights {
    /** @param listName the name under which a program takes the tensors, e.g. {@code parameters[]} */
    static TorchWeights zeros(NDManager manager, List<Parameter> parameters, String listName) {
        return allocate(manager, parameters, listName, true);
    }

    static TorchWeights copyOf(Weights source, NDManager manager, List<Parameter> parameters, String listName) {
        TorchWeights copy = allocate(manager, parameters, listName, false);
        for (int index = 0; index < copy.views.length; index++) {
            Parameter expected = copy.parameters.get(index);
            if (source.parameters().get(index).size() != expected.size()) {
                throw new IllegalArgumentException(expected.name() + " has " + source.parameters().get(index).size()
                        + " values instead of " + expected.size());
            }
            source.copyTo(index, copy.values(index));
        }
        return copy;
    }

    private static TorchWeights allocate(NDManager manager, List<Parameter> parameters, String listName,
            boolean zeros) {
        NDArray[] tensors = new NDArray[parameters.size()];
        ByteBuffer[] views = new ByteBuffer[parameters.size()];
        for (int index = 0; index < tensors.length; index++) {
            Parameter parameter = parameters.get(index);
            if (parameter.size() > Integer.MAX_VALUE / Float.BYTES) {
                throw new IllegalArgumentException(parameter.name() + " has more than 2 GiB");
            }
            Shape shape = new Shape(parameter.shape());
            tensors[index] = zeros
                    ? manager.zeros(shape, DataType.FLOAT32)
                    : manager.create(shape, DataType.FLOAT32);
            tensors[index].setName(listName);
            views[index] = tensors[index].toByteBuffer(true).order(ByteOrder.nativeOrder());
        }
        return new TorchWeights(List.copyOf(parameters), tensors, views);
    }

    @Override
    public ByteBuffer values(int index) {
        return views[index].duplicate().order(ByteOrder.nativeOrder());
    }
}
