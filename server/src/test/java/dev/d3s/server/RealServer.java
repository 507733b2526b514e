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
    /**
     * A property, since tests have another class loader than their profile, and a process of its own has a configuration of its own;
     * not below d3s, where the server knows its keys.
     */
    private static final String HOME = "real.server.home";

    /** Where its base models lie, also when it is a process of its own. */
    public static Path models() {
        return ConfigProvider.getConfig()
            .getOptionalValue("d3s.home", Path.class)
            .orElseGet(() -> Path.of(System.getProperty(HOME)))
            .resolve("models");
    }

    @Override
    public Map<String, String> getConfigOverrides() {
        try {
            String home = Files.createTempDirectory("d3s-journey").toString();
            System.setProperty(HOME, home);
            return Map.of("d3s.home", home, "quarkus.http.test-port", "0");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
