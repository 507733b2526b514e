package dev.d3s.server.grader;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReference;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.d3s.server.access.Caller;
import dev.d3s.server.plugin.PluginRegistry;
import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.request.Mistake;
import dev.d3s.server.request.Section;
import dev.d3s.server.request.Section.Range;
import dev.d3s.server.spec.PluginReader;
import dev.d3s.server.training.PluginChoice;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.Grade;
import dev.d3s.spi.RewardFunction;
import dev.d3s.spi.RewardInput;

/**
 * Tries graders before a job uses them. Whatever a grader does costs its request and nothing else: it runs on a thread of its
 * own with a time limit, and those that never end are counted. Thread-safe; blocks its caller.
 */
@Singleton
public class GraderService {
    /** Tries at once, those that never ended included. */
    private static final int AT_ONCE = 32;

    private final PluginRegistry plugins;
    private final Semaphore places = new Semaphore(AT_ONCE);

    @Inject
    GraderService(PluginRegistry plugins) {
        this.plugins = plugins;
    }

    /**
     * The grader of a request with every default filled in.
     *
     * @param body {@code {"grader": {...}}}
     * @throws InvalidRequestException with every mistake, as for a job
     */
    public JsonNode validate(Caller caller, JsonNode body) {
        Section request = root(body, "'grader'");
        PluginReader.of(plugins, caller.organization()).grader(request);
        request.finish();
        refuse(request);
        return request.expanded().path("grader");
    }

    /**
     * Grades one text.
     *
     * @param body {@code {"grader": {...}, "item": {...}, "model_sample": "..."}}
     * @throws InvalidRequestException with every mistake
     * @throws D3sException when too many are being tried
     */
    public GraderRun run(Caller caller, JsonNode body) {
        Section request = root(body, "'grader' and 'model_sample'");
        PluginChoice grader = PluginReader.of(plugins, caller.organization()).grader(request);
        JsonNode item = request.given("item");
        if (item != null && !item.isObject()) {
            request.mistake("item", "invalid_type",
                    "'item' must be an object: what {{item.<member>}} refers to, not " + Section.shown(item) + ".");
        }
        String sample = request.text("model_sample");
        if (sample == null && request.mistakes().stream().noneMatch(each -> "model_sample".equals(each.param()))) {
            request.mistake("model_sample", "missing_required_parameter",
                    "'model_sample' is required: the text to grade.");
        }
        double seconds = request.real("timeout_seconds", 30, Range.above(0, 300));
        request.finish();
        refuse(request);
        JsonNode label = request.expanded().path("grader").path("name");
        return run(caller.organization(), label.isTextual() ? label.textValue() : grader.name(), grader,
                input(item instanceof ObjectNode object ? object : null, sample == null ? "" : sample),
                Duration.ofNanos((long) (seconds * 1e9)));
    }

    private static Section root(JsonNode body, String members) {
        if (body instanceof ObjectNode given) {
            return Section.root(given);
        }
        throw new InvalidRequestException(List.of(
                new Mistake(null, "invalid_type", "The request must be a JSON object with " + members + ".")));
    }

    private static void refuse(Section request) {
        if (!request.mistakes().isEmpty()) {
            throw new InvalidRequestException(request.mistakes());
        }
    }

    private static RewardInput input(@Nullable ObjectNode item, String sample) {
        Map<String, Object> members = item == null ? Map.of() : PluginReader.values(item);
        return new RewardInput(members.get("prompt") instanceof String prompt ? prompt : "", sample, false, members);
    }

    private GraderRun run(String organization, String name, PluginChoice grader, RewardInput input, Duration limit) {
        if (!places.tryAcquire()) {
            throw new D3sException(ErrorCategory.RESOURCES, "graders_busy", "The server tries " + AT_ONCE
                    + " graders at once, and as many have not ended: try again later.");
        }
        AtomicReference<@Nullable Object> outcome = new AtomicReference<>();
        long started;
        Thread thread;
        try {
            RewardFunction function = plugins.rewardFunction(grader.name(), grader.config(), organization);
            // a grader that computes without end must not hold a carrier of virtual threads
            thread = Thread.ofPlatform().daemon().name("try-" + grader.name()).unstarted(() -> {
                try (function) {
                    outcome.set(function.grade(input));
                } catch (Throwable e) { // whatever a plugin throws is what was asked for
                    outcome.set(e);
                } finally {
                    places.release();
                }
            });
            started = System.nanoTime();
            thread.start();
        } catch (RuntimeException | Error e) {
            places.release();
            throw e;
        }
        boolean ended = ended(thread, limit);
        double seconds = (System.nanoTime() - started) / 1e9;
        Object result = outcome.get();
        if (result instanceof Grade grade) {
            return new GraderRun(name, grader.name(), grade.reward(), grade.parts(), null, null, seconds);
        }
        if (result instanceof Throwable failure && ended) {
            return failed(name, grader, kind(failure), words(failure), seconds);
        }
        return failed(name, grader, GraderRun.Failure.UNRESPONSIVE,
                "Grading took longer than its limit of " + limit.toMillis() / 1000.0 + " s.", seconds);
    }

    /** Waits for a thread as long as it may run, then interrupts it. */
    private static boolean ended(Thread thread, Duration limit) {
        try {
            if (thread.join(limit)) {
                return true;
            }
            thread.interrupt();
            return false;
        } catch (InterruptedException e) {
            thread.interrupt();
            Thread.currentThread().interrupt();
            throw new CancellationException("Interrupted while waiting for a grader");
        }
    }

    private static GraderRun failed(String name, PluginChoice grader, GraderRun.Failure kind, String message,
            double seconds) {
        return new GraderRun(name, grader.name(), 0, Map.of(), kind, message, seconds);
    }

    private static String words(Throwable failure) {
        if (failure instanceof D3sException known) {
            return known.text();
        }
        String type = failure.getClass().getSimpleName();
        return failure.getMessage() == null ? type : type + ": " + failure.getMessage();
    }

    private static GraderRun.Failure kind(Throwable failure) {
        if (!(failure instanceof D3sException known)) {
            return GraderRun.Failure.OTHER;
        }
        return switch (known.code()) {
            case "template_variable" -> GraderRun.Failure.VARIABLE;
            case "formula_undefined" -> GraderRun.Failure.FORMULA;
            case "no_score", "score_outside_range" -> GraderRun.Failure.MODEL_ANSWER;
            default -> known.category() == ErrorCategory.EXTERNAL // codes are open
                    ? GraderRun.Failure.MODEL_SERVER
                    : GraderRun.Failure.OTHER;
        };
    }
}
