package dev.d3s.server.rollout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CancellationException;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import dev.d3s.server.model.ModelConfig;
import dev.d3s.server.model.Parameter;
import dev.d3s.server.model.TokenScores;
import dev.d3s.server.model.Weights;
import dev.d3s.spi.D3sException;

class CompletionServiceTest {
    private static final ModelConfig CONFIG = ModelConfig.qwen2(257, 16, 1, 1, 1, 16, 16, 64, 10_000, 1e-6, true,
            List.of(256));
    private static final Path MODEL = Path.of("models/a");

    private final List<String> log = new ArrayList<>();
    private final List<ByteTokenizer> tokenizers = new ArrayList<>();
    private final CompletionService service = new CompletionService(this::open, this::engine, 2);

    @AfterEach
    void close() {
        service.close();
    }

    private ModelOpener.OpenModel open(Path directory) throws NoSuchFileException {
        String name = directory.getFileName().toString();
        if (name.equals("missing")) {
            throw new NoSuchFileException(directory.toString());
        }
        log.add("read " + name);
        ByteTokenizer tokenizer = new ByteTokenizer();
        tokenizers.add(tokenizer);
        return new ModelOpener.OpenModel(CONFIG, new NoWeights(), tokenizer, () -> {
            log.add("release " + name);
            tokenizer.close();
        });
    }

    /** An engine that completes every prompt with a fixed text, so that what the service does with it can be seen. */
    private RolloutEngine engine(ModelConfig config, Weights weights) {
        return new RolloutEngine() {
            @Override
            public List<CompletionGroup> generate(List<GenerationRequest> requests, SamplingSettings sampling,
                    GenerationListener listener) {
                List<CompletionGroup> groups = new ArrayList<>();
                for (int i = 0; i < requests.size(); i++) {
                    List<Completion> completions = new ArrayList<>();
                    for (int j = 0; j < requests.get(i).groupSize(); j++) {
                        completions.add(complete(requests.get(i), i, j, sampling, listener));
                    }
                    CompletionGroup group = new CompletionGroup(requests.get(i).prompt(), completions);
                    groups.add(group);
                    listener.finished(i, group);
                }
                return groups;
            }

            private Completion complete(GenerationRequest request, int i, int j, SamplingSettings sampling,
                    GenerationListener listener) {
                int[] text = new ByteTokenizer().encode("h\u00e9llo, w\u00f6rld");
                int[] tokens = Arrays.copyOf(text, text.length + 1);
                tokens[text.length] = 256;
                FinishReason reason = FinishReason.STOP;
                int length = 0;
                for (int token : tokens) {
                    if (listener.cancelled()) {
                        throw new CancellationException();
                    }
                    length++;
                    if (!listener.token(i, j, token, -1)) {
                        reason = FinishReason.CANCELLED;
                        break;
                    }
                    if (length == sampling.maxTokens() && token != 256) {
                        reason = FinishReason.LENGTH;
                        break;
                    }
                }
                return new Completion(request.identities()[j], Arrays.copyOf(tokens, length), new float[length],
                        new float[length], reason);
            }

            @Override
            public TokenScores score(int[] tokens, int promptLength, double temperature) {
                throw new UnsupportedOperationException();
            }

            @Override
            public void refresh() {}

            @Override
            public dev.d3s.server.rollout.ServingEngine serve(ServingLimits limits, java.util.function.LongSupplier version) {
                throw new UnsupportedOperationException();
            }

            @Override
            public RefreshMode refreshMode() {
                return RefreshMode.RECREATE;
            }

            @Override
            public void close() {
                log.add("close");
            }
        };
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
        return new CompletionRequest(model, List.of(new CompletionRequest.Prompt.Text("ab"),
                new CompletionRequest.Prompt.Tokens(new int[]{'c'})), 2, SamplingSettings.of(maxTokens, 1, 1),
                List.of(stop));
    }

    @Test
    void shouldGiveEveryChoiceWithTextAndUsage() {
        CompletionResult result = service.complete(request(MODEL, 40), CompletionListener.NONE);

        assertThat(result.promptTexts()).containsExactly("ab", "c");
        assertThat(result.choices()).hasSize(4).allSatisfy(choice -> {
            assertThat(choice.text()).isEqualTo("h\u00e9llo, w\u00f6rld").isEqualTo(String.join("", choice.pieces()));
            assertThat(choice.finishReason()).isEqualTo(FinishReason.STOP);
            assertThat(choice.tokens()).hasSize(15).endsWith(256).hasSameSizeAs(choice.pieces());
        });
        assertThat(result.choices()).extracting(CompletionResult.Choice::prompt).containsExactly(0, 0, 1, 1);
        assertThat(result.usage()).isEqualTo(new CompletionResult.Usage(3, 60));
    }

    @Test
    void shouldCutBeforeAStopTextThatSpansTokens() {
        CompletionResult.Choice choice = service.complete(request(MODEL, 40, "zz", "lo,"), CompletionListener.NONE)
            .choices()
            .getFirst();

        assertThat(choice.text()).isEqualTo("h\u00e9l");
        assertThat(choice.finishReason()).isEqualTo(FinishReason.STOP);
        assertThat(choice.tokens()).hasSize(7);
    }

    @Test
    void shouldStreamWholeCharactersAndAllTokens() {
        List<String> texts = new ArrayList<>();
        List<Integer> tokens = new ArrayList<>();
        List<FinishReason> reasons = new ArrayList<>();
        CompletionResult result = service.complete(request(MODEL, 2), new CompletionListener() {
            @Override
            public void text(int choice, String text, int[] added, List<String> pieces, float[] logprobs) {
                if (choice == 3) {
                    texts.add(text);
                    Arrays.stream(added).forEach(tokens::add);
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
        assertThat(result.choices().get(3).text()).isEqualTo("h\uFFFD");
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
}
