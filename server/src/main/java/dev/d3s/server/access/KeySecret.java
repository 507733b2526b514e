package dev.d3s.server.access;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The text of an API key: {@code d3s-<public prefix>-<256 random bits>}. It is shown once, when it is made, and stored as its hash.
 */
public record KeySecret(String prefix, String text) {
    /** How every key begins. */
    public static final String BEGINNING = "d3s-";

    private static final int PREFIX_BYTES = 5;
    private static final int SECRET_BYTES = 32;
    private static final Pattern FORM = Pattern
        .compile("d3s-([0-9a-f]{" + 2 * PREFIX_BYTES + "})-[0-9a-f]{" + 2 * SECRET_BYTES + "}");

    public static KeySecret random() {
        SecureRandom random = new SecureRandom();
        String prefix = hex(random, PREFIX_BYTES);
        return new KeySecret(prefix, BEGINNING + prefix + "-" + hex(random, SECRET_BYTES));
    }

    /** What somebody sent; empty when it cannot be a key. */
    public static Optional<KeySecret> parse(String text) {
        var matcher = FORM.matcher(text);
        return matcher.matches() ? Optional.of(new KeySecret(matcher.group(1), text)) : Optional.empty();
    }

    /** SHA-256 in hexadecimal: enough for 256 random bits, which nobody can try one by one. */
    public String hash() {
        return sha256(text);
    }

    /** Compares in a time that does not depend on where the two differ. */
    public boolean hasHash(String stored) {
        return MessageDigest.isEqual(hash().getBytes(StandardCharsets.US_ASCII),
                stored.toLowerCase(Locale.ROOT).getBytes(StandardCharsets.US_ASCII));
    }

    /** SHA-256 of a text in UTF-8, in hexadecimal. */
    public static String sha256(String text) {
        try {
            return HexFormat.of()
                .formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java has it
        }
    }

    private static String hex(SecureRandom random, int bytes) {
        byte[] content = new byte[bytes];
        random.nextBytes(content);
        return HexFormat.of().formatHex(content);
    }

    /** Without the secret. */
    @Override
    public String toString() {
        return BEGINNING + prefix + "-...";
    }
}
