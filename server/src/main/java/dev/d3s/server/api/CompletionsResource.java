package dev.d3s.server.api;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;

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
import org.jspecify.annotations.Nullable;

import dev.d3s.server.access.Scope;
import dev.d3s.server.api.CompletionObject.Choice;
import dev.d3s.server.api.CompletionObject.Logprobs;
import dev.d3s.server.api.CompletionObject.Usage;
import dev.d3s.server.rollout.CompletionListener;
import dev.d3s.server.rollout.CompletionResult;
import dev.d3s.server.rollout.CompletionResult.Piece;
import dev.d3s.server.rollout.Completions;
import dev.d3s.server.rollout.FinishReason;
import io.smallrye.common.annotation.RunOnVirtualThread;

/** Sampling from any model. */
@Path("/v1/completions")
@Tag(name = "Completions")
@RunOnVirtualThread
class CompletionsResource {
    private final Completions completions;
    private final ServedModels models;
    private final RequestJson json;
    private final Callers callers;

    @Inject
    CompletionsResource(Completions completions, ServedModels models, RequestJson json, Callers callers) {
        this.completions = completions;
        this.models = models;
        this.json = json;
        this.callers = callers;
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
        CompletionBody request = CompletionBody.read(json.read(body), callers.with(Scope.COMPLETIONS), models);
        AtomicBoolean gone = ClientGone.watch();
        String id = "cmpl-" + UUID.randomUUID().toString().replace("-", "");
        if (request.stream()) {
            return new Streamed(request, id, gone).response(json, completions);
        }
        CompletionResult result = completions.complete(request.request(), new CompletionListener() {
            @Override
            public boolean cancelled() {
                return gone.get();
            }
        });
        List<Choice> choices = new ArrayList<>();
        for (CompletionResult.Choice choice : result.choices()) {
            choices.add(choice(request, choices.size(), result.prompts().get(choice.prompt()), choice));
        }
        return Response
            .ok(object(request, id, result.weights(), choices, Usage.of(result.usage())),
                    MediaType.APPLICATION_JSON_TYPE)
            .build();
    }

    private static Choice choice(CompletionBody body, int index, CompletionResult.Prompt prompt,
            CompletionResult.Choice choice) {
        Piece whole = choice.whole();
        Piece scored = prompt.scored();
        Logprobs logprobs = !body.logprobs()
                ? null
                : scored == null ? Logprobs.of(0, whole) : Logprobs.of(0, scored, whole);
        return new Choice(body.echo() ? prompt.text() + whole.text() : whole.text(), index, logprobs,
                CompletionObject.word(choice.finishReason()),
                body.returnTokenIds() ? CompletionObject.ids(whole.tokens()) : null,
                body.returnTokenIds() ? CompletionObject.ids(prompt.tokens()) : null);
    }

    private static CompletionObject object(CompletionBody body, String id, @Nullable String weights,
            List<Choice> choices, @Nullable Usage usage) {
        return new CompletionObject(id, "text_completion", System.currentTimeMillis() / 1000, body.model(), weights,
                choices, usage);
    }

    /** One streamed answer: a chunk per piece, a last chunk per completion, usage when asked for, then {@code [DONE]}. */
    private static final class Streamed extends StreamedAnswer {
        private final CompletionBody body;
        private final String id;
        private final int[] offsets;
        private final CompletionResult.@Nullable Prompt[] prompts;

        Streamed(CompletionBody body, String id, AtomicBoolean gone) {
            super(body.request(), gone);
            this.body = body;
            this.id = id;
            offsets = new int[body.request().prompts().size() * body.request().n()];
            prompts = new CompletionResult.@Nullable Prompt[body.request().prompts().size()];
        }

        @Override
        void prompt(int prompt, CompletionResult.Prompt accepted) throws IOException {
            prompts[prompt] = accepted;
            if (body.echo()) {
                Piece scored = accepted.scored();
                int n = body.request().n();
                for (int choice = prompt * n; choice < (prompt + 1) * n; choice++) {
                    piece(choice, scored == null
                            ? new Piece(accepted.text(), new int[0], List.of(), new float[0], List.of())
                            : scored);
                }
            }
        }

        @Override
        void piece(int choice, Piece piece) throws IOException {
            chunk(new Choice(piece.text(), choice, body.logprobs() ? Logprobs.of(offsets[choice], piece) : null, null,
                    body.returnTokenIds() ? CompletionObject.ids(piece.tokens()) : null, null));
            offsets[choice] += piece.text().length();
        }

        @Override
        void end(int choice, FinishReason reason) throws IOException {
            CompletionResult.Prompt prompt = prompts[choice / body.request().n()];
            chunk(new Choice("", choice, null, CompletionObject.word(reason), null,
                    body.returnTokenIds() && prompt != null ? CompletionObject.ids(prompt.tokens()) : null));
        }

        @Override
        void end(CompletionResult result) throws IOException {
            if (body.streamUsage()) {
                write(object(body, id, result.weights(), List.of(), Usage.of(result.usage())));
            }
        }

        private void chunk(Choice choice) throws IOException {
            write(object(body, id, null, List.of(choice), null));
        }
    }
}
