package dev.d3s.server.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

import dev.d3s.server.event.Follower;
import dev.d3s.server.event.JobEvent;
import dev.d3s.server.event.JobEvent.Content;
import dev.d3s.server.event.JobEvent.Level;
import dev.d3s.server.hub.StubHub;
import dev.d3s.server.job.JobStatus;
import dev.d3s.server.job.TestServer;
import dev.d3s.server.registry.ModelCatalog.Model;
import dev.d3s.server.registry.RegisteredModel.Kind;
import dev.d3s.server.registry.RegisteredModel.Status;
import dev.d3s.server.request.ConflictException;
import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.request.NotFoundException;
import dev.d3s.server.store.DurableFiles;
import dev.d3s.server.store.TestDatabase;
import dev.d3s.spi.D3sException;

@ParameterizedClass
@EnumSource
@Timeout(value = 1, unit = TimeUnit.MINUTES)
class ModelRegistryTest {
    private static final String WEIGHTS = "model.safetensors";
    private static final String HUB_MODEL = "{\"model\": \"hf://org/tiny\"}";

    @Parameter
    TestDatabase database;

    @TempDir
    Path directory;

    private final StubHub stub = new StubHub();
    private final Map<String, byte[]> files = new TreeMap<>(
            Map.of("config.json", "{\"max_position_embeddings\": 1024}".getBytes(StandardCharsets.UTF_8),
                    "tokenizer.json", new byte[]{'{', '}'}, WEIGHTS, new byte[200_000]));
    private Path home = Path.of("");
    private TestServer server;

    @BeforeEach
    void open() throws IOException {
        home = Files.createDirectory(directory.resolve("home"));
        Files.createDirectories(home.resolve("models"));
        Files.createDirectories(home.resolve("allowed"));
        server = new TestServer(home, database, stub.endpoint());
        server.registry.start();
    }

    @AfterEach
    void close() {
        stub.close();
        server.close();
    }

    private Path local(Path at) throws IOException {
        Files.createDirectories(at);
        Files.writeString(at.resolve("config.json"), "{\"max_position_embeddings\": 1024}");
        Files.writeString(at.resolve("tokenizer.json"), "{}");
        return at;
    }

    private Model register(String request) {
        return server.registry.register(TestServer.CALLER, TestServer.json(request));
    }

    private Model path(Path path) {
        return register("{\"path\": \"" + path + "\"}");
    }

    private RegisteredModel registered(String id) {
        return Objects.requireNonNull(server.models.model(TestServer.CALLER, id).registered());
    }

    private RegisteredModel.Failure failure(String id) {
        return Objects.requireNonNull(registered(id).error());
    }

    private List<String> inModels() throws IOException {
        try (Stream<Path> paths = Files.list(home.resolve("models"))) {
            return paths.map(path -> path.getFileName().toString()).sorted().toList();
        }
    }

    /** Every event of a model, until there are no more. */
    private List<JobEvent> events(String id) throws InterruptedException {
        List<JobEvent> events = new ArrayList<>();
        server.registry.follow(TestServer.CALLER, id, null, new Follower() {
            @Override
            public boolean event(JobEvent event) {
                return events.add(event);
            }

            @Override
            public boolean quiet() {
                return true;
            }
        });
        return events;
    }

    // ---------------------------------------------------------------- directories

    @Test
    void shouldUseADirectoryWhereItIs() throws Exception {
        Path mine = local(home.resolve("allowed/mine"));

        Model model = path(mine);

        assertThat(model.id()).isEqualTo("mine");
        assertThat(model.ready()).isTrue();
        assertThat(server.models.find(TestServer.CALLER, "mine")).map(Model::directory).contains(mine.toRealPath());
        assertThat(server.models.models(TestServer.CALLER)).extracting(Model::id).containsExactly("mine");
        assertThat(path(mine)).as("once more").isEqualTo(model);
        assertThat(register("{\"path\": \"%s\", \"id\": \"other\"}".formatted(mine)).id()).isEqualTo("other");
        assertThat(events("mine")).singleElement()
            .extracting(JobEvent::message)
            .isEqualTo("The model is ready: " + mine.toRealPath() + ".");

        server.registry.delete(TestServer.CALLER, "mine");

        assertThat(server.models.find(TestServer.CALLER, "mine")).isEmpty();
        assertThat(server.released).containsExactly(mine.toRealPath());
        assertThat(mine.resolve("config.json")).as("it was never ours").exists();
        assertThat(server.models.find(TestServer.CALLER, "other")).isPresent();
    }

