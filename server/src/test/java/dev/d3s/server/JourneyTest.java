package dev.d3s.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.core.http.StreamResponse;
import com.openai.errors.BadRequestException;
import com.openai.models.completions.Completion;
import com.openai.models.completions.CompletionCreateParams;
import com.openai.models.files.FileCreateParams;
import com.openai.models.files.FilePurpose;
import com.openai.models.finetuning.jobs.FineTuningJob;
import com.openai.models.finetuning.jobs.FineTuningJobEvent;
import com.openai.models.finetuning.jobs.JobCreateParams;
import com.openai.models.finetuning.jobs.JobListEventsParams;
import com.openai.models.finetuning.jobs.checkpoints.FineTuningJobCheckpoint;
import com.openai.models.models.Model;

import dev.d3s.server.example.ArithmeticTask;
import dev.d3s.server.example.ExampleModels;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;

/** From files to a model that answers, with the official client, the real engines and the real plugins. */
@QuarkusTest
@TestProfile(RealServer.class)
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class JourneyTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int MAX_TOKENS = 34;

    @TestHTTPResource("/v1")
    URI baseUrl;

    @TempDir
    Path directory;

    private OpenAIClient client;
    private HttpClient http;

    @BeforeEach
    void connect() {
        client = OpenAIOkHttpClient.builder().baseUrl(baseUrl.toString()).apiKey("none needed").maxRetries(0).build();
        http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    }

    @AfterEach
    void disconnect() {
        client.close();
        http.close();
    }

    private String upload(Path file) {
        return client.files()
            .create(FileCreateParams.builder().file(file).purpose(FilePurpose.FINE_TUNE).build())
            .id();
    }

    private String upload(String name, Stream<String> lines) throws IOException {
        return upload(Files.write(directory.resolve(name), lines.toList()));
    }

    private FineTuningJob create(String model, String trainingFile, Optional<String> validationFile,
            Map<String, Object> method) {
        JobCreateParams.Builder job = JobCreateParams.builder()
            .model(model)
            .trainingFile(trainingFile)
            .seed(7L)
            .suffix("journey")
            .putAdditionalBodyProperty("method", JsonValue.from(method));
        validationFile.ifPresent(job::validationFile);
        return client.fineTuning().jobs().create(job.build());
    }

    private static Map<String, Object> supervised(int steps, int checkpointInterval) {
        return Map.of("type", "supervised", "supervised",
                Map.of("hyperparameters", Map.of("batch_size", 16), "d3s",
                        Map.of("steps", steps, "max_tokens", MAX_TOKENS, "optimizer",
                                Map.of("learning_rate", 3e-3, "warmup_steps", 5), "evaluation",
                                Map.of("samples", 16), "checkpoint", Map.of("interval", checkpointInterval))));
    }

    private static Map<String, Object> reinforcement(int steps, Map<String, Object> more) {
        Map<String, Object> d3s = new LinkedHashMap<>(Map.of("preset", "d3s", "steps", steps, "group_size", 6,
                "sampling", Map.of("max_tokens", MAX_TOKENS), "optimizer",
                Map.of("learning_rate", 2e-4, "warmup_steps", 1), "checkpoint", Map.of("interval", 2)));
        d3s.putAll(more);
        return Map.of("type", "reinforcement", "reinforcement",
                Map.of("grader",
                        // whether a column carries: a barely trained policy writes that now and then
                        Map.of("type", "string_check", "name", "carries", "input", "{{sample.output_text}}",
                                "reference", "=1", "operation", "like"),
                        "hyperparameters", Map.of("batch_size", 4, "eval_interval", 2, "eval_samples", 16), "d3s",
                        d3s));
    }

    private HttpRequest request(String path, String accept) {
        return HttpRequest.newBuilder(URI.create(baseUrl + path)).header("Accept", accept).build();
    }

    /** Reads a job's live events until the server ends the stream, which it does when the job has ended. */
    private void follow(String job, Consumer<JsonNode> events) throws Exception {
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(
                http.send(request("/fine_tuning/jobs/" + job + "/events", "text/event-stream"),
                        BodyHandlers.ofInputStream())
                    .body(),
                StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.startsWith("data:")) {
                    events.accept(JSON.readTree(line.substring("data:".length())));
                }
            }
        }
    }

    private List<String> messages(String job) throws Exception {
        List<String> messages = new ArrayList<>();
        follow(job, event -> messages.add(event.path("message").asText()));
        return messages;
    }

    private FineTuningJob succeeded(FineTuningJob job) throws Exception {
        List<String> messages = messages(job.id());
        FineTuningJob done = client.fineTuning().jobs().retrieve(job.id()).validate();
        assertThat(done.status()).as(String.join("\n", messages)).isEqualTo(FineTuningJob.Status.SUCCEEDED);
        assertThat(messages.getLast())
            .startsWith("The job has succeeded: model " + done.fineTunedModel().orElseThrow());
        return done;
    }

    private List<FineTuningJobCheckpoint> checkpoints(String job) {
        return client.fineTuning().jobs().checkpoints().list(job).autoPager().stream().toList();
    }

    private List<Map<String, String>> csv(String job) throws Exception {
        List<String> lines = http.send(request("/fine_tuning/jobs/" + job + "/metrics", "text/csv"),
                BodyHandlers.ofString())
            .body()
            .lines()
            .toList();
        List<String> names = List.of(lines.getFirst().split(",", -1));
        return lines.stream().skip(1).map(line -> {
            String[] cells = line.split(",", -1);
            Map<String, String> row = new LinkedHashMap<>();
            IntStream.range(0, names.size()).forEach(column -> row.put(names.get(column), cells[column]));
            return row;
        }).toList();
    }

    private CompletionCreateParams completion(String model, double temperature) {
        return CompletionCreateParams.builder()
            .model(model)
            .promptOfArrayOfStrings(List.of("478+718=", "123+321="))
            .maxTokens(MAX_TOKENS)
            .temperature(temperature)
            .seed(3L)
            .build();
    }

    private List<String> sample(CompletionCreateParams parameters) {
        return client.completions()
            .create(parameters)
            .validate()
            .choices()
            .stream()
            .map(choice -> choice.text())
            .toList();
    }

    private List<String> stream(CompletionCreateParams parameters) {
        List<Completion> chunks;
        try (StreamResponse<Completion> stream = client.completions().createStreaming(parameters)) {
            chunks = stream.stream().toList();
        }
        assertThat(chunks.size()).as("text arrives in pieces").isGreaterThan(4);
        return Stream.of(0L, 1L)
            .map(index -> chunks.stream()
                .flatMap(chunk -> chunk.choices().stream())
                .filter(choice -> choice.index() == index)
                .map(choice -> choice.text())
                .collect(Collectors.joining()))
            .toList();
    }

    /** All 4 groups of 6 are recorded, so they add up to the step's metrics. */
    private void shouldHaveRecorded(String job, int step, Map<String, String> metrics) throws Exception {
        JsonNode listing = JSON.readTree(http.send(
                request("/fine_tuning/jobs/" + job + "/rollouts?step=" + step, "application/json"),
                BodyHandlers.ofString())
            .body());
        assertThat(listing.path("steps")).extracting(JsonNode::asInt).containsExactly(0, 4, 5);
        assertThat(listing.path("data")).hasSize(24);
        int keptRollouts = 0;
        int keptTokens = 0;
        double reward = 0;
        for (JsonNode rollout : listing.path("data")) {
            keptRollouts += rollout.path("kept").asBoolean() ? 1 : 0;
            reward += rollout.path("reward").asDouble() / 24;
            for (JsonNode token : rollout.path("tokens")) {
                keptTokens += token.path("kept").asBoolean() ? 1 : 0;
            }
        }
        assertThat(Double.parseDouble(metrics.get("kept_rollouts"))).isEqualTo(keptRollouts);
        assertThat(Double.parseDouble(metrics.get("kept_tokens"))).isEqualTo(keptTokens);
        assertThat(Double.parseDouble(metrics.get("reward_mean"))).isCloseTo(reward, within(1e-9));
    }

    /** A grader that asks this model, through the same slots as its clients: the last number that it says is the reward. */
    private void shouldJudge(String model) throws Exception {
        String said = sample(completion(model, 0)).getFirst();
        String grader = JSON.writeValueAsString(Map.of("grader",
                Map.of("type", "score_model", "name", "judge", "model", model, "input",
                        List.of(Map.of("role", "user", "content", "{{item.question}}")), "range", List.of(0, 1e9),
                        "sampling_params", Map.of("temperature", 0, "max_completions_tokens", MAX_TOKENS)),
                "item", Map.of("question", "478+718="), "model_sample", "whatever"));
        JsonNode answer = JSON.readTree(http
            .send(HttpRequest.newBuilder(URI.create(baseUrl + "/fine_tuning/alpha/graders/run"))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(grader))
                .build(), BodyHandlers.ofString())
            .body());
        String[] numbers = said.replaceAll("\\D+$", "").split("\\D+");
        assertThat(answer.path("reward").asDouble(-1)).as("%s: %s", said, answer)
            .isEqualTo(Double.parseDouble(numbers[numbers.length - 1]));
    }

    /** What Prometheus scrapes, by name and labels. */
    private Map<String, Double> prometheus() throws Exception {
        String text = http.send(HttpRequest.newBuilder(baseUrl.resolve("/q/metrics")).build(), BodyHandlers.ofString())
            .body();
        Map<String, Double> values = new LinkedHashMap<>();
        text.lines().filter(line -> line.startsWith("d3s_")).forEach(line -> {
            int space = line.lastIndexOf(' ');
            values.put(line.substring(0, space), Double.valueOf(line.substring(space + 1)));
        });
        return values;
    }

    private static double sum(List<Map<String, String>> rows, String name) {
        return rows.stream()
            .map(row -> row.getOrDefault(name, ""))
            .filter(cell -> !cell.isEmpty())
            .mapToDouble(Double::parseDouble)
            .sum();
    }

    /** The server's own metrics against those of the two jobs that ran. */
    private void shouldHaveMeasured(Map<String, Double> before, List<Map<String, String>> supervised,
            List<Map<String, String>> reinforcement) throws Exception {
        Map<String, Double> after = prometheus();
        Map<String, Double> more = new LinkedHashMap<>();
        after.forEach((name, value) -> more.put(name, value - before.getOrDefault(name, 0.0)));
        assertThat(more).containsEntry("d3s_steps_total{method=\"supervised\"}", 60.0)
            .containsEntry("d3s_steps_total{method=\"reinforcement\"}", 6.0)
            .containsEntry("d3s_steps_skipped_total", sum(reinforcement, "skipped"))
            .containsEntry("d3s_rollouts_total", 6.0 * 24)
            .containsEntry("d3s_rollouts_kept_total", sum(reinforcement, "kept_rollouts"))
            .containsEntry("d3s_tokens_generated_total",
                    Double.valueOf(reinforcement.getLast().get("generated_tokens")))
            .containsEntry("d3s_tokens_trained_total", Double.parseDouble(supervised.getLast().get("trained_tokens"))
                    + Double.parseDouble(reinforcement.getLast().get("trained_tokens")))
            .containsEntry("d3s_tokens_kept_total", sum(supervised, "kept_tokens") + sum(reinforcement, "kept_tokens"))
            .containsEntry("d3s_checkpoint_size_bytes_count", 4.0)
            .containsEntry("d3s_runs_failed_total", 0.0)
            .containsEntry("d3s_job_wait_seconds_count", 2.0);
        for (String phase : List.of("rollout", "grade", "select", "update", "refresh", "eval")) {
            assertThat(more.get("d3s_step_phase_seconds_sum{phase=\"" + phase + "\"}")).as(phase)
                .isCloseTo(sum(supervised, "seconds_" + phase) + sum(reinforcement, "seconds_" + phase), within(1e-6));
        }
        assertThat(more.get("d3s_step_phase_seconds_count{phase=\"checkpoint\"}")).isEqualTo(4);
        assertThat(more.get("d3s_checkpoint_size_bytes_sum")).isGreaterThan(4 * 1.2e6 * 3); // weights and two moments
        assertThat(after.get("d3s_memory_resident_bytes")).isGreaterThan(after.get("d3s_memory_native_bytes"));
        assertThat(after.get("d3s_database_write_seconds_count")).isGreaterThan(66);
        assertThat(after.keySet()).as("no label grows with the number of jobs or organizations")
            .noneMatch(name -> name.contains("ftjob-") || name.contains("organization"));
    }

    @Test
    void shouldTrainTwiceAndSampleFromTheResult() throws Exception {
        Path base = RealServer.models().resolve("arithmetic-chat");
        ExampleModels.arithmetic(base, 7);
        Files.writeString(base.resolve("chat_template.jinja"),
                "{% for message in messages %}{{ message.content }}{% endfor %}");
        Map<String, Double> before = prometheus();
        ArithmeticTask.TaskFiles files = ArithmeticTask.write(directory, 7, 1600, 200, 32);
        String supervisedFile = upload(files.supervised());
        String trainFile = upload(files.train());
        Optional<String> heldOut = Optional.of(upload(files.heldOut()));

        FineTuningJob first = succeeded(create("arithmetic-chat", supervisedFile, heldOut, supervised(60, 0)));
        List<Map<String, String>> supervised = csv(first.id());
        assertThat(supervised).hasSize(61);
        assertThat(Double.parseDouble(supervised.getLast().get("loss")))
            .isLessThan(Double.parseDouble(supervised.get(1).get("loss")) / 2);
        assertThat(Double.parseDouble(supervised.getLast().get("validation_loss")))
            .isLessThan(Double.parseDouble(supervised.getFirst().get("validation_loss")) / 2);

        shouldJudge(first.fineTunedModel().orElseThrow());

        FineTuningJob second = succeeded(create(first.fineTunedModel().orElseThrow(), trainFile, heldOut,
                reinforcement(6, Map.of("tokens", Map.of("keep", Map.of("from", 0.5, "to", 1.0)), "recording",
                        Map.of("interval", 4, "groups", 4)))));
        assertThat(second.trainedTokens().orElseThrow()).isPositive();
        List<FineTuningJobEvent> events = client.fineTuning()
            .jobs()
            .listEvents(JobListEventsParams.builder().fineTuningJobId(second.id()).limit(5L).build())
            .autoPager()
            .stream()
            .toList();
        assertThat(events).allSatisfy(FineTuningJobEvent::validate);
        assertThat(events.stream().filter(event -> event.type().equals(Optional.of(FineTuningJobEvent.Type.METRICS))))
            .as("before training and each of 6 steps")
            .hasSize(7);
        List<Map<String, String>> metrics = csv(second.id());
        assertThat(metrics).extracting(row -> row.get("step")).containsExactly("-1", "0", "1", "2", "3", "4", "5");
        for (String name : List.of("reward_mean", "kept_rollouts", "kept_tokens", "generated_tokens", "entropy",
                "engine_gap_max", "policy_version", "seconds_rollout")) {
            assertThat(metrics.stream().skip(1)).as(name)
                .allSatisfy(row -> assertThat(Double.parseDouble(row.get(name))).isFinite());
        }
        assertThat(metrics.stream().map(row -> row.get("skipped"))).as("some step trains").contains("0.0");

        shouldHaveMeasured(before, supervised, metrics);
        for (int step : List.of(0, 4, 5)) {
            shouldHaveRecorded(second.id(), step, metrics.get(step + 1));
        }

        List<FineTuningJobCheckpoint> checkpoints = checkpoints(second.id());
        assertThat(checkpoints).extracting(FineTuningJobCheckpoint::stepNumber).containsExactly(6L, 4L, 2L);
        String model = second.fineTunedModel().orElseThrow();
        String early = checkpoints.getLast().fineTunedModelCheckpoint();
        assertThat(client.models().list().autoPager().stream().map(Model::id)).contains(ExampleModels.ARITHMETIC,
                first.fineTunedModel().orElseThrow(), model, early);

        List<String> greedy = sample(completion(model, 0));
        assertThat(greedy).allSatisfy(text -> assertThat(text).as("a column as in the worked steps")
            .containsPattern("\\d\\+\\d\\+\\d=\\d\\d"));
        assertThat(sample(completion(model, 0))).isEqualTo(greedy);
        assertThat(stream(completion(model, 0))).isEqualTo(greedy);
        assertThat(stream(completion(model, 1))).isEqualTo(sample(completion(model, 1)));
        assertThat(sample(completion(early, 0))).hasSize(2);
        assertThat(sample(completion(ExampleModels.ARITHMETIC, 0))).as("random weights").isNotEqualTo(greedy);
    }

    @ParameterizedTest
    @ValueSource(strings = {"snappy", "zstd", "gzip", "none"})
    void shouldPlanAJobForParquetOfEveryUsualCompression(String compression) throws Exception {
        Path file = directory.resolve(compression + ".parquet");
        try (InputStream resource = JourneyTest.class.getResourceAsStream("/datasets/" + file.getFileName())) {
            Files.copy(Objects.requireNonNull(resource), file);
        }
        String rows = upload(file);
        String job = JSON.writeValueAsString(Map.of("model", ExampleModels.ARITHMETIC, "training_file", rows,
                "validation_file", rows, "method", reinforcement(2, Map.of())));
        JsonNode plan = JSON
            .readTree(http.send(HttpRequest.newBuilder(URI.create(baseUrl + "/fine_tuning/jobs?dry_run=true"))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(job))
                .build(), BodyHandlers.ofString()).body());
        assertThat(plan.path("object").asText()).as("%s", plan).isEqualTo("fine_tuning.job.plan");
    }

    @Test
    void shouldDescribeItselfInBothFormats() throws Exception {
        URI document = baseUrl.resolve("/q/openapi");
        String yaml = http.send(HttpRequest.newBuilder(document).build(), BodyHandlers.ofString()).body();
        JsonNode json = JSON.readTree(
                http.send(HttpRequest.newBuilder(URI.create(document + "?format=json")).build(),
                        BodyHandlers.ofString())
                    .body());
        List<String> paths = new ArrayList<>();
        json.path("paths").fieldNames().forEachRemaining(paths::add);
        assertThat(paths).contains("/v1/fine_tuning/jobs", "/v1/chat/completions")
            .allSatisfy(path -> assertThat(yaml).contains("\n  " + path + ":\n"));
        assertThat(json.path("openapi").asText()).isNotEmpty();
        assertThat(yaml).contains("openapi: " + json.path("openapi").asText());
    }

    @Test
    void shouldNameEveryMistakeOfAJobAtOnce() throws Exception {
        Path untokenized = Files.createDirectories(RealServer.models().resolve("no-tokenizer"));
        for (String file : List.of("config.json", "model.safetensors")) {
            Files.copy(RealServer.models().resolve(ExampleModels.ARITHMETIC).resolve(file),
                    untokenized.resolve(file));
        }
        String malformed = upload("malformed.jsonl", IntStream.rangeClosed(1, 5000)
            .mapToObj(line -> line == 4711 ? "{\"prompt\": \"1+1=\", " : "{\"prompt\": \"1+1=\", \"answer\": \"2\"}"));
        Map<String, Object> wrong = reinforcement(6,
                Map.of("rollouts", Map.of("selector", "d3s-crossed"), "tokens", Map.of("keep", 0), "grup_size", 4));

        assertThatThrownBy(() -> create("no-tokenizer", malformed, Optional.of("file-none"), wrong))
            .isInstanceOfSatisfying(BadRequestException.class, e -> {
                assertThat(e.statusCode()).isEqualTo(400);
                assertThat(e.type()).hasValue("invalid_request_error");
                assertThat(e.getMessage()).contains("model: ", "tokenizer.json is missing")
                    .contains("training_file: Line 4711: ")
                    .contains("validation_file: There is no file 'file-none'")
                    .contains("method.reinforcement.d3s.rollouts.selector: There is no rollout selector "
                            + "'d3s-crossed'; known: all, d3s-auto, d3s-cross, d3s-intra, ")
                    .contains("method.reinforcement.d3s.tokens.keep: ")
                    .contains("method.reinforcement.d3s.grup_size: ");
            });
    }

    @Test
    void shouldRefuseWhatDoesNotFitIntoTheContext() throws Exception {
        String longPrompt = "1+".repeat(258);
        String tooLong = upload("long.jsonl", Stream.of("{\"prompt\": \"1+1=\", \"answer\": \"2\"}",
                "{\"prompt\": \"" + longPrompt + "\", \"answer\": \"2\"}"));
        assertThatThrownBy(() -> create(ExampleModels.ARITHMETIC, tooLong, Optional.empty(), supervised(6, 0)))
            .isInstanceOfSatisfying(BadRequestException.class, e -> {
                assertThat(e.param()).hasValue("training_file");
                assertThat(e.getMessage()).contains("completion");
            });
        assertThatThrownBy(() -> create(ExampleModels.ARITHMETIC, tooLong, Optional.of(tooLong),
                reinforcement(6, Map.of())))
            .isInstanceOfSatisfying(BadRequestException.class, e -> assertThat(
                    e.getMessage())
                .contains("training_file: Line 2: The prompt has 516 tokens",
                        "validation_file: Line 2: ", "context of 512", "shorten the prompt"));
        assertThatThrownBy(() -> client.completions()
            .create(CompletionCreateParams.builder()
                .model(ExampleModels.ARITHMETIC)
                .prompt(longPrompt)
                .maxTokens(MAX_TOKENS)
                .build()))
            .isInstanceOfSatisfying(BadRequestException.class,
                    e -> assertThat(e.getMessage()).contains("prompt has 516 tokens", "512"));
    }

    @Test
    void shouldLeaveACheckpointOfACancelledJob() throws Exception {
        ArithmeticTask.TaskFiles files = ArithmeticTask.write(directory, 7, 1600, 200, 32);
        FineTuningJob job = create(ExampleModels.ARITHMETIC, upload(files.supervised()),
                Optional.of(upload(files.heldOut())), supervised(1_000_000, 0));
        List<String> messages = new ArrayList<>();
        follow(job.id(), event -> {
            messages.add(event.path("message").asText());
            if (event.path("data").path("step").asInt(-1) == 2) {
                client.fineTuning().jobs().cancel(job.id());
            }
        });
        FineTuningJob done = client.fineTuning().jobs().retrieve(job.id()).validate();
        assertThat(done.status()).isEqualTo(FineTuningJob.Status.CANCELLED);
        assertThat(messages.getLast()).isEqualTo("The job was cancelled.");
        List<FineTuningJobCheckpoint> checkpoints = checkpoints(job.id());
        assertThat(checkpoints).hasSize(1);
        assertThat(checkpoints.getFirst().stepNumber()).isGreaterThanOrEqualTo(3).isEqualTo(csv(job.id()).size() - 1);
        assertThat(sample(completion(checkpoints.getFirst().fineTunedModelCheckpoint(), 0))).hasSize(2);
    }
}
