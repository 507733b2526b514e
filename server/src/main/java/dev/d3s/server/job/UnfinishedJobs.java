package dev.d3s.server.job;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import dev.d3s.server.request.UnfinishedWork;

/** What jobs that have not ended need. Thread-safe. */
@Singleton
final class UnfinishedJobs implements UnfinishedWork {
    private final Stores stores;

    @Inject
    UnfinishedJobs(Stores stores) {
        this.stores = stores;
    }

    @Override
    public List<Need> needs() {
        return stores.jobs.withStatus(JobStatus.unfinished()).stream().map(UnfinishedJobs::need).toList();
    }

    private static Need need(Job job) {
        Set<String> files = new HashSet<>(Set.of(job.spec().trainingFile()));
        String validation = job.spec().validationFile();
        if (validation != null) {
            files.add(validation);
        }
        return new Need(job.id(), job.organization(), job.spec().model(), files,
                "job '" + job.id() + "', which is " + job.status().key() + "; cancel the job first.");
    }
}
