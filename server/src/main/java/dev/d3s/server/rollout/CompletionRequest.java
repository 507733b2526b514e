package dev.d3s.server.rollout;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * Completions of some prompts by one model.
 *
 * @param model whose
 * @param prompts at least one
 * @param n completions of each prompt, at least 1
 * @param sampling how they are drawn; completion {@code i} of prompt {@code p} is the same for the same seed. A limit of 0
 *            tokens only scores the prompts
 * @param stop texts that end a completion; they are not part of its text
 * @param likeliest how many of the likeliest tokens are listed at each position, 0 for none
 * @param scorePrompts whether the prompts' own tokens are scored
 * @param patient waits however long it takes instead of being refused when too much waits: for the server's own needs
 */
public record CompletionRequest(Source model, List<Prompt> prompts, int n, SamplingSettings sampling,
        List<String> stop, int likeliest, boolean scorePrompts, boolean patient) {
    public CompletionRequest {
        prompts = List.copyOf(prompts);
        stop = stop.stream().filter(text -> !text.isEmpty()).toList();
    }

    /** Of a client who is told when too much waits already. */
    public CompletionRequest(Source model, List<Prompt> prompts, int n, SamplingSettings sampling, List<String> stop,
            int likeliest, boolean scorePrompts) {
        this(model, prompts, n, sampling, stop, likeliest, scorePrompts, false);
    }

    /** Of the server itself, which can wait. */
    public CompletionRequest(Path model, List<Prompt> prompts, int n, SamplingSettings sampling, List<String> stop) {
        this(new Source.Directory(model), prompts, n, sampling, stop, 0, false, true);
    }

    /** Where a model's weights are. */
    public sealed interface Source {
        /** In a model directory. */
        record Directory(Path path) implements Source {}

        /** In the job that trains it at this moment; see {@link LivePolicies}. */
        record Live(String name) implements Source {}
    }

    /** A prompt as a client may give it. */
    public sealed interface Prompt {
        /** To be tokenized with the model's tokenizer, behind what the model wants at the beginning of every text. */
        record Text(String text) implements Prompt {}

        /** Token ids of the model. */
        record Tokens(int[] tokens) implements Prompt {}

        /**
         * A conversation, to be written by the model's chat template.
         *
         * @param messages as OpenAI's, as plain values
         * @param tools as OpenAI's; {@code null} for none
         * @param variables further variables of the template
         */
        record Chat(List<Map<String, Object>> messages, @Nullable List<Map<String, Object>> tools,
                Map<String, Object> variables) implements Prompt {
            public Chat {
                messages = List.copyOf(messages);
                variables = Map.copyOf(variables);
            }
        }
    }
}
