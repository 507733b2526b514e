package dev.d3s.server.api;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CancellationException;
import java.util.concurrent.locks.ReentrantLock;

import jakarta.inject.Inject;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;

import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.ExampleObject;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.RequestBody;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.api.CompletionEndpoint.Finished;
import dev.d3s.server.api.CompletionEndpoint.Piece;
import dev.d3s.server.api.CompletionEndpoint.PromptCompletions;
import dev.d3s.server.api.CompletionObject.Choice;
import dev.d3s.server.api.CompletionObject.Logprobs;
import dev.d3s.server.api.CompletionObject.Usage;
import dev.d3s.server.api.Wire.ErrorObject;
import dev.d3s.server.job.ModelCatalog;
import dev.d3s.spi.D3sException;
import io.smallrye.common.annotation.RunOnVirtualThread;

/** Sampling from any model. */
@Path("/v1/completions")
@Tag(name = "Completions")
@RunOnVirtualThread
class CompletionsResource {
    private static final Logger LOG = Logger.getLogger(CompletionsResource.class);

    private final CompletionEndpoint endpoint;
    private final ModelCatalog models;
    private final RequestJson json;

    @Inject
    CompletionsResource(CompletionEndpoint endpoint, ModelCatalog models, RequestJson json) {
        this.endpoint = endpoint;
        this.models = models;
        this.json = json;
    }

    @POST
    @Consumes(MediaType.APPLICATION_JSON)
    @Produces({MediaType.APPLICATION_JSON, MediaType.SERVER_SENT_EVENTS})
    @Operation(summary = "Complete a prompt with any model", description = "prompt: text, list of texts, token ids or list of "
            + "those; n, max_tokens, temperature (0 is greedy), top_p, top_k, min_p, seed, stop, logprobs, echo, stream, "
            + "return_token_ids.")
    @RequestBody(content = @Content(schema = @Schema(implementation = Object.class), examples = @ExampleObject(name = "greedy", value = "{\"model\": \"arithmetic-base\", \"prompt\": \"12+34=\", \"max_tokens\": 32, \"temperature\": 0}")))
    @APIResponse(responseCode = "200", content = @Content(schema = @Schema(implementation = CompletionObject.class)))
    public Response complete(String body) {
        CompletionRequest request = CompletionRequest.read(json.read(body), models);
        String id = "cmpl-" + UUID.randomUUID().toString().replace("-", "");
        if (request.stream()) {
            return new Streamed(request, id).response();
        }
        List<PromptCompletions> results = endpoint.complete(request.call(), (prompt, completion, piece) -> true);
        List<Choice> choices = new ArrayList<>();
        for (PromptCompletions result : results) {
            for (Finished finished : result.completions()) {
                choices.add(choice(request, choices.size(), result, finished));
            }
        }
        return Response.ok(object(request, id, choices, usage(results)), MediaType.APPLICATION_JSON_TYPE).build();
    }

    private static Choice choice(CompletionRequest request, int index, PromptCompletions result, Finished finished) {
        Piece whole = finished.whole();
        return new Choice(request.echo() ? result.promptText() + whole.text() : whole.text(), index,
                request.logprobs() ? Logprobs.of(whole, 0) : null, CompletionObject.word(finished.finish()),
                request.returnTokenIds() ? CompletionObject.ids(whole.tokens()) : null,
                request.returnTokenIds() ? CompletionObject.ids(result.promptTokens()) : null);
    }

    private static CompletionObject object(CompletionRequest request, String id, List<Choice> choices,
            @Nullable Usage usage) {
        return new CompletionObject(id, "text_completion", System.currentTimeMillis() / 1000, request.call().model(),
                choices, usage);
    }

    private static Usage usage(List<PromptCompletions> results) {
        int prompt = 0;
        int completion = 0;
        for (PromptCompletions result : results) {
            prompt += result.promptTokens().length;
            for (Finished finished : result.completions()) {
                completion += finished.whole().tokens().length;
            }
        }
        return new Usage(prompt, completion, prompt + completion);
    }

    /** One streamed answer: a chunk per piece, a last chunk per completion, usage when asked for, then {@code [DONE]}. */
    private final class Streamed {
        private final CompletionRequest request;
        private final String id;
        private final int[] offsets;
        private final ReentrantLock lock = new ReentrantLock();

        Streamed(CompletionRequest request, String id) {
            this.request = request;
            this.id = id;
            this.offsets = new int[request.call().prompts().size() * request.call().completions()];
        }

        Response response() {
            return EventStream.response(this::write);
        }

        private void write(EventStream stream) throws IOException {
            try {
                List<PromptCompletions> results = endpoint.complete(request.call(), new CompletionEndpoint.Listener() {
                    @Override
                    public void accepted(int prompt, int[] tokens, String text) {
                        if (request.echo()) {
                            for (int completion = 0; completion < request.call().completions(); completion++) {
                                piece(stream, prompt, completion, new Piece(text, new int[0], List.of(), new float[0]));
                            }
                        }
                    }

                    @Override
                    public boolean generated(int prompt, int completion, Piece piece) {
                        return piece(stream, prompt, completion, piece);
                    }
                });
                int index = 0;
                for (PromptCompletions result : results) {
                    for (Finished finished : result.completions()) {
                        chunk(stream, new Choice("", index++, null, CompletionObject.word(finished.finish()), null,
                                request.returnTokenIds() ? CompletionObject.ids(result.promptTokens()) : null));
                    }
                }
                if (request.streamUsage()) {
                    stream.event(null, json.write(object(request, id, List.of(), usage(results))));
                }
            } catch (CancellationException e) {
                return; // the client went away
            } catch (D3sException e) {
                if (!stream.begun()) {
                    throw e; // it can still be answered with a status
                }
                LOG.debug("A streamed completion failed.", e);
                stream.event(null, json.write(ErrorObject.of(e)));
            }
            stream.event(null, "[DONE]");
        }

        /** Called on engine threads: one at a time from here on. */
        private boolean piece(EventStream stream, int prompt, int completion, Piece piece) {
            int index = prompt * request.call().completions() + completion;
            lock.lock();
            try {
                chunk(stream,
                        new Choice(piece.text(), index,
                                request.logprobs() ? Logprobs.of(piece, offsets[index]) : null, null,
                                request.returnTokenIds() ? CompletionObject.ids(piece.tokens()) : null, null));
                offsets[index] += piece.text().length();
                return true;
            } catch (IOException | UncheckedIOException e) {
                return false;
            } finally {
                lock.unlock();
            }
        }

        private void chunk(EventStream stream, Choice choice) throws IOException {
            stream.event(null, json.write(object(request, id, List.of(choice), null)));
        }
    }
}
