package dev.d3s.server.rollout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CancellationException;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Parameter;
import dev.d3s.server.model.Tokenizer;
import dev.d3s.server.model.Weights;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

class CompletionServiceTest {
    private static final ModelConfig CONFIG = ModelConfig.qwen2(257, 16, 1, 1, 1, 16, 16, 64, 10_000, 1e-6, true,
            List.of(256));
    private static final Path MODEL = Path.of("models/a");

    private final List<String> log = new ArrayList<>();
    private final List<ByteTokenizer> tokenizers = new ArrayList<>();
    private final LivePolicies policies = new LivePolicies(new ServingLimits(4, 1 << 20, 9, 0.1));
    private final CompletionService service = new CompletionService(new Models(), (config, weights) -> new Engine(),
            policies, 2);
    private boolean broken;

    @AfterEach
    void close() {
        service.close();
    }

    private final class Models implements ModelOpener {
        @Override
        public OpenModel open(Path directory) throws NoSuchFileException {
            String name = directory.getFileName().toString();
            if (name.equals("missing")) {
                throw new NoSuchFileException(directory.toString());
            }
            log.add("read " + name);
            ByteTokenizer tokenizer = new ByteTokenizer();
            tokenizers.add(tokenizer);
            return new OpenModel(CONFIG, new NoWeights(), tokenizer, () -> {
                log.add("release " + name);
                tokenizer.close();
            });
        }

        @Override
        public Tokenizer tokenizer(Path directory) {
            ByteTokenizer tokenizer = new ByteTokenizer();
            tokenizers.add(tokenizer);
            return tokenizer;
        }
    }

    /** An engine that completes every prompt with a fixed text, so that what the service does with it can be seen. */
    private final class Engine implements ServingEngine {
        private boolean failed;

        @Override
        public void submit(ServingRequest request, ServingListener listener) {
            listener.version(7);
            if (broken) {
                failed = true;
                listener.ended(new D3sException(ErrorCategory.INTERNAL, "rollout_engine_failed", "It broke."));
                return;
            }
            for (int i = 0; i < request.prompts().size(); i++) {
                if (request.scorePrompts()) {
                    int scored = request.prompts().get(i).prompt().length - 1;
                    float[] logprobs = new float[scored];
                    Arrays.fill(logprobs, -2);
                    listener.scored(i, logprobs, new TopTokens[scored]);
                }
                for (int j = 0; j < request.prompts().get(i).groupSize(); j++) {
                    if (listener.cancelled()) {
                        listener.ended(new CancellationException());
                        return;
                    }
                    listener.finished(i, j, complete(request, i, j, listener));
                }
            }
            listener.ended(null);
        }

        private Completion complete(ServingRequest request, int i, int j, ServingListener listener) {
            int[] text = new ByteTokenizer().encode("h\u00e9llo, w\u00f6rld");
            int[] tokens = Arrays.copyOf(text, text.length + 1);
            tokens[text.length] = 256;
            FinishReason reason = FinishReason.STOP;
            int length = 0;
            for (int token : tokens) {
                length++;
                if (!listener.token(i, j, token, -1, new TopTokens(new int[]{'a', token}, new float[]{-0.5f, -1}))) {
                    reason = FinishReason.CANCELLED;
                    break;
                }
                if (length == request.sampling().maxTokens() && token != 256) {
                    reason = FinishReason.LENGTH;
                    break;
                }
            }
            return new Completion(request.prompts().get(i).identities()[j], Arrays.copyOf(tokens, length),
                    new float[length], new float[length], reason);
        }

        @Override
        public boolean usable() {
            return !failed;
        }

        @Override
        public void close() {
            log.add("close");
        }
    }

    private record NoWeights() implements Weights {
        @Override
        public List<Parameter> parameters() {
            return List.of();
        }

        @Override
        public ByteBuffer values(int index) {
            throw new UnsupportedOperationException();
        }
    }

    private static CompletionRequest request(Path model, int maxTokens, String... stop) {
        return new CompletionRequest(new CompletionRequest.Source.Directory(model),
                List.of(new CompletionRequest.Prompt.Text("ab"),
                        new CompletionRequest.Prompt.Tokens(new int[]{'c'})),
                2, SamplingSettings.of(maxTokens, 1, 1),
                List.of(stop), 0, false);
    }

    @Test
    void shouldGiveEveryChoiceWithTextAndUsage() {
        CompletionResult result = service.complete(request(MODEL, 40), CompletionListener.NONE);

        assertThat(result.prompts()).extracting(CompletionResult.Prompt::text).containsExactly("ab", "c");
        assertThat(result.weights()).startsWith("weights");
        assertThat(result.choices()).hasSize(4).allSatisfy(choice -> {
            assertThat(choice.whole().text()).isEqualTo("h\u00e9llo, w\u00f6rld")
                .isEqualTo(String.join("", choice.whole().pieces()));
            assertThat(choice.finishReason()).isEqualTo(FinishReason.STOP);
            assertThat(choice.whole().tokens()).hasSize(15).endsWith(256).hasSameSizeAs(choice.whole().pieces());
        });
        assertThat(result.choices()).extracting(CompletionResult.Choice::prompt).containsExactly(0, 0, 1, 1);
        assertThat(result.usage()).isEqualTo(new CompletionResult.Usage(3, 60));
    }

