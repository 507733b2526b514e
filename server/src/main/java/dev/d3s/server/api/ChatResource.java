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
import dev.d3s.server.api.ChatObject.Call;
import dev.d3s.server.api.ChatObject.Choice;
import dev.d3s.server.api.ChatObject.Delta;
import dev.d3s.server.api.ChatObject.Logprobs;
import dev.d3s.server.api.ChatObject.Message;
import dev.d3s.server.api.CompletionObject.Usage;
import dev.d3s.server.rollout.CompletionListener;
import dev.d3s.server.rollout.CompletionResult;
import dev.d3s.server.rollout.CompletionResult.Piece;
import dev.d3s.server.rollout.Completions;
import dev.d3s.server.rollout.FinishReason;
import io.smallrye.common.annotation.RunOnVirtualThread;

/** Conversations with any model that has a chat template. */
@Path("/v1/chat/completions")
@Tag(name = "Completions")
@RunOnVirtualThread
class ChatResource {
    private static final String ASSISTANT = "assistant";

    private final Completions completions;
    private final ServedModels models;
    private final RequestJson json;
    private final Callers callers;

    @Inject
    ChatResource(Completions completions, ServedModels models, RequestJson json, Callers callers) {
        this.completions = completions;
        this.models = models;
        this.json = json;
        this.callers = callers;
    }

    @POST
    @Consumes(MediaType.APPLICATION_JSON)
    @Produces({MediaType.APPLICATION_JSON, MediaType.SERVER_SENT_EVENTS})
    @Operation(summary = "Continue a conversation with any model", description = "messages: text by role; tools, n, "
            + "max_completion_tokens, temperature (0 is greedy), top_p, top_k, min_p, seed, stop, logprobs, top_logprobs, "
            + "stream, chat_template_kwargs, return_token_ids.")
    @RequestBody(content = @Content(schema = @Schema(implementation = Object.class), examples = @ExampleObject(name = "greedy", value = "{\"model\": \"qwen\", \"messages\": [{\"role\": \"user\", \"content\": \"What is 12+34?\"}], \"temperature\": 0}")))
    @APIResponse(responseCode = "200", content = @Content(schema = @Schema(implementation = ChatObject.class)))
    public Response complete(String body) {
        ChatBody request = ChatBody.read(json.read(body), callers.with(Scope.COMPLETIONS), models);
        AtomicBoolean gone = ClientGone.watch();
        String id = "chatcmpl-" + UUID.randomUUID().toString().replace("-", "");
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
            choices.add(choice(request, choices.size(), result.prompts().getFirst(), choice));
        }
        return Response
            .ok(new ChatObject(id, "chat.completion", now(), request.model(), result.weights(), choices,
                    Usage.of(result.usage())), MediaType.APPLICATION_JSON_TYPE)
            .build();
    }

    private static Choice choice(ChatBody body, int index, CompletionResult.Prompt prompt,
            CompletionResult.Choice choice) {
        Piece whole = choice.whole();
        ToolCalls calls = new ToolCalls(body.functions(), body.oneCall());
        String before = calls.add(whole.text());
        ToolCalls.Found found = calls.end();
        String content = before + found.content();
        boolean called = !found.calls().isEmpty();
        return new Choice(index,
                new Message(ASSISTANT, called && content.isEmpty() ? null : content, null,
                        called ? Call.of(found.calls(), false) : null),
                null, body.logprobs() ? Logprobs.of(whole) : null, reason(choice.finishReason(), called),
                body.returnTokenIds() ? CompletionObject.ids(whole.tokens()) : null,
                body.returnTokenIds() ? CompletionObject.ids(prompt.tokens()) : null);
    }

    private static String reason(FinishReason reason, boolean called) {
        return called && reason != FinishReason.LENGTH ? "tool_calls" : CompletionObject.word(reason);
    }

    private static long now() {
        return System.currentTimeMillis() / 1000;
    }

    /** One streamed answer: the role, then text as it comes, calls of tools at the end, then why it ended. */
    private static final class Streamed extends StreamedAnswer {
        private final ChatBody body;
        private final String id;
        private final ToolCalls[] calls;
        private @Nullable List<Integer> promptIds;

        Streamed(ChatBody body, String id, AtomicBoolean gone) {
            super(body.request(), gone);
            this.body = body;
            this.id = id;
            calls = new ToolCalls[body.request().n()];
            for (int i = 0; i < calls.length; i++) {
                calls[i] = new ToolCalls(body.functions(), body.oneCall());
            }
        }

        @Override
        void prompt(int prompt, CompletionResult.Prompt accepted) throws IOException {
            promptIds = body.returnTokenIds() ? CompletionObject.ids(accepted.tokens()) : null;
            for (int choice = 0; choice < calls.length; choice++) {
                chunk(choice, new Delta(ASSISTANT, "", null), null, null, null, null);
            }
        }

        @Override
        void piece(int choice, Piece piece) throws IOException {
            String content = calls[choice].add(piece.text());
            if (!content.isEmpty() || body.logprobs() || body.returnTokenIds()) {
                chunk(choice, new Delta(null, content, null), body.logprobs() ? Logprobs.of(piece) : null, null,
                        body.returnTokenIds() ? CompletionObject.ids(piece.tokens()) : null, null);
            }
        }

        @Override
        void end(int choice, FinishReason reason) throws IOException {
            ToolCalls.Found found = calls[choice].end();
            if (!found.content().isEmpty()) {
                chunk(choice, new Delta(null, found.content(), null), null, null, null, null);
            }
            boolean called = !found.calls().isEmpty();
            if (called) {
                chunk(choice, new Delta(null, null, Call.of(found.calls(), true)), null, null, null, null);
            }
            chunk(choice, new Delta(null, null, null), null, reason(reason, called), null, promptIds);
        }

        @Override
        void end(CompletionResult result) throws IOException {
            if (body.streamUsage()) {
                write(new ChatObject(id, "chat.completion.chunk", now(), body.model(), result.weights(), List.of(),
                        Usage.of(result.usage())));
            }
        }

        private void chunk(int choice, Delta delta, @Nullable Logprobs logprobs, @Nullable String reason,
                @Nullable List<Integer> ids, @Nullable List<Integer> promptTokenIds) throws IOException {
            write(new ChatObject(id, "chat.completion.chunk", now(), body.model(), null,
                    List.of(new Choice(choice, null, delta, logprobs, reason, ids, promptTokenIds)), null));
        }
    }
}
