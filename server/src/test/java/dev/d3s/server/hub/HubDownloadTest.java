package dev.d3s.server.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import dev.d3s.server.example.ExampleModels;
import dev.d3s.server.model.ModelDirectory;
import dev.d3s.server.model.Shards;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

@Timeout(value = 1, unit = TimeUnit.MINUTES)
class HubDownloadTest {
    private static final HubReference REFERENCE = HubReference.parse("hf://org/model");
    private static final String WEIGHTS = "model.safetensors";

    @TempDir
    Path home;

    private final StubHub stub = new StubHub();
    private final Heard heard = new Heard();
    private final List<Duration> pauses = new CopyOnWriteArrayList<>();
    private Map<String, byte[]> files = new TreeMap<>();
    private Path target = Path.of("");

    @BeforeEach
    void prepare() throws IOException {
        target = home.resolve("target");
        Path model = home.resolve("model");
        ExampleModels.arithmetic(model, 7);
        try (Stream<Path> paths = Files.list(model)) {
            for (Path path : (Iterable<Path>) paths::iterator) {
                files.put(path.getFileName().toString(), Files.readAllBytes(path));
            }
        }
    }

    @AfterEach
    void close() {
        stub.close();
    }

    /** What a listener heard. */
    private static final class Heard implements HubDownload.Listener {
        private final AtomicLong received = new AtomicLong();
        private final List<String> finished = new CopyOnWriteArrayList<>();
        private final List<String> warnings = new CopyOnWriteArrayList<>();
        private volatile String commit = "";
        private volatile int files;
        private volatile long bytes;
        private volatile long present;

        @Override
        public void pinned(String pinned) {
            commit = pinned;
        }

        @Override
        public void planned(int plannedFiles, long plannedBytes, long presentBytes) {
            files = plannedFiles;
            bytes = plannedBytes;
            present = presentBytes;
        }

        @Override
        public void received(long more) {
            received.addAndGet(more);
        }

        @Override
        public void finished(HubFile file) {
            finished.add(file.path());
        }

        @Override
        public void warning(String text) {
            warnings.add(text);
        }
    }

    private byte[] content(String file) {
        return files.getOrDefault(file, new byte[0]);
    }

    private HubSettings settings(@Nullable String token, int attempts, Duration idle) {
        return new HubSettings(stub.endpoint(), token, 4, idle, attempts, Duration.ofSeconds(1));
    }

    private Hub hub(HubSettings settings) {
        return new Hub(settings, pauses::add, directory -> 1L << 40);
    }

    private void download(HubSettings settings) throws InterruptedException {
        try (Hub hub = hub(settings)) {
            hub.download(REFERENCE, null, target, directory -> {}, heard).run();
        }
    }

    private void download() throws InterruptedException {
        download(settings(null, 4, Duration.ofSeconds(20)));
    }

    private D3sException failure(ThrowingCallable download) {
        AtomicReference<D3sException> failure = new AtomicReference<>();
        assertThatThrownBy(download).isInstanceOfSatisfying(D3sException.class, failure::set);
        return failure.get();
    }

    private List<String> downloaded() throws IOException {
        if (!Files.isDirectory(target)) {
            return List.of();
        }
        try (Stream<Path> paths = Files.list(target)) {
            return paths.map(path -> path.getFileName().toString()).sorted().toList();
        }
    }

    private void assertWhole() throws IOException {
        assertThat(ModelDirectory.check(target)).isEmpty();
        for (String file : downloaded()) {
            assertThat(target.resolve(file)).hasBinaryContent(content(file));
        }
        assertThat(heard.received.get() + heard.present).isEqualTo(heard.bytes);
    }

    private List<String> ranges() {
        return stub.requests("store", WEIGHTS).stream().map(StubHub.Request::range).toList();
    }

    /** The same model in as many files as it has tensors of that many bytes. */
    private void shard() throws IOException {
        Path shards = home.resolve("shards");
        Files.createDirectory(shards);
        try (var weights = ModelDirectory.weights(home.resolve("model"),
                ModelDirectory.config(home.resolve("model")))) {
            Shards.write(shards, ModelDirectory.config(home.resolve("model")), weights, 300_000);
        }
        files.remove(WEIGHTS);
        try (Stream<Path> paths = Files.list(shards)) {
            for (Path path : (Iterable<Path>) paths::iterator) {
                files.put(path.getFileName().toString(), Files.readAllBytes(path));
            }
        }
    }

    // ---------------------------------------------------------------- what is downloaded

