package dev.d3s.server.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

import jakarta.inject.Inject;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.core.http.HttpResponse;
import com.openai.core.http.StreamResponse;
import com.openai.errors.BadRequestException;
import com.openai.errors.NotFoundException;
import com.openai.errors.SseException;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionStreamOptions;
import com.openai.models.completions.Completion;
import com.openai.models.completions.CompletionCreateParams;
import com.openai.models.files.FileCreateParams;
import com.openai.models.files.FileObject;
import com.openai.models.files.FilePurpose;
import com.openai.models.finetuning.alpha.graders.GraderRunParams;
import com.openai.models.finetuning.alpha.graders.GraderRunResponse;
import com.openai.models.finetuning.alpha.graders.GraderValidateParams;
import com.openai.models.finetuning.jobs.FineTuningJob;
import com.openai.models.finetuning.jobs.FineTuningJobEvent;
import com.openai.models.finetuning.jobs.JobCreateParams;
import com.openai.models.finetuning.jobs.JobListEventsParams;
import com.openai.models.finetuning.jobs.JobListParams;
import com.openai.models.finetuning.jobs.checkpoints.CheckpointListParams;
import com.openai.models.finetuning.jobs.checkpoints.FineTuningJobCheckpoint;
import com.openai.models.graders.gradermodels.StringCheckGrader;
import com.openai.models.models.Model;

import dev.d3s.server.job.ScriptedTraining;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;

/** The official client against the running server: what it can send and read is what others can. */
@QuarkusTest
@TestProfile(ScriptedServer.class)
class OpenAiClientTest {
    @Inject
    ScriptedTraining training;

    @TestHTTPResource("/v1")
    URI baseUrl;

    @TempDir
    Path directory;

    private OpenAIClient client;

    @BeforeEach
    void connect() {
        client = OpenAIOkHttpClient.builder().baseUrl(baseUrl.toString()).apiKey("none needed").maxRetries(0).build();
    }

    @AfterEach
    void disconnect() {
        client.close();
        training.reset();
    }

    private FileObject upload() throws IOException {
        Path file = Files.writeString(directory.resolve("train.jsonl"), "{\"prompt\": \"1+1=\", \"answer\": \"2\"}\n");
        return client.files().create(FileCreateParams.builder().file(file).purpose(FilePurpose.FINE_TUNE).build());
    }

    private FineTuningJob job(String file, int steps) {
        return client.fineTuning()
            .jobs()
            .create(JobCreateParams.builder()
                .model("base")
                .trainingFile(file)
                .seed(7L)
                .suffix("client")
                .metadata(JobCreateParams.Metadata.builder()
                    .putAdditionalProperty("team", JsonValue.from("reasoning"))
                    .build())
                .putAdditionalBodyProperty("method", JsonValue.from(Map.of("type", "reinforcement",
                        "reinforcement",
                        Map.of("grader",
                                Map.of("type", "string_check", "name", "exact", "input",
                                        "{{sample.output_text}}", "reference", "{{item.answer}}", "operation",
                                        "eq"),
                                "hyperparameters", Map.of("batch_size", "auto", "n_epochs", 1), "d3s",
                                Map.of("preset", "d3s", "steps", steps, "checkpoint",
                                        Map.of("interval", 2))))))
                .build())
            .validate();
    }

    /** Pages through the events until the job has ended. */
    private List<FineTuningJobEvent> ended(String id) {
        while (true) {
            FineTuningJob job = client.fineTuning().jobs().retrieve(id);
            List<FineTuningJobEvent> events = new ArrayList<>();
            client.fineTuning()
                .jobs()
                .listEvents(JobListEventsParams.builder().fineTuningJobId(id).limit(3L).build())
                .autoPager()
                .forEach(events::add);
            if (job.finishedAt().isPresent()) {
                return events;
            }
            Thread.onSpinWait();
        }
    }

    @Test
    void shouldUploadListAndDeleteFiles() throws IOException {
        FileObject file = upload().validate();
        assertThat(file.filename()).isEqualTo("train.jsonl");
        assertThat(file.bytes()).isEqualTo(34);
        assertThat(client.files().retrieve(file.id())).isEqualTo(file);
        assertThat(client.files().list().autoPager().stream().map(FileObject::id)).contains(file.id());
        try (HttpResponse content = client.files().content(file.id())) {
            assertThat(content.body()).hasContent("{\"prompt\": \"1+1=\", \"answer\": \"2\"}\n");
        }
        assertThat(client.files().delete(file.id()).validate().deleted()).isTrue();
        assertThatThrownBy(() -> client.files().retrieve(file.id())).isInstanceOf(NotFoundException.class)
            .hasMessageContaining("There is no file '" + file.id() + "'.");
    }

