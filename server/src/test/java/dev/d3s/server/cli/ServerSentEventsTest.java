package dev.d3s.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

import org.junit.jupiter.api.Test;

class ServerSentEventsTest {
    @Test
    void shouldReadFieldsUntilAnEmptyLine() throws IOException {
        try (ServerSentEvents events = events("\uFEFF" + """
                : a comment
                id: e-1
                event: message
                data: {"a":1}

                data:first
                data:  second
                retry: 10

                """)) {
            assertThat(events.next()).isEqualTo(new ServerSentEvents.Event("e-1", "{\"a\":1}"));
            assertThat(events.next()).isEqualTo(new ServerSentEvents.Event(null, "first\n second"));
            assertThat(events.next()).isNull();
        }
    }

    @Test
    void shouldReadEveryKindOfLineEnd() throws IOException {
        try (ServerSentEvents events = events("data: a\r\n\r\ndata: b\r\rdata: c\n\n")) {
            assertThat(events.next()).extracting("data").isEqualTo("a");
            assertThat(events.next()).extracting("data").isEqualTo("b");
            assertThat(events.next()).extracting("data").isEqualTo("c");
            assertThat(events.next()).isNull();
        }
    }

    @Test
    void shouldDropWhatIsNotFinishedAndPassOverKeepAlives() throws IOException {
        try (ServerSentEvents events = events("\n\n:\n\nid: 7\n\ndata: é\n\ndata: cut off")) {
            assertThat(events.next()).isEqualTo(new ServerSentEvents.Event(null, "é"));
            assertThat(events.next()).isNull();
        }
    }

    private static ServerSentEvents events(String text) {
        return new ServerSentEvents(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)));
    }
}
