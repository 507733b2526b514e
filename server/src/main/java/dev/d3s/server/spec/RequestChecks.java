package dev.d3s.server.spec;

import java.util.Optional;

import dev.d3s.server.file.FileService;
import dev.d3s.server.registry.ModelCatalog;
import dev.d3s.server.registry.ModelChecks;
import dev.d3s.spi.OutgoingRequests;

/** What requests are checked against. Thread-safe. */
public record RequestChecks(ModelCatalog models, FileService files, ModelChecks modelChecks,
        DatasetChecks datasetChecks, JobPlans plans, OutgoingRequests requests) {
    /** Of requests that train nothing: no memory is planned for them, and they name no services. */
    public static RequestChecks withoutTraining(ModelCatalog models, FileService files, ModelChecks modelChecks,
            DatasetChecks datasetChecks) {
        return new RequestChecks(models, files, modelChecks, datasetChecks,
                (model, settings, lengths, wishes) -> Optional.empty(), new OutgoingRequests((host, port) -> false));
    }
}
