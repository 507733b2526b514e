package dev.d3s.helm;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpServer;

/** The script that downloads plugins, run as it is, in other directories. Skipped where its tools are missing. */
class DownloadScriptTest {
    private static final byte[] JAR = "a jar".getBytes(StandardCharsets.UTF_8);

    private final Path directory;
    private final HttpServer server;
    private final AtomicInteger requests = new AtomicInteger();

    DownloadScriptTest(@TempDir Path directory) throws Exception {
        this.directory = directory;
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/ours.jar", exchange -> {
            requests.incrementAndGet();
            exchange.sendResponseHeaders(200, JAR.length);
            exchange.getResponseBody().write(JAR);
            exchange.close();
        });
    }

    @BeforeEach
    void start() {
        HelmChart.assumeSupported();
        Shell.assumeTools("sh", "curl", "sha256sum");
        server.start();
    }

    @AfterEach
    void stop() {
        server.stop(0);
    }

    private Shell.Ended run(String sum) throws Exception {
        Path plugins = Files.createDirectories(directory.resolve("plugins"));
        Path lists = Files.createDirectories(directory.resolve("lists"));
        String url = "http://127.0.0.1:" + server.getAddress().getPort() + "/ours.jar?x=1";
        JsonNode data = HelmChart.render("plugins: {downloads: [{url: '" + url + "', sha256: '" + sum + "'}]}")
            .the("ConfigMap", "lab-d3s-server-plugins")
            .path("data");
        Files.writeString(lists.resolve("list"), data.path("list").asText());
        String script = data.path("download.sh")
            .asText()
            .replace("/srv/plugins", plugins.toString())
            .replace("/etc/d3s-plugins", lists.toString());
        return Shell.run(script);
    }

    private static String sum() throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(JAR));
    }

    @Test
    void shouldDownloadOnce() throws Exception {
        assertThat(run(sum())).isEqualTo(new Shell.Ended(0, "ours.jar was downloaded\n"));
        assertThat(directory.resolve("plugins")).isDirectoryContaining("glob:**/ours.jar")
            .isDirectoryNotContaining("glob:**.part");
        assertThat(directory.resolve("plugins/ours.jar")).hasBinaryContent(JAR);

        assertThat(run(sum())).isEqualTo(new Shell.Ended(0, "ours.jar is there\n"));
        assertThat(requests).hasValue(1);
    }

    @Test
    void shouldNotTakeWhatIsSomethingElse() throws Exception {
        Shell.Ended ended = run("0".repeat(64));
        assertThat(ended.code()).isEqualTo(1);
        assertThat(ended.output()).contains("/ours.jar?x=1 is not what plugins.downloads says: its SHA-256 is " + sum(),
                "expected " + "0".repeat(64));
        assertThat(directory.resolve("plugins/ours.jar")).doesNotExist();
    }
}
