package dev.d3s.server.rollout;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

import org.jspecify.annotations.Nullable;

/** The policies that jobs are training at this moment, by the names under which clients ask for them. Thread-safe. */
public final class LivePolicies {
    private final ServingLimits limits;
    private final List<Policy> policies = new CopyOnWriteArrayList<>();

    /** @param limits of the clients of each policy */
    public LivePolicies(ServingLimits limits) {
        this.limits = limits;
    }

    /**
     * A policy in training.
     *
     * @param names the first is its model id
     * @param directory with its tokenizer and chat template
     * @param since milliseconds since 1970
     */
    public record Policy(List<String> names, Path directory, ServingEngine engine, long since) {
        public Policy {
            names = List.copyOf(names);
        }
    }

    /** A policy's entry; closing it takes it off the list and tells its clients. */
    public final class Entry implements AutoCloseable {
        private final @Nullable Policy policy;

        private Entry(@Nullable Policy policy) {
            this.policy = policy;
        }

        /** Says under which name clients find the policy, if they do. */
        public void announce(Consumer<String> log) {
            if (policy != null) {
                log.accept("While it is trained, the policy can be sampled as '" + policy.names().getFirst() + "'.");
            }
        }

        @Override
        public void close() {
            if (policy != null) {
                policies.remove(policy);
                policy.engine().close();
            }
        }
    }

    /**
     * Serves a policy from its job's engine until the entry is closed.
     *
     * @param names none to keep it to itself
     * @param version of the present weights
     */
    public Entry open(List<String> names, Path directory, RolloutEngine engine,
            LongSupplier version) {
        if (names.isEmpty() || limits.share() == 0) {
            return new Entry(null);
        }
        Policy policy = new Policy(names, directory, engine.serve(limits, version), System.currentTimeMillis());
        policies.add(policy);
        return new Entry(policy);
    }

    /** Those in training. */
    public List<Policy> all() {
        return new ArrayList<>(policies);
    }

    public Optional<Policy> find(String name) {
        return policies.stream().filter(policy -> policy.names().contains(name)).findFirst();
    }
}
