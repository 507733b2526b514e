package dev.d3s.server.tracking;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.event.JobEvent.Level;
import dev.d3s.server.job.Job;
import dev.d3s.server.job.JobLog;
import dev.d3s.server.job.JobStatus;
import dev.d3s.server.request.NotFoundException;
import dev.d3s.server.spec.Integration;
import dev.d3s.server.store.Courier;
import dev.d3s.server.tracking.TrackerStore.Step;
import dev.d3s.server.tracking.TrackerStore.Tracker;
import dev.d3s.spi.OutgoingClient;
import dev.d3s.spi.OutgoingRequests;

/**
 * Tells the trackers of jobs ({@code integrations}) what is in the table of metrics, from where each was told last: so a run
 * never waits for a tracker, a tracker that is away misses nothing, and what is in memory is one batch. One thread of its own, and
 * one more for each tracker that has news. Started and closed with the server.
 */
@Singleton
public class JobTrackers implements AutoCloseable {
    private static final Logger LOG = Logger.getLogger(JobTrackers.class);
    private static final int AT_ONCE = 8;
    private static final int STEPS_AT_ONCE = 200;
    private static final Duration LONGEST_PAUSE = Duration.ofMinutes(10);
    /** Longer than a batch can take: what is claimed is told by one server. */
    private static final Duration CLAIM = Duration.ofMinutes(5);
    private static final Duration PATIENCE = Duration.ofDays(7);

    private final TrackerStore store;
    private final JobLog log;
    private final ServerSettings settings;
    private final OutgoingRequests requests;
    private final Duration look;
    private final Courier courier;

    @Inject
    JobTrackers(TrackerStore store, JobLog log, ServerSettings settings, OutgoingRequests requests) {
        this(store, log, settings, requests, Duration.ofSeconds(1));
    }

    /** @param look between two looks for news; the first pause after a failure */
    JobTrackers(TrackerStore store, JobLog log, ServerSettings settings, OutgoingRequests requests, Duration look) {
        this.store = store;
        this.log = log;
        this.settings = settings;
        this.requests = requests;
        this.look = look;
        this.courier = new Courier("d3s-trackers", look, MlflowRun.LIMIT, this::look);
    }

    public void start() {
        courier.start();
    }

    /** What is missing is told after the next start. */
    @Override
    public void close() {
        courier.close();
    }

    /** Trackers that cannot be told at this moment; empty when all is well. */
    public Optional<String> trouble() {
        return Optional.ofNullable(store.trouble());
    }

    /** Until there is no more news. */
    private void look(OutgoingClient client) throws InterruptedException {
        boolean more = true;
        while (more && !courier.closed()) {
            long now = System.currentTimeMillis();
            List<Tracker> trackers = store.claim(AT_ONCE, now, now + CLAIM.toMillis());
            Courier.each(trackers, tracker -> tell(tracker, client));
            more = !trackers.isEmpty();
        }
    }

    private void tell(Tracker tracker, OutgoingClient client) {
        @Nullable
        String remoteId = tracker.remoteId();
        try {
            Job job = log.job(tracker.job()).orElseThrow(() -> new NotFoundException("job", tracker.job()));
            RunTracker target = switch (Integration.of(job.spec()).get(tracker.position())) {
                case Integration.TensorBoard file ->
                    new TensorBoardFile(settings.jobDirectory(job.id()).resolve("tensorboard"));
                case Integration.Mlflow mlflow -> new MlflowRun(mlflow, client, requests);
            };
            List<Step> steps = store.steps(tracker, STEPS_AT_ONCE);
            List<Step> news = news(tracker, steps);
            if (!news.isEmpty()) {
                remoteId = target.add(job, remoteId, news);
            }
            boolean all = steps.isEmpty() || store.lastStep(job.id()) <= steps.getLast().step();
            if (all && remoteId != null) {
                target.status(job, remoteId);
            }
            if (tracker.failures() > 0) {
                note(tracker, Level.INFO, "hears of the job again.");
            }
            Step last = steps.isEmpty() ? null : steps.getLast();
            store.told(tracker, remoteId, last == null ? tracker.sentStep() : last.step(),
                    last == null ? tracker.sentNames() : last.metrics().keySet(),
                    all ? tracker.lastEvent() : Math.max(tracker.seenEvent(), last == null ? 0 : last.event()),
                    all && (job.status() == JobStatus.SUCCEEDED || job.status() == JobStatus.CANCELLED));
        } catch (RunTracker.Restart e) {
            LOG.info(e.getMessage());
            store.told(tracker, null, -2, Set.of(), 0, false);
        } catch (InterruptedException e) {
            store.release(tracker);
        } catch (IOException | RuntimeException e) {
            failed(tracker, remoteId, e);
        }
    }

    /** What the tracker does not have: whole steps, and metrics that were added to its last one. */
    private static List<Step> news(Tracker tracker, List<Step> steps) {
        List<Step> news = new ArrayList<>();
        for (Step step : steps) {
            if (step.step() > tracker.sentStep()) {
                news.add(step);
            } else {
                Map<String, Double> added = new TreeMap<>(step.metrics());
                added.keySet().removeAll(tracker.sentNames());
                if (!added.isEmpty()) {
                    news.add(new Step(step.step(), step.at(), step.event(), added));
                }
            }
        }
        return news;
    }

    private void failed(Tracker tracker, @Nullable String remoteId, Exception e) {
        if (courier.closed()) {
            store.release(tracker); // nothing is wrong with it
            return;
        }
        String error = String.valueOf(e.getMessage());
        long now = System.currentTimeMillis();
        Long since = tracker.failingSince();
        boolean last = since != null && now - since > PATIENCE.toMillis();
        long pause = (long) Math.min((double) LONGEST_PAUSE.toMillis(),
                (double) look.toMillis() * Math.pow(2, Math.min(20, tracker.failures())));
        try {
            store.failed(tracker, remoteId, error, now + pause, last);
            if (tracker.failures() == 0) {
                LOG.warnf("Integration %d of job %s fails, and is tried again: %s", tracker.position(), tracker.job(),
                        error);
                note(tracker, Level.WARN, "cannot be told of the job, which goes on; it is tried again. " + error);
            } else if (last) {
                note(tracker, Level.WARN, "is given up after " + PATIENCE.toDays() + " days. " + error);
            }
        } catch (RuntimeException stored) {
            LOG.warnf("That an integration of job %s fails could not be stored: %s", tracker.job(),
                    stored.getMessage());
        }
    }

    /** A note is an event, too: the tracker has news once more, and finds that there is nothing to tell. */
    private void note(Tracker tracker, Level level, String what) {
        log.note(tracker.job(), level, "integrations[" + tracker.position() + "] " + what);
    }
}
