package dev.d3s.server.api;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.d3s.server.event.JobEvent;
import dev.d3s.server.file.UploadedFile;
import dev.d3s.server.job.Checkpoint;
import dev.d3s.server.registry.ModelCatalog.Model;
import dev.d3s.server.registry.RegisteredModel;
import dev.d3s.server.request.InvalidRequestException;
import dev.d3s.server.request.Page;
import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/** The small objects of the wire format; times are seconds since 1970. */
final class Wire {
    private Wire() {}

    static @Nullable Long seconds(@Nullable Long milliseconds) {
        return milliseconds == null ? null : milliseconds / 1000;
    }

    /** A page; clients ask on with {@code after} until one is empty. */
    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "List")
    record Listing<T>(String object, List<T> data, boolean hasMore, @Nullable String firstId, @Nullable String lastId) {
        static <S, T> Listing<T> of(Page<S> page, Function<S, T> wire,
                Function<S, String> id) {
            List<S> elements = page.elements();
            return new Listing<>("list", elements.stream().map(wire).toList(), page.hasMore(),
                    elements.isEmpty() ? null : id.apply(elements.getFirst()),
                    elements.isEmpty() ? null : id.apply(elements.getLast()));
        }
    }

    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "File")
    record FileObject(String id, String object, long bytes, long createdAt, String filename, String purpose,
            String status) {
        static FileObject of(UploadedFile file) {
            return new FileObject(file.id(), "file", file.bytes(), file.createdAt() / 1000, file.filename(),
                    file.purpose(), "processed");
        }
    }

    @Schema(name = "Deleted")
    record Deleted(String id, String object, boolean deleted) {}

    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "FineTuningJobEvent")
    record EventObject(String id, String object, long createdAt, String level, String message, String type,
            @Schema(implementation = Object.class) @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable JsonNode data) {
        static EventObject of(JobEvent event) {
            return of("fine_tuning.job.event", event);
        }

        static EventObject ofModel(JobEvent event) {
            return of("model.event", event);
        }

        private static EventObject of(String object, JobEvent event) {
            return new EventObject(event.id(), object, event.createdAt() / 1000, event.level().key(), event.message(),
                    event.content().key(), event.data());
        }
    }

    @JsonNaming(SnakeCaseStrategy.class)
    @Schema(name = "FineTuningJobCheckpoint")
    record CheckpointObject(String id, String object, long createdAt, String fineTunedModelCheckpoint,
            String fineTuningJobId, int stepNumber, Map<String, Double> metrics) {
        static CheckpointObject of(Checkpoint checkpoint) {
            Map<String, Double> metrics = new LinkedHashMap<>();
            metrics.put("step", (double) checkpoint.step());
            metrics.putAll(checkpoint.metrics());
            return new CheckpointObject(checkpoint.id(), "fine_tuning.job.checkpoint", checkpoint.createdAt() / 1000,
                    checkpoint.model(), checkpoint.job(), checkpoint.step(), metrics);
        }
    }

    @JsonNaming(SnakeCaseStrategy.class)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    @Schema(name = "Model")
    record ModelObject(String id, String object, long created, String ownedBy,
            @Schema(description = "downloading, ready or failed") String status,
            @Schema(description = "the job that made it") @Nullable String fineTuningJobId,
            @Schema(description = "what it was downloaded from, hf://org/name@revision") @Nullable String source,
            @Schema(description = "the commit that the revision was at") @Nullable String commit,
            @Schema(description = "of a download: bytes that are there") @Nullable Long bytes,
            @Schema(description = "of a download: all bytes, once that is known") @Nullable Long totalBytes,
            @Schema(description = "why it cannot be used") @Nullable ModelError error) {
        /** Why a model cannot be used. */
        @Schema(name = "ModelError")
        record ModelError(String code, String message) {}

        static ModelObject of(Model model) {
            RegisteredModel registered = model.registered();
            if (registered == null) {
                return new ModelObject(model.id(), "model", model.createdAt() / 1000, model.ownedBy(), "ready",
                        model.job(), null, null, null, null, null);
            }
            RegisteredModel.Failure failure = registered.error();
            return new ModelObject(model.id(), "model", model.createdAt() / 1000, model.ownedBy(),
                    registered.status().key(), null, registered.source(), registered.commit(),
                    registered.source() == null ? null : (Long) registered.bytes(), registered.totalBytes(),
                    failure == null ? null : new ModelError(failure.code(), failure.message()));
        }
    }

    /** {@code {"error": {...}}}; a request with mistakes lists every one of them inside. */
    @Schema(name = "Error")
    record ErrorObject(ErrorMember error) {
        @JsonNaming(SnakeCaseStrategy.class)
        @Schema(name = "ErrorDetails")
        record ErrorMember(String message, String type, @Nullable String param, @Nullable String code,
                @Nullable @JsonInclude(JsonInclude.Include.NON_NULL) List<OneError> errors) {}

        @Schema(name = "OneError")
        record OneError(String message, @Nullable String param, String code) {}

        static ErrorObject of(String type, @Nullable String code, String message) {
            return new ErrorObject(new ErrorMember(message, type, null, code, null));
        }

        /** In the words of the exception; for what is not answered with a status of its own. */
        static ErrorObject of(D3sException e) {
            return e instanceof InvalidRequestException invalid
                    ? of(invalid)
                    : of(e.category() == ErrorCategory.USER ? "invalid_request_error" : "server_error", e.code(),
                            e.text());
        }

        static ErrorObject of(InvalidRequestException e) {
            List<OneError> errors = new ArrayList<>();
            e.mistakes()
                .forEach(
                        mistake -> errors.add(new OneError(mistake.message(), mistake.param(), mistake.code())));
            return new ErrorObject(new ErrorMember(e.text(), "invalid_request_error",
                    e.mistakes().getFirst().param(), e.code(), errors));
        }
    }
}
