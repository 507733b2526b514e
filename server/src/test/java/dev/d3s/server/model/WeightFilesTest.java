package dev.d3s.server.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.d3s.server.example.ExampleModels;

class WeightFilesTest {
    private static final int LIMIT = 1000;

    @TempDir
    Path directory;

    private static SafeTensors.Source source(String name, TensorType type, int size) {
        ByteBuffer values = ByteBuffer.allocateDirect(Float.BYTES * size).order(ByteOrder.nativeOrder());
        for (int index = 0; index < size; index++) {
            values.putFloat(name.hashCode() % 100 + index % 64);
        }
        return new SafeTensors.Source(name, type, new long[]{size}, values.flip());
    }

    private static List<SafeTensors.Source> sources(TensorType type, int... sizes) {
        List<SafeTensors.Source> sources = new ArrayList<>();
        for (int index = 0; index < sizes.length; index++) {
            sources.add(source("t" + index, type, sizes[index]));
        }
        return sources;
    }

    private List<String> files() throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    /** Tensors by the file that holds them, as the files themselves say. */
    private Map<String, List<String>> contents() throws IOException {
        Map<String, List<String>> contents = new HashMap<>();
        for (String name : files()) {
            if (name.endsWith(".safetensors")) {
                try (SafeTensors file = SafeTensors.open(directory.resolve(name))) {
                    contents.put(name, List.copyOf(file.names()));
                }
            }
        }
        return contents;
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "F16", "BF16"})
    void shouldFillFilesUpToTheLimitAndIndexThem(TensorType type) throws IOException {
        int unit = LIMIT / type.bytes() / 4;

        // a quarter, a half and a quarter of the limit; then one above it; then two that fit together exactly
        WeightFiles.write(directory, sources(type, unit, 2 * unit, unit, 5 * unit, 3 * unit, unit), LIMIT);

        assertThat(contents()).containsExactlyInAnyOrderEntriesOf(
                Map.of("model-00001-of-00003.safetensors", List.of("t0", "t1", "t2"),
                        "model-00002-of-00003.safetensors", List.of("t3"), "model-00003-of-00003.safetensors",
                        List.of("t4", "t5")));
        JsonNode index = ModelFiles.read(directory.resolve(WeightFiles.INDEX));
        assertThat(index.path("metadata").path("total_size").asLong()).isEqualTo(13L * unit * type.bytes());
        assertThat(index.path("metadata").path("total_parameters").asLong()).isEqualTo(13L * unit);
        Map<String, List<String>> indexed = new HashMap<>();
        index.path("weight_map")
            .properties()
            .forEach(entry -> indexed.computeIfAbsent(entry.getValue().asText(), file -> new ArrayList<>())
                .add(entry.getKey()));
        assertThat(indexed).isEqualTo(contents());
    }

    @Test
    void shouldWriteOneFileWithoutAnIndexWhenAllFits() throws IOException {
        WeightFiles.write(directory, sources(TensorType.F32, LIMIT / 8, LIMIT / 8), LIMIT);

        assertThat(files()).containsExactly(WeightFiles.SINGLE);
    }

    @Test
    void shouldLeaveNothingOfADifferentlySpreadSet() throws IOException {
        Files.writeString(directory.resolve("adapter_model.safetensors"), "somebody else's");
        Files.writeString(directory.resolve("model_notes.txt"), "somebody else's");
        List<SafeTensors.Source> tensors = sources(TensorType.F32, 100, 100, 100, 100);

        WeightFiles.write(directory, tensors, 400);
        assertThat(files()).contains("model-00001-of-00004.safetensors").hasSize(4 + 1 + 2);
        WeightFiles.write(directory, tensors, 800);
        assertThat(files()).contains("model-00001-of-00002.safetensors").hasSize(2 + 1 + 2);
        WeightFiles.write(directory, tensors, 1600);
        assertThat(files()).containsExactly("adapter_model.safetensors", WeightFiles.SINGLE, "model_notes.txt");
        WeightFiles.write(directory, tensors, 800);
        assertThat(files()).contains("model-00001-of-00002.safetensors").hasSize(2 + 1 + 2);
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "F16", "BF16"})
    void shouldReadAModelBackFromItsShards(TensorType type) throws IOException {
        Path base = directory.resolve("base");
        ModelConfig config = ExampleModels.arithmetic(base, 7);
        Path whole = directory.resolve("whole");
        Path shards = directory.resolve("shards");
        try (MemoryWeights weights = ModelDirectory.weights(base, config)) {
            ModelDirectory.write(whole, config, weights, type, base);
            ModelDirectory.write(shards, config, weights, type, base);
            WeightFiles.write(shards, ModelDirectory.sources(config, weights, type), 100_000);
        }

        assertThat(shards.resolve(WeightFiles.SINGLE)).doesNotExist();
        assertThat(ModelDirectory.check(shards)).isEmpty();
        assertThat(ModelDirectory.weightType(shards)).isEqualTo(type);
        assertThat(ModelDirectory.weightType(whole)).isEqualTo(type);
        try (MemoryWeights one = ModelDirectory.weights(whole, config);
                MemoryWeights many = ModelDirectory.weights(shards, config)) {
            for (int index = 0; index < one.parameters().size(); index++) {
                assertThat(many.values(index)).as(one.parameters().get(index).name()).isEqualTo(one.values(index));
            }
        }
    }

    @Test
    void shouldCallAModelByTheFormatOfMostOfItsValues() throws IOException {
        WeightFiles.write(directory, List.of(source("norm", TensorType.F32, 10), source("matrix", TensorType.BF16, 11)),
                LIMIT);
        assertThat(ModelDirectory.weightType(directory)).isEqualTo(TensorType.BF16);

        WeightFiles.write(directory, List.of(source("norm", TensorType.F32, 12), source("matrix", TensorType.BF16, 11)),
                LIMIT);
        assertThat(ModelDirectory.weightType(directory)).isEqualTo(TensorType.F32);
    }
}
