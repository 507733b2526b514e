package dev.d3s.server.job;

import dev.d3s.server.training.SelectionSettings;

/**
 * A named combination of selections.
 *
 * @param name as a job names it
 * @param description one line
 */
public record Preset(String name, String description, SelectionSettings rollouts, SelectionSettings tokens) {}