    @Test
    void shouldTrainAndSampleFromTheResult() throws IOException {
        FileObject file = upload();
        FineTuningJob job = job(file.id(), 5);
        assertThat(job.method().orElseThrow().type()).isEqualTo(FineTuningJob.Method.Type.REINFORCEMENT);
        assertThat(job.seed()).isEqualTo(7);

        List<FineTuningJobEvent> events = ended(job.id());
        assertThat(events).allSatisfy(FineTuningJobEvent::validate);
        assertThat(events.stream().map(FineTuningJobEvent::id).distinct()).hasSameSizeAs(events);
        assertThat(events.getFirst().message()).startsWith("The job has succeeded");
        assertThat(events.stream().filter(event -> event.type().equals(Optional.of(FineTuningJobEvent.Type.METRICS))))
            .hasSize(6);

        FineTuningJob done = client.fineTuning().jobs().retrieve(job.id()).validate();
        assertThat(done.status()).isEqualTo(FineTuningJob.Status.SUCCEEDED);
        assertThat(done.trainedTokens()).hasValue(50L);
        String model = done.fineTunedModel().orElseThrow();
        assertThat(model).startsWith("ft:base:d3s:client:");

        List<FineTuningJobCheckpoint> checkpoints = client.fineTuning()
            .jobs()
            .checkpoints()
            .list(job.id(), CheckpointListParams.builder().limit(1L).build())
            .autoPager()
            .stream()
            .toList();
        assertThat(checkpoints).allSatisfy(FineTuningJobCheckpoint::validate)
            .extracting(FineTuningJobCheckpoint::stepNumber)
            .containsExactly(5L, 4L, 2L);
        assertThat(checkpoints.getFirst().metrics().step()).hasValue(5.0);

        assertThat(client.models().list().autoPager().stream().map(Model::validate).map(Model::id)).contains("base",
                model,
                checkpoints.getLast().fineTunedModelCheckpoint());
        assertThat(client.models().retrieve(model).validate().ownedBy()).isEqualTo("d3s");
        Completion completion = client.completions()
            .create(CompletionCreateParams.builder().model(model).prompt("1+1=").maxTokens(4L).build())
            .validate();
        assertThat(completion.choices().getFirst().text()).isEqualTo("abcd");
        assertThat(client.models().delete(model).validate().deleted()).isTrue();
        assertThatThrownBy(() -> client.models().retrieve(model)).isInstanceOf(NotFoundException.class);
    }

    @Test
    void shouldListJobsByMetadataWithoutEnd() throws IOException {
        FileObject file = upload();
        List<String> ids = new ArrayList<>();
        for (int index = 0; index < 5; index++) {
            ids.add(job(file.id(), 1).id());
        }
        assertThat(client.fineTuning()
            .jobs()
            .list(JobListParams.builder()
                .limit(2L)
                .metadata(JobListParams.Metadata.builder().putAdditionalProperty("team", "reasoning").build())
                .build())
            .autoPager()
            .stream()
            .map(FineTuningJob::id)).startsWith(ids.reversed().toArray(String[]::new));
        ids.forEach(this::ended);
    }

    @Test
    void shouldCancelARunningJob() throws Exception {
        training.hold();
        FineTuningJob job = job(upload().id(), 5);
        training.awaitHeld();
        client.fineTuning().jobs().cancel(job.id()).validate();
        ended(job.id());
        assertThat(client.fineTuning().jobs().retrieve(job.id()).status()).isEqualTo(FineTuningJob.Status.CANCELLED);
    }

    @Test
    void shouldUnderstandMistakes() {
        assertThatThrownBy(() -> job("file-none", 5)).isInstanceOfSatisfying(BadRequestException.class, e -> {
            assertThat(e.param()).hasValue("training_file");
            assertThat(e.code()).hasValue("file_not_found");
            assertThat(e.type()).hasValue("invalid_request_error");
        });
    }

    @Test
    void shouldRunAndValidateGraders() {
        StringCheckGrader grader = StringCheckGrader.builder()
            .name("exact")
            .input("{{sample.output_text}}")
            .reference("{{item.answer}}")
            .operation(StringCheckGrader.Operation.EQ)
            .build();
        GraderRunResponse right = client.fineTuning()
            .alpha()
            .graders()
            .run(GraderRunParams.builder()
                .grader(grader)
                .item(JsonValue.from(Map.of("answer", 2)))
                .modelSample("2")
                .build())
            .validate();
        assertThat(right.reward()).isEqualTo(1);
        assertThat(right.metadata().name()).isEqualTo("exact");
        assertThat(right.metadata().errors().otherError()).isFalse();
        GraderRunResponse wrong = client.fineTuning()
            .alpha()
            .graders()
            .run(GraderRunParams.builder().grader(grader).modelSample("2").build())
            .validate();
        assertThat(wrong.metadata().errors().invalidVariableError()).isTrue();

        assertThat(client.fineTuning()
            .alpha()
            .graders()
            .validate(GraderValidateParams.builder().grader(grader).build())
            .validate()
            .grader()
            .orElseThrow()
            .asStringCheck()).isEqualTo(grader);
        assertThatThrownBy(() -> client.fineTuning()
            .alpha()
            .graders()
            .validate(
                    GraderValidateParams.builder().grader(grader.toBuilder().input("{{sample.x}}").build()).build()))
            .isInstanceOfSatisfying(BadRequestException.class,
                    e -> assertThat(e.param()).hasValue("grader.input"));
    }

