package dev.d3s.server.plugin;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.ConfigProblem;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.GraderServices;
import dev.d3s.spi.InvalidConfigException;
import dev.d3s.spi.ModelCompletion;
import dev.d3s.spi.ModelRequest;
import dev.d3s.spi.RewardFunction;

/**
 * What one grader gets of the server: other graders, which get the same one level deeper, the server's models, and the
 * addresses of the operator's network that it may call. Made for each grader of a job; thread-safe.
 */
final class NestedGraders implements GraderServices {
    private static final Logger LOG = System.getLogger(NestedGraders.class.getName());

    /** Graders inside each other, the job's own included. */
    static final int MAXIMUM_DEPTH = 8;
    /** Graders of one job, its own included. */
    static final int MAXIMUM_GRADERS = 64;

    /** Makes a checked grader that gets these services. */
    @FunctionalInterface
    interface Maker {
        RewardFunction make(String type, Map<String, ?> options, NestedGraders services);
    }

    /**
     * What all graders of a job have in common.
     *
     * @param count graders so far, the job's own included
     * @param made those inside, to be closed when the outermost one cannot be made
     * @param organization whose models they see
     * @param allowed addresses, {@code host:port} in lower case
     */
    private record Job(Maker maker, GraderModels models, String organization, Set<String> allowed,
            AtomicInteger count, Queue<RewardFunction> made) {}

    private final Job job;
    private final int depth;

    private NestedGraders(Job job, int depth) {
        this.job = job;
        this.depth = depth;
    }

    /** For a job's own grader. */
    static NestedGraders of(Maker maker, GraderModels models, String organization, Set<String> allowed) {
        return new NestedGraders(new Job(maker, models, organization, allowed, new AtomicInteger(1),
                new ConcurrentLinkedQueue<>()), 1);
    }

    @Override
    public RewardFunction grader(String path, Map<String, ?> members) {
        if (depth >= MAXIMUM_DEPTH) {
            throw mistake(path, "", "Graders are nested more than " + MAXIMUM_DEPTH + " deep; combine them in one.");
        }
        if (job.count().incrementAndGet() > MAXIMUM_GRADERS) {
            throw mistake(path, "",
                    "A job has at most " + MAXIMUM_GRADERS + " graders, nested ones included; leave some out.");
        }
        if (!(members.get("type") instanceof String type) || type.isBlank()) {
            throw mistake(path, "type", "A grader is an object with a 'type', the name of a grader, and its options.");
        }
        Map<String, Object> options = new LinkedHashMap<>();
        members.forEach((name, value) -> {
            if (value != null && !name.equals("type")) {
                options.put(name, value);
            }
        });
        try {
            RewardFunction grader = job.maker().make(type, options, new NestedGraders(job, depth + 1));
            job.made().add(grader);
            return grader;
        } catch (InvalidConfigException e) {
            throw new InvalidConfigException(e.problems()
                .stream()
                .map(problem -> problem(path, problem.key(), problem.message()))
                .toList());
        } catch (D3sException e) {
            if (e.category() == ErrorCategory.USER) {
                throw mistake(path, "type", e.text());
            }
            throw e;
        }
    }

    private static InvalidConfigException mistake(String path, String key, String message) {
        return new InvalidConfigException(List.of(problem(path, key, message)));
    }

    /** Says where: a problem of a grader inside says it already, and gets the rest of its path. */
    private static ConfigProblem problem(String path, String key, String message) {
        String inside = "In '";
        return new ConfigProblem(key.isEmpty() ? path : path + "." + key,
                message.startsWith(inside)
                        ? inside + path + "." + message.substring(inside.length())
                        : inside + path + "': " + message);
    }

    /** Closes what was made for a grader that could not be made itself. */
    void closeAll() {
        for (RewardFunction grader = job.made().poll(); grader != null; grader = job.made().poll()) {
            try {
                grader.close();
            } catch (D3sException e) {
                LOG.log(Level.WARNING, "A grader failed to close.", e);
            }
        }
    }

    @Override
    public @Nullable String modelProblem(String model) {
        return job.models().problem(job.organization(), model);
    }

    @Override
    public ModelCompletion complete(ModelRequest request) throws InterruptedException {
        return job.models().complete(job.organization(), request);
    }

    @Override
    public boolean mayReachInternal(String host, int port) {
        return job.allowed().contains((host + ":" + port).toLowerCase(Locale.ROOT));
    }
}
