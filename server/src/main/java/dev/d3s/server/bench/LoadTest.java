package dev.d3s.server.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/**
 * {@code ./d3s bench --load}: many clients of one server at once. Live streams of one job, of which each must bring every event once
 * and in order; completions all at the same time, as many as the server takes and many more; a queue of jobs. Prints how many
 * requests a second were answered, how long they took, and how the others were refused; anything but an answer or a 429 is a
 * failure. One virtual thread per client.
 */
public final class LoadTest {
    private static final String MODEL = "arithmetic-base";
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration PATIENCE = Duration.ofMinutes(10);

    private final URI base;
    private final PrintStream out;
    private final int streams;
    private final int completions;
    private final int jobs;
    private final HttpClient http = HttpClient.newBuilder()
        .version(HttpClient.Version.HTTP_1_1)
        .connectTimeout(Duration.ofSeconds(60))
        .build();
    private final List<String> failures = Collections.synchronizedList(new ArrayList<>());
    private final AtomicLong peakHeap = new AtomicLong();

    /**
     * @param base of the server, {@code http://127.0.0.1:8080}
     * @param streams live event streams at once
     * @param completions at once
     * @param jobs in the queue
     */
    public LoadTest(URI base, int streams, int completions, int jobs, PrintStream out) {
        this.base = base;
        this.streams = streams;
        this.completions = completions;
        this.jobs = jobs;
        this.out = out;
    }

    /** One answer. */
    private record Answer(int status, long nanos, String body, String retryAfter) {}

    /** @return 0 when nothing failed */
    public int run() throws IOException, InterruptedException {
        AtomicBoolean running = new AtomicBoolean(true);
        Thread memory = Thread.ofVirtual().start(() -> watchMemory(running));
        try {
            out.printf(Locale.ROOT, "%-40s %9s %9s %9s %9s %9s   %s%n", "load", "requests", "per sec", "p50 ms",
                    "p99 ms",
                    "refused", "");
            String file = upload();
            liveStreams(file);
            table(completions + " completions at once", atOnce(completions, this::completion), "");
            table(completions + " conversations' streams at once", atOnce(completions, this::streamed), "");
            table(5 * completions + " completions at once", atOnce(5 * completions, this::completion),
                    "more than may wait");
            queue(file);
        } finally {
            running.set(false);
            memory.join();
            http.shutdownNow();
        }
        out.printf(Locale.ROOT, "%nLargest heap seen: %d MiB.%s%n", peakHeap.get() >> 20, resident());
        failures.stream().distinct().limit(20).forEach(failure -> out.println("FAILED: " + failure));
        out.println(failures.isEmpty() ? "Nothing failed and no event was lost." : failures.size() + " failures.");
        return failures.isEmpty() ? 0 : 1;
    }

    // ---------------------------------------------------------------- live streams

    private void liveStreams(String file) throws IOException, InterruptedException {
        String job = field(post("/v1/fine_tuning/jobs", job(file, 60)), "id");
        long start = System.nanoTime();
        AtomicLong events = new AtomicLong();
        List<List<String>> seen = together(streams, () -> follow(job, events));
        long nanos = System.nanoTime() - start;
        List<String> stored = new ArrayList<>();
        for (String after = ""; after != null;) {
            JsonNode page = JSON.readTree(get("/v1/fine_tuning/jobs/" + job + "/events?limit=1000"
                    + (after.isEmpty() ? "" : "&after=" + after))
                .body());
            page.path("data").forEach(event -> stored.add(event.path("id").asText()));
            after = page.path("has_more").asBoolean() ? page.path("last_id").asText() : null;
        }
        Collections.reverse(stored);
        int complete = 0;
        for (List<String> one : seen) {
            if (one.equals(stored)) {
                complete++;
            } else {
                failures
                    .add("A stream brought " + one.size() + " events of " + stored.size() + ", or in another order.");
            }
        }
        out.printf(Locale.ROOT, "%-40s %9d %9.0f %9s %9s %9d   %s%n", streams + " live streams of a job", streams,
                events.get() / (nanos / 1e9), "", "", streams - seen.size(),
                complete + " brought all " + stored.size() + " events; per sec: events");
    }

