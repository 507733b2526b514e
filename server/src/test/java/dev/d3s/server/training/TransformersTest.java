package dev.d3s.server.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import dev.d3s.server.example.TokenizerFiles;
import dev.d3s.server.model.HuggingFaceModel;
import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.model.PaperDecoder;
import dev.d3s.server.model.SafeTensors;
import dev.d3s.server.model.TensorType;
import dev.d3s.server.policy.Objective;
import dev.d3s.server.policy.OptimizerStep;
import dev.d3s.server.policy.TrainingSequence;
import dev.d3s.server.policy.torch.TorchPolicy;
import dev.d3s.server.policy.torch.TorchPolicySettings;
import dev.d3s.server.rollout.RefreshMode;
import dev.d3s.server.rollout.onnx.OnnxRolloutEngine;
import dev.d3s.server.rollout.onnx.OnnxRolloutSettings;

/**
 * Directories that transformers wrote, with the logits that transformers computed: {@code server/src/interop} made the ones under
 * {@code src/test/resources/transformers}. With {@code D3S_INTEROP} naming a directory that its script filled, those are compared as
 * well, and trained ones are written beside them for the way back.
 */
class TransformersTest {
    private static final String INTEROP = "D3S_INTEROP";
    private static final double TOLERANCE = 2e-5;

    @TempDir
    Path home;

    static List<Path> models() throws IOException, URISyntaxException {
        Path root = System.getenv(INTEROP) == null
                ? Path.of(Objects.requireNonNull(TransformersTest.class.getResource("/transformers")).toURI())
                : Path.of(System.getenv(INTEROP)).resolve("theirs");
        try (Stream<Path> all = Files.list(root)) {
            return all.filter(Files::isDirectory).sorted().toList();
        }
    }

    @ParameterizedTest
    @MethodSource("models")
    void shouldComputeTheLogitsOfTransformers(Path source) throws IOException {
        Path directory = home.resolve("model");
        copy(source, directory);
        TokenizerFiles.writeCharacters(directory, 512);
        Map<String, double[]> expected = PaperDecoder.read(Path.of(source + ".expected.safetensors"));
        int[] tokens = Arrays.stream(Objects.requireNonNull(expected.get("tokens"))).mapToInt(id -> (int) id).toArray();
        double[][] logits = rows(Objects.requireNonNull(expected.get("logits")), tokens.length);

        double oracle = largestDifference(new PaperDecoder(directory).logits(tokens, 0), logits);
        assertThat(oracle).isLessThan(TOLERANCE);
        assertThat(ModelDirectory.check(directory)).isEmpty();
        double[] logprobs = logprobs(logits, tokens);
        Path out = home.resolve("trained");
        Path described = home.resolve("described");
        try (HuggingFaceModel model = ModelDirectory.open(directory);
                TorchPolicy policy = TorchPolicy.open(model.config(), model.weights(),
                        new TorchPolicySettings(1, 1, 10_000, 1 << 20))) {
            double trainer = largestDifference(policy.score(List.of(tokens), new int[]{1}, 1).getFirst().logprobs(),
                    logprobs);
            double rollouts = largestDifference(scored(model, tokens), logprobs);
            if (System.getenv(INTEROP) != null) {
                System.out.printf("%s: largest difference from transformers: PaperDecoder %.1e in logits, "
                        + "trainer %.1e and rollout engine %.1e in log-probabilities%n", source.getFileName(), oracle,
                        trainer, rollouts);
            }
            assertThat(trainer).isLessThan(TOLERANCE);
            assertThat(rollouts).isLessThan(TOLERANCE);

            float[] weight = new float[tokens.length - 1];
            Arrays.fill(weight, 0.1f);
            policy.update(List.of(new TrainingSequence(tokens, 1, 1, weight, null, null, null)),
                    new Objective.CrossEntropy(), OptimizerStep.of(1e-2));
            TensorType type = Files.readString(directory.resolve("config.json")).contains("bfloat16")
                    ? TensorType.BF16
                    : TensorType.F32;
            ModelDirectory.write(out, model.config(), policy.weights(), type, directory);
            // once more without a config.json to start from
            TokenizerFiles.writeCharacters(described, 512);
            ModelDirectory.write(described, model.config(), policy.weights(), described);
            assertThat(ModelDirectory.config(described)).isEqualTo(model.config());
            assertThat(ModelDirectory.config(out)).isEqualTo(model.config());
        }
        shouldScoreAsWritten(out, tokens, source.getFileName().toString(), logprobs);
        shouldScoreAsWritten(described, tokens, source.getFileName() + "-described", logprobs);
    }

