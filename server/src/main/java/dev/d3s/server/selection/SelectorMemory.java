package dev.d3s.server.selection;

import org.jspecify.annotations.Nullable;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;
import dev.d3s.spi.StatefulSelector;

/** The state of a selector that has one. */
final class SelectorMemory {
    private SelectorMemory() {}

    static byte @Nullable [] save(Object selector) {
        return selector instanceof StatefulSelector stateful ? stateful.saveState() : null;
    }

    static void restore(Object selector, byte @Nullable [] state) {
        if (state == null) {
            return;
        }
        if (!(selector instanceof StatefulSelector stateful)) {
            throw new D3sException(ErrorCategory.PLUGIN, "checkpoint_unusable",
                    "The checkpoint has the state of a selector"
                            + " that no longer takes one: install the version of the plugin that the job began with.");
        }
        stateful.restoreState(state);
    }
}
