package dev.d3s.spi;

/**
 * Makes {@link RewardFunction}s; see {@link PluginFactory} for when it is called. In a job a grader's options stand beside its
 * name, which is the member {@code type}: so no key has that name.
 */
public interface RewardFunctionFactory extends PluginFactory<RewardFunction> {
    /**
     * Makes one instance for one job. The server calls this one; a grader that needs other graders, a model, or addresses of
     * its operator's network overrides it.
     *
     * @param services usable as long as the grader is
     */
    default RewardFunction create(PluginConfig config, GraderServices services) {
        return create(config);
    }
}
