package dev.d3s.server.plugin;

import java.util.function.Supplier;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * Turns what goes wrong inside a plugin into errors that name it.
 *
 * @param kind of the plugin
 * @param name of the plugin
 */
record PluginFault(PluginKind kind, String name) {
    /** As it begins a message: {@code Rollout selector 'all'}. */
    String title() {
        String words = kind.words();
        return Character.toUpperCase(words.charAt(0)) + words.substring(1) + " '" + name + "'";
    }

    /** The plugin answered, and the answer is not allowed. */
    D3sException broken(String what) {
        return new D3sException(ErrorCategory.PLUGIN, "plugin_broke_contract",
                title() + " broke its contract: " + what + " Its author has to mend this.");
    }

    /** Runs the plugin's code. What it throws comes out as an error that names it and keeps a category it gave. */
    <T> T guard(Supplier<T> code) {
        try {
            return code.get();
        } catch (D3sException e) {
            throw named(e);
        } catch (RuntimeException | LinkageError | StackOverflowError | AssertionError e) {
            throw failed(e);
        }
    }

    D3sException named(D3sException e) {
        return new D3sException(e.category(), e.code(), title() + ": " + e.text(), e);
    }

    D3sException failed(Throwable e) {
        return new D3sException(ErrorCategory.PLUGIN, "plugin_failed", title() + " failed: " + e, e);
    }
}
