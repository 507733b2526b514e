package dev.d3s.server.policy;

/** The frozen policy of the KL term. */
public interface ReferencePolicy extends LogprobScorer {}
