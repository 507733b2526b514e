package dev.d3s.server.file;

/** Keeps something of organizations on the disk, beside their files. Thread-safe. */
@FunctionalInterface
public interface DiskUser {
    /** Bytes of an organization's. */
    long bytes(String organization);
}
