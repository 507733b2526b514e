package dev.d3s.server.access;

import java.util.Locale;

/** What a caller is to its organization. */
public enum Role {
    /** Sees and changes what belongs to its organization. */
    USER,
    /** Besides: may act for any organization, register directories of the server's machine, and read the audit log. */
    ADMIN;

    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }
}