    @Test
    void shouldDownloadWhatTheServerNeedsAndNothingElse() throws Exception {
        files.put("README.md", "# Model".getBytes(StandardCharsets.UTF_8));
        files.put("LICENSE", "Apache".getBytes(StandardCharsets.UTF_8));
        files.put("chat_template.jinja", "{{ x }}".getBytes(StandardCharsets.UTF_8));
        List<String> needed = List.copyOf(files.keySet());
        for (String other : List.of("pytorch_model.bin", "consolidated.safetensors", "tf_model.h5", "onnx/model.onnx",
                "original/model.safetensors", ".gitattributes", "modeling_custom.py")) {
            files.put(other, new byte[]{1});
        }
        files.put("README_images.md", new byte[(1 << 20) + 1]);
        String commit = stub.add("org/model", files);

        download();

        assertThat(downloaded()).containsExactlyElementsOf(needed);
        assertWhole();
        assertThat(heard.commit).isEqualTo(commit);
        assertThat(heard.files).isEqualTo(needed.size());
        assertThat(heard.finished).containsExactlyInAnyOrderElementsOf(needed);
        assertThat(heard.warnings).isEmpty();
        assertThat(heard.finished.getLast()).as("the weights come last").isEqualTo(WEIGHTS);
    }

    @Test
    void shouldDownloadEveryShardOfAPagedListing() throws Exception {
        shard();
        stub.pageSize(2).add("org/model", files);

        download();

        assertThat(downloaded()).containsExactlyElementsOf(files.keySet()).hasSizeGreaterThan(8);
        assertThat(ModelDirectory.check(target)).isEmpty();
        assertThat(heard.bytes).isEqualTo(files.values().stream().mapToLong(content -> content.length).sum());
        assertThat(stub.requests().stream().filter(request -> request.path().contains("/tree/"))).hasSizeGreaterThan(3);
    }

    @Test
    void shouldDownloadSeveralFilesAtOnce() throws Exception {
        shard();
        stub.add("org/model", files);
        List<String> shards = files.keySet().stream().filter(name -> name.startsWith("model-")).toList();
        assertThat(shards).hasSizeGreaterThanOrEqualTo(4);
        // each of the first four ends only when all four have begun
        CountDownLatch begun = new CountDownLatch(4);
        shards.subList(0, 4).forEach(shard -> stub.fail(shard, stub.heldAfter(10, begun, begun)));

        download();

        assertThat(ModelDirectory.check(target)).isEmpty();
    }

    @Test
    void shouldStayWithTheCommitOfAnEarlierAttempt() throws Exception {
        String commit = stub.add("org/model", files);
        try (Hub hub = hub(settings(null, 1, Duration.ofSeconds(20)))) {
            hub.download(REFERENCE, commit, target, directory -> {}, heard).run();
        }

        assertWhole();
        assertThat(stub.requests()).noneMatch(request -> request.path().contains("/revision/"))
            .allMatch(request -> request.host().equals("store") || request.path().contains(commit));
    }

    @Test
    void shouldAskForARevisionWithSlashes() throws Exception {
        stub.add("org/model", files);
        try (Hub hub = hub(settings(null, 1, Duration.ofSeconds(20)))) {
            hub.download(HubReference.parse("hf://org/model@refs/pr/1"), null, target, directory -> {}, heard).run();
        }

        assertWhole();
        assertThat(stub.requests().getFirst().path()).isEqualTo("/api/models/org/model/revision/refs%2Fpr%2F1");
    }

    @Test
    void shouldShowTheTokenToTheHubOnly() throws Exception {
        stub.token("secret").addGated("org/model", files);

        download(settings("secret", 1, Duration.ofSeconds(20)));

        assertWhole();
        assertThat(stub.requests()).filteredOn(request -> request.host().equals("hub"))
            .extracting(StubHub.Request::authorization)
            .containsOnly("Bearer secret");
        assertThat(stub.requests()).filteredOn(request -> request.host().equals("store"))
            .isNotEmpty()
            .extracting(StubHub.Request::authorization)
            .containsOnly("null");
        assertThat(settings("secret", 1, Duration.ZERO).toString()).doesNotContain("secret");
    }

