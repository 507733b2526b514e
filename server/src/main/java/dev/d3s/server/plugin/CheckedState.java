package dev.d3s.server.plugin;

import dev.d3s.spi.StatefulSelector;

/** Holds a selector's state to its contract. */
final class CheckedState {
    private final PluginGuard guard;
    private final StatefulSelector selector;

    CheckedState(PluginGuard guard, StatefulSelector selector) {
        this.guard = guard;
        this.selector = selector;
    }

    byte[] save() {
        byte[] state = guard.call(selector::saveState);
        // null where the types exclude it: a plugin is compiled without our checks
        if (state == null) {
            throw guard.broken("its state is null.");
        }
        if (state.length > StatefulSelector.MAXIMUM_BYTES) {
            throw guard.broken("its state has " + state.length + " bytes, more than "
                    + StatefulSelector.MAXIMUM_BYTES + ".");
        }
        return state.clone();
    }

    void restore(byte[] saved) {
        byte[] copy = saved.clone();
        guard.call(() -> {
            selector.restoreState(copy);
            return true;
        });
    }
}
