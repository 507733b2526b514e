package dev.d3s.server;

import io.quarkus.test.junit.QuarkusIntegrationTest;

/** The journey through what was packaged: {@code ./mvnw -Dnative verify} runs it against the executable. */
@QuarkusIntegrationTest
class JourneyNativeIT extends JourneyTest {}
