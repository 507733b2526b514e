package dev.d3s.server.api;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CancellationException;

import jakarta.enterprise.inject.Alternative;
import jakarta.inject.Singleton;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** Completes any prompt with the letters of "abcdef", one token each, up to the limit. A token is a character. */
@Alternative
@Singleton
public class ScriptedCompletions implements CompletionEndpoint {
    private static final int CONTEXT = 64;

    @Override
    public List<PromptCompletions> complete(Call call, Listener listener) {
        List<PromptCompletions> results = new ArrayList<>();
        for (int prompt = 0; prompt < call.prompts().size(); prompt++) {
            int[] tokens = switch (call.prompts().get(prompt)) {
                case Prompt.Text text -> text.text().chars().toArray();
                case Prompt.Tokens ids -> ids.tokens();
            };
            if (tokens.length >= CONTEXT) {
                throw new D3sException(ErrorCategory.USER, "context_length_exceeded", "The prompt has " + tokens.length
                        + " tokens, but the context of model '" + call.model() + "' is " + CONTEXT + ": shorten it.");
            }
            String promptText = new String(tokens, 0, tokens.length);
            listener.accepted(prompt, tokens, promptText);
            List<Finished> completions = new ArrayList<>();
            for (int completion = 0; completion < call.completions(); completion++) {
                String text = "abcdef";
                Finish finish = Finish.STOP;
                if (call.sampling().maxTokens() < text.length()) {
                    text = text.substring(0, call.sampling().maxTokens());
                    finish = Finish.LENGTH;
                }
                for (String stop : call.stop()) {
                    if (text.contains(stop)) {
                        text = text.substring(0, text.indexOf(stop));
                        finish = Finish.STOP;
                    }
                }
                for (int index = 0; index < text.length(); index++) {
                    if (!listener.generated(prompt, completion, piece(text.substring(index, index + 1)))) {
                        throw new CancellationException();
                    }
                }
                completions.add(new Finished(piece(text), finish));
            }
            results.add(new PromptCompletions(tokens, promptText, completions));
        }
        return results;
    }

    private static Piece piece(String text) {
        float[] logprobs = new float[text.length()];
        Arrays.fill(logprobs, -0.5f);
        return new Piece(text, text.chars().toArray(), text.chars().mapToObj(Character::toString).toList(), logprobs);
    }
}
