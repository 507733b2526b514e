package dev.d3s.server.reward;

import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * What the grader said about one step.
 *
 * @param reward {@code [P][G]}, ragged in G, by the indices under which the groups were submitted; NaN where ungraded
 * @param error as {@code reward}; why a rollout is ungraded, empty where it is graded
 * @param rollouts all of them
 * @param ungraded those without a reward
 * @param timedOut those of the ungraded that took longer than the limit
 * @param parts of what a grader says the rewards are made of, the mean over the rollouts that have it, by name
 * @param partsOf {@code [P][G]}, as {@code reward}: the parts of each
 * @param firstError of the first ungraded rollout in the order of groups, not of time; {@code null} when all are graded
 */
public record Grades(double[][] reward, String[][] error, int rollouts, int ungraded, int timedOut,
        Map<String, Double> parts, List<List<Map<String, Double>>> partsOf, @Nullable String firstError) {}