    @Test
    void shouldCompleteInOnePieceAndStreamed() {
        CompletionCreateParams parameters = CompletionCreateParams.builder()
            .model("base")
            .promptOfArrayOfStrings(List.of("1+1=", "2+2="))
            .n(2L)
            .maxTokens(10L)
            .logprobs(0L)
            .stop("e")
            .seed(3L)
            .build();
        Completion whole = client.completions().create(parameters).validate();
        assertThat(whole.choices()).hasSize(4).allSatisfy(choice -> {
            assertThat(choice.text()).isEqualTo("abcd");
            assertThat(choice.logprobs().orElseThrow().textOffset().orElseThrow()).containsExactly(0L, 1L, 2L, 3L);
        });
        assertThat(whole.usage().orElseThrow().totalTokens()).isEqualTo(8 + 16);

        List<Completion> chunks;
        try (StreamResponse<Completion> stream = client.completions().createStreaming(parameters)) {
            chunks = stream.stream().toList();
        }
        for (long index = 0; index < 4; index++) {
            long wanted = index;
            assertThat(chunks.stream()
                .flatMap(chunk -> chunk.choices().stream())
                .filter(choice -> choice.index() == wanted)
                .map(choice -> choice.text())
                .collect(Collectors.joining())).isEqualTo("abcd");
        }
    }

    @Test
    void shouldCompleteTokenIds() {
        Completion completion = client.completions()
            .create(CompletionCreateParams.builder()
                .model("base")
                .promptOfArrayOfTokens(List.of(72L, 105L))
                .echo(true)
                .putAdditionalBodyProperty("return_token_ids", JsonValue.from(true))
                .build());
        assertThat(completion.choices().getFirst().text()).isEqualTo("Hiabcdef");
        assertThat(completion.choices().getFirst()._allProperties().get("token_ids"))
            .isEqualTo(JsonValue.from(List.of(97, 98, 99, 100, 101, 102)));
        assertThat(completion.choices().getFirst()._allProperties().get("prompt_token_ids"))
            .isEqualTo(JsonValue.from(List.of(72, 105)));
    }

    private static ChatCompletionCreateParams.Builder conversation() {
        return ChatCompletionCreateParams.builder()
            .model("base")
            .addSystemMessage("Repeat.")
            .addUserMessage("say so")
            .maxCompletionTokens(20L)
            .logprobs(true)
            .topLogprobs(1L);
    }

    /** As a client's of a policy whose job is paused. */
    @Test
    void shouldSayThatAStreamEndedEarly() {
        List<String> heard = new ArrayList<>();
        try (StreamResponse<ChatCompletionChunk> stream = client.chat()
            .completions()
            .createStreaming(ChatCompletionCreateParams.builder().model("base").addUserMessage("closed").build())) {
            assertThatThrownBy(() -> stream.stream()
                .flatMap(chunk -> chunk.choices().stream())
                .forEach(choice -> choice.delta().content().ifPresent(heard::add)))
                .isInstanceOfSatisfying(SseException.class, e -> {
                    assertThat(e.code()).hasValue("model_closed");
                    assertThat(e.type()).hasValue("server_error");
                    assertThat(e).hasMessageContaining("ask again");
                });
        }
        assertThat(String.join("", heard)).isEqualTo("c");
    }

    @Test
    @SuppressWarnings("deprecation") // OpenAI calls the fingerprint deprecated, and clients read it
    void shouldConverse() {
        ChatCompletion whole = client.chat()
            .completions()
            .create(conversation().build())
            .validate();
        assertThat(whole.choices().getFirst().message().content()).hasValue("say so");
        assertThat(whole.choices().getFirst().finishReason()).isEqualTo(ChatCompletion.Choice.FinishReason.STOP);
        assertThat(whole.choices().getFirst().logprobs().orElseThrow().content().orElseThrow()).hasSize(6);
        assertThat(whole.systemFingerprint()).hasValue("weights-1");

        List<ChatCompletionChunk> chunks;
        try (StreamResponse<ChatCompletionChunk> stream = client.chat()
            .completions()
            .createStreaming(conversation()
                .streamOptions(ChatCompletionStreamOptions.builder().includeUsage(true).build())
                .build())) {
            chunks = stream.stream().map(ChatCompletionChunk::validate).toList();
        }
        assertThat(chunks.getLast().usage().orElseThrow().completionTokens()).isEqualTo(6);
        assertThat(chunks.stream()
            .flatMap(chunk -> chunk.choices().stream())
            .map(choice -> choice.delta().content().orElse(""))
            .collect(Collectors.joining())).isEqualTo("say so");
    }
}
