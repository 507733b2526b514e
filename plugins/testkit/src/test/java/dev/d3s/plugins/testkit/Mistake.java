package dev.d3s.plugins.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.util.Map;
import java.util.TreeMap;

import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.testkit.engine.EngineTestKit;
import org.junit.platform.testkit.engine.Event;

/**
 * A plugin that breaks its contract.
 *
 * @param name what it does wrong
 * @param contract the author's test of it
 * @param arrange lets that test use this plugin
 * @param failures the checks that fail, each with words of its message that say what to do
 */
record Mistake(String name, Class<?> contract, Runnable arrange, Map<String, String> failures) {
    /** Runs the author's test: exactly the expected checks fail, and each says what to do. */
    void shouldBeFound() {
        arrange.run();
        Map<String, String> found = failures(contract);
        assertThat(found).as(name).containsOnlyKeys(failures.keySet());
        failures.forEach((check, words) -> assertThat(found).hasEntrySatisfying(check,
                message -> assertThat(message).contains(words)));
    }

    /** The checks of a contract that fail, with their messages. */
    static Map<String, String> failures(Class<?> contract) {
        Map<String, String> failures = new TreeMap<>();
        var tests = EngineTestKit.engine("junit-jupiter").selectors(selectClass(contract)).execute().testEvents();
        assertThat(tests.started().count()).as("checks of " + contract).isPositive();
        for (Event event : tests.failed().list()) {
            String check = event.getTestDescriptor().getUniqueId().getLastSegment().getValue().replace("()", "");
            failures.put(check, event.getRequiredPayload(TestExecutionResult.class)
                .getThrowable()
                .map(Throwable::toString)
                .orElse(""));
        }
        return failures;
    }

    @Override
    public String toString() {
        return name;
    }
}
