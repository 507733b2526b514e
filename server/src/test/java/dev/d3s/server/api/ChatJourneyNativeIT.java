package dev.d3s.server.api;

import io.quarkus.test.junit.QuarkusIntegrationTest;

/** Chat with what was packaged: {@code ./mvnw -Dnative verify} runs it against the executable. */
@QuarkusIntegrationTest
class ChatJourneyNativeIT extends ChatJourneyTest {}
