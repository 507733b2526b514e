package dev.d3s.server.rollout.onnx;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.rollout.Completion;
import dev.d3s.server.rollout.FinishReason;
import dev.d3s.server.rollout.GenerationRequest;
import dev.d3s.server.rollout.RolloutIdentity;
import dev.d3s.server.rollout.SamplingSettings;
import dev.d3s.server.rollout.ServingListener;
import dev.d3s.server.rollout.ServingRequest;
import dev.d3s.server.rollout.TopTokens;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** One client's request while it waits for slots and holds some. Its sequences belong to one worker at a time. */
final class ServedRequest {
    private static final Logger LOG = Logger.getLogger(ServedRequest.class);

    private final ModelConfig config;
    private final ServingRequest request;
    private final ServingListener listener;
    private final AtomicInteger open;
    private final AtomicBoolean over = new AtomicBoolean();
    private final AtomicBoolean[] scored;
    private volatile long version = Long.MIN_VALUE;

    /** Not begun, in order; guarded by the queue. */
    private final Deque<Sequence> waiting = new ArrayDeque<>();

    /** One completion: what a slot works on. */
    final class Sequence {
        private final int prompt;
        private final int member;
        private final CompletionBuilder builder;
        private final long bytes;

        private Sequence(int prompt, int member, int limit, long bytes) {
            this.prompt = prompt;
            this.member = member;
            this.bytes = bytes;
            builder = new CompletionBuilder(request.prompts().get(prompt).identities()[member], Math.max(1, limit));
        }

        ServedRequest request() {
            return ServedRequest.this;
        }

        /** Index of its prompt. */
        int prompt() {
            return prompt;
        }

        /** Bytes of keys and values that it may come to need. */
        long bytes() {
            return bytes;
        }

        /** Tokens whose keys and values it needs before its next token: its prompt and what it has generated. */
        int[] ids() {
            int[] before = request.prompts().get(prompt).prompt();
            int[] ids = Arrays.copyOf(before, before.length + builder.length());
            builder.copyTokens(ids, before.length);
            return ids;
        }

        /** How many tokens {@link #ids} has. */
        int length() {
            return position() + 1;
        }

        boolean begun() {
            return builder.length() > 0;
        }

        /** Where its last token stands. */
        int position() {
            return request.prompts().get(prompt).prompt().length + builder.length() - 1;
        }

        /** Whether both need the same keys and values before their next token. */
        private boolean sharesTokens(Sequence other) {
            return prompt == other.prompt && !begun() && !other.begun();
        }

        float uniform() {
            return RolloutIdentity.uniform(request.sampling().seed(), builder.identity(), builder.length());
        }

        /** Takes a token in; @return whether the completion goes on */
        boolean accept(int token, float logprob, float entropy, @Nullable TopTokens top) {
            if (isOver()) {
                return false;
            }
            if (!Float.isFinite(logprob) || !Float.isFinite(entropy)) {
                end(new D3sException(ErrorCategory.USER, "rollout_not_finite",
                        "The model gives a log-probability that is not a number: its weights have diverged."));
                return false;
            }
            builder.add(token, logprob, entropy);
            boolean wanted;
            try {
                wanted = listener.token(prompt, member, token, logprob, top);
            } catch (RuntimeException e) {
                end(e);
                return false;
            }
            if (config.endsSequence(token)) {
                finish(FinishReason.STOP);
            } else if (!wanted) {
                finish(FinishReason.CANCELLED);
            } else if (builder.atLimit()) {
                finish(FinishReason.LENGTH);
            } else {
                return true;
            }
            return false;
        }

        /** Without any token: only the prompt was to be scored. */
        void finishEmpty() {
            finish(FinishReason.LENGTH);
        }

        private void finish(FinishReason reason) {
            Completion whole = builder.completion(reason);
            try {
                listener.finished(prompt, member, whole);
            } catch (RuntimeException e) {
                end(e);
                return;
            }
            if (open.decrementAndGet() == 0) {
                end(null);
            }
        }
    }

    /**
     * @param context T: prompt and completion together
     * @param memory bytes of keys and values that there are for all requests together
     */
    ServedRequest(ModelConfig config, int context, long memory, ServingRequest request, ServingListener listener) {
        this.config = config;
        this.request = request;
        this.listener = listener;
        open = new AtomicInteger(request.completions());
        scored = new AtomicBoolean[request.prompts().size()];
        Arrays.setAll(scored, index -> new AtomicBoolean());
        long positionBytes = KeyValueBuffers.positionBytes(config);
        for (int prompt = 0; prompt < request.prompts().size(); prompt++) {
            GenerationRequest each = request.prompts().get(prompt);
            Generation.checkPrompt(config, context, each.prompt());
            int room = Math.min(request.sampling().maxTokens(), context - each.prompt().length);
            long bytes = (each.prompt().length + (long) room) * positionBytes;
            if (bytes > memory) {
                throw new D3sException(ErrorCategory.USER, "context_length_exceeded",
                        "A prompt of " + each.prompt().length + " tokens with a completion of " + room + " needs "
                                + (bytes >> 20) + " MiB of keys and values, but the server has "
                                + (memory >> 20) + " MiB for them: ask for fewer tokens, or raise d3s.serving.memory.");
            }
            for (int member = 0; member < each.groupSize(); member++) {
                waiting.add(new Sequence(prompt, member, room, bytes));
            }
        }
    }

    SamplingSettings sampling() {
        return request.sampling();
    }

    boolean patient() {
        return request.patient();
    }

    int likeliest() {
        return request.likeliest();
    }

    /** Whether this prompt's tokens are still to be scored; true once for each prompt. */
    boolean toScore(int prompt) {
        return request.scorePrompts() && scored[prompt].compareAndSet(false, true);
    }

    /** Scoring was interrupted and begins anew. */
    void notScored(int prompt) {
        scored[prompt].set(false);
    }

    void scored(int prompt, float[] logprobs, @Nullable TopTokens[] top) {
        try {
            listener.scored(prompt, logprobs, top);
        } catch (RuntimeException e) {
            end(e);
        }
    }

    Deque<Sequence> waiting() {
        return waiting;
    }

    /** The sequences at the front that share the first one's tokens; at most so many, of at most so many bytes. */
    List<Sequence> takeGroup(int most, long bytes) {
        List<Sequence> group = new ArrayList<>();
        long left = bytes;
        while (group.size() < most) {
            Sequence next = waiting.peek();
            if (next == null || next.bytes > left || !(group.isEmpty() || next.sharesTokens(group.getFirst()))) {
                break;
            }
            group.add(waiting.remove());
            left -= next.bytes;
        }
        return group;
    }

    void weights(long present) {
        if (version != present) {
            version = present;
            try {
                listener.version(present);
            } catch (RuntimeException e) {
                end(e);
            }
        }
    }

    boolean isOver() {
        return over.get();
    }

    /** Asks the client whether it still wants its completions; @return whether the request is over */
    boolean checkCancelled() {
        if (!isOver() && listener.cancelled()) {
            end(new CancellationException("The client wants no more."));
        }
        return isOver();
    }

    void end(@Nullable Throwable failure) {
        if (over.compareAndSet(false, true)) {
            try {
                listener.ended(failure);
            } catch (RuntimeException e) {
                LOG.warn("A listener failed at the end of its request.", e);
            }
        }
    }
}
