package dev.d3s.server.api;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;

import jakarta.ws.rs.core.Response;

import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.api.Wire.ErrorObject;
import dev.d3s.server.rollout.CompletionListener;
import dev.d3s.server.rollout.CompletionRequest;
import dev.d3s.server.rollout.CompletionResult;
import dev.d3s.server.rollout.Completions;
import dev.d3s.server.rollout.FinishReason;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * An answer in server-sent events, as it is generated, and {@code [DONE]} at its end. What goes wrong before the first event
 * is answered with a status; later, with an event that has the error. On the request's thread.
 */
abstract class StreamedAnswer {
    private static final Logger LOG = Logger.getLogger(StreamedAnswer.class);

    private final CompletionRequest request;
    private final AtomicBoolean gone;
    private @Nullable EventStream stream;
    private @Nullable RequestJson json;

    StreamedAnswer(CompletionRequest request, AtomicBoolean gone) {
        this.request = request;
        this.gone = gone;
    }

    /** A prompt is in its slot. */
    abstract void prompt(int prompt, CompletionResult.Prompt accepted) throws IOException;

    /** Something new of a choice. */
    abstract void piece(int choice, CompletionResult.Piece piece) throws IOException;

    /** A choice is complete. */
    abstract void end(int choice, FinishReason reason) throws IOException;

    /** Everything is. */
    abstract void end(CompletionResult result) throws IOException;

    final Response response(RequestJson requestJson, Completions completions) {
        json = requestJson;
        return EventStream.response(events -> {
            stream = events;
            write(events, requestJson, completions);
        });
    }

    final void write(Object chunk) throws IOException {
        EventStream events = stream;
        RequestJson words = json;
        if (events != null && words != null) {
            events.event(null, words.write(chunk));
        }
    }

    private void write(EventStream events, RequestJson words, Completions completions) throws IOException {
        try {
            end(completions.complete(request, new Listener()));
        } catch (CancellationException | UncheckedIOException e) {
            LOG.debug("A client went away.", e);
            return;
        } catch (RuntimeException e) {
            if (!events.begun()) {
                throw e; // it can still be answered with a status
            }
            D3sException failure = e instanceof D3sException known
                    ? known
                    : new D3sException(ErrorCategory.INTERNAL, "internal_error",
                            "The server failed (" + e.getClass().getSimpleName() + "); its log has the details.", e);
            if (failure.category() == ErrorCategory.INTERNAL) {
                LOG.error("A streamed completion failed.", e);
            } else {
                LOG.infof("A streamed completion ended early: %s", failure.text());
            }
            events.event(null, words.write(ErrorObject.of(failure)));
        }
        events.event(null, "[DONE]");
    }

    /** Writes as it hears. */
    private final class Listener implements CompletionListener {
        @Override
        public void accepted(int prompt, CompletionResult.Prompt accepted) {
            write(() -> prompt(prompt, accepted));
        }

        @Override
        public void text(int choice, CompletionResult.Piece piece) {
            write(() -> piece(choice, piece));
        }

        @Override
        public void finished(int choice, FinishReason reason) {
            write(() -> end(choice, reason));
        }

        @Override
        public boolean cancelled() {
            return gone.get();
        }

        private static void write(Writing writing) {
            try {
                writing.run();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /** Something that writes. */
    @FunctionalInterface
    private interface Writing {
        void run() throws IOException;
    }
}
