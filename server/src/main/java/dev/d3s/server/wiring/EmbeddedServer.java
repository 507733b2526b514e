package dev.d3s.server.wiring;

import java.net.URI;

import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;

import org.eclipse.microprofile.config.ConfigProvider;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.cli.Demo;
import dev.d3s.server.cli.DemoOptions;
import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.QuarkusApplication;
import io.quarkus.runtime.ShutdownEvent;

/**
 * Runs the demo's client on the main thread once the server around it is up, and interrupts it when that server stops, so
 * that Ctrl-C is not an error to it.
 */
@Singleton
public class DemoServer implements QuarkusApplication {
    private volatile @Nullable Thread client;

    @Override
    public int run(String... options) {
        DemoOptions demo = DemoOptions.parse(options);
        int port = ConfigProvider.getConfig().getValue("quarkus.http.port", Integer.class);
        client = Thread.currentThread();
        int code = new Demo(URI.create("http://127.0.0.1:" + port), demo, Main.console()).run();
        client = null;
        // this thread goes on to stop the server, and waits for its job there
        boolean interrupted = Thread.interrupted();
        if (demo.serve() && code == 0 && !interrupted) {
            Quarkus.waitForExit();
        }
        return code;
    }

    void stop(@Observes @Priority(1) ShutdownEvent event) {
        Thread running = client;
        if (running != null) {
            running.interrupt();
        }
    }
}
