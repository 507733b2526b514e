package dev.d3s.server.doctor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.List;
import java.util.Map;

import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sqlite.SQLiteDataSource;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.d3s.server.config.Configuration;
import dev.d3s.server.doctor.Finding.Status;
import dev.d3s.server.example.ExampleModels;

class DoctorTest {
    @TempDir
    Path directory;

    private Path home;
    private Path root;

    @BeforeEach
    void write() throws IOException {
        home = Files.createDirectory(directory.resolve("home"));
        root = Files.createDirectory(directory.resolve("root"));
    }

    private Configuration configuration(Map<String, String> values, Map<String, String> others) {
        return Configuration.of(values, others);
    }

    private Configuration configuration() {
        return configuration(Map.of("d3s.home", home.toString()), Map.of("quarkus.http.port", "0"));
    }

    private JsonNode examined(Configuration configuration, int code) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Doctor doctor = Doctor.of(new PrintStream(out, true, StandardCharsets.UTF_8), true, new Machine(root),
                directory.resolve("cache"), configuration, Map.of());
        assertThat(doctor.run()).as(out.toString(StandardCharsets.UTF_8)).isEqualTo(code);
        return new ObjectMapper().readTree(out.toString(StandardCharsets.UTF_8));
    }

    private static List<String> texts(JsonNode examined, String status, String subject) {
        return examined.path("findings")
            .findParents("subject")
            .stream()
            .filter(each -> each.path("status").asText().equals(status)
                    && each.path("subject").asText().equals(subject))
            .map(each -> each.path("text").asText() + " -> " + each.path("fix").asText())
            .toList();
    }

    @Test
    void shouldFindNothingThatFailsOnANewHome() throws IOException {
        JsonNode examined = examined(configuration(), 0);

        for (String subject : List.of("processors", "memory", "java", "libtorch", "onnxruntime", "home", "disk speed",
                "database", "models", "plugins", "port", "clock")) {
            assertThat(examined.findValuesAsText("subject")).contains(subject);
        }
        assertThat(texts(examined, "ok", "database")).singleElement().asString().contains("the server makes it");
        assertThat(home).as("nothing is left behind").isEmptyDirectory();
    }

    @Test
    void shouldSayEverythingThatIsWrongWithTheConfiguration() throws IOException {
        JsonNode examined = examined(configuration(
                Map.of("d3s.home", home.toString(), "d3s.threads", "many", "d3s.serving.slots", "0"), Map.of()), 1);

        assertThat(examined.path("status").asText()).isEqualTo("fail");
        assertThat(texts(examined, "fail", "configuration")).hasSize(2)
            .anyMatch(text -> text.startsWith("d3s.threads is 'many' but must be a whole number."))
            .anyMatch(text -> text.startsWith("d3s.serving.slots is 0 but must be at least 1."));
    }

    @Test
    void shouldReadTheDatabase() throws IOException {
        SQLiteDataSource source = new SQLiteDataSource();
        source.setUrl("jdbc:sqlite:" + home.resolve("d3s.db"));
        Flyway.configure().dataSource(source).locations("classpath:db/migration").load().migrate();
        assertThat(texts(examined(configuration(), 0), "ok", "database")).singleElement()
            .asString()
            .containsPattern("answers, with \\d+ migrations");

        Files.writeString(home.resolve("d3s.db"), "this was a database".repeat(1000));
        assertThat(texts(examined(configuration(), 1), "fail", "database")).singleElement()
            .asString()
            .contains("cannot be opened", "restore");
    }

    @Test
    void shouldTryTheModels() throws IOException {
        ExampleModels.arithmetic(home.resolve("models/good"), 7);
        ExampleModels.arithmetic(home.resolve("models/headless"), 7);
        Files.delete(home.resolve("models/headless/tokenizer.json"));

        JsonNode examined = examined(configuration(), 0);

        assertThat(texts(examined, "ok", "models")).singleElement().asString().startsWith("good in ");
        assertThat(texts(examined, "warn", "model headless")).singleElement()
            .asString()
            .contains("tokenizer.json is missing");
    }

    @Test
    void shouldNamePluginsThatAreRefused() throws IOException {
        Path plugins = Files.createDirectory(directory.resolve("plugins"));
        Files.writeString(plugins.resolve("broken.jar"), "no jar");

        JsonNode examined = examined(configuration(
                Map.of("d3s.home", home.toString(), "d3s.plugins.directory", plugins.toString()),
                Map.of("quarkus.http.port", "0")), 0);
        assertThat(texts(examined, "warn", "plugins")).singleElement().asString().contains("broken.jar");
        assertThat(texts(examined, "ok", "plugins")).hasSize(1);
    }

    @Test
    void shouldNoticeThatThePortIsTaken() throws IOException {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            JsonNode examined = examined(configuration(Map.of("d3s.home", home.toString()),
                    Map.of("quarkus.http.port", String.valueOf(taken.getLocalPort()))), 1);
            assertThat(texts(examined, "fail", "port")).singleElement()
                .asString()
                .contains("is taken", "QUARKUS_HTTP_PORT");
        }
    }

    @Test
    void shouldFailWithoutAHomeToWriteTo() throws IOException {
        Path file = Files.createFile(directory.resolve("file"));
        JsonNode examined = examined(configuration(Map.of("d3s.home", file.resolve("home").toString()), Map.of()), 1);

        assertThat(texts(examined, "fail", "disk").size() + texts(examined, "fail", "home").size()).isEqualTo(1);
    }

    // ---------------------------------------------------------------- the machine

    private void file(String name, String content) throws IOException {
        Path file = root.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, content);
    }

    @ParameterizedTest
    @CsvSource({"fpu sse2, WARN, none of", "avx2 fma, OK, bf16 gains nothing",
            "avx2 fma avx512f, OK, bf16 gains a little",
            "avx2 fma avx512f avx512_bf16 amx_bf16, OK, bf16 is fast"})
    void shouldReadInstructions(String flags, Status status, String words) throws IOException {
        file("proc/cpuinfo", "processor\t: 0\nmodel name\t: A Processor\nflags\t\t: " + flags + "\n");

        Finding finding = new Machine(root).instructions();
        assertThat(finding.status()).isEqualTo(status);
        assertThat(finding.text()).startsWith("A Processor:").contains(words);
    }

    @Test
    void shouldReadMemoryOfTheMachineAndOfItsContainer() throws IOException {
        file("proc/meminfo", "MemTotal: 64000000 kB\nMemAvailable: 32000000 kB\n");
        assertThat(new Machine(root).memoryFinding().status()).isEqualTo(Status.OK);

        file("proc/self/cgroup", "0::/pod\n");
        file("sys/fs/cgroup/pod/memory.max", String.valueOf(1L << 30));
        Finding finding = new Machine(root).memoryFinding();
        assertThat(finding.status()).isEqualTo(Status.WARN);
        assertThat(finding.text()).startsWith("1.0 GiB");
    }

    @Test
    void shouldReadHowManyFilesMayBeOpen() throws IOException {
        file("proc/self/limits", """
                Limit                     Soft Limit           Hard Limit           Units
                Max open files            1024                 524288               files
                """);
        assertThat(new Machine(root).openFiles().status()).isEqualTo(Status.WARN);
        file("proc/self/limits", "Max open files            524288               524288               files     \n");
        assertThat(new Machine(root).openFiles().status()).isEqualTo(Status.OK);
    }

    @Test
    void shouldSeeCards() throws IOException {
        assertThat(new Machine(root).graphics().text()).startsWith("no card");
        file("proc/driver/nvidia/version", "");
        assertThat(new Machine(root).graphics().text()).startsWith("an NVIDIA card");
    }

    @Test
    void shouldDoubtAClockThatIsNotSet() {
        assertThat(Machine.clock(Instant.EPOCH).status()).isEqualTo(Status.FAIL);
        assertThat(Machine.clock(Instant.now()).status()).isEqualTo(Status.OK);
    }

    @Test
    void shouldJudgeJavaAndItsHeap() {
        assertThat(JavaRuntime.version(21, "21").status()).isEqualTo(Status.FAIL);
        assertThat(JavaRuntime.version(25, "25").status()).isEqualTo(Status.OK);
        assertThat(JavaRuntime.heap(6L << 30, 8L << 30)).satisfies(finding -> {
            assertThat(finding.status()).isEqualTo(Status.WARN);
            assertThat(finding.fix()).endsWith("-Xmx2g");
        });
        assertThat(JavaRuntime.heap(2L << 30, 8L << 30).status()).isEqualTo(Status.OK);
        assertThat(JavaRuntime.flags(List.of("-Xmx2g"), false).status()).isEqualTo(Status.WARN);
        assertThat(JavaRuntime.flags(List.of("--enable-native-access=ALL-UNNAMED"), false).status())
            .isEqualTo(Status.OK);
        assertThat(JavaRuntime.flags(List.of(), true).status()).isEqualTo(Status.OK);
    }

    @Test
    void shouldJudgeTheDisk() throws IOException {
        assertThat(Disk.space(home, 512L << 20, 100L << 30).status()).isEqualTo(Status.WARN);
        assertThat(Disk.space(home, 4L << 30, 100L << 30).status()).isEqualTo(Status.WARN);
        assertThat(Disk.space(home, 50L << 30, 100L << 30).status()).isEqualTo(Status.OK);
        assertThat(Disk.sync(80).status()).isEqualTo(Status.WARN);
        assertThat(Disk.sync(2).status()).isEqualTo(Status.OK);
        Files.setPosixFilePermissions(home, PosixFilePermissions.fromString("rwxrwxrwx"));
        assertThat(Disk.permissions(home).status()).isEqualTo(Status.WARN);
    }

    @Test
    void shouldRefuseOptionsThatItDoesNotKnow() {
        assertThatThrownBy(() -> Doctor.parse(System.out, directory, "--fix"))
            .hasMessageStartingWith("Unknown option '--fix'.\nusage: ./d3s doctor");
    }
}
