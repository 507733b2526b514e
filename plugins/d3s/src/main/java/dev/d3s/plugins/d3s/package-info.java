/**
 * D3S, Dynamic Dual-Level Down-Sampling (arXiv 2509.22115): maximum-variance rollout selection, token selection by
 * advantage and entropy, and the schedules that relax both. What the paper leaves open is an option whose description
 * begins with {@code [ours]}.
 */
@NullMarked
package dev.d3s.plugins.d3s;

import org.jspecify.annotations.NullMarked;
