package dev.d3s.server.rollout;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;

/** The policies that jobs are training at this moment, by the names under which clients ask for them. Thread-safe. */
public final class LivePolicies {
    private static final int MOST_SUCCESSORS = 1000;

    private final ServingLimits limits;
    private final List<Policy> policies = new CopyOnWriteArrayList<>();

    /** By the names of the last policies that are not in training any more; guarded by itself. */
    private final Map<String, Successor> successors = new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Successor> eldest) {
            return size() > MOST_SUCCESSORS;
        }
    };

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

        private final Supplier<@Nullable Path> checkpoint;

        private Entry(@Nullable Policy policy, Supplier<@Nullable Path> checkpoint) {
            this.policy = policy;
            this.checkpoint = checkpoint;
        }

        /** Sends clients who come from now on to the newest checkpoint. Those who are there stay. */
        public void leave() {
            if (policy != null && policies.contains(policy)) {
                Path newest = checkpoint.get();
                if (newest != null) {
                    synchronized (successors) {
                        policy.names()
                            .forEach(name -> successors.put(name, new Successor(policy.names().getLast(), newest)));
                    }
                }
                policies.remove(policy);
            }
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
                try {
                    leave();
                } finally {
                    policies.remove(policy);
                    policy.engine().close();
                }
            }
        }
    }

    /**
     * What answers for a policy that is not in training any more.
     *
     * @param job that trained it: its last name
     * @param checkpoint the directory of the newest one
     */
    public record Successor(String job, Path checkpoint) {}

    /**
     * Serves a policy from its job's engine until the entry is closed.
     *
     * @param names none to keep it to itself
     * @param version of the present weights
     * @param checkpoint the newest there is when the entry is closed
     */
    public Entry open(List<String> names, Path directory, RolloutEngine engine, LongSupplier version,
            Supplier<@Nullable Path> checkpoint) {
        if (names.isEmpty() || limits.share() == 0) {
            return new Entry(null, checkpoint);
        }
        Policy policy = new Policy(names, directory, engine.serve(limits, version), System.currentTimeMillis());
        synchronized (successors) {
            names.forEach(successors::remove);
        }
        policies.add(policy);
        return new Entry(policy, checkpoint);
    }

    /** Those in training. */
    public List<Policy> all() {
        return new ArrayList<>(policies);
    }

    /** Where a policy's clients go when it is not in training any more: the directory of its job's newest checkpoint. */
    public Optional<Successor> successor(String name) {
        synchronized (successors) {
            return Optional.ofNullable(successors.get(name)).filter(known -> Files.isDirectory(known.checkpoint));
        }
    }

    public Optional<Policy> find(String name) {
        return policies.stream().filter(policy -> policy.names().contains(name)).findFirst();
    }
}