    @Test
    void shouldLetSomebodyLookBeforeTheWeightsCome() {
        stub.add("org/model", files);
        List<String> seen = new ArrayList<>();
        try (Hub hub = hub(settings(null, 1, Duration.ofSeconds(20)))) {
            D3sException failure = failure(() -> hub.download(REFERENCE, null, target, directory -> {
                seen.add(Arrays.toString(directory.toFile().list()));
                throw new D3sException(ErrorCategory.USER, "invalid_model", "another architecture");
            }, heard).run());
            assertThat(failure).hasMessage("another architecture");
        }
        assertThat(seen).singleElement().asString().contains("config.json", "tokenizer.json").doesNotContain(WEIGHTS);
        assertThat(stub.requests("store", WEIGHTS)).isEmpty();
    }

    // ---------------------------------------------------------------- what goes wrong and is mended

    @Test
    void shouldGoOnWhereTheConnectionBroke() throws Exception {
        stub.add("org/model", files);
        stub.fail(WEIGHTS, StubHub.dropAfter(1000), StubHub.dropAfter(500), StubHub.status(503));

        download();

        assertWhole();
        assertThat(ranges()).containsExactly("null", "bytes=1000-", "bytes=1500-", "bytes=1500-");
        assertThat(pauses).hasSize(3);
    }

    @Test
    void shouldGoOnWithWhatAnotherProcessLeft() throws Exception {
        String commit = stub.add("org/model", files);
        stub.fail(WEIGHTS, StubHub.dropAfter(1000));
        D3sException failure = failure(() -> download(settings(null, 1, Duration.ofSeconds(20))));
        assertThat(failure.code()).isEqualTo("hub_unreachable");
        assertThat(failure).hasMessageContaining("did not deliver hf://org/model@main in 1 attempts")
            .hasMessageContaining("what is there already is kept");
        assertThat(downloaded()).contains("config.json", WEIGHTS + ".incomplete").doesNotContain(WEIGHTS);

        heard.received.set(0);
        int before = stub.requests().size();
        download();

        assertWhole();
        assertThat(heard.commit).isEqualTo(commit);
        assertThat(heard.present).isEqualTo(heard.bytes - content(WEIGHTS).length + 1000);
        assertThat(heard.received.get()).isEqualTo(content(WEIGHTS).length - 1000L);
        assertThat(stub.requests().subList(before, stub.requests().size()))
            .filteredOn(request -> request.path().contains("/resolve/"))
            .extracting(StubHub.Request::path)
            .as("nothing is fetched twice")
            .containsExactly("/org/model/resolve/" + commit + "/" + WEIGHTS);
        assertThat(ranges()).containsExactly("null", "bytes=1000-");
    }

    @Test
    void shouldBeginAnewWhereAHostCannotGoOn() throws Exception {
        stub.add("org/model", files);
        stub.fail(WEIGHTS, StubHub.dropAfter(1000), StubHub.withoutRanges());

        download();

        assertWhole();
        assertThat(ranges()).containsExactly("null", "bytes=1000-");
    }

    @Test
    void shouldNotBelieveAPartThatItDidNotAskFor() throws Exception {
        stub.add("org/model", files);
        stub.fail(WEIGHTS, StubHub.dropAfter(1000), (exchange, content, from) -> {
            exchange.getResponseHeaders()
                .set("Content-Range", "bytes 0-" + (content.length - 1) + "/" + content.length);
            exchange.sendResponseHeaders(206, content.length);
            exchange.getResponseBody().write(content);
            return true;
        });

        download();

        assertWhole();
        assertThat(ranges()).containsExactly("null", "bytes=1000-", "null");
    }

    @Test
    void shouldFetchADamagedFileOnceMore() throws Exception {
        stub.add("org/model", files);
        stub.fail(WEIGHTS, StubHub.damaged());

        download();

        assertWhole();
        assertThat(heard.warnings).singleElement()
            .asString()
            .contains("The file model.safetensors was damaged on the way: its SHA-256 should be "
                    + StubHub.hash("SHA-256", content(WEIGHTS)));
    }

    @ParameterizedTest
    @ValueSource(strings = {WEIGHTS, "config.json"})
    void shouldGiveUpOnAFileThatIsDamagedTwice(String file) throws IOException {
        stub.add("org/model", files);
        stub.fail(file, StubHub.damaged(), StubHub.damaged());
        byte[] wrong = content(file).clone();
        wrong[wrong.length / 2] ^= 1;
        boolean large = file.equals(WEIGHTS);

        D3sException failure = failure(this::download);

        assertThat(failure.code()).isEqualTo("hub_checksum_mismatch");
        assertThat(failure)
            .hasMessageContaining("The file " + file + " was downloaded twice and damaged twice: its "
                    + (large ? "SHA-256" : "git blob hash") + " should be "
                    + (large ? StubHub.hash("SHA-256", content(file)) : StubHub.gitHash(content(file))) + " but is "
                    + (large ? StubHub.hash("SHA-256", wrong) : StubHub.gitHash(wrong)));
        assertThat(downloaded()).doesNotContain(file, file + ".incomplete");
    }

