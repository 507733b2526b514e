package dev.d3s.server.selection;

/**
 * A named combination of a rollout selection and a token selection. Names plugins; whether they exist is the registry's
 * business.
 *
 * @param name by which a job chooses it
 * @param description one line for people
 * @param rollouts the rollout level
 * @param tokens the token level
 */
public record Preset(String name, String description, Level rollouts, Level tokens) {
    /**
     * One level of a preset.
     *
     * @param selector name of a rollout or token selector
     * @param keepFrom keep ratio at the first step, in (0, 1]
     * @param keepTo keep ratio at the last step, in (0, 1]
     * @param schedule name of a schedule
     */
    public record Level(String selector, double keepFrom, double keepTo, String schedule) {}
}