    @Test
    void shouldCutBeforeAStopTextThatSpansTokens() {
        CompletionResult.Choice choice = service.complete(request(MODEL, 40, "zz", "lo,"), CompletionListener.NONE)
            .choices()
            .getFirst();

        assertThat(choice.whole().text()).isEqualTo("h\u00e9l");
        assertThat(choice.finishReason()).isEqualTo(FinishReason.STOP);
        assertThat(choice.whole().tokens()).hasSize(7);
    }

    @Test
    void shouldStreamWholeCharactersAndAllTokens() {
        List<String> texts = new ArrayList<>();
        List<Integer> tokens = new ArrayList<>();
        List<FinishReason> reasons = new ArrayList<>();
        CompletionResult result = service.complete(request(MODEL, 2), new CompletionListener() {
            @Override
            public void text(int choice, CompletionResult.Piece piece) {
                if (choice == 3) {
                    texts.add(piece.text());
                    Arrays.stream(piece.tokens()).forEach(tokens::add);
                }
            }

            @Override
            public void finished(int choice, FinishReason reason) {
                reasons.add(reason);
            }
        });

        assertThat(texts).containsExactly("h", "\uFFFD");
        assertThat(tokens).containsExactly((int) 'h', 0xC3);
        assertThat(reasons).hasSize(4).containsOnly(FinishReason.LENGTH);
        assertThat(result.choices().get(3).whole().text()).isEqualTo("h\uFFFD");
    }

    @Test
    void shouldKeepTheLastUsedModelsOpen() {
        for (String name : List.of("a", "b", "a", "c", "a", "b")) {
            service.complete(request(Path.of("models", name), 3), CompletionListener.NONE);
        }

        assertThat(log).containsExactly("read a", "read b", "read c", "close", "release b", "read b", "close",
                "release c");
        service.forget(Path.of("models/x/../a"));
        assertThat(log).endsWith("close", "release a");
        service.close();
        assertThat(log).endsWith("close", "release b");
        assertThat(tokenizers).allMatch(ByteTokenizer::closed);
    }

    @Test
    void shouldNotLoseAModelToOneThatCannotBeRead() {
        service.complete(request(Path.of("models/a"), 3), CompletionListener.NONE);
        service.complete(request(Path.of("models/b"), 3), CompletionListener.NONE);

        assertThatThrownBy(() -> service.complete(request(Path.of("models/missing"), 3), CompletionListener.NONE))
            .isInstanceOf(D3sException.class)
            .hasMessageContaining("missing");
        assertThat(log).containsExactly("read a", "read b");
    }

    @Test
    void shouldStopWhenTheListenerWantsNoMore() {
        assertThatThrownBy(() -> service.complete(request(MODEL, 40), new CompletionListener() {
            @Override
            public boolean cancelled() {
                return true;
            }
        })).isInstanceOf(CancellationException.class);
        assertThat(service.complete(request(MODEL, 3), CompletionListener.NONE).choices()).hasSize(4);
    }

    @Test
    void shouldListLikeliestTokensAndScorePrompts() {
        CompletionResult result = service.complete(new CompletionRequest(new CompletionRequest.Source.Directory(MODEL),
                List.of(new CompletionRequest.Prompt.Text("abc")), 1, SamplingSettings.of(2, 1, 1), List.of(), 2, true),
                CompletionListener.NONE);

        CompletionResult.Piece prompt = Objects.requireNonNull(result.prompts().getFirst().scored());
        assertThat(prompt.pieces()).containsExactly("a", "b", "c");
        assertThat(prompt.logprobs()).containsExactly(Float.NaN, -2, -2);
        CompletionResult.Piece whole = result.choices().getFirst().whole();
        assertThat(whole.top()).hasSize(2);
        assertThat(whole.top().getFirst().texts()).containsExactly("a", "h");
        assertThat(whole.top().getFirst().logprobs()).containsExactly(-0.5f, -1);
    }

    @Test
    void shouldOpenAnEngineAnewAfterItFailed() {
        broken = true;
        assertThatThrownBy(() -> service.complete(request(MODEL, 3), CompletionListener.NONE))
            .isInstanceOf(D3sException.class)
            .hasMessageContaining("It broke.");
        broken = false;

        assertThat(service.complete(request(MODEL, 3), CompletionListener.NONE).choices()).hasSize(4);
        assertThat(log).containsExactly("read a", "close");
    }

    @Test
    void shouldNameTheFileThatIsMissingForAConversation() {
        assertThatThrownBy(() -> service.complete(new CompletionRequest(new CompletionRequest.Source.Directory(MODEL),
                List.of(new CompletionRequest.Prompt.Chat(List.of(Map.of("role", "user", "content", "hi")), null,
                        Map.of())),
                1, SamplingSettings.of(2, 1, 1), List.of(), 0, false), CompletionListener.NONE))
            .isInstanceOf(D3sException.class)
            .hasMessageContaining("chat_template.jinja");
    }

    @Test
    void shouldSayThatAPolicyIsGone() {
        assertThatThrownBy(() -> service.complete(new CompletionRequest(new CompletionRequest.Source.Live("ft:a"),
                List.of(new CompletionRequest.Prompt.Text("hi")), 1, SamplingSettings.of(2, 1, 1), List.of(), 0, false),
                CompletionListener.NONE))
            .isInstanceOf(D3sException.class)
            .hasMessageContaining("'ft:a' is not being trained any more");
    }
}