    @Test
    void shouldFindABaseModelByItsPath() throws Exception {
        local(home.resolve("models/base"));

        assertThat(register("{\"path\": \"base\"}").registered()).isNull();
        assertThat(register("{\"path\": \"base\", \"id\": \"alias\"}").directory())
            .isEqualTo(home.resolve("models/base").toRealPath());
        assertThat(server.models.models(TestServer.CALLER)).extracting(Model::id).containsExactly("alias", "base");
    }

    @Test
    void shouldStayInsideTheAllowedDirectories() throws Exception {
        Path outside = local(directory.resolve("outside/secret"));
        Path link = Files.createSymbolicLink(home.resolve("allowed/link"), outside);
        Path files = local(home.resolve("allowed/files"));
        Files.delete(files.resolve("tokenizer.json"));
        Files.createSymbolicLink(files.resolve("tokenizer.json"), outside.resolve("tokenizer.json"));
        Path within = Files.createDirectories(home.resolve("allowed/snapshot"));
        for (String name : List.of("config.json", "tokenizer.json")) {
            Files.createSymbolicLink(within.resolve(name), local(home.resolve("allowed/blobs")).resolve(name));
        }

        assertThatThrownBy(() -> path(outside)).isInstanceOf(InvalidRequestException.class)
            .hasMessageContaining("'" + outside + "' is not in a directory that models may be registered from ("
                    + home.resolve("models") + ", " + home.resolve("allowed") + ")")
            .hasMessageContaining("d3s.models.allowed");
        assertThatThrownBy(() -> path(home.resolve("allowed/../../outside/secret")))
            .hasMessageContaining("is not in a directory that models may be registered from");
        assertThatThrownBy(() -> register("{\"path\": \"../../outside/secret\"}"))
            .hasMessageContaining("is not in a directory that models may be registered from");
        assertThatThrownBy(() -> path(link))
            .hasMessageContaining("is a link that leads to " + outside.toRealPath() + ", outside");
        assertThatThrownBy(() -> path(files)).hasMessageContaining("has links that lead outside")
            .hasMessageContaining("tokenizer.json (" + outside.toRealPath().resolve("tokenizer.json") + ")");
        assertThatThrownBy(() -> path(home.resolve("allowed/none")))
            .hasMessageContaining("is not a directory: name one");
        assertThat(path(within).ready()).as("links inside, as a cache has them").isTrue();
        assertThat(server.models.models(TestServer.CALLER)).extracting(Model::id).containsExactly("snapshot");
    }

    @Test
    void shouldReportWhatIsWrongWithTheFiles() throws Exception {
        Path mine = local(home.resolve("allowed/mine"));
        Files.delete(mine.resolve("tokenizer.json"));

        assertThatThrownBy(() -> path(mine)).isInstanceOfSatisfying(InvalidRequestException.class,
                e -> assertThat(e.mistakes()).singleElement().satisfies(mistake -> {
                    assertThat(mistake.code()).isEqualTo("invalid_model");
                    assertThat(mistake.param()).isEqualTo("path");
                    assertThat(mistake.message()).contains("has no tokenizer.json");
                }));
        assertThat(server.models.models(TestServer.CALLER)).isEmpty();
    }

