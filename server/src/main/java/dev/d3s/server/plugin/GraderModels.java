package dev.d3s.server.plugin;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.ModelCompletion;
import dev.d3s.spi.ModelRequest;

/**
 * Models of this server as graders see them. Implemented above, where models are served; called on many threads at once, one
 * for each completion that is graded.
 */
public interface GraderModels {
    /** No model at all. */
    static GraderModels none() {
        return new GraderModels() {
            @Override
            public String problem(String organization, String model) {
                return "Graders can sample no model of this server, not even '" + model
                        + "': name an OpenAI-compatible server in 'base_url' instead.";
            }

            @Override
            public ModelCompletion complete(String organization, ModelRequest request) {
                throw new D3sException(ErrorCategory.USER, "no_model_service",
                        problem(organization, request.model()));
            }
        };
    }

    /**
     * Why the model cannot be sampled, such as that it does not exist, naming those that do; {@code null} when it can.
     *
     * @param organization that the grader works for: models of others do not exist for it
     */
    @Nullable
    String problem(String organization, String model);

    /**
     * Samples one completion and blocks until it has ended.
     *
     * @param organization that the grader works for
     * @throws D3sException when there is no such model, or it cannot do this
     */
    ModelCompletion complete(String organization, ModelRequest request) throws InterruptedException;
}
