package dev.d3s.server.hub;

import java.util.regex.Pattern;

import dev.d3s.spi.D3sException;
import dev.d3s.spi.ErrorCategory;

/**
 * A model on the hub, written {@code hf://org/name} or {@code hf://org/name@revision}.
 *
 * @param repository {@code org/name}; the oldest models have a name only
 * @param revision branch, tag, pull request ({@code refs/pr/1}) or commit
 */
public record HubReference(String repository, String revision) {
    /** What every reference begins with. */
    public static final String SCHEME = "hf://";

    private static final String MAIN = "main";
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?");
    private static final Pattern REVISION = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9._/+-]{0,254}");

    /** @throws D3sException with code {@code invalid_value} saying what would be right */
    public static HubReference parse(String text) {
        if (!text.startsWith(SCHEME)) {
            throw invalid("'" + text + "' does not begin with " + SCHEME + ": write hf://org/name or "
                    + "hf://org/name@revision.");
        }
        String rest = text.substring(SCHEME.length());
        int at = rest.indexOf('@');
        String repository = at < 0 ? rest : rest.substring(0, at);
        String revision = at < 0 ? MAIN : rest.substring(at + 1).replace("%2F", "/").replace("%2f", "/");
        String[] names = repository.split("/", -1);
        if (names[0].equals("datasets") || names[0].equals("spaces")) {
            throw invalid(
                    "'" + text + "' is in the hub's " + names[0] + "; a model is hf://org/name. Upload a data set's "
                            + "rows with POST /v1/files.");
        }
        if (names.length > 2) {
            throw invalid(
                    "'" + text + "' names a file; a model is a whole repository, hf://" + names[0] + "/" + names[1]
                            + ".");
        }
        for (String name : names) {
            if (!NAME.matcher(name).matches() || name.contains("..") || name.contains("--")) {
                throw invalid(
                        "'" + text + "' does not name a repository: each part of hf://org/name has up to 96 letters, "
                                + "digits, '-', '_' or '.', without '--' and '..' in it.");
            }
        }
        if (!REVISION.matcher(revision).matches() || revision.contains("..") || revision.contains("//")
                || revision.endsWith("/")) {
            throw invalid("'" + revision + "' in '" + text + "' is not a revision: it is a branch, a tag or a commit.");
        }
        return new HubReference(repository, revision);
    }

    /** The last part of the repository's name. */
    public String name() {
        return repository.substring(repository.indexOf('/') + 1);
    }

    /** As it is written. */
    @Override
    public String toString() {
        return SCHEME + repository + "@" + revision;
    }

    private static D3sException invalid(String message) {
        return new D3sException(ErrorCategory.USER, "invalid_value", message);
    }
}