    @Test
    void shouldNotGiveANameTwice() throws Exception {
        local(home.resolve("models/base"));
        local(home.resolve("allowed/base"));
        stub.add("org/base", files);

        assertThatThrownBy(() -> path(home.resolve("allowed/base"))).isInstanceOf(ConflictException.class)
            .hasMessage("There is another model 'base': give an 'id' that is free, or delete that model first.");
        assertThatThrownBy(() -> register("{\"model\": \"hf://org/base\"}")).isInstanceOf(ConflictException.class);
        Files.createDirectory(home.resolve("models/tiny"));
        assertThatThrownBy(() -> register(HUB_MODEL)).isInstanceOf(ConflictException.class)
            .hasMessageContaining("is there already, and is no model");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            {}                                               | Give 'model', such as hf://org/name
            {"path": "a", "model": "hf://a/b"}               | not both
            {"model": "a/b"}                                 | does not begin with hf://
            {"model": "hf://datasets/a/b"}                   | a model is hf://org/name
            {"model": 7}                                     | 'model' is 7 but must be text
            {"path": " "}                                    | 'path' is " " but must be text
            {"path": "x\\u0000y"}                            | is not a path
            {"model": "hf://a/b", "id": "ft:x"}              | 'id' is 'ft:x' but must begin with a letter or digit
            {"model": "hf://a/b", "id": "../x"}              | 'id' is '../x' but must
            {"model": "hf://a/b", "id": "a..b"}              | 'id' is 'a..b' but must
            {"model": "hf://a/b", "id": "a/b"}               | 'id' is 'a/b' but must
            {"model": "hf://a/b", "revision": "main"}        | 'revision' is not known here; known: id, model, path
            {"model": "a", "id": "/", "token": "x"}          | 3 mistakes
            []                                               | must be a JSON object
            """)
    void shouldSayWhatIsWrongWithARequest(String request, String message) throws Exception {
        assertThatThrownBy(() -> server.registry.register(TestServer.CALLER, TestServer.JSON.readTree(request)))
            .isInstanceOf(InvalidRequestException.class)
            .hasMessageContaining(message);
    }

    // ---------------------------------------------------------------- downloads

    @Test
    void shouldDownloadAModelAndTellHowFarItIs() throws Exception {
        files.put("pytorch_model.bin", new byte[]{1});
        String commit = stub.add("org/tiny", files);
        long total = files.values().stream().mapToLong(content -> content.length).sum() - 1;

        Model begun = register("{\"model\": \"hf://org/tiny@v1.0\", \"id\": \"small\"}");

        assertThat(begun.id()).isEqualTo("small");
        List<JobEvent> events = events("small");
        assertThat(events.getFirst().message()).isEqualTo("The model is downloaded from hf://org/tiny@v1.0.");
        assertThat(events).extracting(JobEvent::message)
            .contains("small has 3 files, 0.2 MB.", "model.safetensors is there: 0.2 MB, and its checksum is right.");
        assertThat(events.getLast().message()).isEqualTo("The model is ready: small.");
        assertThat(events).extracting(JobEvent::sequence).isSorted().doesNotHaveDuplicates();
        assertThat(events).extracting(JobEvent::id).allMatch(id -> id.startsWith("modelevent-"));
        JobEvent progress = events.stream().filter(event -> event.content() == Content.METRICS).toList().getLast();
        assertThat(Objects.requireNonNull(progress.data()).path("bytes").asLong()).isEqualTo(total);
        assertThat(Objects.requireNonNull(progress.data()).path("total_bytes").asLong()).isEqualTo(total);
        assertThat(server.registry.events(TestServer.CALLER, "small", null, 1).elements())
            .containsExactly(events.getLast());

        Model model = server.models.find(TestServer.CALLER, "small").orElseThrow();
        assertThat(model.directory()).isEqualTo(home.resolve("models/small"));
        RegisteredModel registered = registered("small");
        assertThat(registered.status()).isEqualTo(Status.READY);
        assertThat(registered.commit()).isEqualTo(commit);
        assertThat(registered.bytes()).isEqualTo(total);
        assertThat(registered.totalBytes()).isEqualTo(total);
        assertThat(inModels()).containsExactly("small");
        assertThat(home.resolve("models/small/" + WEIGHTS)).hasBinaryContent(files.get(WEIGHTS));
        assertThat(register("{\"model\": \"hf://org/tiny@v1.0\", \"id\": \"small\"}")).as("once more").isEqualTo(model);
        assertThatThrownBy(() -> register("{\"model\": \"hf://org/tiny\", \"id\": \"small\"}"))
            .as("another revision")
            .isInstanceOf(ConflictException.class);

        server.registry.delete(TestServer.CALLER, "small");

        assertThat(inModels()).isEmpty();
        assertThat(server.models.models(TestServer.CALLER)).isEmpty();
    }

    @Test
    void shouldSayThatAModelIsNotThereYet() throws Exception {
        stub.add("org/tiny", files);
        CountDownLatch reached = new CountDownLatch(1);
        CountDownLatch release = new CountDownLatch(1);
        stub.fail(WEIGHTS, stub.heldAfter(150_000, reached, release));

        assertThat(register(HUB_MODEL).ready()).isFalse();
        reached.await();

        assertThat(server.models.models(TestServer.CALLER)).extracting(Model::id).containsExactly("tiny");
        assertThatThrownBy(() -> server.models.find(TestServer.CALLER, "tiny")).isInstanceOf(ConflictException.class)
            .hasMessageContaining("The model 'tiny' is still being downloaded (")
            .hasMessageContaining("GET /v1/models/tiny");
        assertThatThrownBy(() -> server.jobs.create(TestServer.CALLER, server.request(2).put("model", "tiny")))
            .isInstanceOf(ConflictException.class)
            .hasMessageContaining("is still being downloaded");
        assertThatThrownBy(() -> server.jobs.create(TestServer.CALLER, server.request(2).put("model", "hf://org/tiny")))
            .isInstanceOf(InvalidRequestException.class)
            .hasMessageContaining("There is no model 'hf://org/tiny'; download it with POST /v1/models and "
                    + "{\"model\": \"hf://org/tiny\"}, then give the id that this answers with.");
        release.countDown();
        events("tiny");

        assertThat(server.jobs.create(TestServer.CALLER, server.request(2).put("model", "tiny")).status())
            .isEqualTo(JobStatus.QUEUED);
        assertThatThrownBy(() -> server.registry.delete(TestServer.CALLER, "tiny"))
            .isInstanceOf(ConflictException.class)
            .hasMessageContaining("is needed by job");
    }

    @Test
    void shouldEndADownloadThatIsDeleted() throws Exception {
        stub.add("org/tiny", files);
        CountDownLatch reached = new CountDownLatch(1);
        stub.fail(WEIGHTS, stub.heldAfter(150_000, reached, new CountDownLatch(1)));
        register(HUB_MODEL);
        reached.await();
        assertThat(inModels()).singleElement().asString().startsWith(".download-model-");
        CountDownLatch ended = new CountDownLatch(1);
        Thread.ofVirtual().start(() -> {
            try {
                events("tiny");
            } catch (NotFoundException e) {
                // it began to follow when the model was gone already
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            } finally {
                ended.countDown();
            }
        });

        server.registry.delete(TestServer.CALLER, "tiny");

        assertThat(inModels()).isEmpty();
        assertThat(server.models.models(TestServer.CALLER)).isEmpty();
        ended.await();
        assertThatThrownBy(() -> server.registry.delete(TestServer.CALLER, "tiny"))
            .isInstanceOf(NotFoundException.class);
    }

    @Test
    void shouldGoOnWithAFailedDownloadWhenItIsRegisteredAgain() throws Exception {
        stub.add("org/tiny", files);
        stub.fail(WEIGHTS, StubHub.dropAfter(90_000), StubHub.status(503), StubHub.status(503));

        register(HUB_MODEL);
        List<JobEvent> events = events("tiny");

        assertThat(events.getLast().level()).isEqualTo(Level.ERROR);
        assertThat(events.getLast().message()).startsWith("The model has failed: The hub at " + stub.endpoint()
                + " did not deliver hf://org/tiny@main");
        RegisteredModel failed = registered("tiny");
        assertThat(failed.status()).isEqualTo(Status.FAILED);
        assertThat(failure("tiny").code()).isEqualTo("hub_unreachable");
        assertThatThrownBy(() -> server.models.find(TestServer.CALLER, "tiny")).isInstanceOf(ConflictException.class)
            .hasMessageStartingWith("The model 'tiny' cannot be used: The hub at");

        register(HUB_MODEL);
        events("tiny");

        assertThat(server.models.find(TestServer.CALLER, "tiny")).isPresent();
        assertThat(registered("tiny").error()).isNull();
        List<String> ranges = stub.requests("store", WEIGHTS).stream().map(StubHub.Request::range).toList();
        // what was on its way when the connection broke may be lost
        long stored = Long.parseLong(ranges.get(1).replaceAll("\\D", ""));
        assertThat(stored).isBetween(1L, 90_000L);
        String rest = "bytes=" + stored + "-";
        assertThat(ranges).containsExactly("null", rest, rest, rest);
        assertThat(failed.bytes()).as("with the files beside the weights").isBetween(stored, 199_999L);
    }

    @Test
    void shouldGoOnAfterARestart() throws Exception {
        String commit = stub.add("org/tiny", files);
        CountDownLatch reached = new CountDownLatch(1);
        stub.fail(WEIGHTS, stub.heldAfter(150_000, reached, new CountDownLatch(1)));
        register(HUB_MODEL);
        reached.await();
        Path part;
        do {
            part = home.resolve("models").resolve(inModels().getFirst()).resolve(WEIGHTS + ".incomplete");
        } while (!Files.exists(part) || Files.size(part) < 150_000);

        server.close();
        server = new TestServer(home, database, stub.endpoint());
        assertThat(registered("tiny").status()).isEqualTo(Status.DOWNLOADING);
        server.registry.start();
        List<JobEvent> events = events("tiny");

        assertThat(events).extracting(JobEvent::message).anyMatch(message -> message.endsWith("are there already."));
        assertThat(events.getLast().message()).isEqualTo("The model is ready: tiny.");
        assertThat(registered("tiny").commit()).isEqualTo(commit);
        assertThat(stub.requests("store", WEIGHTS)).extracting(StubHub.Request::range)
            .containsExactly("null", "bytes=150000-");
        assertThat(home.resolve("models/tiny/" + WEIGHTS)).hasBinaryContent(files.get(WEIGHTS));
        assertThat(inModels()).containsExactly("tiny");
    }

    private TestServer another(String name) {
        TestServer another = new TestServer(home, database, stub.endpoint(), name);
        another.registry.start();
        return another;
    }

    @Test
    void shouldDownloadAModelOnceForAllServers() throws Exception {
        stub.add("org/tiny", files);
        CountDownLatch reached = new CountDownLatch(1);
        CountDownLatch release = new CountDownLatch(1);
        stub.fail(WEIGHTS, stub.heldAfter(150_000, reached, release));
        long total = files.values().stream().mapToLong(content -> content.length).sum();
        try (TestServer two = another("two"); TestServer three = another("three")) {
            register(HUB_MODEL);
            reached.await();
            for (TestServer other : List.of(two, three)) {
                Model same = other.registry.register(TestServer.CALLER, TestServer.json(HUB_MODEL));
                assertThat(same.ready()).isFalse();
                RegisteredModel there = Objects.requireNonNull(same.registered());
                assertThat(there.key()).isEqualTo(registered("tiny").key());
                assertThat(there.totalBytes()).as("how far it is").isEqualTo(total);
                assertThat(there.bytes()).isGreaterThan(0);
            }
            release.countDown();
            events("tiny");

            for (TestServer each : List.of(server, two, three)) {
                assertThat(each.models.find(TestServer.CALLER, "tiny")).isPresent();
            }
        }
        assertThat(stub.requests("store", WEIGHTS)).hasSize(1);
        assertThat(inModels()).containsExactly("tiny");
    }

    @Test
    void shouldGoOnWithTheDownloadOfAServerThatIsGone() throws Exception {
        stub.add("org/tiny", files);
        CountDownLatch reached = new CountDownLatch(1);
        stub.fail(WEIGHTS, stub.heldAfter(150_000, reached, new CountDownLatch(1)));
        try (TestServer two = another("two")) {
            register(HUB_MODEL);
            reached.await();
            Path part = home.resolve("models").resolve(inModels().getFirst()).resolve(WEIGHTS + ".incomplete");
            while (!Files.exists(part) || Files.size(part) < 150_000) {
                Thread.onSpinWait();
            }
            boolean mine = server.database.one("select server from model", row -> row.getString(1))
                .orElseThrow()
                .equals("one");
            TestServer gone = mine ? server : two;
            TestServer other = mine ? two : server;
            gone.network.sever();
            other.registry.follow(TestServer.CALLER, "tiny", null, new Follower() {
                @Override
                public boolean event(JobEvent event) {
                    return true;
                }

                @Override
                public boolean quiet() {
                    return true;
                }
            });

            assertThat(other.models.find(TestServer.CALLER, "tiny")).isPresent();
            assertThat(other.registry.events(TestServer.CALLER, "tiny", null, 100).elements())
                .extracting(JobEvent::message)
                .contains("The server " + (mine ? "one" : "two") + " that downloads it gives no sign of life; the "
                        + "download goes on elsewhere.");
            gone.network.mend();
            gone.registry.close(); // its own download ends, and changes nothing
            assertThat(gone.models.find(TestServer.CALLER, "tiny")).isPresent();
        }
        assertThat(stub.requests("store", WEIGHTS)).extracting(StubHub.Request::range)
            .containsExactly("null", "bytes=150000-");
        assertThat(home.resolve("models/tiny/" + WEIGHTS)).hasBinaryContent(files.get(WEIGHTS));
        assertThat(inModels()).containsExactly("tiny");
    }

    @Test
    void shouldEndADownloadThatIsDeletedOnAnotherServer() throws Exception {
        stub.add("org/tiny", files);
        CountDownLatch reached = new CountDownLatch(1);
        stub.fail(WEIGHTS, stub.heldAfter(150_000, reached, new CountDownLatch(1)));
        try (TestServer two = another("two")) {
            register(HUB_MODEL);
            reached.await();
            boolean mine = server.database.one("select server from model", row -> row.getString(1))
                .orElseThrow()
                .equals("one");

            (mine ? two : server).registry.delete(TestServer.CALLER, "tiny");

            assertThat(server.models.models(TestServer.CALLER)).isEmpty();
            (mine ? server : two).registry.close();
            assertThat(inModels()).isEmpty();
        }
    }

    @Test
    void shouldNoticeAtStartThatADownloadHadBeenComplete() throws Exception {
        RegisteredModel model = new RegisteredModel("model-1", null, "tiny", 1, Kind.HUB, "hf://org/tiny@main", null,
                home.resolve("models/tiny"), Status.DOWNLOADING, 0, null, null);
        ModelStore store = new ModelStore(server.database);
        server.registry.close();
        store.insert(model, "begun", connection -> {});
        store.planned(store.claim("one", "of a former process").orElseThrow(), 10, 0, "planned");
        local(home.resolve("models/tiny"));

        server.close();
        server = new TestServer(home, database, stub.endpoint());
        server.registry.start();
        events("tiny");

        assertThat(server.models.find(TestServer.CALLER, "tiny")).isPresent();
        assertThat(stub.requests()).isEmpty();
    }

    @Test
    void shouldRefuseAModelThatTheServerCannotUse() throws Exception {
        server.catalogs.unusable("This server has no such architecture.");
        stub.add("org/tiny", files);

        register(HUB_MODEL);
        events("tiny");

        RegisteredModel failed = registered("tiny");
        assertThat(failed.error()).isEqualTo(
                new RegisteredModel.Failure("invalid_model", "This server has no such architecture."));
        assertThat(stub.requests("store", WEIGHTS)).as("its weights were not worth it").isEmpty();
        assertThat(home.resolve("models/tiny")).doesNotExist();
    }

    @Test
    void shouldNotReplaceADirectoryThatAppearedMeanwhile() throws Exception {
        stub.add("org/tiny", files);
        CountDownLatch reached = new CountDownLatch(1);
        CountDownLatch release = new CountDownLatch(1);
        stub.fail(WEIGHTS, stub.heldAfter(100, reached, release));
        register(HUB_MODEL);
        reached.await();
        Path other = Files.createDirectory(home.resolve("models/tiny"));
        Files.writeString(other.resolve("precious"), "somebody's");
        release.countDown();
        events("tiny");

        assertThat(failure("tiny").message()).contains("has appeared meanwhile");
        server.registry.delete(TestServer.CALLER, "tiny");
        assertThat(other.resolve("precious")).exists();
        assertThat(inModels()).containsExactly("tiny");
    }

    @Test
    void shouldSayThatFilesAreGone() throws Exception {
        Path mine = local(home.resolve("allowed/mine"));
        path(mine);
        DurableFiles.deleteTree(mine);

        assertThat(registered("mine").status()).isEqualTo(Status.FAILED);
        assertThatThrownBy(() -> server.models.find(TestServer.CALLER, "mine")).isInstanceOf(D3sException.class)
            .hasMessageContaining("There are no files in " + mine.toAbsolutePath());
    }
}
