package dev.d3s.server.request;

import java.util.List;
import java.util.Set;

/** Work that was asked for and has not ended, of one kind: what it needs may not be taken away. Thread-safe. */
@FunctionalInterface
public interface UnfinishedWork {
    /** Of everything that has not ended at this moment. */
    List<Need> needs();

    /**
     * What one job or evaluation needs.
     *
     * @param id of the job or evaluation
     * @param organization that it belongs to
     * @param model id of the model that it begins with
     * @param files ids of the files that it reads
     * @param words that name it and say what to do: {@code job 'ftjob-1', which is queued; cancel the job first.}
     */
    record Need(String id, String organization, String model, Set<String> files, String words) {
        public Need {
            files = Set.copyOf(files);
        }
    }
}
