package dev.d3s.server.file;

/**
 * A file someone uploaded.
 *
 * @param id {@code file-...}; ids rise with time
 * @param organization that it belongs to
 * @param createdAt milliseconds since 1970
 */
public record UploadedFile(String id, String organization, String filename, String purpose, long bytes,
        long createdAt) {}
