package dev.d3s.server.cli;

import java.io.IOException;
import java.util.function.Consumer;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * A job that was submitted.
 *
 * @param id by which the server knows it
 */
record ClientJob(ApiClient api, String id) {
    private static final long SILENCE_MILLIS = 2000;

    /** A job that did not succeed, or did not report what it should; the message is for people. */
    static final class JobFailedException extends IOException {
        private static final long serialVersionUID = 1L;

        JobFailedException(String message) {
            super(message);
        }
    }

    /**
     * A job that has ended.
     *
     * @param model its fine-tuned model, empty when there is none
     * @param metrics as far as it came
     * @param failure what to say about a job that did not succeed
     */
    record Ended(String id, String model, MetricTable metrics, @Nullable String failure) {
        /** This job, if it succeeded. */
        Ended succeeded() throws JobFailedException {
            if (failure != null) {
                throw new JobFailedException(failure);
            }
            return this;
        }
    }

    /** Lets the server check a job and queue it. */
    static ClientJob submit(ApiClient api, ObjectNode job) throws IOException, InterruptedException {
        return new ClientJob(api, api.post("/v1/fine_tuning/jobs", job).path("id").asText());
    }

    /**
     * Waits for its end.
     *
     * @param events hears each event object once, on this thread
     */
    Ended follow(Consumer<JsonNode> events) throws IOException, InterruptedException {
        JsonNode end = new JobFollower(api, SILENCE_MILLIS).follow(id, events);
        String status = end.path("status").asText();
        String failure = null;
        if (!status.equals("succeeded")) {
            String error = end.path("error").path("message").asText("");
            failure = "job " + id + " is " + status + (error.isEmpty() ? "." : ": " + error);
        }
        MetricTable metrics = MetricTable.parse(api.getCsv("/v1/fine_tuning/jobs/" + id + "/metrics"));
        return new Ended(id, end.path("fine_tuned_model").asText(), metrics, failure);
    }
}
