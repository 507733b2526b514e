package dev.d3s.server.hub;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * A file of a repository at one commit.
 *
 * @param path from the repository's root
 * @param size in bytes
 * @param gitHash SHA-1 of a git blob with its content; of the pointer when it is in large file storage
 * @param sha256 of its content when it is in large file storage
 */
public record HubFile(String path, long size, String gitHash, @Nullable String sha256) {
    private static final Pattern HASH = Pattern.compile("[0-9a-f]{40}|[0-9a-f]{64}");

    /** An entry of the hub's listing; {@code null} for a directory. What nobody may believe is refused. */
    static @Nullable HubFile of(JsonNode entry, HubReference reference) {
        String path = entry.path("path").asText();
        boolean outside = path.isEmpty() || path.startsWith("/") || path.contains("\\") || path.indexOf(':') == 1
                || path.chars().anyMatch(Character::isISOControl);
        for (String segment : path.split("/", -1)) {
            outside |= segment.isEmpty() || segment.equals("..") || segment.equals(".");
        }
        if (outside) {
            throw HubFailures.broken(reference, "lists a file '" + printable(path)
                    + "', whose name would leave the model's directory; nothing was downloaded");
        }
        if (!entry.path("type").asText().equals("file")) {
            return null;
        }
        JsonNode large = entry.path("lfs");
        long size = large.isObject() ? large.path("size").asLong(-1) : entry.path("size").asLong(-1);
        String git = entry.path("oid").asText();
        String sha256 = large.isObject() ? large.path("oid").asText() : null;
        if (size < 0 || !HASH.matcher(git).matches() || (sha256 != null && !HASH.matcher(sha256).matches())) {
            throw HubFailures.broken(reference, "lists the file " + printable(path) + " without a size and a checksum");
        }
        return new HubFile(path, size, git, sha256);
    }

    /** A digest that has seen what comes before the content. */
    MessageDigest digest() {
        try {
            if (sha256 != null) {
                return MessageDigest.getInstance("SHA-256");
            }
            // repositories of git's newer object format have longer hashes
            MessageDigest git = MessageDigest.getInstance(gitHash.length() == 40 ? "SHA-1" : "SHA-256");
            git.update(("blob " + size + "\0").getBytes(StandardCharsets.US_ASCII));
            return git;
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /** What {@link #digest} must come to. */
    String checksum() {
        return sha256 == null ? gitHash : sha256;
    }

    /** What kind of checksum that is. */
    String checksumName() {
        return sha256 == null ? "git blob hash" : "SHA-256";
    }

    static String printable(String text) {
        String cut = text.length() > 200 ? text.substring(0, 200) + "..." : text;
        return cut.replaceAll("[^\\x20-\\x7e\\xa1-\\uffff]", "?");
    }
}
