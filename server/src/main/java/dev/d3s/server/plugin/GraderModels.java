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
            public String problem(String model) {
                return "Graders can sample no model of this server, not even '" + model
                        + "': name an OpenAI-compatible server in 'base_url' instead.";
            }

            @Override
            public ModelCompletion complete(ModelRequest request) {
                throw new D3sException(ErrorCategory.USER, "no_model_service", problem(request.model()));
            }
        };
    }

    /** Why the model cannot be sampled, such as that it does not exist, naming those that do; {@code null} when it can. */
    @Nullable
    String problem(String model);

    /**
     * Samples one completion and blocks until it has ended.
     *
     * @throws D3sException when there is no such model, or it cannot do this
     */
    ModelCompletion complete(ModelRequest request) throws InterruptedException;
}
