package dev.d3s.server.rollout.onnx;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

import com.google.protobuf.ByteString;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorShapeProto;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;

/**
 * Writes an ONNX model node by node. A value is its name; every method that makes one returns the name, so a graph reads
 * like the arithmetic it stands for. Not thread-safe.
 */
final class OnnxGraph {
    /** Domain of ONNX Runtime's own operators. */
    static final String RUNTIME = "com.microsoft";

    /** The file that external initializers name; it is never read, their values are handed over in memory. */
    static final String EXTERNAL_FILE = "values";

    private static final String ONNX = "";
    private static final int OPSET = 21;
    private static final int IR_VERSION = 10;

    /** Element types, with their numbers in the ONNX format. */
    enum ElementType {
        FLOAT(1), INT32(6), INT64(7), BOOL(9);

        private final int number;

        ElementType(int number) {
            this.number = number;
        }
    }

    private final GraphProto.Builder graph;
    /** Where nodes go: the graph, or the branch that is being written. */
    private GraphProto.Builder open;
    private final Set<String> initializers = new HashSet<>();
    private int values;
    private int nodes;

    OnnxGraph(String name) {
        graph = GraphProto.newBuilder().setName(name);
        open = graph;
    }

    /** @param dimensions a Number where fixed, a String that names it where free */
    String input(String name, ElementType type, Object... dimensions) {
        graph.addInput(valueInfo(name, type, dimensions));
        return name;
    }

    /** Declares that the value of this name leaves the graph. */
    void output(String name, ElementType type, Object... dimensions) {
        graph.addOutput(valueInfo(name, type, dimensions));
    }

    /** Lets a value leave the graph under another name. */
    void output(String value, String name, ElementType type, Object... dimensions) {
        add(ONNX, "Identity", List.of(value), List.of(name));
        output(name, type, dimensions);
    }

    /** An initializer whose values the session gets from {@code SessionOptions.addInitializer}. */
    String external(String name, long... shape) {
        if (initializers.add(name)) {
            long bytes = Float.BYTES * Arrays.stream(shape).reduce(1, Math::multiplyExact);
            TensorProto.Builder tensor = tensor(name, ElementType.FLOAT, shape)
                .setDataLocation(TensorProto.DataLocation.EXTERNAL);
            tensor.addExternalData(entry("location", EXTERNAL_FILE));
            tensor.addExternalData(entry("offset", "0"));
            tensor.addExternalData(entry("length", Long.toString(bytes)));
            graph.addInitializer(tensor);
        }
        return name;
    }

    /** A vector constant. */
    String integers(long... numbers) {
        return constant("i" + Arrays.toString(numbers), new long[]{numbers.length}, numbers);
    }

    /** A scalar constant. */
    String integer(long number) {
        return constant("i" + number, new long[0], number);
    }

    /** A scalar constant. */
    String real(float number) {
        String name = "f" + number;
        if (initializers.add(name)) {
            ByteBuffer bytes = ByteBuffer.allocate(Float.BYTES).order(ByteOrder.LITTLE_ENDIAN).putFloat(number).flip();
            graph.addInitializer(tensor(name, ElementType.FLOAT, new long[0]).setRawData(ByteString.copyFrom(bytes)));
        }
        return name;
    }

