package dev.d3s.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;

import org.junit.jupiter.api.Test;

import dev.d3s.natives.check.NativeCheck;

/** A native executable would know what the packaged server asks for, so far as {@code ./d3s native-check --jars} sees it. */
class NativeCheckIT {
    @Test
    void shouldHaveMetadataForEverythingThatIsLookedAt() throws IOException {
        assertThat(NativeCheck.findings(Path.of("target", "quarkus-app"))).isEmpty();
    }
}