    @Test
    void shouldWaitAsLongAsTheHubAsks() throws Exception {
        stub.add("org/model", files);
        stub.fail("config.json", StubHub.status(429, "Retry-After", "7"),
                StubHub.status(429, "RateLimit", "\"resolvers\";r=0;t=9"));
        stub.fail(WEIGHTS, StubHub.status(429, "Retry-After", "11"));

        download();

        assertWhole();
        assertThat(pauses).containsExactly(Duration.ofSeconds(7), Duration.ofSeconds(9),
                Duration.ofSeconds(11));
    }

    @Test
    void shouldPauseLongerEachTimeAndGiveUpInTheEnd() {
        stub.add("org/model", files);
        stub.fail(WEIGHTS, StubHub.status(500), StubHub.status(502), StubHub.status(503), StubHub.status(504));

        D3sException failure = failure(this::download);

        assertThat(failure.code()).isEqualTo("hub_unreachable");
        assertThat(failure).hasMessageContaining("in 4 attempts; the last: 127.0.0.1 answered with status 504");
        assertThat(pauses).hasSize(3);
        for (int index = 0; index < 3; index++) {
            assertThat(pauses.get(index)).isBetween(Duration.ofSeconds(1L << index),
                    Duration.ofMillis(1250L << index));
        }
    }

    @Test
    void shouldNotWaitForAHubThatAsksForHours() {
        stub.add("org/model", files);
        stub.fail("config.json", StubHub.status(429, "Retry-After", "86400"));

        assertThat(failure(this::download)).hasMessageContaining("answered with status 429");
        assertThat(pauses).isEmpty();
    }

    @Test
    void shouldNotListenToSilenceForEver() throws Exception {
        stub.add("org/model", files);
        stub.fail(WEIGHTS, stub.silentAfter(2000));

        download(settings(null, 2, Duration.ofMillis(300)));

        assertWhole();
        assertThat(ranges()).containsExactly("null", "bytes=2000-");
    }

    @Test
    void shouldStopWhenItsThreadIsInterrupted() throws Exception {
        stub.add("org/model", files);
        CountDownLatch reached = new CountDownLatch(1);
        stub.fail(WEIGHTS, stub.heldAfter(3000, reached, new CountDownLatch(1)));
        AtomicReference<Throwable> end = new AtomicReference<>();
        Thread thread = Thread.ofVirtual().start(() -> {
            try {
                download();
            } catch (InterruptedException | RuntimeException e) {
                end.set(e);
            }
        });
        reached.await();
        while (!downloaded().contains(WEIGHTS + ".incomplete")
                || Files.size(target.resolve(WEIGHTS + ".incomplete")) < 3000) {
            Thread.onSpinWait();
        }
        thread.interrupt();
        thread.join();

        assertThat(end.get()).isInstanceOf(InterruptedException.class);
        assertThat(target.resolve(WEIGHTS + ".incomplete")).hasSize(3000);
    }

    // ---------------------------------------------------------------- what is refused

    @Test
    void shouldSayHowToOpenAGatedModel() {
        stub.token("secret").addGated("org/model", files);

        assertThat(failure(this::download).text()).isEqualTo("The model org/model is gated: accept its licence at "
                + stub.endpoint() + "/org/model, then start the server with that account's token in HF_TOKEN.");
        assertThat(failure(() -> download(settings("other", 1, Duration.ofSeconds(20)))).text())
            .isEqualTo(
                    "The hub does not accept the server's token (HF_TOKEN) for org/model, or there is no such model: "
                            + "check both.");
    }

    @Test
    void shouldSayThatThereIsNoSuchModelOrRevision() {
        stub.token("secret").add("org/other", files);

        assertThat(failure(this::download).text()).startsWith("The hub has no public model org/model: check its name;");
        assertThat(failure(() -> download(settings("secret", 1, Duration.ofSeconds(20)))).code())
            .isEqualTo("hub_repository_not_found");
        try (Hub hub = hub(settings(null, 1, Duration.ofSeconds(20)))) {
            D3sException failure = failure(() -> hub
                .download(HubReference.parse("hf://org/other@v9"), null, target, directory -> {}, heard)
                .run());
            assertThat(failure.code()).isEqualTo("hub_revision_not_found");
            assertThat(failure).hasMessageContaining("The model org/other has no revision 'v9'");
        }
    }