    private String constant(String name, long[] shape, long... numbers) {
        if (initializers.add(name)) {
            ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES * numbers.length).order(ByteOrder.LITTLE_ENDIAN);
            for (long number : numbers) {
                bytes.putLong(number);
            }
            graph.addInitializer(tensor(name, ElementType.INT64, shape).setRawData(ByteString.copyFrom(bytes.flip())));
        }
        return name;
    }

    /** A node with one output. */
    String node(String operator, List<String> inputs, AttributeProto... attributes) {
        return nodes(ONNX, operator, 1, inputs, attributes).getFirst();
    }

    /** A node with several outputs. */
    List<String> nodes(String domain, String operator, int outputs, List<String> inputs,
            AttributeProto... attributes) {
        int number = values++;
        List<String> names = java.util.stream.IntStream.range(0, outputs)
            .mapToObj(output -> operator + "_" + number + "_" + output)
            .toList();
        add(domain, operator, inputs, names, attributes);
        return names;
    }

    /** A node with named outputs; an empty name leaves an optional input or output out. */
    void add(String domain, String operator, List<String> inputs, List<String> outputs, AttributeProto... attributes) {
        open.addNode(NodeProto.newBuilder()
            .setName(operator + "_" + nodes++)
            .setDomain(domain)
            .setOpType(operator)
            .addAllInput(inputs)
            .addAllOutput(outputs)
            .addAllAttribute(Arrays.asList(attributes)));
    }

    /** Writes one branch of {@link #choose}; its values are known inside it only. */
    @FunctionalInterface
    interface Branch {
        /** @return one value for each output */
        List<String> write();
    }

    /**
     * One of two branches, of which only the chosen one is computed. Both see every value that exists already.
     *
     * @param condition a scalar
     * @param types of the outputs
     */
    List<String> choose(String condition, List<ElementType> types, Branch then, Branch otherwise) {
        int number = values++;
        List<String> names = java.util.stream.IntStream.range(0, types.size())
            .mapToObj(output -> "If_" + number + "_" + output)
            .toList();
        AttributeProto first = branch("then_branch", "then_" + number, types, then);
        AttributeProto second = branch("else_branch", "else_" + number, types, otherwise);
        add(ONNX, "If", List.of(condition), names, first, second);
        return names;
    }

    private AttributeProto branch(String attribute, String name, List<ElementType> types, Branch branch) {
        GraphProto.Builder outer = open;
        GraphProto.Builder inner = GraphProto.newBuilder().setName(name);
        open = inner;
        try {
            List<String> results = branch.write();
            for (int i = 0; i < types.size(); i++) {
                String output = name + "_" + i;
                // A branch hands out values of its own only.
                add(ONNX, "Identity", List.of(results.get(i)), List.of(output));
                inner.addOutput(ValueInfoProto.newBuilder()
                    .setName(output)
                    .setType(TypeProto.newBuilder()
                        .setTensorType(TypeProto.Tensor.newBuilder().setElemType(types.get(i).number))));
            }
        } finally {
            open = outer;
        }
        return AttributeProto.newBuilder()
            .setName(attribute)
            .setType(AttributeProto.AttributeType.GRAPH)
            .setG(inner)
            .build();
    }

    static AttributeProto with(String name, long value) {
        return AttributeProto.newBuilder().setName(name).setType(AttributeProto.AttributeType.INT).setI(value).build();
    }

    static AttributeProto with(String name, double value) {
        return AttributeProto.newBuilder()
            .setName(name)
            .setType(AttributeProto.AttributeType.FLOAT)
            .setF((float) value)
            .build();
    }

    /** The serialized model. */
    byte[] model() {
        return ModelProto.newBuilder()
            .setIrVersion(IR_VERSION)
            .setProducerName("d3s")
            .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain(ONNX).setVersion(OPSET))
            .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain(RUNTIME).setVersion(1))
            .setGraph(graph)
            .build()
            .toByteArray();
    }

    private static TensorProto.Builder tensor(String name, ElementType type, long[] shape) {
        TensorProto.Builder tensor = TensorProto.newBuilder().setName(name).setDataType(type.number);
        for (long dimension : shape) {
            tensor.addDims(dimension);
        }
        return tensor;
    }

    private static StringStringEntryProto entry(String key, String value) {
        return StringStringEntryProto.newBuilder().setKey(key).setValue(value).build();
    }

    private static ValueInfoProto valueInfo(String name, ElementType type, Object... dimensions) {
        TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
        for (Object dimension : dimensions) {
            TensorShapeProto.Dimension.Builder built = TensorShapeProto.Dimension.newBuilder();
            if (dimension instanceof Number number) {
                built.setDimValue(number.longValue());
            } else {
                built.setDimParam(dimension.toString());
            }
            shape.addDim(built);
        }
        return ValueInfoProto.newBuilder()
            .setName(name)
            .setType(TypeProto.newBuilder()
                .setTensorType(TypeProto.Tensor.newBuilder().setElemType(type.number).setShape(shape)))
            .build();
    }
}
