package dev.d3s.server.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.LongStream;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import dev.d3s.server.PostgresProcess;
import dev.d3s.server.event.Follower;
import dev.d3s.server.event.JobEvent;
import dev.d3s.server.store.TestDatabase;

/** Several servers on one PostgreSQL, each a process of its own: one is killed, one sleeps and wakes up. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class ClusterTest {
    @TempDir
    Path home;

    private final List<Node> nodes = new ArrayList<>();
    private TestServer observer;

    @BeforeEach
    void open() {
        PostgresProcess.shared();
        TestServer.baseModel(home, "base");
        // a server, too: it only takes requests, and runs nothing
        observer = new TestServer(home, TestDatabase.POSTGRESQL.open(home), "observer");
    }

    @AfterEach
    void close() throws InterruptedException {
        for (Node node : nodes) {
            node.kill();
        }
        observer.close();
    }

    /** A server in a process. */
    private final class Node {
        private final Process process;
        private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();

        Node(String name) throws IOException {
            process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", System.getProperty("java.class.path"),
                    ClusterNode.class.getName(), TestDatabase.url(home), home.toString(), name)
                .redirectErrorStream(true)
                .start();
            Thread.ofVirtual().start(this::read);
            nodes.add(this);
        }

        private void read() {
            try (BufferedReader reader = process.inputReader(StandardCharsets.UTF_8)) {
                reader.lines().forEach(lines::add);
            } catch (UncheckedIOException | IOException e) {
                lines.add(e.toString());
            }
            lines.add("ended");
        }

        void say(String command) throws IOException {
            process.outputWriter(StandardCharsets.UTF_8).write(command + "\n");
            process.outputWriter(StandardCharsets.UTF_8).flush();
        }

        String await(Predicate<String> wanted) throws InterruptedException {
            List<String> seen = new ArrayList<>();
            for (String line = lines.poll(60, TimeUnit.SECONDS); line != null; line = lines.poll(60,
                    TimeUnit.SECONDS)) {
                seen.add(line);
                if (wanted.test(line)) {
                    return line;
                }
            }
            throw new AssertionError("It did not say what was waited for: " + String.join("\n", seen));
        }

        void signal(String name) throws IOException, InterruptedException {
            assertThat(new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid())).start().waitFor())
                .isZero();
        }

        void kill() throws InterruptedException {
            process.destroyForcibly().waitFor();
        }
    }

    private Node ready(String name) throws Exception {
        Node node = new Node(name);
        node.await("ready"::equals);
        return node;
    }

    private List<String> messages(String job) {
        return observer.jobs.events(TestServer.CALLER, job, null, 1000)
            .elements()
            .reversed()
            .stream()
            .map(JobEvent::message)
            .toList();
    }

    private void awaitSteps(String job, int steps) throws InterruptedException {
        observer.jobs.follow(TestServer.CALLER, job, null, new Follower() {
            @Override
            public boolean event(JobEvent event) {
                return quiet();
            }

            @Override
            public boolean quiet() {
                return observer.jobs.job(TestServer.CALLER, job).completedSteps() < steps;
            }
        });
    }

    private void awaitMessage(String job, String message) throws InterruptedException {
        observer.jobs.follow(TestServer.CALLER, job, null, new Follower() {
            @Override
            public boolean event(JobEvent event) {
                return !event.message().equals(message);
            }

            @Override
            public boolean quiet() {
                return true;
            }
        });
    }

    /** Every file below a job's checkpoints, with when it was written and what is in it. */
    private Map<String, String> checkpointFiles(String job) throws IOException {
        Map<String, String> files = new TreeMap<>();
        Path directory = observer.made.checkpointsDirectory(job);
        try (Stream<Path> paths = Files.walk(directory)) {
            for (Path path : paths.filter(Files::isRegularFile).toList()) {
                files.put(directory.relativize(path).toString(), Files.getLastModifiedTime(path) + " "
                        + Files.readString(path, StandardCharsets.ISO_8859_1));
            }
        }
        return files;
    }

    @Test
    void shouldTakeOverTheJobOfAServerThatWasKilled() throws Exception {
        Node first = ready("first");
        first.say("create 6");
        String job = first.await(line -> line.startsWith("ftjob-"));
        first.say("allow 3");
        awaitSteps(job, 3);
        Node second = ready("second");
        second.say("go");
        assertThat(observer.jobs.job(TestServer.CALLER, job).server()).isEqualTo("first");
        first.kill();

        Job done = observer.await(job, JobStatus.SUCCEEDED);

        assertThat(done.server()).isEqualTo("second");
        assertThat(done.epoch()).isEqualTo(2);
        assertThat(messages(job)).containsSubsequence("The job has started.", "Step 3/6: reward mean 0.2000",
                "The server first that ran the job gives no sign of life; it is queued again and goes on after its last "
                        + "checkpoint.",
                "The job goes on after step 2.", "Step 3/6: reward mean 0.2000", "Step 6/6: reward mean 0.5000");
        assertThat(observer.jobs.metrics(TestServer.CALLER, job, Set.of(), -1).steps())
            .containsExactly(-1, 0, 1, 2, 3, 4, 5);
        assertThat(observer.jobs.events(TestServer.CALLER, job, null, 1000).elements().reversed())
            .extracting(JobEvent::sequence)
            .containsExactlyElementsOf(LongStream.rangeClosed(1, messages(job).size()).boxed().toList());
    }

    @Test
    void shouldNotLetAServerThatSleptWriteOverItsSuccessor() throws Exception {
        Node sleeper = ready("sleeper");
        sleeper.say("create 6");
        String job = sleeper.await(line -> line.startsWith("ftjob-"));
        sleeper.say("allow 3");
        awaitSteps(job, 3);
        // it will not even ask whether it should end before it writes its next step
        sleeper.say("freeze");
        sleeper.await("frozen"::equals);
        sleeper.signal("STOP");
        Node successor = ready("successor");
        successor.say("go");
        Job done = observer.await(job, JobStatus.SUCCEEDED);
        assertThat(done.server()).isEqualTo("successor");
        List<String> messages = messages(job);
        Map<String, String> files = checkpointFiles(job);
        assertThat(files).containsKeys("step-2-run-1/state.txt", "step-4-run-2/state.txt", "step-6-run-2/state.txt");

        sleeper.say("go");
        sleeper.signal("CONT");
        sleeper.await(line -> line.contains("Run 1 of job " + job + " is no longer the job's run."));

        assertThat(observer.jobs.job(TestServer.CALLER, job)).isEqualTo(done);
        assertThat(messages(job)).isEqualTo(messages);
        assertThat(checkpointFiles(job)).isEqualTo(files);
        // and it is a server like any other again
        successor.kill();
        sleeper.say("create 1");
        String next = sleeper.await(line -> line.startsWith("ftjob-"));
        assertThat(observer.await(next, JobStatus.SUCCEEDED).server()).isEqualTo("sleeper");
    }

    @Test
    void shouldReachARunOnAnotherServer() throws Exception {
        Node node = ready("node");
        node.say("create 6");
        String job = node.await(line -> line.startsWith("ftjob-"));
        node.say("allow 3");
        awaitSteps(job, 3);

        assertThat(observer.jobs.pause(TestServer.CALLER, job).status()).isEqualTo(JobStatus.RUNNING);
        Job paused = observer.await(job, JobStatus.PAUSED);

        assertThat(paused.completedSteps()).isEqualTo(3);
        observer.jobs.resume(TestServer.CALLER, job);
        // "running" is written before the run has read its checkpoint
        awaitMessage(job, "The job goes on after step 3.");
        observer.jobs.cancel(TestServer.CALLER, job);
        observer.await(job, JobStatus.CANCELLED);
        assertThat(messages(job)).containsSubsequence("The job will pause after a checkpoint.",
                "The job goes on after step 3.", "The job will be cancelled after a checkpoint.",
                "The job was cancelled.");
    }
}
