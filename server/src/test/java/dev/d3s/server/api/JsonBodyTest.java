package dev.d3s.server.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.Test;

import dev.d3s.server.rollout.BusyException;

class JsonBodyTest {
    private static InputStream body(int bytes) {
        return new ByteArrayInputStream(" ".repeat(bytes).getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void shouldEndReadingAtTheLimit() throws Exception {
        JsonBody reader = new JsonBody(100_000, 1 << 30);
        assertThat(reader.read(body(100_000), new AtomicInteger())).hasSize(100_000);
        InputStream endless = new InputStream() {
            @Override
            public int read() {
                return ' ';
            }
        };
        assertThatThrownBy(() -> reader.read(endless, new AtomicInteger()))
            .isInstanceOf(RequestTooLargeException.class)
            .hasMessageContaining("d3s.requests.limit");
    }

    @Test
    void shouldHoldSoManyBodiesOnly() throws IOException {
        JsonBody reader = new JsonBody(100_000, 8 * 250_000);
        AtomicInteger first = new AtomicInteger();
        AtomicInteger second = new AtomicInteger();
        reader.read(body(100_000), first);
        reader.read(body(100_000), second);
        AtomicInteger third = new AtomicInteger();
        assertThatThrownBy(() -> reader.read(body(100_000), third)).isInstanceOfSatisfying(BusyException.class,
                e -> assertThat(e.retryAfterSeconds()).isPositive());
        assertThat(reader.held()).isEqualTo(8L * (first.get() + second.get() + third.get()))
            .isLessThanOrEqualTo(8 * 250_000);
    }

    @Test
    void shouldRefuseOtherCharacterSets() {
        JsonBody reader = new JsonBody(100, 1000);
        assertThatThrownBy(
                () -> reader.read(new ByteArrayInputStream(new byte[]{'"', (byte) 0xe4, '"'}), new AtomicInteger()))
            .hasMessageContaining("UTF-8");
    }
}
