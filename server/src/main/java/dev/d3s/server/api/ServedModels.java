package dev.d3s.server.api;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import dev.d3s.server.config.ServerSettings;
import dev.d3s.server.job.ModelCatalog;
import dev.d3s.server.job.NotFoundException;
import dev.d3s.server.rollout.CompletionRequest.Source;
import dev.d3s.server.rollout.LivePolicies;

/** Where the weights of a model id are: in a directory, or in the job that trains it at this moment. Thread-safe. */
@Singleton
class ServedModels {
    private final ModelCatalog catalog;
    private final LivePolicies policies;
    private final ServerSettings settings;

    @Inject
    ServedModels(ModelCatalog catalog, LivePolicies policies, ServerSettings settings) {
        this.catalog = catalog;
        this.policies = policies;
        this.settings = settings;
    }

    Source source(String id) {
        // While a job runs, its model's id is its policy of the moment; afterwards the same id is its result.
        if (policies.find(id).isPresent()) {
            return new Source.Live(id);
        }
        return new Source.Directory(
                catalog.find(id).orElseThrow(() -> new NotFoundException("model", id)).directory());
    }

    List<ModelCatalog.Model> models() {
        List<ModelCatalog.Model> models = new ArrayList<>(catalog.models());
        policies.all().stream().map(this::live).forEach(models::add);
        return models;
    }

    ModelCatalog.Model model(String id) {
        Optional<LivePolicies.Policy> policy = policies.find(id);
        return policy.map(this::live).orElseGet(() -> catalog.model(id));
    }

    /** The second name of a policy is its job's id. */
    private ModelCatalog.Model live(LivePolicies.Policy policy) {
        return new ModelCatalog.Model(policy.names().getFirst(), policy.since(), settings.organization(),
                policy.directory(), policy.names().getLast(), 0, null);
    }
}