    private List<String> follow(String job, AtomicLong events) throws IOException, InterruptedException {
        HttpResponse<InputStream> response = http.send(request("/v1/fine_tuning/jobs/" + job + "/events")
            .header("Accept", "text/event-stream")
            .build(), BodyHandlers.ofInputStream());
        List<String> ids = new ArrayList<>();
        if (response.statusCode() != 200) {
            failures.add("A stream was answered with " + response.statusCode() + ".");
        }
        try (BufferedReader reader = new BufferedReader(
                new InputStreamReader(response.body(), StandardCharsets.UTF_8))) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                if (line.startsWith("id: ")) {
                    ids.add(line.substring(4));
                    events.incrementAndGet();
                }
            }
        }
        return ids;
    }

    // ---------------------------------------------------------------- completions

    private Answer completion() throws IOException, InterruptedException {
        return post("/v1/completions",
                "{\"model\": \"" + MODEL + "\", \"prompt\": \"12+34=\", \"max_tokens\": 32, \"temperature\": 1}");
    }

    private Answer streamed() throws IOException, InterruptedException {
        Answer answer = post("/v1/completions",
                "{\"model\": \"" + MODEL + "\", \"prompt\": \"9+9=\", \"max_tokens\": 32, \"stream\": true}");
        if (answer.status() == 200 && !answer.body().endsWith("data: [DONE]\n\n")) {
            failures.add("A streamed completion ended early: "
                    + answer.body().substring(Math.max(0, answer.body().length() - 300)));
        }
        return answer;
    }

    // ---------------------------------------------------------------- the queue

    private void queue(String file) throws IOException, InterruptedException {
        ConcurrentLinkedQueue<String> ids = new ConcurrentLinkedQueue<>();
        String body = job(file, 100_000);
        List<Answer> made = atOnce(jobs, () -> {
            Answer answer = post("/v1/fine_tuning/jobs", body);
            if (answer.status() == 200) {
                ids.add(field(answer, "id"));
            }
            return answer;
        });
        table(jobs + " jobs queued at once", made, ids.size() + " are in the queue");
        table("100 lists of 100 of them at once",
                atOnce(100, () -> get("/v1/fine_tuning/jobs?limit=100")), "");
        List<String> all = List.copyOf(ids);
        AtomicLong next = new AtomicLong();
        table("all of them cancelled",
                atOnce(all.size(),
                        () -> post("/v1/fine_tuning/jobs/" + all.get((int) next.getAndIncrement()) + "/cancel", "")),
                "");
    }

    private static String job(String file, int steps) {
        return "{\"model\": \"" + MODEL + "\", \"training_file\": \"" + file
                + "\", \"method\": {\"type\": \"supervised\", \"supervised\": {\"d3s\": {\"steps\": " + steps
                + ", \"batch_size\": 4, \"checkpoint\": {\"interval\": 0}}}}}";
    }

    private String upload() throws IOException, InterruptedException {
        StringBuilder rows = new StringBuilder();
        for (int row = 0; row < 100; row++) {
            rows.append("{\"prompt\": \"")
                .append(row)
                .append("+1=\", \"completion\": \"")
                .append(row + 1)
                .append("\"}\n");
        }
        String boundary = "d3s-load-boundary";
        String form = "--" + boundary + "\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nfine-tune\r\n--"
                + boundary + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"load.jsonl\"\r\n"
                + "Content-Type: application/jsonl\r\n\r\n" + rows + "\r\n--" + boundary + "--\r\n";
        return field(send(request("/v1/files").header("Content-Type", "multipart/form-data; boundary=" + boundary)
            .POST(BodyPublishers.ofString(form))
            .build()), "id");
    }

    // ---------------------------------------------------------------- many at once

    /** Does the same as so many clients at the same time; whoever fails is noted and missing in the result. */
    private <T> List<T> together(int clients, Callable<T> work) throws InterruptedException {
        List<T> results = new ArrayList<>();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<T>> all = threads.invokeAll(Collections.nCopies(clients, work));
            for (Future<T> each : all) {
                try {
                    results.add(each.get());
                } catch (ExecutionException e) {
                    failures.add(String.valueOf(e.getCause()));
                }
            }
        }
        return results;
    }

    private List<Answer> atOnce(int clients, Callable<Answer> work) throws InterruptedException {
        long start = System.nanoTime();
        List<Answer> answers = together(clients, work);
        answers.add(new Answer(0, System.nanoTime() - start, "", ""));
        return answers;
    }

    /** @param answers the last of them holds the time of all */
    private void table(String what, List<Answer> answers, String note) {
        List<Answer> all = answers.subList(0, answers.size() - 1);
        double seconds = answers.getLast().nanos() / 1e9;
        long[] nanos = all.stream()
            .filter(answer -> answer.status() == 200)
            .mapToLong(Answer::nanos)
            .sorted()
            .toArray();
        long refused = all.stream().filter(answer -> answer.status() == 429).count();
        Map<Integer, Long> others = new TreeMap<>();
        for (Answer answer : all) {
            if (answer.status() == 429 && answer.retryAfter().isEmpty()) {
                failures.add("A 429 came without Retry-After.");
            } else if (answer.status() != 200 && answer.status() != 429) {
                others.merge(answer.status(), 1L, Long::sum);
                failures.add(what + ": " + answer.status() + " " + answer.body());
            }
        }
        out.printf(Locale.ROOT, "%-40s %9d %9.0f %9.1f %9.1f %9d   %s%n", what, all.size(), all.size() / seconds,
                percentile(nanos, 0.5), percentile(nanos, 0.99), refused,
                note + (others.isEmpty() ? "" : " " + others));
    }

    private static double percentile(long[] sorted, double share) {
        return sorted.length == 0 ? 0 : sorted[(int) Math.min(sorted.length - 1, share * sorted.length)] / 1e6;
    }

    // ---------------------------------------------------------------- HTTP

    private HttpRequest.Builder request(String path) {
        HttpRequest.Builder request = HttpRequest.newBuilder(base.resolve(path)).timeout(PATIENCE);
        String key = System.getenv("D3S_API_KEY");
        return key == null ? request : request.header("Authorization", "Bearer " + key);
    }

    private Answer post(String path, String body) throws IOException, InterruptedException {
        return send(
                request(path).header("Content-Type", "application/json").POST(BodyPublishers.ofString(body)).build());
    }

    private Answer get(String path) throws IOException, InterruptedException {
        return send(request(path).build());
    }

    private Answer send(HttpRequest request) throws IOException, InterruptedException {
        long start = System.nanoTime();
        HttpResponse<String> response = http.send(request, BodyHandlers.ofString());
        return new Answer(response.statusCode(), System.nanoTime() - start, response.body(),
                response.headers().firstValue("Retry-After").orElse(""));
    }

    private static String field(Answer answer, String name) throws IOException {
        String value = JSON.readTree(answer.body()).path(name).asText();
        if (value.isEmpty()) {
            throw new IOException("The server answered " + answer.status() + ": " + answer.body());
        }
        return value;
    }

    // ---------------------------------------------------------------- memory

    private void watchMemory(AtomicBoolean running) {
        while (running.get()) {
            try {
                String metrics = get("/q/metrics").body();
                double heap = Arrays.stream(metrics.split("\n"))
                    .filter(line -> line.startsWith("jvm_memory_used_bytes") && line.contains("area=\"heap\""))
                    .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
                    .sum();
                peakHeap.accumulateAndGet((long) heap, Math::max);
                Thread.sleep(Duration.ofMillis(500));
            } catch (IOException | NumberFormatException e) {
                return; // a server that does not tell
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    /** Of this process, where the server is in it and the system tells. */
    private static String resident() {
        OptionalLong most = ProcessStatus.bytes("self", "VmHWM");
        return most.isPresent() ? " Most memory of this process: " + (most.getAsLong() >> 20) + " MiB." : "";
    }

    /** Where and how much, as {@code ./d3s bench --load} takes it. */
    public record Options(String target, int streams, int completions, int jobs) {
        /** The target that is a server of its own. */
        public static final String SELF = "self";

        static final String USAGE = "./d3s bench --load self|URL [--streams N] [--completions N] [--jobs N]";

        /** @throws IllegalArgumentException with one sentence about what makes no sense */
        public static Options parse(String... arguments) {
            Map<String, String> given = new LinkedHashMap<>();
            for (int index = 0; index + 1 < arguments.length; index += 2) {
                given.put(arguments[index], arguments[index + 1]);
            }
            String target = given.remove("--load");
            int streams = whole(given.remove("--streams"), 200);
            int completions = whole(given.remove("--completions"), 500);
            int jobs = whole(given.remove("--jobs"), 1000);
            if (arguments.length % 2 != 0 || !given.isEmpty() || target == null
                    || !(target.equals(SELF) || target.matches("https?://.+"))) {
                throw new IllegalArgumentException("Usage: " + USAGE);
            }
            return new Options(target, streams, completions, jobs);
        }

        private static int whole(@org.jspecify.annotations.Nullable String text, int otherwise) {
            if (text == null) {
                return otherwise;
            }
            if (!text.matches("[0-9]{1,6}")) {
                throw new IllegalArgumentException("Usage: " + USAGE);
            }
            return Integer.parseInt(text);
        }

        /** The test of a server. */
        public LoadTest of(URI base, PrintStream out) {
            return new LoadTest(base, streams, completions, jobs, out);
        }
    }
}
