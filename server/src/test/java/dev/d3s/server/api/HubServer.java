package dev.d3s.server.api;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import dev.d3s.server.example.ExampleModels;
import dev.d3s.server.hub.StubHub;
import io.quarkus.test.junit.QuarkusTestProfile;

/**
 * The whole server, engines included, with a hub beside it. The hub has {@code org/arithmetic}; {@code org/slow}, the same in a
 * file that comes only after {@code GET /signal}; {@code org/gated}; and {@code org/pickles}. Models may be registered from
 * {@code allowed} beside the home.
 */
public class HubServer implements QuarkusTestProfile {
    static final String SLOW_WEIGHTS = "model-00001-of-00001.safetensors";

    @Override
    public Map<String, String> getConfigOverrides() {
        try {
            Path directory = Files.createTempDirectory("d3s-hub");
            Path model = directory.resolve("allowed/arithmetic");
            ExampleModels.arithmetic(model, 7);
            Map<String, byte[]> files = new TreeMap<>();
            for (String name : new String[]{"config.json", "generation_config.json", "tokenizer.json",
                    "tokenizer_config.json", "model.safetensors"}) {
                files.put(name, Files.readAllBytes(model.resolve(name)));
            }
            CountDownLatch release = new CountDownLatch(1);
            StubHub stub = new StubHub().token("hf_test").pageSize(2).onSignal(release::countDown);
            stub.add("org/arithmetic", files);
            stub.addGated("org/gated", files);
            Map<String, byte[]> slow = new TreeMap<>(files);
            byte[] weights = Files.readAllBytes(model.resolve("model.safetensors"));
            slow.remove("model.safetensors");
            slow.put(SLOW_WEIGHTS, weights);
            slow.put("model.safetensors.index.json", index(weights).getBytes(StandardCharsets.UTF_8));
            stub.add("org/slow", slow);
            stub.fail(SLOW_WEIGHTS, stub.heldAfter(1000, new CountDownLatch(1), release));
            stub.add("org/pickles",
                    Map.of("config.json", new byte[1], "tokenizer.json", new byte[1], "pytorch_model.bin",
                            new byte[1]));
            return Map.of("d3s.home", directory.resolve("home").toString(), "d3s.models.allowed",
                    directory.resolve("allowed").toString(), "d3s.hub.endpoint", stub.endpoint().toString(),
                    "d3s.events.heartbeat", "PT0.05S", "quarkus.http.test-port", "0");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** All tensors of a file in that file, read from its header without a parser. */
    private static String index(byte[] weights) {
        int length = (int) ByteBuffer.wrap(weights).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
        StringBuilder map = new StringBuilder();
        Matcher names = Pattern.compile("\"([^\"]+)\":\\{\"dtype\"")
            .matcher(new String(weights, 8, length, StandardCharsets.UTF_8));
        while (names.find()) {
            map.append(map.isEmpty() ? "" : ",")
                .append('"')
                .append(names.group(1))
                .append("\":\"")
                .append(SLOW_WEIGHTS)
                .append('"');
        }
        return "{\"metadata\":{},\"weight_map\":{" + map + "}}";
    }
}