    @Test
    void shouldNeverFetchPickles() throws IOException {
        files.remove(WEIGHTS);
        files.put("pytorch_model.bin", new byte[]{1});
        stub.add("org/model", files);

        D3sException failure = failure(this::download);

        assertThat(failure.code()).isEqualTo("hub_no_safetensors");
        assertThat(failure).hasMessageContaining("has no model.safetensors")
            .hasMessageContaining("its weights are pickles, which can run any program and are never downloaded")
            .hasMessageContaining("save_pretrained(..., safe_serialization=True)");
        assertThat(downloaded()).isEmpty();
    }

    @Test
    void shouldNameEverythingThatARepositoryLacks() {
        stub.add("org/model", Map.of("README.md", new byte[]{1}));

        assertThat(failure(this::download))
            .hasMessageContaining("has no config.json, no tokenizer.json, no model.safetensors or "
                    + "model.safetensors.index.json: it needs");
    }

    @ParameterizedTest
    @ValueSource(strings = {"../evil.safetensors", "a/../../evil", "/etc/evil", "C:/evil", "a\\..\\evil", "a//b",
            "./config.json"})
    void shouldRefuseNamesThatLeaveTheDirectory(String name) throws IOException {
        files.put(name, new byte[]{1});
        stub.add("org/model", files);

        D3sException failure = failure(this::download);

        assertThat(failure.code()).isEqualTo("hub_broken");
        assertThat(failure).hasMessageContaining(name).hasMessageContaining("would leave the model's directory");
        assertThat(downloaded()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"../model.safetensors", "sub/model.safetensors", "pytorch_model.bin",
            "missing.safetensors"})
    void shouldRefuseAnIndexThatNamesSomethingElse(String name) throws IOException {
        files.remove(WEIGHTS);
        files.put("pytorch_model.bin", new byte[]{1});
        files.put("sub/model.safetensors", new byte[]{1});
        files.put("model.safetensors.index.json",
                ("{\"weight_map\": {\"x\": \"" + name + "\"}}").getBytes(StandardCharsets.UTF_8));
        stub.add("org/model", files);

        D3sException failure = failure(this::download);

        assertThat(failure.code()).isEqualTo("hub_broken");
        assertThat(failure).hasMessageContaining("an index of weights that names").hasMessageContaining(name);
        assertThat(downloaded()).containsExactly("model.safetensors.index.json");
    }

    @Test
    void shouldRefuseAFileOfAnotherCommit() {
        String commit = stub.add("org/model", files);
        stub.fail("config.json", (exchange, content, from) -> {
            exchange.getResponseHeaders().set("X-Repo-Commit", "f".repeat(40));
            return false;
        });

        assertThat(failure(this::download)).hasMessageContaining("has the file config.json at commit " + "f".repeat(40)
                + ", but commit " + commit + " was asked for");
    }

    @Test
    void shouldRefuseMoreThanTheListingSays() {
        stub.add("org/model", files);
        stub.fail(WEIGHTS, StubHub.tooLong());

        assertThat(failure(this::download)).hasMessageContaining("has more bytes in model.safetensors than the "
                + content(WEIGHTS).length + " that its listing says");
    }

    @Test
    void shouldNotBeginWhatDoesNotFitOnTheDisk() {
        stub.add("org/model", files);
        try (Hub hub = new Hub(settings(null, 1, Duration.ofSeconds(20)), pauses::add, directory -> 50_000_000)) {
            D3sException failure = failure(() -> hub.download(REFERENCE, null, target, directory -> {}, heard).run());

            assertThat(failure.code()).isEqualTo("disk_full");
            assertThat(failure).hasMessageContaining("The download needs 68 MB more, but the disk of " + target
                    + " has 50 MB free: free 18 MB");
        }
        assertThat(stub.requests()).noneMatch(request -> request.path().contains("/resolve/"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"ftp://example.org", "huggingface.co", "https://", "https://user:pw@example.org",
            "https://example.org/?x=1"})
    void shouldRefuseAnEndpointThatIsNone(String endpoint) {
        assertThatThrownBy(() -> new Hub(HubSettings.of(URI.create(endpoint.equals("https://") ? "https:/x" : endpoint),
                "secret"))
            .close())
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageStartingWith("d3s.hub.endpoint is")
            .hasMessageNotContaining("secret");
    }
}
