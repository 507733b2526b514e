package dev.d3s.server.api;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

import dev.d3s.server.eval.ScriptedEvaluation;
import dev.d3s.server.job.ScriptedTraining;
import dev.d3s.server.spec.TestCatalogs;
import io.quarkus.test.junit.QuarkusTestProfile;

/**
 * The real server on a home of its own, with base models {@code base} and {@code no-tokenizer}; training and sampling are
 * scripted, so that HTTP is tested without engines.
 */
public class ScriptedServer implements QuarkusTestProfile {
    @Override
    public Map<String, String> getConfigOverrides() {
        try {
            Path home = Files.createTempDirectory("d3s-http");
            for (String name : new String[]{"base", "no-tokenizer"}) {
                Path directory = Files.createDirectories(home.resolve("models").resolve(name));
                Files.writeString(directory.resolve("config.json"), "{\"max_position_embeddings\": 1024}");
            }
            Files.writeString(home.resolve("models/base/tokenizer.json"), "{}");
            Map<String, String> overrides = new HashMap<>(
                    Map.of("d3s.home", home.toString(), "d3s.files.limit", "1M", "d3s.events.heartbeat", "PT0.05S",
                            "quarkus.http.test-port", "0", "quarkus.log.file.enabled", "true", "quarkus.log.file.path",
                            home.resolve("server.log").toString(), "quarkus.log.file.json.enabled", "true",
                            "quarkus.http.access-log.enabled", "true"));
            overrides.putAll(Map.of("d3s.requests.limit", "256K", "d3s.requests.patience", "PT2S", "d3s.events.streams",
                    "20"));
            return overrides;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public Set<Class<?>> getEnabledAlternatives() {
        return Set.of(ScriptedTraining.class, ScriptedEvaluation.class, TestCatalogs.class, ScriptedCompletions.class);
    }
}
