package dev.d3s.server.job;

/**
 * A file someone uploaded.
 *
 * @param id {@code file-...}; ids rise with time
 * @param createdAt milliseconds since 1970
 */
public record UploadedFile(String id, String filename, String purpose, long bytes, long createdAt) {}
