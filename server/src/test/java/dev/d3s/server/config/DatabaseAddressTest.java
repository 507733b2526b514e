package dev.d3s.server.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Properties;

import org.junit.jupiter.api.Test;

class DatabaseAddressTest {
    @Test
    void shouldBeTheSameWithAndWithoutApplicationProperties() throws IOException {
        Properties properties = new Properties();
        try (InputStream in = DatabaseAddress.class.getResourceAsStream("/application.properties")) {
            assertThat(in).isNotNull();
            properties.load(in);
        }

        assertThat(DatabaseAddress.sqlite(Path.of("/srv/d3s")))
            .isEqualTo(properties.getProperty("quarkus.datasource.sqlite.jdbc.url")
                .replace("${d3s.home:${user.home}/.d3s}", "/srv/d3s"));
    }
}
