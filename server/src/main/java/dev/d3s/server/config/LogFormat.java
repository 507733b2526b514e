package dev.d3s.server.config;

/** How lines of the log are written. */
public enum LogFormat {
    /** For people. */
    TEXT,
    /** One JSON object a line. */
    JSON
}
