package dev.d3s.spi;

import java.util.Map;

/** {@link GraderServices} of a grader that stands alone. */
enum NoServices implements GraderServices {
    INSTANCE;

    @Override
    public RewardFunction grader(String path, Map<String, ?> members) {
        throw new D3sException(ErrorCategory.USER, "no_graders",
                "No other grader can be made here for '" + path + "'.");
    }

    @Override
    public String modelProblem(String model) {
        return "No model can be sampled here, not even '" + model + "'.";
    }

    @Override
    public ModelCompletion complete(ModelRequest request) {
        throw new D3sException(ErrorCategory.USER, "no_model_service", modelProblem(request.model()));
    }

    @Override
    public boolean mayReachInternal(String host, int port) {
        return false;
    }
}
