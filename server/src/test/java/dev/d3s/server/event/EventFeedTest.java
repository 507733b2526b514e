package dev.d3s.server.event;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import dev.d3s.server.job.Job;
import dev.d3s.server.job.JobStatus;
import dev.d3s.server.job.TestServer;

class EventFeedTest {
    /** Followers that come at any time, some slow, all get every event once and in order. */
    @Test
    void shouldBringEveryEventToEveryFollower(@TempDir Path home) throws Exception {
        TestServer.baseModel(home, "base");
        try (TestServer server = new TestServer(home);
                ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            server.jobs.start();
            server.training.hold();
            Job job = server.jobs.create(TestServer.CALLER, server.request(40));
            List<Future<List<String>>> followers = new ArrayList<>();
            server.training.awaitHeld();
            for (int step = 0; step < 40; step++) {
                for (int more = 0; more < 5; more++) {
                    boolean slow = more == 0;
                    followers.add(threads.submit(() -> followed(server, job.id(), slow)));
                }
                server.training.allow(1);
            }
            server.training.letGo();
            server.await(job.id(), JobStatus.SUCCEEDED);
            List<String> stored = server.jobs.events(TestServer.CALLER, job.id(), null, 1000)
                .elements()
                .reversed()
                .stream()
                .map(JobEvent::id)
                .toList();
            assertThat(stored).hasSizeGreaterThan(40);
            for (Future<List<String>> follower : followers) {
                assertThat(follower.get(20, TimeUnit.SECONDS)).isEqualTo(stored);
            }
        }
    }

    private static List<String> followed(TestServer server, String job, boolean slow) throws InterruptedException {
        List<String> ids = new ArrayList<>();
        server.jobs.follow(TestServer.CALLER, job, null, new Follower() {
            @Override
            public boolean event(JobEvent event) {
                ids.add(event.id());
                if (slow) {
                    LockSupport.parkNanos(100_000);
                }
                return true;
            }

            @Override
            public boolean quiet() {
                return true;
            }
        });
        return ids;
    }
}