    /** Opens a trained directory and leaves it, with what the rollout engine says of it, where transformers can compare. */
    private static void shouldScoreAsWritten(Path directory, int[] tokens, String name, double[] before)
            throws IOException {
        try (HuggingFaceModel trained = ModelDirectory.open(directory)) {
            float[] scores = scored(trained, tokens);
            assertThat(largestDifference(scores, logprobs(new PaperDecoder(directory).logits(tokens, 0), tokens)))
                .isLessThan(TOLERANCE);
            assertThat(largestDifference(scores, before)).isGreaterThan(0.01);
            if (System.getenv(INTEROP) != null) {
                Path ours = Path.of(System.getenv(INTEROP)).resolve("ours");
                copy(directory, ours.resolve(name));
                double[] ids = Arrays.stream(tokens).asDoubleStream().toArray();
                SafeTensors.write(ours.resolve(name + ".expected.safetensors"), Map.of(),
                        List.of(source("tokens", ids), source("logprobs", doubles(scores))));
            }
        }
    }

    /** Log-probabilities of the tokens from the second on, by the rollout engine. */
    private static float[] scored(HuggingFaceModel model, int[] tokens) {
        try (OnnxRolloutEngine engine = OnnxRolloutEngine.open(model.config(), model.weights(),
                new OnnxRolloutSettings(1, 1, 1, tokens.length, RefreshMode.RECREATE, 0))) {
            return engine.score(tokens, 1, 1).logprobs();
        }
    }

    private static double[] logprobs(double[][] logits, int[] tokens) {
        double[] logprobs = new double[tokens.length - 1];
        for (int token = 0; token < logprobs.length; token++) {
            double sum = Arrays.stream(logits[token]).map(Math::exp).sum();
            logprobs[token] = logits[token][tokens[token + 1]] - Math.log(sum);
        }
        return logprobs;
    }

    private static double[][] rows(double[] values, int count) {
        int width = values.length / count;
        double[][] rows = new double[count][];
        for (int row = 0; row < count; row++) {
            rows[row] = Arrays.copyOfRange(values, row * width, (row + 1) * width);
        }
        return rows;
    }

    private static double largestDifference(double[][] actual, double[][] expected) {
        double largest = 0;
        assertThat(actual).hasSameDimensionsAs(expected);
        for (int row = 0; row < expected.length; row++) {
            for (int at = 0; at < expected[row].length; at++) {
                largest = Math.max(largest, Math.abs(actual[row][at] - expected[row][at]));
            }
        }
        return largest;
    }

    private static double largestDifference(float[] actual, double[] expected) {
        return largestDifference(new double[][]{doubles(actual)}, new double[][]{expected});
    }

    private static double[] doubles(float[] values) {
        double[] doubles = new double[values.length];
        for (int at = 0; at < values.length; at++) {
            doubles[at] = values[at];
        }
        return doubles;
    }

    private static SafeTensors.Source source(String name, double[] values) {
        ByteBuffer bytes = ByteBuffer.allocate(Float.BYTES * values.length).order(ByteOrder.nativeOrder());
        FloatBuffer floats = bytes.asFloatBuffer();
        for (double value : values) {
            floats.put((float) value);
        }
        return new SafeTensors.Source(name, TensorType.F32, new long[]{values.length}, bytes);
    }

    private static void copy(Path source, Path target) throws IOException {
        Files.createDirectories(target);
        try (Stream<Path> files = Files.list(source)) {
            for (Path file : files.toList()) {
                Files.copy(file, target.resolve(file.getFileName().toString()), StandardCopyOption.REPLACE_EXISTING);
            }
        }
    }
}
