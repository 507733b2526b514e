package dev.d3s.server.api;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import dev.d3s.server.access.Caller;
import dev.d3s.server.registry.ModelCatalog;
import dev.d3s.server.request.NotFoundException;
import dev.d3s.server.rollout.CompletionRequest.Source;
import dev.d3s.server.rollout.LivePolicies;

/** Where the weights of a model id are: in a directory, or in the job that trains it at this moment. Thread-safe. */
@Singleton
class ServedModels {
    private final ModelCatalog catalog;
    private final LivePolicies policies;

    @Inject
    ServedModels(ModelCatalog catalog, LivePolicies policies) {
        this.catalog = catalog;
        this.policies = policies;
    }

    Source source(Caller caller, String id) {
        // While a job runs, its model's id is its policy of the moment; afterwards the same id is its result.
        if (live(caller, id).isPresent()) {
            return new Source.Live(id);
        }
        return catalog.find(caller, id)
            .<Source>map(model -> new Source.Directory(model.directory()))
            // between the end of its run and that of its job, and while it is paused, its newest checkpoint answers
            .or(() -> policies.successor(id)
                .filter(successor -> catalog.trainedBy(caller, successor.job()).isPresent())
                .map(successor -> new Source.Directory(successor.checkpoint())))
            .orElseThrow(() -> new NotFoundException("model", id));
    }

    List<ModelCatalog.Model> models(Caller caller) {
        List<ModelCatalog.Model> models = new ArrayList<>(catalog.models(caller));
        policies.all().stream().flatMap(policy -> model(caller, policy).stream()).forEach(models::add);
        return models;
    }

    ModelCatalog.Model model(Caller caller, String id) {
        return live(caller, id).orElseGet(() -> catalog.model(caller, id));
    }

    private Optional<ModelCatalog.Model> live(Caller caller, String id) {
        return policies.find(id).flatMap(policy -> model(caller, policy));
    }

    /** The second name of a policy is its job's id. */
    private Optional<ModelCatalog.Model> model(Caller caller, LivePolicies.Policy policy) {
        return catalog.trainedBy(caller, policy.names().getLast())
            .map(organization -> new ModelCatalog.Model(policy.names().getFirst(), policy.since(), organization,
                    policy.directory(), policy.names().getLast(), 0, null));
    }
}
