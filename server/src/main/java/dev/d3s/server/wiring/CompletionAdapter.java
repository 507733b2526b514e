package dev.d3s.server.wiring;

import java.util.List;
import java.util.stream.IntStream;

import dev.d3s.server.api.CompletionEndpoint;
import dev.d3s.server.rollout.CompletionListener;
import dev.d3s.server.rollout.CompletionRequest;
import dev.d3s.server.rollout.CompletionResult;
import dev.d3s.server.rollout.CompletionService;
import dev.d3s.server.rollout.FinishReason;

/** Lets {@code POST /v1/completions} sample with the rollout engine. */
final class CompletionAdapter implements CompletionEndpoint {
    private final CompletionService service;

    CompletionAdapter(CompletionService service) {
        this.service = service;
    }

    @Override
    public List<PromptCompletions> complete(Call call, Listener listener) {
        int n = call.completions();
        CompletionResult result = service.complete(new CompletionRequest(call.directory(),
                call.prompts().stream().map(CompletionAdapter::prompt).toList(), n, call.sampling(), call.stop()),
                new Forwarding(listener, n));
        return IntStream.range(0, result.prompts().size())
            .mapToObj(prompt -> new PromptCompletions(
                    result.prompts().get(prompt), result.promptTexts().get(prompt),
                    result.choices()
                        .subList(prompt * n, (prompt + 1) * n)
                        .stream()
                        .map(CompletionAdapter::finished)
                        .toList()))
            .toList();
    }

    private static CompletionRequest.Prompt prompt(Prompt prompt) {
        return switch (prompt) {
            case Prompt.Text text -> new CompletionRequest.Prompt.Text(text.text());
            case Prompt.Tokens tokens -> new CompletionRequest.Prompt.Tokens(tokens.tokens());
        };
    }

    private static Finished finished(CompletionResult.Choice choice) {
        return new Finished(new Piece(choice.text(), choice.tokens(), choice.pieces(), choice.logprobs()),
                choice.finishReason() == FinishReason.STOP ? Finish.STOP : Finish.LENGTH);
    }

    /** Passes text on until its listener has had enough. */
    private static final class Forwarding implements CompletionListener {
        private final Listener listener;
        private final int n;
        private volatile boolean abandoned;

        Forwarding(Listener listener, int n) {
            this.listener = listener;
            this.n = n;
        }

        @Override
        public void accepted(int prompt, int[] tokens, String text) {
            listener.accepted(prompt, tokens, text);
        }

        @Override
        public void text(int choice, String text, int[] tokens, List<String> pieces, float[] logprobs) {
            if (!listener.generated(choice / n, choice % n, new Piece(text, tokens, pieces, logprobs))) {
                abandoned = true;
            }
        }

        @Override
        public boolean cancelled() {
            return abandoned;
        }
    }
}
