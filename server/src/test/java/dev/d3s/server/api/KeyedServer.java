package dev.d3s.server.api;

import java.util.HashMap;
import java.util.Map;

/** A {@link ScriptedServer} for tests that make keys, which no other test may share. */
public class KeyedServer extends ScriptedServer {
    @Override
    public Map<String, String> getConfigOverrides() {
        return new HashMap<>(super.getConfigOverrides());
    }
}
