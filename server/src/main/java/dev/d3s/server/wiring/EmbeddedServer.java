package dev.d3s.server.wiring;

import java.io.IOException;
import java.net.URI;
import java.util.Arrays;

import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;

import org.eclipse.microprofile.config.ConfigProvider;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.bench.LoadTest;
import dev.d3s.server.cli.Compare;
import dev.d3s.server.cli.CompareOptions;
import dev.d3s.server.cli.Demo;
import dev.d3s.server.cli.DemoOptions;
import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.QuarkusApplication;
import io.quarkus.runtime.ShutdownEvent;

/**
 * Runs a client, the demo, a comparison or a load test, on the main thread once the server around it is up, and interrupts it when that
 * server stops, so that Ctrl-C is not an error to it.
 */
@Singleton
public class EmbeddedServer implements QuarkusApplication {
    private volatile @Nullable Thread client;

    /** @param arguments the command, then its options, which {@link Main} has checked */
    @Override
    public int run(String... arguments) {
        String[] options = Arrays.copyOfRange(arguments, 1, arguments.length);
        int port = ConfigProvider.getConfig().getValue("quarkus.http.port", Integer.class);
        URI base = URI.create("http://127.0.0.1:" + port);
        client = Thread.currentThread();
        boolean serve = false;
        int code;
        if (arguments[0].equals("compare")) {
            code = new Compare(base, CompareOptions.parse(options), Main.console()).run();
        } else if (arguments[0].equals("bench")) {
            code = load(LoadTest.Options.parse(options), base);
        } else {
            DemoOptions demo = DemoOptions.parse(options);
            code = new Demo(base, demo, Main.console()).run();
            serve = demo.serve();
        }
        client = null;
        // this thread goes on to stop the server, and waits for its job there
        boolean interrupted = Thread.interrupted();
        if (serve && code == 0 && !interrupted) {
            Quarkus.waitForExit();
        }
        return code;
    }

    private static int load(LoadTest.Options options, URI base) {
        try {
            return options.of(base, Main.console()).run();
        } catch (IOException e) {
            Main.console().println("The load test ended early: " + e.getMessage());
            return 1;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return 1;
        }
    }

    void stop(@Observes @Priority(1) ShutdownEvent event) {
        Thread running = client;
        if (running != null) {
            running.interrupt();
        }
    }
}
