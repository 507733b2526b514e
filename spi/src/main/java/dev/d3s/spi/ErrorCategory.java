package dev.d3s.spi;

/** Who has to act when something fails. */
public enum ErrorCategory {
    /** The person who submitted the job: change the request. */
    USER,
    /** The plugin's author: it broke its contract. */
    PLUGIN,
    /** Whoever runs the service that did not answer. */
    EXTERNAL,
    /** Us: a bug in the server. */
    INTERNAL,
    /** The person who runs the server: memory, disk or time ran out. */
    RESOURCES
}
