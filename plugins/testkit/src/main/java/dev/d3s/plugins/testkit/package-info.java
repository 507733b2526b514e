/**
 * What every plugin promises, as JUnit tests. A plugin's author extends the one of its kind, returns the factory, and has
 * every numbered guarantee and documented rule of the contract checked over seeded batches: {@link RolloutSelectorContract},
 * {@link TokenSelectorContract}, {@link ScheduleContract}, {@link RewardFunctionContract}, and {@link PluginContract} for the
 * jar as a whole. A failure says what the plugin did, with which arguments, and what to do instead.
 *
 * <p>
 * A check looks at one rule. An answer that another rule forbids is passed over, so that one mistake fails one check, or the
 * few that it really touches.
 */
@NullMarked
package dev.d3s.plugins.testkit;

import org.jspecify.annotations.NullMarked;
