package dev.d3s.server;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

import org.eclipse.microprofile.config.ConfigProvider;

import io.quarkus.test.junit.QuarkusTestProfile;

/** The whole server, engines and plugins included, on a home of its own. */
public class RealServer implements QuarkusTestProfile {
    /** Where its base models lie, also when it is a process of its own. */
    public static Path models() {
        return ConfigProvider.getConfig().getValue("d3s.home", Path.class).resolve("models");
    }

    @Override
    public Map<String, String> getConfigOverrides() {
        try {
            return Map.of("d3s.home", Files.createTempDirectory("d3s-journey").toString(), "quarkus.http.test-port",
                    "0");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
